"""An HTTP response, and what happens while it is sent."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus

JSON_TYPE = "application/json; encoding=utf-8"
"""WECHAT: `encoding` instead of `charset`, as in a header that was observed."""


@dataclass(frozen=True)
class Reply:
    """An HTTP response, with its errcode and number of rows for the journal."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    content_type: str = JSON_TYPE
    errcode: int = 0
    rows: int = 0
    delay_seconds: float = 0.0
    """Delay before the response is sent."""
    sent_bytes: int | None = None
    """Bytes of the body to send before the connection is closed; None means all."""
    clock_error_seconds: float | None = 0.0
    """The error of the Date header; None means that there is no such header."""
    hyphenated_date: bool = False
    """Whether the Date header has hyphens, as WeChat has sent it: Thu, 22-Feb-2018 08:00:00 GMT."""
    closes_connection: bool = False
    """Whether the connection is closed after the response, which then says so."""
    is_reset: bool = False
    """Whether the connection is closed without a response."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Further headers: names in lower case, and values."""
    later: Callable[[], Awaitable[Reply]] | None = field(default=None, repr=False)
    """What gives the reply itself, after waiting for something; this one is then empty."""

    @cached_property
    def head(self) -> bytes:
        """The status line and all headers but Date, as they are sent."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}".encode()]
        lines += [b"%b: %b" % header for header in self.undated_headers]
        return b"".join(b"%b\r\n" % line for line in lines)

    @property
    def undated_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers but Date."""
        headers = [(b"content-length", str(len(self.body)).encode())]
        if self.closes_connection:
            headers.append((b"connection", b"close"))
        if self.body:
            headers.append((b"content-type", self.content_type.encode()))
        return [*headers, *self.headers]

    @cached_property
    def compressed(self) -> Reply:
        """The same reply, compressed by gzip."""
        body = gzip.compress(self.body, compresslevel=5, mtime=0)
        headers = (*self.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
        return replace(self, body=body, headers=headers)

    @cached_property
    def is_plain(self) -> bool:
        """Whether it is sent whole, at once, with the right Date, and nothing else happens."""
        return (
            self.later is None
            and not (self.delay_seconds or self.is_reset or self.hyphenated_date)
            and self.sent_bytes is None
            and self.clock_error_seconds == 0
            and not self.closes_connection
        )
