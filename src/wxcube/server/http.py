"""From framework-free answers to HTTP: an ASGI application, and servers that run it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, Self

import uvicorn

from wxcube.errors import SettingsError
from wxcube.server.messages import Reply, Request

BODY_LIMIT = 1 << 20
"""Bytes of a request body; a longer one is answered HTTP 413."""
_CHUNK = 1 << 16

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Answers(Protocol):
    """Something that answers requests: an Api or an Emulator."""

    def answer(self, request: Request) -> Reply:
        """The reply to a request; must not raise."""
        ...


def asgi(answers: Answers) -> AsgiApp:
    """The ASGI application that sends every request to `answers`.

    A reply whose `sent_bytes` is short is sent with its full length announced and then broken off.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await _answer(answers, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    return application


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _answer(answers: Answers, scope: Scope, receive: Receive, send: Send) -> None:
    body = await _body(receive)
    if body is None:
        await _send(send, Reply(status=413))
        return
    reply = answers.answer(_request(scope, body))
    if reply.delay_seconds:
        await asyncio.sleep(reply.delay_seconds)
    await _send(send, reply)


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is longer than the limit or the caller left."""
    parts = bytearray()
    more = True
    while more:
        message = await receive()
        parts += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(parts) > BODY_LIMIT or message["type"] == "http.disconnect":
            return None
    return bytes(parts)


def _request(scope: Scope, body: bytes) -> Request:
    client = scope.get("client") or ("127.0.0.1", 0)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        body=body,
        client=client[0],
    )


async def _send(send: Send, reply: Reply) -> None:
    headers = [(b"content-length", str(len(reply.body)).encode())]
    if reply.body:
        headers.append((b"content-type", reply.content_type.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    cut = reply.sent_bytes is not None
    part = reply.body[: reply.sent_bytes] if cut else reply.body
    await send({"type": "http.response.body", "body": part, "more_body": cut})


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:  SettingsError if the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as fault:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {fault}", hint="give another --host or --port"
        ) from fault
    return listener


def url_of(listener: socket.socket) -> str:
    """The http address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """A server that says when it answers; Ctrl-C ends it from then on."""

    def __init__(self, app: AsgiApp, on_ready: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_ready:
            self._on_ready()


def serve_forever(
    app: AsgiApp,
    host: str = "127.0.0.1",
    port: int = 8400,
    *,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. Calls `on_ready` with the address once it answers.

    Raises:  SettingsError if the address cannot be used.
    """
    listener = listen(host, port)
    url = url_of(listener)
    with listener, suppress(KeyboardInterrupt):
        _Server(app, partial(on_ready, url) if on_ready else None).run(sockets=[listener])


class RunningServer:
    """A server in a thread, from `with` to its end; `url` is its address.

    Serves on a free port of the loopback interface unless told otherwise.
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
        # the socket listens already: a call made before the thread is up just waits
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; calls in progress get a second to end."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
