"""The proxy in front of a message server, and the target of a mirror.

The proxy passes every byte on as it comes, in both directions, and only reads along: what it does
not understand, or refuses to record, still reaches the server behind and is answered by it.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import httptools

from wxcube.tap.recorder import Recorded, Recorder
from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.reply_check import MAX_REPLY, TIMEOUT_SECONDS, is_valid_reply

BACKLOG = 2_048
_BUFFERED = 1 << 18
"""Bytes of a caller that wait for the connection to the server behind."""
_ADDRESS_SECONDS = 30.0
"""How long the address of the server behind is used before it is looked up again."""
_HEAD_BYTES = 1 << 16
"""Bytes of headers, or of a chunked body's trailers, that are read; a server allows fewer."""
_CHECK_SECONDS = 0.02
_MIRRORED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-content-type-options: nosniff\r\n"
    b"content-length: %d\r\n\r\n%b"
)
_INTERIM = 200
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_LENGTHS = frozenset(map(len, {b"date", *_FRAMING}))


@dataclass(frozen=True)
class Upstream:
    """The server behind."""

    host: str
    port: int
    is_encrypted: bool = False

    @classmethod
    def of(cls, url: str) -> Upstream:
        """The server of a URL without a path."""
        parts = urlsplit(url)
        is_encrypted = parts.scheme == "https"
        port = parts.port or (443 if is_encrypted else 80)
        return cls(parts.hostname or "", port, is_encrypted)


class Relay:
    """What all connections share: the recorder, the spool, and the way to the server behind."""

    def __init__(
        self, recorder: Recorder, flush: Callable[[], None], upstream: Upstream | None = None
    ) -> None:
        self.recorder = recorder
        self.flush = flush
        self.upstream = upstream
        self.callers: set[Caller] = set()
        self.awaited = 0
        """Requests that the server behind has not replied to."""
        self.loop = asyncio.get_running_loop()
        self._tls = ssl.create_default_context() if upstream and upstream.is_encrypted else None
        self._address = ""
        self._found_at = -_ADDRESS_SECONDS
        self._is_flushing = False

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """A connection to the server behind.

        Raises:  OSError if there is none.
        """
        upstream = self.upstream
        if upstream is None:
            return
        name = upstream.host if self._tls else None
        try:
            await self.loop.create_connection(
                lambda: protocol,
                await self._resolve(upstream),
                upstream.port,
                ssl=self._tls,
                server_hostname=name,
            )
        except OSError:
            self._found_at = -_ADDRESS_SECONDS
            raise

    async def _resolve(self, upstream: Upstream) -> str:
        now = self.loop.time()
        if now - self._found_at > _ADDRESS_SECONDS:
            found = await self.loop.getaddrinfo(upstream.host, upstream.port)
            # a name with an IPv6 and an IPv4 address: a server usually listens on the latter
            self._address = min((str(one[4][0]) for one in found), key=lambda one: ":" in one)
            self._found_at = now
        return self._address

    def flush_soon(self) -> None:
        """Write what has been recorded once the events of this moment are handled."""
        if not self._is_flushing:
            self._is_flushing = True
            self.loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._is_flushing = False
        self.flush()


@dataclass(slots=True)
class _Exchange:
    """A request, and what is known of its reply."""

    started: float
    method: bytes = b""
    query: str = ""
    date: str = ""
    body: bytearray = field(default_factory=bytearray)
    is_too_large: bool = False
    recorded: Recorded | None = None
    timer: asyncio.TimerHandle | None = None
    is_over: bool = False
    """Whether the reply has been recorded."""


class _Requests:
    """Reads along with what a caller sends."""

    def __init__(self, relay: Relay, begin: Callable[[_Exchange], None]) -> None:
        self._relay = relay
        self._begin = begin
        self._parser = httptools.HttpRequestParser(self)
        self._limit = relay.recorder.message_bytes
        self._exchange = _Exchange(0.0)
        self._url = b""
        self._framing = b""
        """The headers that say how long a body is."""
        self._head_bytes = 0
        self.is_reading = True

    def feed(self, content: bytes) -> None:
        """Read further bytes; nothing more after an error or a CONNECT."""
        while content and self.is_reading:
            self._head_bytes += len(content)
            try:
                self._parser.feed_data(content)
                content = b""
            except httptools.HttpParserError:
                self._end(Reason.MALFORMED, "not HTTP")
                return
            except httptools.HttpParserUpgrade as offer:
                content = self._without_offer() + content[offer.args[0] :]
            if self._head_bytes > _HEAD_BYTES:
                self._end(Reason.TOO_LARGE, "headers")

    def _end(self, reason: Reason, detail: str) -> None:
        self.is_reading = False
        self._relay.recorder.refuse(RefusedError(reason, detail))

    def _without_offer(self) -> bytes:
        """The head of the request again, for a parser that reads the body too.

        Java's client offers HTTP/2 with its first request, and servers seldom accept. The parser
        expects that they do, and leaves the body unread.
        """
        self._parser = httptools.HttpRequestParser(self)
        one = self._exchange
        head = b"%b %b HTTP/1.1\r\n%bdate: %b\r\n\r\n"
        return head % (one.method, self._url, self._framing, one.date.encode("latin-1"))

    def on_message_begin(self) -> None:
        self._exchange = _Exchange(self._relay.loop.time())
        self._url = self._framing = b""
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        # a query of such a length is left unread anyway
        if len(self._url) <= self._limit:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # PERF: few names have these lengths
        if len(name) not in _LENGTHS:
            return
        lower = name.lower()
        if lower == b"date":
            self._exchange.date = value.decode("latin-1")
        elif lower in _FRAMING:
            self._framing += b"%b: %b\r\n" % (name, value)

    def on_headers_complete(self) -> None:
        self._exchange.method = self._parser.get_method()
        query = self._url.partition(b"?")[2]
        self._exchange.query = query.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        exchange = self._exchange
        if len(exchange.body) + len(body) > self._limit:
            exchange.is_too_large = True
        else:
            exchange.body += body

    def on_message_complete(self) -> None:
        if self._exchange.method == b"CONNECT":
            self.is_reading = False
        elif self._parser.should_upgrade():
            return
        self._begin(self._exchange)


