#!/usr/bin/env python3
"""Plays the scenarios against the driver of a package, and compares what was counted with what the list expects.

    run.py LANGUAGE [--only NAME] [--tollgate BINARY] [--results DIRECTORY]
    run.py --matrix DIRECTORY [--check FILE]    prints the table for docs/client.md, or looks whether it is there
    run.py LANGUAGE --cost    prints the processor time that the package adds to a call, beside the bare HTTP client
"""

import argparse
import copy
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import authority

HERE = pathlib.Path(__file__).resolve().parent
LANGUAGES = json.loads((HERE / "languages.json").read_text())
SCENARIOS = json.loads((HERE / "scenarios.json").read_text())
# Nothing here takes so long, in seconds: a driver that is stuck ends the run.
LONGEST = 60


class Failed(Exception):
    pass


def folder(language):
    return HERE.parent / LANGUAGES[language].get("folder", language)


def command(program):
    """What starts a program. What cargo builds is where it puts it."""
    target = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", HERE.parents[1] / "target"))
    return [word.replace("TARGET", target) for word in program["command"]]


def for_language(value, language):
    """A value of a scenario that may differ by language: the one of this language, or else of all others."""
    return value.get(language, value["*"]) if isinstance(value, dict) and "*" in value else value


class Driver:
    """The program of one package: one JSON object a line, each answered by one."""

    def __init__(self, language, elsewhere):
        # A proxy for plain http gets nothing: what goes without TLS stays on the machine.
        environment = {**os.environ, "http_proxy": elsewhere, "HTTP_PROXY": elsewhere}
        self.process = subprocess.Popen(
            command(LANGUAGES[language]), cwd=folder(language), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, bufsize=1,
        )
        self.said = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stderr:
            self.said.append(line)

    def ask(self, op, started=None, **arguments):
        self.process.stdin.write(json.dumps({"op": op, "hold": started is not None, **arguments}) + "\n")
        watchdog = threading.Timer(LONGEST, self.process.kill)
        watchdog.start()
        try:
            while True:
                line = self.process.stdout.readline()
                if not line:
                    raise Failed(f"the driver ended at {op}: {''.join(self.said)[-2000:]}")
                self.said.append(line)
                answer = json.loads(line)
                if "started" not in answer:
                    break
                started()
        finally:
            watchdog.cancel()
        if "crash" in answer:
            raise Failed(f"{op}: {answer['crash']}")
        return answer

    def end(self):
        self.process.stdin.close()
        if self.process.wait(LONGEST):
            raise Failed(f"the driver ended with {self.process.returncode}: {''.join(self.said)[-2000:]}")


def written(path, secret):
    """The path of a file that only its owner may read, or else the Rust kit doesn't."""
    path.touch(0o600)
    path.write_text(secret)
    return path


def within(found, wanted):
    if isinstance(wanted, dict) and wanted.keys() <= {"min", "max"}:
        return wanted.get("min", 0) <= found <= wanted.get("max", float("inf"))
    return found == wanted


def compare(what, found, wanted):
    if not within(found, wanted):
        raise Failed(f"{what}: {found}, expected {wanted}")


