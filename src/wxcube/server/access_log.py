"""The access log: one entry per request, without queries, bodies and headers."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import structlog

from wxcube.server.connection import WRITE
from wxcube.server.http import PATH_SHOWN, AsgiApp, AsgiMessage, Receive, Scope, Send

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
    finally:
        _log.info(
            "http.request",
            client=(scope.get("client") or ("", 0))[0],
            method=scope["method"],
            path=scope["path"][:PATH_SHOWN],
            status=status,
            bytes=size,
            milliseconds=round((perf_counter() - started) * 1000, 1),
        )
