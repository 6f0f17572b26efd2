"""Plays the scenarios of packages/scenarios with requests and httpx. One JSON object a line, on both sides."""

import asyncio
import collections
import json
import logging
import os
import ssl
import sys
import threading
import time

import httpx
import requests

from tollgate_client import ConfigurationError, OriginError, Refused, Tollgate, TollgateError, Unavailable
from tollgate_client.httpx import TollgateAuth

KINDS = {ConfigurationError: "configuration", OriginError: "origin", Refused: "refused", Unavailable: "unavailable"}
threading.stack_size(256 * 1024)
TLS = ssl.create_default_context()  # Once: it takes 50 ms.
LIMITS = httpx.Limits(max_connections=64)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
for noisy in ("httpcore", "asyncio"):
    logging.getLogger(noisy).setLevel(logging.INFO)


class Clock:
    """Stands still unless it is told otherwise, or somebody sleeps."""

    def __init__(self):
        self.by, self.wall_by, self.slept = 1000.0, 1.8e9, 0.0

    def monotonic(self):
        return self.by

    def time(self):
        return self.wall_by

    def sleep(self, seconds):
        self.slept += seconds
        self.advance(seconds, seconds)

    def advance(self, monotonic, wall):
        self.by += monotonic
        self.wall_by += wall


class Driver:
    def new(self, environment, face, variant, callback, **_):
        self.clock, self.variant, self.errors = Clock(), variant, []
        options = {}
        if callback:
            files = [environment[name].removeprefix("file:") for name in ("TOLLGATE_CLIENT_ID", "TOLLGATE_CLIENT_SECRET")]
            options["credentials"] = lambda: tuple(open(file).read().strip() for file in files)
        try:
            self.kit = Tollgate.from_environment(environment, face=face, clock=self.clock, **options)
        except ConfigurationError as error:
            return {"error": "configuration", "text": str(error)}
        self.session = requests.Session()
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
        self.session.auth = self.kit
        self.session.trust_env = False
        self.client = httpx.Client(auth=TollgateAuth(self.kit), trust_env=False, verify=TLS, limits=LIMITS)
        return {}

    def call(self, n, method, path, body=None, stream=False, hold=False):
        before = self.clock.slept
        url = path if path.startswith("http") else self.kit.base_url + path
        headers = {"Content-Type": "application/json"} if body else {}
        if self.variant == "httpx-async":
            found = asyncio.run(self.call_async(n, method, url, body, stream, headers, hold))
        else:
            content = lambda: iter([body.encode()]) if stream else body and body.encode()
            call = {
                "requests": lambda: self.session.request(method, url, data=content(), headers=headers).status_code,
                "httpx": lambda: self.client.request(method, url, content=content(), headers=headers).status_code,
            }[self.variant]
            found = self.threads(n, lambda: self.outcome(call), hold)
        return {"outcomes": collections.Counter(found), "slept": self.clock.slept - before, "errors": self.taken()}

    async def call_async(self, n, method, url, body, stream, headers, hold):
        async def chunks():
            yield body.encode()

        async with httpx.AsyncClient(auth=TollgateAuth(self.kit), trust_env=False, verify=TLS) as client:

            async def call():
                try:
                    content = chunks() if stream else body
                    return str((await client.request(method, url, content=content, headers=headers)).status_code)
                except TollgateError as error:
                    return self.note(error)

            tasks = [asyncio.create_task(call()) for _ in range(n)]
            if hold:
                await asyncio.sleep(0)  # Each has begun.
                say({"started": True})
            return await asyncio.gather(*tasks)

    def cost(self, n, path, **_):
        url, headers = self.kit.base_url + path, {"Authorization": f"Bearer {self.kit.token()}"}
        if self.variant == "requests":
            bare = requests.Session()
            bare.trust_env = False
            clients = {"bare": bare, "kit": self.session}
        else:
            clients = {"bare": httpx.Client(trust_env=False, verify=TLS, limits=LIMITS), "kit": self.client}
        return {
            name: spent(n, lambda: client.get(url, headers=headers if name == "bare" else None))
            for name, client in clients.items()
        }

    def storm(self, n, hold):
        async def play():
            token = await self.kit.token_async()
            tasks = [asyncio.create_task(self.kit.renewed_async(token)) for _ in range(n)]
            await asyncio.sleep(0)
            say({"started": True})
            return ["renewed" if newer else "none" for newer in await asyncio.gather(*tasks)]

        return {"outcomes": collections.Counter(asyncio.run(play()))}

    def fork(self, n, hold):
        begun = threading.Thread(target=self.kit.token)
        begun.start()
        while self.kit._flight is None:
            time.sleep(0.001)
        child = os.fork()
        if not child:
            ok = False
            try:
                ok = bool(self.kit.token())
            finally:
                os._exit(0 if ok else 1)
        say({"started": True})
        begun.join()
        return {"outcomes": {"parent": int(bool(self.kit.token())), "child": int(os.waitpid(child, 0)[1] == 0)}}

    def advance(self, monotonic, wall, **_):
        self.clock.advance(monotonic, wall)
        return {}

    def settle(self, **_):
        if flight := self.kit._flight:
            flight.result(20)
        return {}

    def show(self, **_):
        logging.getLogger("app").info("%r %s %s", self.kit, self.kit, TollgateAuth(self.kit))
        return {"shown": [repr(self.kit), str(self.kit), repr(vars(self.kit)["_held"])]}

    def outcome(self, call):
        try:
            return str(call())
        except TollgateError as error:
            return self.note(error)
        except Exception as error:
            logging.exception("not an error of the kit")
            return repr(error)

    def note(self, error):
        text = f"{error!r} {error} {vars(error)}"
        details = {name: getattr(error, name) for name in ("code", "status", "request_id")}
        self.errors.append({"kind": KINDS[type(error)], "text": text, **details})
        logging.getLogger("app").error("it failed", exc_info=error)
        return KINDS[type(error)]

    def taken(self):
        taken, self.errors = self.errors[:1], []
        return taken

    @staticmethod
    def threads(n, call, hold):
        found = []
        threads = [threading.Thread(target=lambda: found.append(call())) for _ in range(n)]
        for thread in threads:
            thread.start()
        if hold:
            say({"started": True})
        for thread in threads:
            thread.join()
        return found


def spent(n, call):
    """Processor time of one call, in microseconds."""
    call()
    before = time.process_time_ns()
    for _ in range(n):
        call()
    return (time.process_time_ns() - before) / n / 1000


def say(answer):
    print(json.dumps(answer), flush=True)


driver = Driver()
for line in sys.stdin:
    command = json.loads(line)
    op = getattr(driver, command.pop("op"))
    if op.__name__ in ("new", "advance", "settle", "show", "cost"):
        command.pop("hold")
    try:
        say(op(**command))
    except Exception as error:
        logging.exception("crash")
        say({"crash": f"{type(error).__name__}: {error}"})
