"""HTTP connections that keep to the limits, whatever a caller sends or does not read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from wxcube.server.addresses import plain_address
from wxcube.server.messages import Later, Reply, Request
from wxcube.settings import LimitSettings

RESET = "wxcube.reset"
"""The extension of the ASGI scope that closes the connection: a function without arguments."""
WRITE = "wxcube.write"
"""The extension that sends a whole response: `write(status, head, body) -> bool`, where the head
has the status line and the headers, without the empty line after them. False: nothing was sent."""
PAUSE = "wxcube.pause"
"""The extension that receives nothing for a time: `pause(seconds)`; not behind a proxy."""
_LAST_SECONDS = 0.25
"""How long an idle connection is open when the server stops."""
_REFUSED_SECONDS = 0.05
"""How long nothing more is received after each part of a body that was refused: reading as fast as
its caller sends would keep others waiting."""
_DIRECT_BODY = 16_384
"""Bytes of a body from which on a request is left to the application."""


class OpenConnections:
    """The connections of a server, at most a number of them.

    A new one beyond it takes the place of the oldest that never sent a complete request, or of the
    oldest that is not waiting for its answer.
    """

    def __init__(self) -> None:
        self.limit = 1
        """The number, which may change."""
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Add a connection; it or an older one is closed if there are too many."""
        spare = self._spare() or connection if len(self._open) >= self.limit else None
        self._open[connection] = None
        if spare:
            self.remove(spare)
            spare.transport.abort()

    def _spare(self) -> Connection | None:
        silent = (one for one in self._open if not one.has_asked)
        idle = (one for one in self._open if not one.awaits_answer)
        return next(silent, None) or next(idle, None)

    def remove(self, connection: Connection) -> None:
        """Remove a connection, if it is there."""
        self._open.pop(connection, None)


class Direct(Protocol):
    """What answers POST requests below a path without an ASGI application, where nothing waits."""

    prefix: bytes
    """The beginning of the paths."""

    def reply(self, request: Request) -> Reply:
        """The reply to a request; must not raise."""
        ...

    def waited_for(self, request: Request, later: Later) -> Reply:
        """The reply that was waited for, and is sent whole and at once; must not raise."""
        ...

    def whole(self, reply: Reply) -> bytes:
        """A plain reply as it is sent now."""
        ...

    def app(self, reply: Reply) -> Any:
        """The application that sends any other reply."""
        ...


class _Waiting:
    """The place of a request in its connection whose direct reply is waited for.

    It has what uvicorn looks at in the cycle of a request.
    """

    more_body = False
    message_event = asyncio.Event()
    """Nobody waits for it."""

    def __init__(self) -> None:
        self.response_complete = self.disconnected = False
        self.keep_alive = True


