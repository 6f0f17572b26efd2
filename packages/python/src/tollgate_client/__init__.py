"""Holds an access token for all threads and tasks of a program, and renews it in time.

A ``Tollgate`` is an ``auth`` for requests; ``tollgate_client.httpx`` has one for httpx. This file needs the standard
library alone and may be copied into a program. docs/client.md says what is promised.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import http.client
import ipaddress
import json
import logging
import os
import random
import re
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import weakref
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from typing import Any, Callable, Mapping, NamedTuple, Union

__all__ = ["Tollgate", "TollgateError", "ConfigurationError", "OriginError", "Unavailable", "Refused"]
__version__ = "0.2.0"

# All times are in seconds.
LEAD, JITTER, MARGIN, SHORTEST_LIFE, DEFAULT_LIFE, REFRESH_LIFE = 60, 30, 2, 2, 300, 86_400
WAIT, PATIENCE, TIMEOUT, FRESH, LONGEST_RETRY_AFTER = 10, 3, 5, 5, 300
LONGEST_ANSWER = 64 * 1024  # In bytes.
IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
_log = logging.getLogger(__name__)
_all: weakref.WeakSet[Tollgate] = weakref.WeakSet()


class TollgateError(Exception):
    """What went wrong, with code, status and request id of the answer, and when it is tried again, where known."""

    code: str | None = None
    status: int | None = None
    request_id: str | None = None
    retry_after: float | None = None

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        vars(self).update(details)


class ConfigurationError(TollgateError, ValueError):
    """The program is set up in a way that can't work, or isn't safe."""


class OriginError(TollgateError):
    """The request goes to another origin than the base URL: no token is sent there."""


class Unavailable(TollgateError):
    """There is no token for now; the authority is asked again in ``retry_after`` seconds."""


class Refused(TollgateError):
    """The authority refuses this client: its id or its secret is wrong, or it has been disabled."""


Flight = Future[Union[TollgateError, None]]


class _Moment(NamedTuple):
    monotonic: float
    wall: float

    def after(self, seconds: float) -> _Moment:
        return _Moment(self.monotonic + seconds, self.wall + seconds)

    def reached(self, at: _Moment) -> bool:
        """By the clock that is there first: one stops while the machine sleeps, the other may be set."""
        return self.monotonic >= at.monotonic or self.wall >= at.wall


class _Held:
    """A token and its times: a plain object, whose text shows nothing."""

    def __init__(self, text: str, came: float, renew: _Moment, end: _Moment, life: float) -> None:
        self.text, self.came, self.renew, self.end, self.life = text, came, renew, end, life
        self.rejected = self.accepted = False


class Tollgate:
    """Holds the token of one client. Give all threads and tasks the same one."""

    def __init__(
        self, base_url: str, client_id: str = "", client_secret: str = "", *, face: str = "payment_api",
        credentials: Callable[[], tuple[str, ...]] | None = None, token_url: str | None = None,
        scope: str | None = None, environ: Mapping[str, str] = os.environ, clock: Any = time,
    ) -> None:
        """``client_id`` and ``client_secret`` are values, ``file:PATH`` or ``env:NAME``; ``credentials`` returns both
        from elsewhere, such as Vault. ``face`` is ``payment_api`` (``/api/v1``), or ``standard`` (RFC 6749)."""
        self.base_url, self._scope, self._clock = base_url.rstrip("/"), scope, clock
        self._standard = face == "standard" or token_url is not None
        path = "/oauth2/token" if self._standard else "/api/v1/oauth2/token"
        self._token_url = token_url or self.base_url + path
        self._origin = _origin(self.base_url)
        _origin(self._token_url)
        id_and_secret = ("client id", client_id), ("client secret", client_secret)
        if not credentials:
            for what, value in id_and_secret:
                if not value or value.startswith(("vault:", "gcp:", "aws:")):
                    raise ConfigurationError(f"no {what}, or one in a secret store: pass `credentials`, which reads it")
        self._credentials: Callable[[], tuple[str, ...]] = credentials or (lambda: tuple(_read(*part, environ) for part in id_and_secret))
        self._held: _Held | None = None
        self._refresh: tuple[str, _Moment] | None = None
        self._refused_pair: tuple[str, ...] | None = None
        self._last: TollgateError | None = None
        self._down_since: float | None = None
        self._refresh_failed = False
        self._failures = self._refusals = self._fresh_refusals = 0
        self._begun = self._not_before = self._fresh_pause = self._forced = self._wanted = self._looked = 0.0
        self._flight: Flight | None
        self._after_fork()
        _all.add(self)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, **options: Any) -> Tollgate:
        """Of ``TOLLGATE_BASE_URL``, ``TOLLGATE_CLIENT_ID`` and ``TOLLGATE_CLIENT_SECRET``."""
        values = (environ.get(f"TOLLGATE_{name}", "") for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET"))
        return cls(*values, environ=environ, **options)

    def __repr__(self) -> str:
        return f"<Tollgate {self.base_url}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Tollgate holds secrets and can't be pickled; make one in each process")

    def token(self) -> str:
        """A token that can be used now. Waits about 10 s where there is none."""
        found = self._use()
        try:
            return found if isinstance(found, str) else self._landed(found.result(WAIT + 4 * TIMEOUT))
        except NotInTime:
            raise self._error(self._now()) from None

    async def token_async(self) -> str:
        """The same in asyncio, in any of its event loops."""
        found = self._use()
        return found if isinstance(found, str) else self._landed(await asyncio.wrap_future(found))

    def renewed(self, refused: str, wait: bool = True) -> str | None:
        """Another token than the one that the API refused, if one is to be had within seconds."""
        flight = self._replace(refused)
        try:
            if flight and wait:
                flight.result(PATIENCE + TIMEOUT)
        except NotInTime:
            pass
        return self._other_than(refused)

    async def renewed_async(self, refused: str) -> str | None:
        """The same in asyncio."""
        if flight := self._replace(refused):
            await asyncio.wait([asyncio.wrap_future(flight)], timeout=PATIENCE + TIMEOUT)
        return self._other_than(refused)

    def prepare(self, method: str, url: str, headers: Any) -> None:
        """Raises ``OriginError`` for another origin; gives a POST a key that makes a second sending harmless."""
        try:
            covered = url.startswith(self.base_url + "/") or _origin(url) == self._origin
        except ConfigurationError:
            covered = False
        if not covered:
            raise OriginError(f"no token is sent to another origin than that of {self.base_url}")
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(uuid.uuid4()))

    def may_repeat(self, token: str, method: str, sent: Any, status: int, headers: Any, replayable: bool) -> bool:
        """Takes notice of what an answer says of the token. Whether to send the request again with another one."""
        error = _challenge(headers.get("WWW-Authenticate", "")) if status == 401 else None
        if error in ("", "invalid_token"):
            # Who names no reason may have done something already.
            if replayable and (error or method in IDEMPOTENT or "Idempotency-Key" in sent):
                return True
            self.renewed(token, wait=False)
        elif 200 <= status < 300 and self._held and self._held.text == token:
            self._held.accepted = True
        return False

    def __call__(self, request: Any) -> Any:
        """Makes this an ``auth`` of requests."""
        self.prepare(request.method, request.url, request.headers)
        token = self.token()
        request.headers["Authorization"] = f"Bearer {token}"
        request.register_hook("response", lambda answer, **options: self._answered(request, token, answer, options))
        return request

    def _answered(self, request: Any, token: str, answer: Any, options: Any) -> Any:
        if answer.request is not request:  # It comes after a redirect, without the token.
            return answer
        what = request.method, request.headers
        whole = request.body is None or isinstance(request.body, (str, bytes))
        if self.may_repeat(token, *what, answer.status_code, answer.headers, whole) and (newer := self.renewed(token)):
            answer.content  # So that the connection can be used again.
            answer.close()
            again = request.copy()
            again.headers["Authorization"] = f"Bearer {newer}"
            first, answer = answer, answer.connection.send(again, **options)
            answer.history.append(first)
            answer.request = again
            self.may_repeat(newer, *what, answer.status_code, answer.headers, False)
        if answer.is_redirect:  # requests follows it with a copy of this one.
            request.headers.pop("Authorization", None)
        return answer

    def _now(self) -> _Moment:
        return _Moment(self._clock.monotonic(), self._clock.time())

    def _use(self) -> str | Flight:
        held, now = self._held, self._now()
        if held and not now.reached(held.renew):
            return held.text
        with self._lock:
            held, now = self._held, self._now()
            if held and not now.reached(held.renew):  # Another thread has renewed it meanwhile.
                return held.text
            usable = held and not now.reached(held.end)
            # Who comes when it has been down for long does not wait in a queue for each call to fail.
            since = now.monotonic if self._down_since is None else self._down_since
            limit = now.monotonic if usable or self._refusals else since + WAIT
            looks = self._refusals and now.monotonic >= self._looked + 1
            if not self._flight and (looks or self._not_before <= max(now.monotonic, limit)):
                self._start(0)
            if held and usable:
                return held.text
            if not self._flight:
                raise self._error(now)
            self._wanted = max(self._wanted, limit)
            return self._flight

    def _landed(self, error: TollgateError | None) -> str:
        if error or not self._held:
            raise self._error(self._now())
        return self._held.text

    def _error(self, now: _Moment) -> TollgateError:
        none = Unavailable("the authority has not answered yet" if self._flight else "it was not asked")
        last, wait = self._last or none, max(self._not_before - now.monotonic, 0)
        text = f"no access token for now, the next attempt is in {wait:.0f} s: {last}"
        return type(last)(text, **{**vars(last), "retry_after": wait})

    def _other_than(self, refused: str) -> str | None:
        held = self._held
        return held.text if held and held.text != refused and not self._now().reached(held.end) else None

    def _replace(self, refused: str) -> Flight | None:
        with self._lock:
            held, now = self._held, self._now().monotonic
            if held is None or held.text != refused:
                return None if self._other_than(refused) else self._flight
            if not held.rejected:
                held.rejected = True
                fresh = FRESH if held.accepted else max(FRESH, self._fresh_pause)
                count = self._fresh_refusals + 1 if now - held.came < fresh else 0
                # While tokens are accepted, too, another one does help.
                self._fresh_refusals = min(count, 3) if held.accepted else count
                self._fresh_pause = _doubled(0.4, self._fresh_refusals, 30) * random.uniform(0.75, 1)
                self._forced = max(now, self._begun + self._fresh_pause)
            at = max(self._forced, self._not_before)
            if not self._flight and at <= now + PATIENCE:
                self._start(at)
            return self._flight

    def _start(self, at: float) -> None:
        """On a thread of its own, so that no caller's end can end it."""
        flight: Flight = Future()
        flight.set_running_or_notify_cancel()  # So that no waiter can cancel it.
        try:
            threading.Thread(target=self._fly, args=(flight, at), name="tollgate", daemon=True).start()
            self._flight = flight
        except RuntimeError:  # The program is about to end.
            self._flight = None

    def _fly(self, flight: Flight, at: float) -> None:
        while True:
            pause = max(self._not_before, at) - self._clock.monotonic()
            if pause > 0 and not self._refusals:
                self._clock.sleep(pause)
            began, error = self._now(), None
            try:
                self._obtain(began)
            except TollgateError as failure:
                error = failure
            except BaseException as failure:  # Its text may have a secret in it.
                error = Unavailable(f"{type(failure).__name__} while a token was obtained")
            with self._lock:
                if error and error is not self._last:
                    self._fail(error, began.monotonic)
                if not error or self._not_before > max(self._wanted, self._clock.monotonic()):
                    self._flight, self._wanted = None, 0
                    break
        flight.set_result(error)

    def _fail(self, error: TollgateError, began: float) -> None:
        now, refused = self._now(), isinstance(error, Refused)
        self._last, self._failures = error, self._failures + 1
        self._refusals = self._refusals + 1 if refused else 0
        pause = _doubled(30, self._refusals, 300) if refused else _doubled(0.5, self._failures, 10)
        pause *= random.uniform(0.5, 1)
        asked = error.retry_after or 0
        if asked > LONGEST_RETRY_AFTER:  # Who was told the same does not come back at once.
            asked = LONGEST_RETRY_AFTER * random.uniform(0.8, 1)
        self._not_before = max(began + pause, now.monotonic + max(asked, pause / 4))
        if self._down_since is None and not (self._held and not now.reached(self._held.end)):
            self._down_since = now.monotonic
        if self._failures == 1:
            _log.warning("the access token could not be renewed: %s", error)

    def _obtain(self, began: _Moment) -> None:
        refresh, failed, self._refresh_failed = self._refresh, self._refresh_failed, False
        if refresh and not failed and not began.after(self._held.life if self._held else 0).reached(refresh[1]):
            try:
                return self._exchange(began, self._credentials() if self._standard else None, refresh[0])
            except Refused:
                self._refresh = None
            except TollgateError:
                self._refresh_failed = True  # Next time the secret has its turn.
                raise
        self._looked, used = self._clock.monotonic(), self._credentials()
        if self._last and self._refusals and used == self._refused_pair and self._looked < self._not_before:
            raise self._last
        try:
            return self._exchange(began, used)
        except Refused:
            self._refused_pair = self._credentials()
            if self._refused_pair == used:
                raise
        self._exchange(began, self._refused_pair)

    def _exchange(self, sent: _Moment, client: tuple[str, ...] | None, refresh: str = "") -> None:
        url, headers = self._token_url, {"Accept": "application/json", "Content-Type": "application/json"}
        form = {"refresh_token": refresh} if refresh else {"grant_type": "client_credentials"}
        if self._scope and not refresh:
            form["scope"] = self._scope
        if self._standard and client:
            form.setdefault("grant_type", "refresh_token")
            pair = ":".join(urllib.parse.quote_plus(part) for part in client)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif client:
            form["client_id"], form["client_secret"] = client
        else:
            url = url.removesuffix("token") + "refresh"
        body = urllib.parse.urlencode(form) if self._standard else json.dumps(form)
        status, answered, text = _post(url, headers, body.encode())
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if status == 200:
            return self._keep(answer, sent)
        code, request_id = _code(answer, self._standard), answered.get("X-Request-Id") or ""
        refused = status in (401, 403) or status == 400 and code or refresh and 400 <= status < 500
        raise (Refused if refused and status not in (408, 429) else Unavailable)(
            f"the authority answered {status} {code or ''}".rstrip(), code=code, status=status,
            request_id=request_id if re.fullmatch("[A-Za-z0-9._-]{1,128}", request_id) else None,
            retry_after=_retry_after(answered))

    def _keep(self, answer: Any, sent: _Moment) -> None:
        try:
            data = answer if self._standard else answer["data"]
            text, life = data["access_token"], float(data.get("expires_in", DEFAULT_LIFE))
            if not re.fullmatch("[!-~]+", text) or data.get("token_type", "bearer").lower() != "bearer":
                raise ValueError
        except (ValueError, TypeError, LookupError, AttributeError):
            raise Unavailable("the answer of the authority is no token response") from None
        now, end = self._now(), sent.after(life - min(MARGIN, life / 10))
        if not SHORTEST_LIFE <= life < 1e9 or now.reached(end):
            raise Unavailable("the token does not live long enough to be used")
        early = min(LEAD, life / 2) + random.uniform(0, min(JITTER, life / 20))
        with self._lock:
            if isinstance(data.get("refresh_token"), str):
                self._refresh = data["refresh_token"], sent.after(REFRESH_LIFE)
            self._held = _Held(text, now.monotonic, sent.after(life - early), end, life)
            self._begun, self._not_before, self._down_since, self._last = sent.monotonic, 0, None, None
            self._failures = self._refusals = 0

    def _after_fork(self) -> None:
        """In a child no thread of the parent lives on. The token is good there, too."""
        self._lock, self._flight = threading.RLock(), None