class _Replies:
    """Reads along with what the server behind replies."""

    def __init__(self, finish: Callable[[bool], None], is_to_head: Callable[[], bool]) -> None:
        self._finish = finish
        self._is_to_head = is_to_head
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._encoding = ""
        self._has_length = self.is_open = False
        self.is_reading = True

    def feed(self, content: bytes) -> None:
        """Read further bytes; nothing more after an error."""
        if not self.is_reading:
            return
        try:
            self._parser.feed_data(content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.is_reading = False
        if self.is_open and self._is_to_head():
            # the parser would wait for the body that its headers announce
            self._parser = httptools.HttpResponseParser(self)
            self.is_open = False
            self._finish(False)

    def end(self) -> None:
        """The connection is closed, which ends a reply without a length."""
        if self.is_open and not self._has_length and self.is_reading:
            self.on_message_complete()

    def on_message_begin(self) -> None:
        self._body = bytearray()
        self._encoding, self._has_length, self.is_open = "", False, False

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower in {b"content-length", b"transfer-encoding"}:
            self._has_length = True
        elif lower == b"content-encoding":
            self._encoding = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.is_open = True

    def on_body(self, body: bytes) -> None:
        if len(self._body) <= MAX_REPLY:
            self._body += body

    def on_message_complete(self) -> None:
        self.is_open = False
        status = self._parser.get_status_code()
        if status >= _INTERIM:
            is_short = len(self._body) <= MAX_REPLY
            self._finish(is_short and is_valid_reply(status, bytes(self._body), self._encoding))


class _Behind(asyncio.Protocol):
    """The connection to the server behind."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._replies = _Replies(caller.finish, caller.awaits_head)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._caller.reach(self.transport)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        # recorded first: what is answered is never lost
        self._replies.feed(data)
        self._caller.is_answering = self._replies.is_open
        self._caller.answer(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._replies.end()
        self._caller.close(is_broken=exc is not None)

    def pause_writing(self) -> None:
        self._caller.pause(is_paused=True)

    def resume_writing(self) -> None:
        self._caller.pause(is_paused=False)


class Caller(asyncio.Protocol):
    """A connection from WeChat, or from the server that passes its callbacks on."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._requests = _Requests(relay, self._begin)
        self._waiting: deque[_Exchange] = deque()
        self._early: deque[bool] = deque()
        """Replies that came before their requests were complete."""
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._behind: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._has_ended = self._is_dead = False
        self.is_answering = False
        """Whether a part of the reply to the oldest request has come."""

    # --- what the caller sends -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to connect to the server behind."""
        self._transport = transport  # type: ignore[assignment]
        self._relay.callers.add(self)
        if self._relay.upstream:
            self._connecting = self._relay.loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self._relay.connect(_Behind(self))
        except (OSError, ssl.SSLError):
            self._is_dead = True
            # the request is recorded first: WeChat counts it, whoever answers
            wait = 0.0 if self._waiting else TIMEOUT_SECONDS
            self._relay.loop.call_later(wait, self.close)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, and read along."""
        if self._behind:
            self._behind.write(data)
        elif self._relay.upstream and not self._is_dead:
            self._unsent.append(data)
            self._unsent_bytes += len(data)
            if self._unsent_bytes > _BUFFERED:
                self.pause(is_paused=True)
        self._requests.feed(data)
        if not self._relay.upstream and not self._requests.is_reading and self._transport:
            # a mirror's target cannot answer what it does not read
            self._transport.close()

    def eof_received(self) -> bool:
        """Pass on that the caller sends no more; the connection stays open for the reply."""
        # who sends no more before the reply comes has usually left, as WeChat after five seconds;
        # a reply is passed on all the same
        self._has_ended = True
        for exchange in list(self._waiting)[self.is_answering :]:
            self._record(exchange, is_ok=False)
        if self._behind:
            self._end_behind(self._behind)
        return self._relay.upstream is not None and not self._is_dead

    def _end_behind(self, behind: asyncio.Transport) -> None:
        if behind.can_write_eof():
            behind.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """End the connection to the server behind; what has no reply has failed."""
        self._transport = None
        self._relay.callers.discard(self)
        if self._connecting and not self._connecting.done():
            self._connecting.cancel()
        if self._behind:
            self._behind.close()
        self._fail_all()

    def pause_writing(self) -> None:
        """Read nothing more to be answered while the caller is slower."""
        if answering := self._behind or self._transport:
            with suppress(RuntimeError):
                answering.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        if answering := self._behind or self._transport:
            with suppress(RuntimeError):
                answering.resume_reading()

    # --- what the server behind does -------------------------------------------------------------

    def reach(self, behind: asyncio.Transport) -> None:
        """The server behind is connected."""
        if self._transport is None:
            behind.abort()
            return
        self._behind = behind
        if self._unsent:
            behind.write(b"".join(self._unsent))
            self._unsent.clear()
        if self._has_ended:
            self._end_behind(behind)
        if self._unsent_bytes > _BUFFERED:
            self.pause(is_paused=False)

    def answer(self, data: bytes) -> None:
        """Pass on what the server behind replied."""
        if self._transport:
            self._transport.write(data)

    def close(self, *, is_broken: bool = False) -> None:
        """The connection to the server behind has ended: so does this one."""
        self._fail_all()
        if self._transport is None:
            return
        if is_broken or self._is_dead:
            self._transport.abort()
        else:
            self._transport.close()

    def abort(self) -> None:
        """End both connections."""
        for transport in (self._transport, self._behind):
            if transport:
                transport.abort()

    def pause(self, *, is_paused: bool) -> None:
        """Read nothing of the caller while the server behind is slower."""
        if self._transport:
            with suppress(RuntimeError):
                (self._transport.pause_reading if is_paused else self._transport.resume_reading)()

    # --- what is recorded ------------------------------------------------------------------------

    def _begin(self, exchange: _Exchange) -> None:
        """A request is complete."""
        recorder = self._relay.recorder
        echo = b""
        if exchange.method == b"GET":
            echo = recorder.verification(exchange.query)
        elif exchange.method == b"POST" and exchange.is_too_large:
            recorder.refuse(RefusedError(Reason.TOO_LARGE))
        elif exchange.method == b"POST":
            body = bytes(exchange.body)
            exchange.recorded = recorder.push(exchange.query, body, exchange.date)
        # a server that does not reply may let many requests wait
        exchange.body = bytearray()
        if self._relay.upstream is None:
            self._answer_mirrored(echo)
            return
        self._waiting.append(exchange)
        self._relay.awaited += 1
        if exchange.recorded:
            exchange.timer = self._relay.loop.call_later(
                TIMEOUT_SECONDS, partial(self._record, exchange, is_ok=False)
            )
            self._relay.flush_soon()
        if self._early:
            self.finish(self._early.popleft())
        if self._is_dead:
            self.close()

    def _answer_mirrored(self, echo: bytes) -> None:
        self._relay.flush()
        if self._transport:
            self._transport.write(_MIRRORED % (len(echo), echo))

    def awaits_head(self) -> bool:
        """Whether the next reply is one to HEAD, which has no body."""
        return bool(self._waiting) and self._waiting[0].method == b"HEAD"

    def finish(self, is_valid: bool) -> None:  # noqa: FBT001 - the parser calls it so
        """The server behind has replied to the oldest request."""
        if self._waiting:
            self._record(self._next(), is_ok=is_valid)
        elif self._requests.is_reading:
            self._early.append(is_valid)

    def _fail_all(self) -> None:
        while self._waiting:
            self._record(self._next(), is_ok=False)

    def _next(self) -> _Exchange:
        self._relay.awaited -= 1
        return self._waiting.popleft()

    def _record(self, exchange: _Exchange, *, is_ok: bool) -> None:
        if exchange.timer:
            exchange.timer.cancel()
        if exchange.recorded and not exchange.is_over:
            exchange.is_over = True
            seconds = self._relay.loop.time() - exchange.started
            is_ok = is_ok and seconds <= TIMEOUT_SECONDS
            self._relay.recorder.reply(exchange.recorded, round(seconds * 1000), is_ok=is_ok)
            self._relay.flush()


async def serve(
    relay: Relay, listener: socket.socket, stopped: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Serve until `stopped` is set; requests that await a reply then have time to get it."""
    server = await relay.loop.create_server(partial(Caller, relay), sock=listener, backlog=BACKLOG)
    on_ready()
    await stopped.wait()
    server.close()
    deadline = relay.loop.time() + TIMEOUT_SECONDS
    while relay.awaited and relay.loop.time() < deadline:  # noqa: ASYNC110 - at the end only
        await asyncio.sleep(_CHECK_SECONDS)
    for caller in list(relay.callers):
        caller.abort()
    # connections need a turn of the loop to end
    await asyncio.sleep(_CHECK_SECONDS)


def prepare_process() -> None:
    """Allow many connections, and keep the garbage collector from what lives as long as this.

    PERF: a full collection visits every imported module, which takes 40 ms.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.collect()
    gc.freeze()


def event_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop that is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
