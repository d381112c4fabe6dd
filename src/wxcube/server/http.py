"""HTTP: the ASGI application of a request handler, and servers that run it."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import resource
import socket
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from email.utils import formatdate
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import structlog
import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wxcube.beijing import Clock, SystemClock
from wxcube.errors import SettingsError
from wxcube.i18n import Message, _
from wxcube.server.addresses import plain_address
from wxcube.server.connection import (
    PAUSE,
    RESET,
    WRITE,
    Connection,
    Direct,
    OpenConnections,
)
from wxcube.server.messages import Later, Reply, Request
from wxcube.settings import LimitSettings

BODY_LIMIT = LimitSettings().body_bytes
"""Largest request body in bytes by default; for a larger one the response is HTTP 413."""
PLAIN_TEXT = "text/plain; charset=utf-8"
ANY_ADDRESS = "::"
"""The host that means every address of this machine, IPv6 and IPv4."""
PATH_SHOWN = 200
"""Characters of a path in logs: callers choose it."""
COMPRESSED_FROM = 1_400
"""Bytes of a body from which on it is compressed; a shorter one is one packet anyway."""
_GZIP = re.compile(rb"(?:^|[,\s])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))", re.IGNORECASE)
_SWITCH_SECONDS = 0.0001
_OTHER_DESCRIPTORS = 128
"""Descriptors kept free for the database, logs and libraries."""

_OBJECTS = 20_000
"""Objects more than before, after which garbage is collected."""

_log = structlog.get_logger()

T = TypeVar("T")
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


def beginning(handler: RequestHandler) -> Callable[[Request], Reply]:
    """What gives a handler's reply without waiting: its `begin` if it has one."""
    begin: Callable[[Request], Reply] = getattr(handler, "begin", handler.handle)
    return begin


