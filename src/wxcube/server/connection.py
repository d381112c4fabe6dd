"""HTTP connections that keep to the limits, whatever a caller sends or does not read."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from wxcube.settings import LimitSettings

RESET = "wxcube.reset"
"""The extension of the ASGI scope that closes the connection: a function without arguments."""


class OpenConnections:
    """The connections of a server, at most a number of them.

    A new one beyond it takes the place of the oldest that never sent a complete request, or of the
    oldest that is not waiting for its answer.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Add a connection; it or an older one is closed if there are too many."""
        spare = self._spare() or connection if len(self._open) >= self._limit else None
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


class Connection(HttpToolsProtocol):
    """A connection with limits on what it receives, how long that takes, and how long it stalls."""

    def __init__(self, *, limits: LimitSettings, others: OpenConnections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._others = others
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
    def _unanswered(self) -> RequestResponseCycle | None:
        """The request in progress, perhaps incomplete; None if there is none."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch()
        self._others.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._others.remove(self)
        self._unwatch()
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
        else:
            self._unwatch()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_receiving = self._is_in_head = True
        super().on_message_begin()
        self.scope["extensions"] = {RESET: self.transport.abort}  # type: ignore[dict-item] # ours

    def on_headers_complete(self) -> None:
        """Begin to answer a request, or put it into the queue."""
        self._is_in_head = False
        # PERF: nearly every request arrives at once, and is shorter than its headers may be
        if not self._is_short:
            self._check_size()
        if len(self.headers) > self._limits.header_lines:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if len(self.pipeline) >= self._limits.pipelined:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS)
        super().on_headers_complete()

    def _check_size(self) -> None:
        if len(self.url) > self._limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        if sum(len(name) + len(value) for name, value in self.headers) > self._limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_complete(self) -> None:
        """End a request."""
        self._is_receiving, self.has_asked = False, True
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
