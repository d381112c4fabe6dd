"""HTTP: the ASGI application of a request handler, and servers that run it."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import formatdate
from functools import partial
from typing import Any, Protocol, Self

import structlog
import uvicorn

from wxcube.beijing import Clock, SystemClock
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.server.addresses import plain_address
from wxcube.server.connection import RESET, Connection, OpenConnections
from wxcube.server.messages import Reply, Request
from wxcube.settings import LimitSettings

BODY_LIMIT = LimitSettings().body_bytes
"""Largest request body in bytes by default; for a larger one the response is HTTP 413."""
ANY_ADDRESS = "::"
"""The host that means every address of this machine, IPv6 and IPv4."""
PATH_SHOWN = 200
"""Characters of a path in logs: callers choose it."""
_OTHER_DESCRIPTORS = 128
"""Descriptors kept free for the database, logs and libraries."""

_log = structlog.get_logger()

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


def asgi(
    handler: RequestHandler, clock: Clock | None = None, *, body_bytes: int = BODY_LIMIT
) -> AsgiApp:
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
            try:
                await _handle_http(handler, dated_by, body_bytes, scope, receive, send)
            except Exception:
                # the server answers HTTP 500 and is silent
                _log.exception("http.failed", path=scope["path"][:PATH_SHOWN])
                raise
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
    handler: RequestHandler,
    clock: Clock,
    body_bytes: int,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    body = await _read_body(receive, body_bytes)
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


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None if it is over the limit or the caller disconnected."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > limit or message["type"] == "http.disconnect":
            return None
    return bytes(body)


def _request(scope: Scope, body: bytes) -> Request:
    client = scope.get("client") or ("127.0.0.1", 0)
    server = scope.get("server") or ("", 0)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        body=body,
        client=plain_address(client[0]),
        server=server[0],
        headers=scope.get("headers", ()),
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


def _hyphenated(value: bytes) -> bytes:
    """A Date with hyphens between day, month and year."""
    weekday, day, month, rest = value.split(b" ", 3)
    return b"%b %b-%b-%b" % (weekday, day, month, rest)


async def _send(send: Send, reply: Reply, now: datetime) -> None:
    headers = [(b"content-length", str(len(reply.body)).encode())]
    if reply.clock_error_seconds is not None:
        name, value = date_header(now + timedelta(seconds=reply.clock_error_seconds))
        headers.append((name, _hyphenated(value) if reply.hyphenated_date else value))
    if reply.closes_connection:
        headers.append((b"connection", b"close"))
    if reply.body:
        headers.append((b"content-type", reply.content_type.encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    cut = reply.sent_bytes is not None
    part = reply.body[: reply.sent_bytes] if cut else reply.body
    await send({"type": "http.response.body", "body": part, "more_body": cut})


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 means any free port, and :: every address, also of IPv4.

    Raises:  SettingsError if the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if host == ANY_ADDRESS:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
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


class _Server(uvicorn.Server):
    """A server that calls `on_ready` once it accepts requests; Ctrl-C stops it from then on."""

    def __init__(
        self,
        app: AsgiApp,
        limits: LimitSettings,
        on_ready: Callable[[], None] | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        others = OpenConnections(_affordable(limits.connections))
        config = uvicorn.Config(
            app,
            http=partial(Connection, limits=limits, others=others),  # type: ignore[arg-type]
            log_config=None,
            # applications log their own faults
            log_level="critical",
            access_log=False,
            server_header=False,
            # applications send the Date of their own clock
            date_header=False,
            # without a proxy, callers could choose their own address
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=limits.drain_seconds,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_ready:
            self._on_ready()


def _affordable(connections: int) -> int:
    """A number of connections that leaves descriptors for the rest of the process."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(min(connections, soft - _OTHER_DESCRIPTORS), 1)


def serve_forever(
    app: AsgiApp,
    listener: socket.socket,
    *,
    limits: LimitSettings | None = None,
    trusted_proxies: Sequence[str] = (),
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. Calls `on_ready` with the URL once it accepts requests."""
    ready = partial(on_ready, url_of(listener)) if on_ready else None
    server = _Server(app, limits or LimitSettings(), ready, trusted_proxies)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


class RunningServer:
    """A server in a thread, running inside its `with` block; `url` is its base URL.

    By default it listens on a free port of the loopback interface, and stops after a second.
    """

    def __init__(
        self,
        app: AsgiApp,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: LimitSettings | None = None,
    ) -> None:
        self._app = app
        self._listener = listen(host, port)
        self.url = url_of(self._listener)
        self._server = _Server(app, limits or LimitSettings(drain_seconds=1))
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
        """Stop serving; requests in progress have the drain time to finish."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._listener.close()
