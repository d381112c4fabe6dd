"""HTTP: the ASGI application of a request handler, and servers that run it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import formatdate
from functools import partial
from typing import Any, Protocol, Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from wxcube.beijing import Clock, SystemClock
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.server.messages import Reply, Request

BODY_LIMIT = 1 << 20
"""Largest request body in bytes; for a larger one the response is HTTP 413."""
RESET = "wxcube.reset"
"""The extension of the ASGI scope that closes the connection: a function without arguments."""
_CHUNK = 1 << 16

Scope = MutableMapping[str, Any]
AsgiMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiMessage]]
Send = Callable[[AsgiMessage], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestHandler(Protocol):
    """A handler of requests, such as an Api or an Emulator."""

    def handle(self, request: Request) -> Reply:
        """The reply to a request; must not raise."""
        ...


def asgi(handler: RequestHandler, clock: Clock | None = None) -> AsgiApp:
    """The ASGI application of a request handler.

    The Date header is the time of `clock`, by default of this machine. A reply with `sent_bytes` is
    sent with its full content length and then cut off. The server needs the extension `RESET` to
    close a connection without a response.
    """
    dated_by = clock or SystemClock()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _handle_lifespan(receive, send)
        elif scope["type"] == "http":
            await _handle_http(handler, dated_by, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    return application


async def _handle_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _handle_http(
    handler: RequestHandler, clock: Clock, scope: Scope, receive: Receive, send: Send
) -> None:
    body = await _read_body(receive)
    if body is None:
        await _send(send, Reply(status=413), clock.now())
        return
    reply = handler.handle(_request(scope, body))
    if reply.delay_seconds:
        await asyncio.sleep(reply.delay_seconds)
    if reply.is_reset:
        await _reset(scope, receive)
    else:
        await _send(send, reply, clock.now())


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is over the limit or the caller disconnected."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > BODY_LIMIT or message["type"] == "http.disconnect":
            return None
    return bytes(body)


def _request(scope: Scope, body: bytes) -> Request:
    client = scope.get("client") or ("127.0.0.1", 0)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        body=body,
        client=client[0],
    )


async def _reset(scope: Scope, receive: Receive) -> None:
    """Close the connection; returns when it is closed."""
    reset = scope.get("extensions", {}).get(RESET)
    if reset:
        reset()
        while (await receive())["type"] != "http.disconnect":
            pass


def date_header(now: datetime) -> tuple[bytes, bytes]:
    """The Date header of a response that is sent now."""
    return b"date", formatdate(now.timestamp(), usegmt=True).encode()


async def _send(send: Send, reply: Reply, now: datetime) -> None:
    headers = [(b"content-length", str(len(reply.body)).encode())]
    if reply.clock_error_seconds is not None:
        headers.append(date_header(now + timedelta(seconds=reply.clock_error_seconds)))
    if reply.body:
        headers.append((b"content-type", reply.content_type.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    cut = reply.sent_bytes is not None
    part = reply.body[: reply.sent_bytes] if cut else reply.body
    await send({"type": "http.response.body", "body": part, "more_body": cut})


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 means any free port.

    Raises:  SettingsError if the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingsError(
            _("cannot listen on {host}:{port}: {reason}", host=host, port=port, reason=error),
            hint=_("choose another --host or --port"),
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The HTTP URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type] # chosen at run time
    """HTTP with the extension `RESET`."""

    app: AsgiApp

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        app = self.app

        async def resettable(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), RESET: transport.abort}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = resettable


class _Server(uvicorn.Server):
    """A server that calls `on_ready` once it accepts requests; Ctrl-C stops it from then on."""

    def __init__(self, app: AsgiApp, on_ready: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            # applications send the Date of their own clock
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_ready:
            self._on_ready()


def serve_forever(
    app: AsgiApp, listener: socket.socket, *, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until Ctrl-C or SIGTERM. Calls `on_ready` with the URL once it accepts requests."""
    ready = partial(on_ready, url_of(listener)) if on_ready else None
    with suppress(KeyboardInterrupt):
        _Server(app, ready).run(sockets=[listener])


class RunningServer:
    """A server in a thread, running inside its `with` block; `url` is its base URL.

    By default it listens on a free port of the loopback interface.
    """

    def __init__(self, app: AsgiApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app = app
        self._listener = listen(host, port)
        self.url = url_of(self._listener)
        self._server = _Server(app)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listener],), name="wxcube-server", daemon=True
        )

    def __enter__(self) -> Self:
        # the socket already listens: earlier requests wait until the thread serves them
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; requests in progress have a second to finish."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
