"""What the service accepts at all: from whom, how much, how slowly, and as which JSON."""

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import h11
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from wm_pipeline.domain.address import host_of
from wm_pipeline.domain.well_formed import well_formed_object

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
READ_LIMIT_S = 30.0
"""A header, and then a body, that is not there within this time is not waited for."""
MAX_CONNECTIONS = 512


class Bounds:
    """ASGI middleware: refuses other hosts and origins, and reads each body whole, within its size and its time."""

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str] | None, max_body_bytes: int, read_limit_s: float
    ) -> None:
        """`hosts`: names by which the service may be asked, besides this machine's own; None: any."""
        self._app = app
        self._hosts = None if hosts is None else LOOPBACK | frozenset(hosts)
        self._max_body_bytes = max_body_bytes
        self._read_limit_s = read_limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = b""
        refused = self._stranger(headers)
        if refused is None and scope["method"] not in {"GET", "HEAD"}:
            length = headers.get(b"content-length", "")
            if not length.isdigit():
                refused = _refusal(411, "expected a content-length header")
            elif int(length) > self._max_body_bytes:
                refused = _refusal(413, f"expected at most {self._max_body_bytes} bytes, found {length}")
            else:
                try:
                    async with asyncio.timeout(self._read_limit_s):
                        body = await _whole(receive)
                except TimeoutError:
                    refused = _refusal(408, f"the body was not there within {self._read_limit_s:.0f} s")
        if refused is not None:
            refused.headers["connection"] = "close"
            return await refused(scope, receive, send)
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        return await self._app(scope, lambda: _next(messages, receive), send)

    def _stranger(self, headers: dict[bytes, str]) -> Response | None:
        """A page of another site may reach this machine by a name of its own; what it sends tells that name."""
        if self._hosts is None:
            return None
        host = host_of(f"http://{headers.get(b'host', '')}")
        if host not in self._hosts:
            return _refusal(421, f"this service is not {host or 'that host'!r}; give its name with --allow-host")
        origin = headers.get(b"origin")
        if origin is not None and host_of(origin) not in self._hosts:
            return _refusal(403, f"pages of {origin} may not ask this service")
        return None


def _refusal(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status_code=status)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _next(messages: list[Message], receive: Receive) -> Message:
    return messages.pop() if messages else await receive()


class StrictRoute(APIRoute):
    """A route that reads JSON without surprises: no key twice, halves of characters replaced, no depth without end."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def read_and_handle(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return read_and_handle


class _StrictRequest(Request):
    async def json(self) -> Any:
        try:
            return json.loads((await self.body()).decode("utf-8-sig"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error)[:200], "", 0) from error  # what a route makes a 422 of


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = well_formed_object(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


async def refuse_fields(_: Request, error: Exception) -> Response:
    """Which fields are wrong and why, without what was sent: that may be what JSON cannot hold."""
    assert isinstance(error, RequestValidationError)
    detail = [{key: problem[key] for key in ("type", "loc", "msg") if key in problem} for problem in error.errors()]
    return Response(json.dumps({"detail": detail}, allow_nan=False), 422, media_type="application/json")


class TimedProtocol(H11Protocol):
    """HTTP/1.1 over a connection that is closed when a request's header is not whole in time."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_header()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self._due is None:
                self._await_header()
        elif self._due is not None:
            self._due.cancel()
            self._due = None

    def _await_header(self) -> None:
        self._due = self.loop.call_later(READ_LIMIT_S, self._give_up)

    def _give_up(self) -> None:
        self._due = None
        if self.conn.their_state is h11.IDLE:
            self.transport.close()
