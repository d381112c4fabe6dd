"""The access log: one entry per request, without queries, bodies and headers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import structlog

from wxcube.server.connection import WRITE, Direct
from wxcube.server.http import PATH_SHOWN, AsgiApp, AsgiMessage, Receive, Scope, Send
from wxcube.server.messages import Later, Reply, Request

_log = structlog.get_logger()


def with_access_log(app: AsgiApp, is_on: Callable[[], bool] = lambda: True) -> AsgiApp:
    """The application, which logs its requests at the level info as long as that is on."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_on():
            await _logged(app, scope, receive, send)
        else:
            await app(scope, receive, send)

    return application


async def _logged(app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    started, status, size = perf_counter(), 0, 0

    async def counted(message: AsgiMessage) -> None:
        nonlocal status, size
        status = message.get("status", status)
        size += len(message.get("body", b""))
        await send(message)

    def counted_write(code: int, head: bytes, body: bytes) -> bool:
        nonlocal status, size
        is_sent = bool(write(code, head, body))
        if is_sent:
            status, size = code, len(body)
        return is_sent

    extensions = scope.get("extensions", {})
    if write := extensions.get(WRITE):
        scope = {**scope, "extensions": {**extensions, WRITE: counted_write}}
    try:
        await app(scope, receive, counted)
    except Exception:
        # what the server answers then
        status = status or 500
        raise
    finally:
        client = (scope.get("client") or ("", 0))[0]
        _write_entry(client, scope["method"], scope["path"], status, size, started)


class LoggedCalls:
    """Calls that a connection makes itself, which are logged like those of an application."""

    def __init__(self, calls: Direct) -> None:
        self._calls = calls
        self.prefix = calls.prefix
        self.whole, self.app = calls.whole, calls.app

    def reply(self, request: Request) -> Reply:
        """The reply to a request; never raises."""
        started = perf_counter()
        return self._logged(request, self._calls.reply(request), started)

    def waited_for(self, _request: Request, later: Later) -> Reply:
        """The reply that was waited for; never raises."""
        return later.make(later.done)

    def _logged(self, request: Request, reply: Reply, started: float) -> Reply:
        if reply.later:
            finish = partial(self._finish, request, reply.later, started)
            return Reply(later=Later(reply.later.done, finish))
        method, size = request.method, len(reply.body)
        _write_entry(request.client, method, request.path, reply.status, size, started)
        return reply

    def _finish(
        self, request: Request, later: Later, started: float, _done: asyncio.Future[Any]
    ) -> Reply:
        return self._logged(request, self._calls.waited_for(request, later), started)


def _write_entry(
    client: str, method: str, path: str, status: int, size: int, started: float
) -> None:
    _log.info(
        "http.request",
        client=client,
        method=method,
        path=path[:PATH_SHOWN],
        status=status,
        bytes=size,
        milliseconds=round((perf_counter() - started) * 1000, 1),
    )