class Play:
    def __init__(self, driver, language, variant, face, server):
        self.driver, self.language, self.variant, self.server = driver, language, variant, server
        self.stage = authority.Stage()
        self.face, self.posts, self.said_before = face, 0, len(driver.said)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="scenario-"))
        self.write("client-id", self.stage.client_id)
        self.write("secret", self.stage.secret)
        server.stage = self.stage
        server.trap.stage = server.slow_tls.stage = self.stage

    def write(self, name, text):
        """As Kubernetes does: a new file takes the place of the old one."""
        written(self.folder / "new", text + "\n").replace(self.folder / name)

    def new(self, base_url=None, callback=False, environment=None):
        base = base_url or f"http://127.0.0.1:{self.server.server_port}"
        if base == "SLOW_TLS":
            base = f"https://127.0.0.1:{self.server.slow_tls.server_address[1]}"
        environment = {
            "TOLLGATE_BASE_URL": base,
            "TOLLGATE_CLIENT_ID": f"file:{self.folder}/client-id",
            "TOLLGATE_CLIENT_SECRET": f"file:{self.folder}/secret",
            **(environment or {}),
        }
        return self.driver.ask(
            "new", environment=environment, face=self.face, variant=self.variant, callback=callback,
            cache=str(self.folder / "cache"),
        )

    def step(self, step):
        step = {name: for_language(value, self.language) for name, value in step.items()}
        n = step.pop("n", None)
        if "new" in step:
            answer = self.new(**step["new"])
            return compare("outcome", answer.get("error", "ok"), step.get("expect", "ok"))
        if "authority" in step:
            return self.stage.script(copy.deepcopy(step["authority"]))
        if "secret" in step:
            return self.write("secret", f"secret-{self.stage.mark}-{step['secret']}")
        if "advance" in step:
            by = step["advance"]
            by = by if isinstance(by, dict) else {"monotonic": by, "wall": by}
            return self.driver.ask("advance", **by)
        if "settle" in step:
            return self.driver.ask("settle")
        if "show" in step:
            return self.driver.ask("show")
        if "repeat" in step:
            for _ in range(step["repeat"]):
                for inner in step["steps"]:
                    self.step(inner)
            return None
        if "counts" in step:
            for name, wanted in step["counts"].items():
                compare(name, self.stage.counts[name], for_language(wanted, self.language))
            return None
        if "tokens" in step:
            return compare("tokens used", sorted({seen[2] for seen in self.stage.seen}), step["tokens"])
        if "storm" in step or "fork" in step:
            op = "storm" if "storm" in step else "fork"
            started = lambda: self.stage.script({"hold": False})
            answer = self.driver.ask(op, n=n or 1, started=started if step.get("hold") else None)
            expect = {name: n if many == "n" else many for name, many in step["expect"].items()}
            return compare("outcomes", answer["outcomes"], expect)
        return self.call(step, n or 1)

    def call(self, step, n):
        call = {"method": "GET", "path": "/api/echo", **step["call"]}
        if call["path"].startswith("TRAP"):
            call["path"] = self.server.trap_url + call["path"][4:]
        if isinstance(call.get("body"), dict):
            call["body"] = json.dumps("x" * (call["body"]["of"] - 2))
        if call["method"] == "POST":
            self.posts += n
        started = None
        if step.get("hold"):
            self.stage.script({"hold": True})
            started = lambda: self.release(step)
        began = time.monotonic()
        answer = self.driver.ask("call", n=n, started=started, **call)
        if "within" in step:
            compare("seconds", time.monotonic() - began, {"max": step["within"]})
        kinds = LANGUAGES[self.language].get("kinds", {})
        expect = {kinds.get(kind, kind): n if many == "n" else many for kind, many in step.get("expect", {}).items()}
        if "expect" in step and answer["outcomes"] != expect:
            raise Failed(f"outcomes {answer['outcomes']}, expected {expect} ({answer.get('errors')})")
        if "slept" in step:
            compare("slept", answer["slept"], step["slept"])
        for error in answer.get("errors") or []:
            wanted = step.get("error", {}).get(self.face, {})
            for name, value in wanted.items():
                compare(f"error.{name}", error.get(name), value)

    def release(self, step):
        """Lets the authority answer; before that, what happens while it has been asked and hasn't answered."""
        for name, many in step.get("when", {}).items():
            deadline = time.monotonic() + LONGEST
            while self.stage.counts[name] < many and time.monotonic() < deadline:
                time.sleep(0.005)
        for inner in step.get("during", []):
            self.step(inner)
        self.stage.script({"hold": False})

    def check(self):
        """What holds in every scenario."""
        stage = self.stage
        if stage.leaks:
            raise Failed(f"sent elsewhere: {sorted(set(stage.leaks))}")
        said = "".join(self.driver.said[self.said_before:])
        for canary in stage.canaries():
            if canary in said:
                raise Failed(f"printed a secret: {said[said.index(canary) - 200:][:260]!r}")
        sent = {}
        for method, path, _, key, body in stage.seen:
            if method == "POST":
                if not key:
                    raise Failed("a POST without a key")
                sent.setdefault(key, []).append((path, body))
        for key, sendings in sent.items():
            if len(sendings) > 2 or len(set(sendings)) > 1:
                raise Failed(f"the key {key} was sent with {sendings}")
        if self.posts and len(sent) != self.posts:
            raise Failed(f"{len(sent)} keys for {self.posts} POSTs")


