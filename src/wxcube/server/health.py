"""`/healthz` and `/readyz`: whether the process answers, and whether it can answer with rows."""

from __future__ import annotations

from collections.abc import Callable

from wxcube.beijing import SystemClock
from wxcube.errors import WxcubeError
from wxcube.server.http import AsgiApp, Receive, Scope, Send, date_header

ALIVE, READY = "/healthz", "/readyz"


def with_health(app: AsgiApp, check: Callable[[], object]) -> AsgiApp:
    """The application with both paths added; it is ready unless `check` raises a WxcubeError."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == ALIVE:
            await _send(send, 200, "alive")
        elif path == READY:
            await _send(send, *_readiness(check))
        else:
            await app(scope, receive, send)

    return application


def _readiness(check: Callable[[], object]) -> tuple[int, str]:
    try:
        check()
    except WxcubeError as error:
        # the message may name files: it is for the log, not for every caller
        return 503, type(error).__name__
    return 200, "ready"


async def _send(send: Send, status: int, word: str) -> None:
    body = f"{word}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        date_header(SystemClock().now()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
