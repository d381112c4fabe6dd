"""The address of its own for whoever runs the server: metrics, health, and reload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from wxcube.errors import WxcubeError
from wxcube.server.health import with_health
from wxcube.server.http import (
    PLAIN_TEXT,
    AsgiApp,
    Receive,
    Scope,
    Send,
    handle_lifespan,
    send_text,
)
from wxcube.server.metrics import CONTENT_TYPE
from wxcube.server.metrics import PATH as METRICS

RELOAD = "/reload"


def admin_app(
    metrics: Callable[[], str], reload: Callable[[], object], check: Callable[[], object]
) -> AsgiApp:
    """The application: GET /metrics, GET /healthz and /readyz, POST /reload.

    `metrics` gives them as text.
    `reload` takes in changed settings and raises a WxcubeError that says what is wrong with them.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await handle_lifespan(receive, send)
        elif scope["type"] == "http":
            await send_text(send, *await _answer(scope))

    async def _answer(scope: Scope) -> tuple[int, str, str]:
        request = (scope["method"], scope["path"])
        if request == ("GET", METRICS):
            return 200, await asyncio.to_thread(metrics), CONTENT_TYPE
        if request == ("POST", RELOAD):
            if any(name == b"origin" for name, _value in scope["headers"]):
                return 403, "not for web pages\n", PLAIN_TEXT
            try:
                await asyncio.to_thread(reload)
            except WxcubeError as error:
                return 422, f"{error}\n", PLAIN_TEXT
            return 200, "reloaded\n", PLAIN_TEXT
        if scope["path"] in {METRICS, RELOAD}:
            return 405, "", PLAIN_TEXT
        return 404, "", PLAIN_TEXT

    return with_health(application, partial(asyncio.to_thread, check))
