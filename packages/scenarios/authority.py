"""A scripted authority and API on loopback. What it answers is decided by a scenario; what it is asked is counted."""

import base64
import hashlib
import json
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHALLENGE = 'Bearer realm="payment-api", error="invalid_token"'


class Stage:
    """What one scenario is played on: the script, and what was counted."""

    def __init__(self):
        self.mark = uuid.uuid4().hex[:12]
        self.client_id = str(uuid.uuid4())
        self.secret = f"secret-{self.mark}-1"
        self.lock = threading.Lock()
        self.counts = Counter()
        self.answers = []  # What the authority answers to its next calls, one after the other.
        self.always = "ok"  # What it answers when that list is empty.
        self.refresh = "ok"
        self.life = 900
        self.refuse = {}  # Path (or *) to the numbers of the tokens that the API refuses there, or "all".
        self.challenge = CHALLENGE
        self.status = 401
        self.latest = 0
        self.seen = []  # One (path, number of the token, key, hash of the body) for each request to the API.
        self.leaks = []
        self.open = threading.Event()
        self.open.set()

    def token(self, number):
        return f"access-{self.mark}-{number}"

    def canaries(self):
        """What must be found in nothing that a driver prints."""
        return [f"access-{self.mark}", f"refresh-{self.mark}", f"secret-{self.mark}"]

    def script(self, changes):
        with self.lock:
            for name, value in changes.items():
                if name == "hold":
                    self.open.clear() if value else self.open.set()
                elif name == "secret":
                    self.secret = f"secret-{self.mark}-{value}"
                else:
                    setattr(self, name, value)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.connection.setsockopt(6, 1, 1)  # TCP_NODELAY

    def log_message(self, *_):
        pass

    @property
    def stage(self):
        return self.server.stage

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path = self.path.split("?")[0]
        if self.server.is_trap or path.startswith("/trap"):
            text = (str(self.headers) + self.path).encode() + body
            self.stage.counts["trap"] += 1
            self.stage.leaks += [c for c in self.stage.canaries() if c.encode() in text]
            return self.answer(200, {})
        if "/oauth2/" in path:
            return self.authority(path, body)
        return self.api(path, body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def authority(self, path, body):
        stage, standard = self.stage, not path.startswith("/api/v1")
        form = dict(urllib.parse.parse_qsl(body.decode())) if standard else json.loads(body)
        refreshing = "refresh_token" in form
        with stage.lock:
            stage.counts["refresh" if refreshing else "token"] += 1
            what = stage.answers.pop(0) if stage.answers else stage.always
        stage.open.wait(20)
        what, _, argument = what.partition(":")
        if what == "away":
            self.close_connection = True  # Without an answer.
            return None
        if what in ("503", "429", "500"):
            return self.error(int(what), "UNAVAILABLE", standard, {"Retry-After": argument} if argument else {})
        if what == "redirect":
            return self.answer(int(argument), {}, {"Location": self.server.trap_url + "/oauth2/token"})
        if what == "html":
            return self.answer(200, "<html>Maintenance</html>", {"Content-Type": "text/html"})
        if standard or not refreshing:
            if standard:
                pair = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode().split(":")
                client = [urllib.parse.unquote_plus(part) for part in pair]
            else:
                client = [form.get("client_id"), form.get("client_secret")]
            if client != [stage.client_id, stage.secret]:
                return self.error(401, "invalid_client" if standard else "INVALID_CLIENT", standard)
        if refreshing and (stage.refresh != "ok" or form["refresh_token"] != f"refresh-{stage.mark}"):
            return self.error(400 if standard else 401, "invalid_grant" if standard else "INVALID_TOKEN", standard)
        with stage.lock:
            stage.latest += 1
            token = stage.token(stage.latest)
        data = {"access_token": token, "token_type": "Bearer", "expires_in": stage.life}
        if not refreshing:
            data["refresh_token"] = f"refresh-{stage.mark}"
        if what == "newline":
            data["access_token"] = token + "\n"
        if what == "short":
            data["expires_in"] = 1
        answer = data if standard else {"success": True, "data": data}
        if what == "half":
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text[: len(text) // 2])
            self.close_connection = True
            return None
        if what == "drip":
            return self.drip(json.dumps(answer).encode())
        if what == "drip-head":
            return self.one_by_one(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200)
        return self.answer(200, answer)

    def drip(self, text):
        """An answer that would take a minute and more, and that no pause between two bytes gives away."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.one_by_one(text)

    def one_by_one(self, text):
        self.close_connection = True
        for byte in text:
            self.wfile.write(bytes([byte]))
            time.sleep(0.5)

    def api(self, path, body):
        stage, key = self.stage, self.headers.get("Idempotency-Key")
        if path == "/api/moved":
            return self.answer(307, {}, {"Location": self.server.trap_url + "/api/echo"})
        if path == "/api/moved-here":
            return self.answer(307, {}, {"Location": "/trap"})
        text = self.headers.get("Authorization", "").removeprefix("Bearer ")
        number = int(text.rpartition("-")[2]) if text.startswith(f"access-{stage.mark}") else 0
        with stage.lock:
            stage.counts["api"] += 1
            stage.seen.append((self.command, path, number, key, hashlib.sha256(body).hexdigest()))
            refused = stage.refuse.get(path, stage.refuse.get("*", []))
        if not 0 < number <= stage.latest or refused == "all" or number in refused:
            return self.answer(stage.status, {"success": False}, {"WWW-Authenticate": stage.challenge})
        return self.answer(200, {"success": True, "data": {"length": len(body)}})

    def error(self, status, code, standard, headers=()):
        # A careless authority quotes the secret in its message. No kit may pass that on.
        message = f"Not {self.stage.secret}."
        problem = {"error": code, "error_description": message}
        envelope = {"success": False, "error": {"code": code, "message": message}}
        self.answer(status, problem if standard else envelope, dict(headers))

    def answer(self, status, body, headers=()):
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "X-Request-Id": "request-1", **dict(headers)}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    is_trap = False
    trap_url = ""

    def handle_error(self, *_):
        pass  # Callers that hang up are part of the play.


def start():
    """The authority and API, and a server elsewhere that nothing secret may reach."""
    servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
    servers[1].is_trap = True
    servers[0].trap_url = f"http://127.0.0.1:{servers[1].server_port}"
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return servers