def _doubled(first: float, count: int, longest: float) -> float:
    return min(first * 2.0 ** min(count - 1, 16), longest) if count else 0


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL that a secret may be sent to: https, or this machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        host = ""
    if not host or parts.username is not None or parts.fragment:
        raise ConfigurationError("the base URL must be an absolute https URL without user, password and fragment")
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if parts.scheme == "http" and not local:
        raise ConfigurationError("the base URL must begin with https:// unless it is on this machine (localhost)")
    return parts.scheme, host, port


def _read(what: str, value: str, environ: Mapping[str, str]) -> str:
    """A value, or what is in the file or variable that it names."""
    kind, _, name = value.partition(":")
    try:
        if kind == "file":
            with open(name, encoding="utf-8") as file:
                return file.read().rstrip("\r\n")
        return environ[name] if kind == "env" else value
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"the {what} can't be read from {value} ({type(error).__name__})") from None


def _challenge(line: str) -> str | None:
    """The error that the Bearer challenge names; an empty text without one, None without a challenge (RFC 9110 §11.6.1)."""
    scheme, found = "", None
    for name, given, value in re.findall(r'([^\s,="]+)(\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?', line):
        if not given:
            scheme = name.lower()
            found = "" if scheme == "bearer" and found is None else found
        elif scheme == "bearer" and name.lower() == "error" and found != "invalid_token":
            found = value.strip('"')
    return found


