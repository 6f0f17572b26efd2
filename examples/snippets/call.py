"""Calls the Payment API by the standard library alone. The secret is in TOLLGATE_CLIENT_SECRET."""

import json
import os
import threading
import time
import urllib.error
import urllib.request
import uuid

BASE_URL = os.environ.get("TOLLGATE_BASE_URL", "http://127.0.0.1:8080")
CLIENT_ID = os.environ.get("TOLLGATE_CLIENT_ID", "00000000-0000-0000-0000-000000000000")


def request(method, path, body=None, headers=None):
    """Sends a request; returns its status, the headers and the envelope."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(BASE_URL + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status, answer.headers, envelope(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, envelope(refusal)


def envelope(answer):
    try:
        return json.load(answer)
    except ValueError:  # It is a page of something in between.
        return {"success": False, "error": {"code": "NO_JSON"}}


class Tokens:
    """Holds an access token for all threads: one of them renews it, a minute before its end, by the refresh token while
    that is good. A token that is still good is used while that is under way, and when it fails."""

    lock = threading.Lock()
    access = refresh = None
    renew_at = ends_at = not_before = 0.0

    def token(self, refused=None):
        """A token that can be used, and is another one than the API refused."""
        good, due = self.look(refused)
        # Who has a good one does not wait for the thread that renews it.
        if due and self.lock.acquire(blocking=not good):
            try:
                good, due = self.look(refused)  # Another thread may have renewed it meanwhile.
                if due:
                    self.renew()
            except (OSError, RuntimeError):
                if not good:
                    raise
            finally:
                self.lock.release()
        return self.access

    def look(self, refused):
        now = time.monotonic()
        good = self.access != refused and now < self.ends_at
        return good, not good or now >= self.renew_at

    def renew(self):
        began = time.monotonic()
        if began < self.not_before:
            raise RuntimeError(f"no token; the next attempt is in {self.not_before - began:.0f} s")
        self.not_before = began + 1
        status, headers, answer = 401, None, None
        if self.refresh:
            status, headers, answer = request("POST", "/api/v1/oauth2/refresh", {"refresh_token": self.refresh})
        if status == 401:
            client = {"client_id": CLIENT_ID, "client_secret": os.environ["TOLLGATE_CLIENT_SECRET"]}
            status, headers, answer = request("POST", "/api/v1/oauth2/token", client)
        if not answer["success"]:
            wait = headers.get("Retry-After", "")
            self.not_before = began + min(int(wait) if wait.isdecimal() else 1, 300)
            raise RuntimeError(f"no token: {status} {answer['error']['code']}")
        granted = answer["data"]
        life = granted["expires_in"]
        self.renew_at, self.ends_at, self.not_before = began + max(life - 60, life / 2), began + life - 2, 0.0
        self.refresh = granted.get("refresh_token", self.refresh)
        self.access = granted["access_token"]


tokens = Tokens()


def call(method, path, body=None):
    """Calls the API. A refused token costs one renewal and one more try; the key makes a second POST harmless."""
    headers = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
    refused = None
    for last in (False, True):
        token = tokens.token(refused)
        headers["Authorization"] = f"Bearer {token}"
        status, answered, answer = request(method, path, body, headers)
        if last or status != 401 or 'error="invalid_token"' not in answered.get("WWW-Authenticate", ""):
            break
        refused = token
    if not answer["success"]:
        raise RuntimeError(f"{method} {path}: {status} {answer['error']['code']}")
    return answer["data"]


PAYMENT = {
    "amount": 1250,
    "currency": "EUR",
    "locale": "en-GB",
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "billing_address": {
        "address_line1": "12 St James Square",
        "city": "London",
        "postal_code": "SW1Y 4JH",
        "country": "GB",
    },
}

print("pay at", call("POST", "/api/v1/payment-requests:redirect", PAYMENT)["redirect_url"])
print("the latest is of", call("GET", "/api/v1/payment-requests?limit=1")["items"][0]["amount"])