def play(driver, language, variant, face, scenario, server):
    play = Play(driver, language, variant, face, server)
    try:
        if not scenario.get("unprepared"):
            play.new(callback=scenario.get("callback", False))
        for number, step in enumerate(scenario["steps"], 1):
            try:
                play.step(step)
            except Failed as failed:
                raise Failed(f"step {number}: {failed}") from None
        play.check()
    finally:
        play.stage.open.set()
        shutil.rmtree(play.folder)


def first_example(language, environment):
    """Tries the first example as somebody new would: that of the README, or one that has been built."""
    package, first = folder(language), LANGUAGES[language]["first"]
    if "fence" in first:
        code = re.search(rf"```{first['fence']}\n(.*?)```", (package / "README.md").read_text(), re.DOTALL)[1]
        (package / first["file"]).parent.mkdir(parents=True, exist_ok=True)
        (package / first["file"]).write_text(code)
    done = subprocess.run(
        command(first), cwd=package, env={**os.environ, **environment}, capture_output=True, text=True
    )
    if done.returncode or not done.stdout.startswith("200 "):
        raise Failed(f"the first example: {done.stdout}{done.stderr[-2000:]}")


def real(driver, language, variant, binary):
    """A day with the real authority: cold, a storm, a secret that is replaced and revoked, a client that is disabled."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tollgate-"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    log = open(folder / "log", "w")
    dev = [binary, "dev", "--listen", address, "--data", str(folder / "data")]
    server = subprocess.Popen(dev, stdout=log, stderr=log)
    try:
        for _ in range(LONGEST * 20):
            try:
                urllib.request.urlopen(f"http://{address}/openapi.json", timeout=5).close()
                break
            except OSError:
                if server.poll() is not None:
                    raise Failed((folder / "log").read_text()) from None
                time.sleep(0.05)
        credentials = json.loads((folder / "data/credentials.json").read_text())

        def administer(*arguments):
            command = [binary, *arguments, "--data", str(folder / "data"), "--format", "json"]
            done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
            return json.loads(done.stdout)

        def ask(path, headers, body=None):
            request = urllib.request.Request(f"http://{address}{path}", body and json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)["data"]

        def login():
            body = {"client_id": client, "client_secret": (folder / "secret").read_text()}
            return ask("/api/v1/oauth2/token", {"Content-Type": "application/json"}, body)["access_token"]

        def until_refused(token):
            """A server sees what a command did within a second."""
            for _ in range(400):
                try:
                    ask("/api/v1/payment-requests", {"Authorization": f"Bearer {token}"})
                    time.sleep(0.025)
                except urllib.error.HTTPError:
                    return
            raise Failed("the token was not refused")

        def call(n, expect, method="POST"):
            path = "/api/v1/payment-requests" + (":redirect" if method == "POST" else "")
            body = (HERE / "payment.json").read_text() if method == "POST" else None
            answer = driver.ask("call", n=n, method=method, path=path, body=body)
            if answer["outcomes"] != expect:
                raise Failed(f"{answer}, expected {expect}")
            return answer

        written(folder / "secret", credentials["client_secret"])
        client = credentials["client_id"]
        environment = {
            "TOLLGATE_BASE_URL": f"http://{address}",
            "TOLLGATE_CLIENT_ID": client,
            "TOLLGATE_CLIENT_SECRET": f"file:{folder}/secret",
        }
        if variant == LANGUAGES[language]["variants"][0] and "first" in LANGUAGES[language]:
            first_example(language, environment)
        cache = str(folder / "cache")
        driver.ask("new", variant=variant, face="payment_api", callback=False, cache=cache, environment=environment)
        call(20, {"201": 20})
        token = login()
        old = [secret["secret_id"] for secret in administer("secret", "list", client)]
        (folder / "secret").write_text(administer("secret", "create", client)["client_secret"])
        administer("secret", "revoke", client, old[0])
        until_refused(token)
        call(20, {"200": 20}, "GET")
        call(20, {"201": 20})
        token = login()
        administer("client", "disable", client)
        until_refused(token)
        call(5, {"401": 5}, "GET")
        said = "".join(driver.said)
        for secret in (credentials["client_secret"], (folder / "secret").read_text()):
            if secret in said:
                raise Failed("printed the secret")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


def run(arguments):
    language = arguments.language
    servers = authority.start()
    servers[0].trap = servers[1]
    results, failures = {}, 0
    driver = Driver(language, servers[0].trap_url)
    for scenario in SCENARIOS:
        name = scenario["name"]
        if arguments.only and arguments.only != name:
            continue
        if language not in scenario.get("languages", LANGUAGES):
            results[name] = "none"
            continue
        results[name] = "yes"
        variants = [variant for variant in LANGUAGES[language]["variants"] if variant not in scenario.get("not_for", [])]
        for number, variant in enumerate(variants):
            # The face is the token's matter, and the variant the call's. What takes its time is played once.
            if number and "once" in scenario:
                break
            for face in ("payment_api", "standard")[: 1 if number or "once" in scenario else 2]:
                began = time.monotonic()
                try:
                    play(driver, language, variant, face, scenario, servers[0])
                except Failed as failed:
                    failures += 1
                    results[name] = "no"
                    print(f"{language} {variant} {face} {name}: FAILED: {failed}", file=sys.stderr)
                except OSError:
                    return failures + 1  # The driver has ended, and said why.
                if arguments.verbose:
                    print(f"{language} {variant} {face} {name} {time.monotonic() - began:.2f} s", file=sys.stderr)
    if arguments.tollgate and arguments.only in (None, "real_authority"):
        results["real_authority"] = "yes"
        for variant in LANGUAGES[language]["variants"]:
            try:
                real(driver, language, variant, arguments.tollgate)
            except Failed as failed:
                failures += 1
                results["real_authority"] = "no"
                print(f"{language} {variant} real authority: FAILED: {failed}", file=sys.stderr)
    driver.end()
    if arguments.results:
        (pathlib.Path(arguments.results) / f"{language}.json").write_text(json.dumps(results))
    held = sum(result == "yes" for result in results.values())
    print(f"{language}: {held} of {held + sum(r == 'no' for r in results.values())} scenarios hold, "
          f"with {', '.join(LANGUAGES[language]['variants'])}")
    return failures


def cost(language, servers):
    """Processor time that the package adds to a call, beside the bare HTTP client in the same process."""
    # Without the race detector, and with all that the JVM makes of code that runs often.
    os.environ.update(TOLLGATE_SCENARIOS_RACE="", TOLLGATE_SCENARIOS_TIER="4")
    driver = Driver(language, servers[0].trap_url)
    for variant in LANGUAGES[language]["cost"]:
        play = Play(driver, language, variant, "payment_api", servers[0])
        play.new()
        n = LANGUAGES[language].get("calls", 100)
        rounds = [driver.ask("cost", n=n, path="/api/echo") for _ in range(61)][1:]
        shutil.rmtree(play.folder)
        # What else the machine does makes a round dearer and never cheaper.
        bare, kit = (min(one[name] for one in rounds) for name in ("bare", "kit"))
        print(f"{language}, {variant}: adds {kit - bare:.1f} µs to {bare:.0f} µs")
    driver.end()


def matrix(folder):
    found = {language: json.loads((pathlib.Path(folder) / f"{language}.json").read_text()) for language in LANGUAGES}
    lines = ["| scenario | " + " | ".join(LANGUAGES[language]["title"] for language in LANGUAGES) + " |"]
    lines.append("| --- |" + " --- |" * len(LANGUAGES))
    says = {scenario["name"]: scenario["says"] for scenario in SCENARIOS}
    says["real_authority"] = (
        "a server of `tollgate dev`: the first example; 20 at once pay; "
        "the secret is replaced and the old one revoked: 20 more call, then pay"
    )
    words = {"yes": "holds", "no": "FAILS", "none": "–"}
    for name, text in says.items():
        lines.append(f"| {text} | " + " | ".join(words[found[language][name]] for language in LANGUAGES) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("language", nargs="?", choices=LANGUAGES)
    parser.add_argument("--only")
    parser.add_argument("--tollgate")
    parser.add_argument("--results")
    parser.add_argument("--matrix")
    parser.add_argument("--check")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--cost", action="store_true")
    arguments = parser.parse_args()
    if arguments.cost:
        servers = authority.start()
        servers[0].trap = servers[1]
        return cost(arguments.language, servers)
    if arguments.matrix:
        table = matrix(arguments.matrix)
        if not arguments.check:
            print(table, end="")
        elif table not in pathlib.Path(arguments.check).read_text():
            print(f"{arguments.check} has another table than these results:\n{table}", file=sys.stderr)
            return 1
        return 0
    return 1 if run(arguments) else 0


if __name__ == "__main__":
    sys.exit(main())