def _code(answer: Any, standard: bool) -> str | None:
    """The code of an error, if it looks like one. Nothing else that an authority says gets into an error."""
    try:
        code = answer["error"] if standard else answer["error"]["code"]
        return code if re.fullmatch("[A-Za-z_]{1,40}", code) else None
    except (TypeError, LookupError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After") or ""
    try:
        if text.strip().isdecimal():
            return float(text)
        # Compared with the answer's own date, so that a clock set wrongly makes no difference.
        at, now = (email.utils.parsedate_to_datetime(date) for date in (text, headers.get("Date") or ""))
        return max((at - now).total_seconds(), 0)
    except (ValueError, TypeError):
        return 0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _InTime(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Cuts a call off when its time is over. A timeout of a socket begins anew with each byte, also of a handshake or a head."""

    def __init__(self) -> None:
        urllib.request.HTTPSHandler.__init__(self)
        self.deadline, self._sockets = time.monotonic() + TIMEOUT, list[socket.socket]()
        self._timer = threading.Timer(TIMEOUT, self._cut)
        self._timer.daemon = True

    def do_open(self, kind: Any, request: Any, **options: Any) -> Any:
        def connection(host: str, **more: Any) -> http.client.HTTPConnection:
            made = kind(host, **more)
            made._create_connection = self._connect
            return made

        return super().do_open(connection, request, **options)

    def _connect(self, address: tuple[str, int], _timeout: Any, source: Any) -> socket.socket:
        made = socket.create_connection(address, max(self.deadline - time.monotonic(), 0.001), source)
        # TLS takes the socket over; the copy is of the same connection.
        self._sockets.append(made.dup())
        if time.monotonic() > self.deadline:
            raise TimeoutError
        return made

    def _cut(self) -> None:
        for copy in list(self._sockets):
            try:
                copy.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The other side was faster.

    def __enter__(self) -> _InTime:
        self._timer.start()
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        self._timer.cancel()
        for copy in self._sockets:
            copy.close()
        if time.monotonic() > self.deadline and (error is None or isinstance(error, Unavailable)):
            raise Unavailable("the answer of the authority is too slow") from None


def _post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """Calls the authority, once and nowhere else, for TIMEOUT at most."""
    # What goes without TLS stays on this machine, whatever proxy the environment names.
    handlers = [_NoRedirect, *([urllib.request.ProxyHandler({})] if url.startswith("http:") else [])]
    with _InTime() as in_time:
        return _asked(urllib.request.Request(url, body, headers), [in_time, *handlers])


def _asked(request: urllib.request.Request, handlers: list[Any]) -> tuple[int, Mapping[str, str], bytes]:
    text = b""
    try:
        try:
            answer = urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            while part := answer.read1(LONGEST_ANSWER):
                text += part
                if len(text) > LONGEST_ANSWER:
                    raise Unavailable("the answer of the authority is too long")
            return answer.status, answer.headers, text
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = type(getattr(error, "reason", error)).__name__
        raise Unavailable(f"the authority can't be reached ({reason})") from None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: [kit._after_fork() for kit in _all] and None)  # type: ignore
