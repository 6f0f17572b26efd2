"""An ``auth`` for httpx, in its clients of both kinds."""

from __future__ import annotations

from typing import Any, AsyncGenerator, Generator

import httpx

from tollgate_client import Tollgate

__all__ = ["TollgateAuth"]


class TollgateAuth(httpx.Auth):
    """``httpx.Client(auth=TollgateAuth(tollgate))``, and the same with ``httpx.AsyncClient`` in asyncio."""

    def __init__(self, tollgate: Tollgate) -> None:
        self._tollgate = tollgate

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._tollgate.prepare(request.method, str(request.url), request.headers)
        token = self._tollgate.token()
        answer = yield self._with(request, token)
        whole = isinstance(request.stream, httpx.ByteStream)
        if self._may_repeat(request, token, answer, whole) and (newer := self._tollgate.renewed(token)):
            answer = yield self._with(request, newer)
            self._may_repeat(request, newer, answer, False)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        self._tollgate.prepare(request.method, str(request.url), request.headers)
        token = await self._tollgate.token_async()
        answer = yield self._with(request, token)
        whole = isinstance(request.stream, httpx.ByteStream)
        if self._may_repeat(request, token, answer, whole) and (newer := await self._tollgate.renewed_async(token)):
            answer = yield self._with(request, newer)
            self._may_repeat(request, newer, answer, False)

    def _with(self, request: httpx.Request, token: str) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def _may_repeat(self, request: httpx.Request, token: str, answer: Any, whole: bool) -> bool:
        what = request.method, request.headers, answer.status_code, answer.headers, whole
        return self._tollgate.may_repeat(token, *what)
