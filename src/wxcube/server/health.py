"""`/healthz` and `/readyz`: whether the process answers, and whether it can answer with rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wxcube.errors import WxcubeError
from wxcube.server.http import AsgiApp, Receive, Scope, Send, send_text

ALIVE, READY = "/healthz", "/readyz"


def with_health(app: AsgiApp, check: Callable[[], Awaitable[object]]) -> AsgiApp:
    """The application with both paths added.

    It is ready unless `check` raises a WxcubeError, or a TimeoutError.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == ALIVE:
            await send_text(send, 200, "alive\n")
        elif path == READY:
            await send_text(send, *await _readiness(check))
        else:
            await app(scope, receive, send)

    return application


async def _readiness(check: Callable[[], Awaitable[object]]) -> tuple[int, str]:
    try:
        await check()
    except (WxcubeError, TimeoutError) as error:
        # the message may name files: it is for the log, not for every caller
        return 503, f"{type(error).__name__}\n"
    return 200, "ready\n"