class Connection(HttpToolsProtocol):
    """A connection with limits on what it receives, how long that takes, and how long it stalls.

    PERF: a request that `direct` answers at once needs no scope, cycle and task.
    """

    def __init__(
        self,
        *,
        limits: LimitSettings,
        others: OpenConnections,
        direct: Direct | None = None,
        is_proxied: bool = False,
        **uvicorn: Any,
    ) -> None:
        super().__init__(**uvicorn)
        self.timeout_keep_alive = limits.idle_seconds
        self._limits = limits
        self._is_proxied = is_proxied
        """Whether the requests may be those of several callers."""
        self._others = others
        self._direct = direct
        self._is_direct = False
        """Whether the request that arrives is one that `direct` answers."""
        self._body = b""
        """What has arrived of its body."""
        self._active: RequestResponseCycle | _Waiting | None = None
        """The request that is being answered, and not at once."""
        self._idle: asyncio.TimerHandle | None = None
        """Looks from time to time whether the connection is idle."""
        self._answered_at = 0.0
        self._is_shutting_down = False
        self._address = ("127.0.0.1", "")
        self.has_asked = False
        """Whether a complete request has arrived."""
        self._is_receiving = True
        """Whether a request is expected or incomplete."""
        self._is_in_head = False
        self._head_bytes = 0
        """Received since the chunk in which an unfinished head began."""
        self._is_short = True
        """Whether the head in progress is surely within the limit."""
        self._refusal = HTTPStatus.BAD_REQUEST
        self._late: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    @property
    def awaits_answer(self) -> bool:
        """Whether a complete request is being answered to a caller that reads."""
        cycle = self._unanswered
        return cycle is not None and not cycle.more_body and not self.flow.write_paused

    @property
    def _unanswered(self) -> RequestResponseCycle | _Waiting | None:
        """The request in progress, perhaps incomplete; None if there is none."""
        cycle: RequestResponseCycle | _Waiting | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        client, server = self.client or ("127.0.0.1", 0), self.server or ("", 0)
        self._address = (plain_address(client[0]), server[0])
        self._watch()
        self._others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._others.remove(self)
        self._unwatch()
        if self._active is not None:
            # uvicorn knows only the newest request of a pipeline
            self._active.disconnected = True
            self._active.message_event.set()
            self._active = None
        if self._idle is not None:
            self._idle.cancel()
        self.resume_writing()
        super().connection_lost(exc)

    # --- receiving -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request."""
        self._is_short = not self._is_in_head and len(data) <= self._limits.header_bytes
        # the parser keeps an unfinished header without telling
        self._head_bytes = self._head_bytes + len(data) if self._is_in_head else 0
        super().data_received(data)
        if self._is_in_head and self._head_bytes > self._limits.header_bytes:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")
        elif self._is_receiving:
            self._watch()
            if self._is_refused:
                self._pause(_REFUSED_SECONDS)
        else:
            self._unwatch()

    @property
    def _is_refused(self) -> bool:
        """Whether the body that arrives was answered already, so that it is of no use."""
        cycle: RequestResponseCycle | _Waiting | None = self.cycle
        return cycle is not None and cycle.more_body and cycle.response_complete

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_receiving = self._is_in_head = True
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        # not when all have arrived: a part has room for thousands of them
        if len(self.headers) >= self._limits.header_lines:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        # PERF: as uvicorn does, without a second call for each
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer a request, or put it into the queue."""
        self._is_in_head = False
        # PERF: nearly every request arrives at once, and is shorter than its headers may be
        if not self._is_short:
            self._check_size()
        if len(self.pipeline) >= self._limits.pipelined:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)
        self._body = b""
        self._is_direct = self._is_for_direct()
        if not self._is_direct:
            self._begin()

    def _begin(self, app: Any = None) -> None:
        """Begin to answer a request by an application, this server's by default."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        self.scope["extensions"] = {RESET: self.transport.abort, WRITE: self._write}  # type: ignore[dict-item] # ours
        if not self._is_proxied:
            self.scope["extensions"][PAUSE] = self._pause  # type: ignore[assignment] # ours
        usual, self.app = self.app, app or self.app
        try:
            super().on_headers_complete()
        finally:
            self.app = usual
        if self._is_shutting_down:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def _write(self, _status: int, head: bytes, body: bytes) -> bool:
        """Send a whole response to the request that is being answered, if that is possible at once.

        PERF: `send` checks every header of every response by regular expressions.
        """
        cycle = self._active
        if not isinstance(cycle, RequestResponseCycle):
            return False
        if cycle.response_started or cycle.disconnected:
            return False
        if self.flow.write_paused or not cycle.keep_alive or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"%b\r\n%b" % (head, body))
        cycle.message_event.set()
        cycle.on_response()
        return True

    # --- requests that are answered directly -----------------------------------------------------

    def _is_for_direct(self) -> bool:
        return (
            self._direct is not None
            and self.url.startswith(self._direct.prefix)
            and self.parser.get_method() == b"POST"
            and b"%" not in self.url.partition(b"?")[0]
            and b"#" not in self.url
            and not (self.expect_100_continue or self.flow.write_paused or self._unanswered)
            and not self.parser.should_upgrade()
        )

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        if not self._is_direct:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > min(_DIRECT_BODY, self._limits.body_bytes):
            self._is_direct = False
            self._begin()
            super().on_body(self._body)

    def _answer_directly(self, direct: Direct) -> None:
        self._is_direct = False
        path, _mark, query = self.url.partition(b"?")
        request = Request(
            "POST",
            path.decode("latin-1"),
            query.decode("latin-1"),
            self._body,
            *self._address,
            self.headers,
        )
        reply = direct.reply(request)
        is_last = self._is_shutting_down or not self.parser.should_keep_alive()
        if is_last or not (reply.is_plain or reply.later) or self.flow.write_paused:
            self._begin(direct.app(reply))
            super().on_message_complete()
        elif reply.later:
            self._active = self.cycle = waiting = _Waiting()  # type: ignore[assignment] # in its place
            answer = partial(self._answer_late, direct, request, waiting, reply.later)
            reply.later.done.add_done_callback(answer)
        else:
            self._send_directly(direct, reply)

    def _answer_late(
        self,
        direct: Direct,
        request: Request,
        waiting: _Waiting,
        later: Later,
        done: asyncio.Future[Any],
    ) -> None:
        """Send a direct reply that was waited for, and go on with what arrived meanwhile."""
        if done.cancelled():
            self.transport.abort()
            return
        reply = direct.waited_for(request, later)
        if waiting.disconnected:
            return
        if reply.later:
            answer = partial(self._answer_late, direct, request, waiting, reply.later)
            reply.later.done.add_done_callback(answer)
            return
        waiting.response_complete = True
        if not waiting.keep_alive or reply.closes_connection:
            self.transport.write(direct.whole(replace(reply, closes_connection=True)))
            self.transport.close()
            return
        self._send_directly(direct, reply)
        if not reply.pause_seconds:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _send_directly(self, direct: Direct, reply: Reply) -> None:
        self.transport.write(direct.whole(reply))
        if reply.pause_seconds:
            self._pause(reply.pause_seconds)
        self.server_state.total_requests += 1
        # PERF: one timer for many requests
        self._answered_at = self.loop.time()
        if self._idle is None:
            self._idle = self.loop.call_later(self._limits.idle_seconds, self._close_if_idle)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        # the connection was not idle meanwhile, whichever way it answers
        self._answered_at = self.loop.time()
        super().on_response_complete()

    def _pause(self, seconds: float) -> None:
        """Receive nothing for a time, in which the connection counts as idle."""
        self.flow.pause_reading()
        self.loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _close_if_idle(self) -> None:
        left = self._answered_at + self._limits.idle_seconds - self.loop.time()
        is_idle = not (self._is_receiving or self._unanswered)
        if is_idle and left <= 0:
            self.timeout_keep_alive_handler()
            return
        seconds = max(left, 0) or self._limits.idle_seconds
        self._idle = self.loop.call_later(seconds, self._close_if_idle)

    def shutdown(self) -> None:
        """Close the connection, after the request that is arriving or being answered.

        An idle one has a moment more, because its caller may just be sending the next request.
        """
        self._is_shutting_down = True
        if self._unanswered:
            super().shutdown()
        else:
            self.loop.call_later(_LAST_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if not (self._unanswered or self._is_in_head or self._is_direct):
            self.transport.close()

    def _check_size(self) -> None:
        if len(self.url) > self._limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        if sum(len(name) + len(value) for name, value in self.headers) > self._limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_complete(self) -> None:
        """End a request."""
        self._is_receiving, self.has_asked = False, True
        if self._is_direct and self._direct:
            self._answer_directly(self._direct)
        else:
            super().on_message_complete()

    def _refuse(self, status: HTTPStatus) -> None:
        """Stop parsing; the parser then asks for an error response.

        Raises:  ValueError always.
        """
        self._refusal = status
        raise ValueError(status.phrase)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text
        """Close the connection, with a response unless it would be mixed with another one."""
        if self._unanswered:
            self.transport.abort()
            return
        line = f"HTTP/1.1 {self._refusal.value} {self._refusal.phrase}"
        self.transport.write(f"{line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()

    # --- time ------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Give the request a limited time to arrive."""
        if self._late is None:
            self._late = self.loop.call_later(self._limits.request_seconds, self.transport.abort)

    def _unwatch(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def pause_writing(self) -> None:
        """Give the caller a limited time to read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also if its caller did not read all."""
        self.transport.abort()