def asgi(
    handler: RequestHandler,
    clock: Clock | None = None,
    *,
    body_bytes: int = BODY_LIMIT,
    compresses: bool = False,
    on_shutdown: Callable[[], Awaitable[None]] | None = None,
) -> AsgiApp:
    """The ASGI application of a request handler.

    The Date header is the time of `clock`, by default of this machine. A reply with `sent_bytes` is
    sent with its full content length and then cut off. With `compresses`, long bodies are sent by
    gzip to whoever accepts that. The server needs the extension `RESET` to close a connection
    without a response.
    """
    dated_by = clock or SystemClock()
    begin = beginning(handler)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await handle_lifespan(receive, send, on_shutdown)
        elif scope["type"] == "http":
            is_long = _length(scope.get("headers", ())) > body_bytes
            body = None if is_long else await _read_body(receive, body_bytes)
            if body is None:
                await _send(send, Reply(status=413), dated_by.now())
                return
            with _logging_faults(scope["path"]):
                reply = begin(_request(scope, body))
                await _respond(reply, dated_by, compresses, scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    return application


@contextmanager
def _logging_faults(path: str) -> Iterator[None]:
    """Log a fault of the application: the server answers HTTP 500 and is silent."""
    try:
        yield
    except Exception:
        _log_fault(path)
        raise


def _log_fault(path: str) -> None:
    _log.exception("http.failed", path=path[:PATH_SHOWN])


_FAULT = Reply(
    b"Internal Server Error",
    status=500,
    content_type="text/plain; charset=utf-8",
    closes_connection=True,
)


class DirectCalls:
    """A request handler for POST requests below a path, which a connection calls itself."""

    def __init__(self, handler: RequestHandler, clock: Clock, prefix: str = "/datacube/") -> None:
        self.prefix = prefix.encode()
        self._begin = beginning(handler)
        self._clock = clock

    def reply(self, request: Request) -> Reply:
        """The reply to a request; it may have to be waited for. Never raises."""
        try:
            reply = self._begin(request)
        except Exception:  # noqa: BLE001 - it is logged
            _log_fault(request.path)
            return _FAULT
        is_short = len(reply.body) < COMPRESSED_FROM
        return reply if is_short else self._as_accepted(reply, request.headers)

    def waited_for(self, request: Request, later: Later) -> Reply:
        """The reply that was waited for, which is sent whole and at once. Never raises."""
        try:
            return self._as_accepted(later.make(later.done), request.headers)
        except Exception:  # noqa: BLE001 - it is logged
            _log_fault(request.path)
            return _FAULT

    def _as_accepted(self, reply: Reply, headers: Iterable[tuple[bytes, bytes]]) -> Reply:
        """The reply, compressed if that pays and the caller accepts it, perhaps later."""
        if not _is_to_compress(reply, headers):
            return reply
        if reply.is_slow_to_compress:
            return Reply(later=Later.by_task(_compressed_once(reply)))
        return reply.compressed

    def whole(self, reply: Reply) -> bytes:
        """A plain reply as it is sent now."""
        date = _date_text(int(self._clock.now().timestamp()))
        return b"%bdate: %b\r\n\r\n%b" % (reply.head, date, reply.body)

    def app(self, reply: Reply) -> AsgiApp:
        """The application that sends a reply."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            # one that is here already is as the caller accepts it
            compresses = reply.later is not None
            with _logging_faults(scope["path"]):
                await _respond(reply, self._clock, compresses, scope, receive, send)

        return application


async def handle_lifespan(
    receive: Receive, send: Send, on_shutdown: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Agree to the server's start and stop; `on_shutdown` ends what the application began."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown" and on_shutdown:
            await on_shutdown()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _respond(
    reply: Reply,
    clock: Clock,
    compresses: bool,  # noqa: FBT001
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    if reply.later:
        reply = await reply.later.wait()
    if compresses and _is_to_compress(reply, scope["headers"]):
        reply = (await _compressed_once(reply)).compressed
    if reply.is_plain and _write(scope, reply, clock.now()):
        pause_after(scope, reply.pause_seconds)
        return
    if reply.delay_seconds:
        await asyncio.sleep(reply.delay_seconds)
    if reply.is_reset:
        await _reset(scope, receive)
    else:
        await _send(send, reply, clock.now())
        pause_after(scope, reply.pause_seconds)


def pause_after(scope: Scope, seconds: float) -> None:
    """Receive nothing from a caller for a time, after the response; nothing behind a proxy."""
    if seconds and (pause := scope.get("extensions", {}).get(PAUSE)):
        pause(seconds)


async def _compressed_once(reply: Reply) -> Reply:
    """The same reply, which knows its compressed form; a large one is compressed on a thread."""
    if reply.is_slow_to_compress:
        await asyncio.to_thread(getattr, reply, "compressed")
    return reply


def _is_to_compress(reply: Reply, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return len(reply.body) >= COMPRESSED_FROM and _accepts_gzip(headers)


def _accepts_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    accepted = (value for name, value in headers if name == b"accept-encoding")
    return any(_GZIP.search(value) for value in accepted)


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The length of a body as its headers say; 0 if they do not."""
    text = next((value for name, value in headers if name == b"content-length"), b"0")
    return int(text) if text.isdigit() else 0


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
    return b"date", _date_text(int(now.timestamp()))


@lru_cache(maxsize=8)
def _date_text(seconds: int) -> bytes:
    """PERF: a busy server sends thousands of responses in a second."""
    return formatdate(seconds, usegmt=True).encode()


def _hyphenated(value: bytes) -> bytes:
    """A Date with hyphens between day, month and year."""
    weekday, day, month, rest = value.split(b" ", 3)
    return b"%b %b-%b-%b" % (weekday, day, month, rest)


def _write(scope: Scope, reply: Reply, now: datetime) -> bool:
    """Send a whole reply, if the server can do so at once."""
    write = scope.get("extensions", {}).get(WRITE)
    if write is None:
        return False
    date = _date_text(int(now.timestamp()))
    return bool(write(reply.status, b"%bdate: %b\r\n" % (reply.head, date), reply.body))


async def _send(send: Send, reply: Reply, now: datetime) -> None:
    headers = reply.undated_headers
    if reply.clock_error_seconds is not None:
        name, value = date_header(now + timedelta(seconds=reply.clock_error_seconds))
        headers.insert(1, (name, _hyphenated(value) if reply.hyphenated_date else value))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    cut = reply.sent_bytes is not None
    part = reply.body[: reply.sent_bytes] if cut else reply.body
    await send({"type": "http.response.body", "body": part, "more_body": cut})


async def send_text(send: Send, status: int, text: str, content_type: str = PLAIN_TEXT) -> None:
    """Send a text that must not be cached, with the Date of this machine."""
    body = text.encode()
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        date_header(SystemClock().now()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


UNIX = "unix:"
"""The beginning of the host that means a socket in the file system."""


def listen_at(address: str) -> socket.socket:
    """A socket that listens at HOST:PORT, [IPV6]:PORT or unix:FILE.

    A file is one that only its user can reach; one that nobody listens at any more is replaced.

    Raises:  SettingsError if the address cannot be used.
    """
    if address.startswith(UNIX):
        return _listen_at_file(Path(address.removeprefix(UNIX)).expanduser())
    host, _colon, port = address.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 1 << 16):
        raise SettingsError(
            _("{address!r} is not an address to listen on", address=address),
            hint=_("write it as 127.0.0.1:8301 or unix:/run/wxcube/admin.sock"),
        )
    return listen(host.strip("[]"), int(port), hint=_("choose another --admin address"))


def _listen_at_file(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _is_answered(path):
            path.unlink()
        # the mode is that of the time of binding
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            _("cannot listen on {path}: {reason}", path=path, reason=error.strerror or error),
            hint=_("choose another file"),
        ) from error
    return listener


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def listen(host: str, port: int, *, hint: Message | None = None) -> socket.socket:
    """A listening socket; port 0 means any free port, and :: every address, also of IPv4.

    Raises:  SettingsError if the address cannot be used, with a hint what to do.
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
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            _("cannot listen on {host}:{port}: {reason}", host=host, port=port, reason=reason),
            hint=hint or _("choose another --host or --port"),
        ) from error
    return listener


def url_of(listener: socket.socket, *, is_encrypted: bool = False) -> str:
    """The HTTP URL of a listening socket; of one in the file system, its address."""
    if listener.family is socket.AF_UNIX:
        return f"{UNIX}{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    scheme = "https" if is_encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


Limits = LimitSettings | Callable[[], LimitSettings]
"""The limits of a server, or what gives those that hold now."""
Proxies = Sequence[str] | Callable[[], Sequence[str]]
"""Addresses of proxies that name the caller, or what gives those that are trusted now."""
Directly = Direct | Callable[[], Direct | None] | None
"""What answers without the application, or what gives it for a new connection."""


class _Server(uvicorn.Server):
    """A server that calls `on_ready` once it accepts requests; Ctrl-C stops it from then on."""

    def __init__(
        self,
        app: AsgiApp,
        limits: Limits,
        on_ready: Callable[[], None] | None = None,
        trusted_proxies: Proxies = (),
        tls: ssl.SSLContext | None = None,
        direct: Directly = None,
    ) -> None:
        current = limits if callable(limits) else partial(_same, limits)
        trusted = trusted_proxies if callable(trusted_proxies) else partial(_same, trusted_proxies)
        directly = direct if callable(direct) else partial(_same, direct)
        first = current()
        others = OpenConnections()

        def connection(**uvicorn: Any) -> Connection:
            limits, is_proxied = current(), bool(trusted())
            others.limit = _affordable(limits.connections)
            # what names the caller is around the application
            direct = None if is_proxied else directly()
            return Connection(
                limits=limits, others=others, direct=direct, is_proxied=is_proxied, **uvicorn
            )

        config = uvicorn.Config(
            _with_proxies(app, trusted),
            http=connection,  # type: ignore[arg-type] # a function instead of a class
            ssl_context_factory=(lambda _config, _default: tls) if tls else None,
            log_config=None,
            # applications log their own faults
            log_level="critical",
            access_log=False,
            server_header=False,
            # applications send the Date of their own clock
            date_header=False,
            # ours are those that are trusted now
            proxy_headers=False,
            timeout_graceful_shutdown=first.drain_seconds,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._on_ready:
            self._on_ready()


def _same(value: T) -> T:
    return value


def _with_proxies(app: AsgiApp, trusted: Callable[[], Sequence[str]]) -> AsgiApp:
    """The application with the callers that trusted proxies name.

    Without a proxy, callers could choose their own address.
    """
    proxies: Sequence[str] = ()
    named: Any = app

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal proxies, named
        if (current := tuple(trusted())) != proxies:
            proxies = current
            named = ProxyHeadersMiddleware(app, list(current)) if current else app  # type: ignore[arg-type] # of ASGI
        await named(scope, receive, send)

    return application


def _affordable(connections: int) -> int:
    """A number of connections that leaves descriptors for the rest of the process."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(min(connections, soft - _OTHER_DESCRIPTORS), 1)


def serve_forever(  # noqa: PLR0913 - all but two by keyword
    app: AsgiApp,
    listener: socket.socket,
    *,
    limits: Limits | None = None,
    trusted_proxies: Proxies = (),
    tls: ssl.SSLContext | None = None,
    on_ready: Callable[[str], None] | None = None,
    direct: Directly = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. Calls `on_ready` with the URL once it accepts requests.

    What `direct` answers passes by the application, and so by its access log; see `LoggedCalls`.
    """
    url = url_of(listener, is_encrypted=tls is not None)
    ready = partial(on_ready, url) if on_ready else None
    server = _Server(app, limits or LimitSettings(), ready, trusted_proxies, tls, direct)
    _let_nothing_hold_up_the_loop()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _let_nothing_hold_up_the_loop() -> None:
    # a thread at work keeps the event loop waiting for so long, whenever it has something to do
    sys.setswitchinterval(_SWITCH_SECONDS)
    # a full collection would visit all that was imported, which takes 50 ms
    gc.collect()
    gc.freeze()
    # PERF: requests that wait for their answers are looked at again and again; none is garbage
    gc.set_threshold(_OBJECTS)


class RunningServer:
    """A server in a thread, running inside its `with` block; `url` is its base URL.

    By default it listens on a free port of the loopback interface, and stops after a second.
    `listener` is a socket to use instead.
    """

    def __init__(  # noqa: PLR0913 - most by keyword
        self,
        app: AsgiApp,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits | None = None,
        *,
        listener: socket.socket | None = None,
        trusted_proxies: Proxies = (),
        tls: ssl.SSLContext | None = None,
        direct: Directly = None,
    ) -> None:
        self._app = app
        self._listener = listener or listen(host, port)
        self.url = url_of(self._listener, is_encrypted=tls is not None)
        limits = limits or LimitSettings(drain_seconds=1)
        self._server = _Server(app, limits, trusted_proxies=trusted_proxies, tls=tls, direct=direct)
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
