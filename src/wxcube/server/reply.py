"""An HTTP response, and what happens while it is sent."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Any, Self

_Headers = tuple[tuple[bytes, bytes], ...]
_LENGTH = b"content-length"
JSON_TYPE = "application/json; encoding=utf-8"
"""WECHAT: `encoding` instead of `charset`, as in a header that was observed."""
_SLOW_TO_COMPRESS = 1 << 16
"""Bytes of a body from which on compressing takes a millisecond or more."""
_COMPRESSED = "_compressed"


@dataclass(frozen=True, slots=True)
class Later:
    """A reply that has to be waited for.

    PERF: what is done to it on the way to the caller needs no task and no future of its own.
    """

    done: asyncio.Future[Any]
    """What it is made of; all who wait for the same may share it, so that nobody cancels it."""
    make: Callable[[asyncio.Future[Any]], Reply]
    """The reply, once that is done."""

    @classmethod
    def of(cls, done: asyncio.Future[Reply]) -> Self:
        """The reply that is the result of a future."""
        return cls(done, asyncio.Future.result)

    @classmethod
    def by_task(cls, work: Coroutine[Any, Any, Reply]) -> Self:
        """The reply that a coroutine gives, which begins to run."""
        return cls.of(asyncio.create_task(work))

    async def wait(self) -> Reply:
        """The reply.

        Raises:  what making it raises.
        """
        await asyncio.wait([self.done])
        return self.make(self.done)


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
    pause_seconds: float = 0.0
    """How long nothing more is received from this caller, after the response."""
    is_reset: bool = False
    """Whether the connection is closed without a response."""
    headers: _Headers = ()
    """Further headers: names in lower case, and values."""
    later: Later | None = field(default=None, repr=False)
    """The reply itself, for which one has to wait; this one is then empty."""

    @cached_property
    def head(self) -> bytes:
        """The status line and all headers but Date, as they are sent."""
        begin, end = _around_length(self.status, self._other_headers)
        return b"%b%d%b" % (begin, len(self.body), end)

    @property
    def undated_headers(self) -> list[tuple[bytes, bytes]]:
        """All headers but Date."""
        return [(_LENGTH, str(len(self.body)).encode()), *self._other_headers]

    @property
    def _other_headers(self) -> _Headers:
        headers = self.headers
        if self.body:
            headers = ((b"content-type", self.content_type.encode()), *headers)
        return ((b"connection", b"close"), *headers) if self.closes_connection else headers

    @property
    def is_slow_to_compress(self) -> bool:
        """Whether others would notice that it is compressed; it is compressed once."""
        return len(self.body) >= _SLOW_TO_COMPRESS and _COMPRESSED not in self.__dict__

    @property
    def compressed(self) -> Reply:
        """The same reply, compressed by gzip."""
        # not a cached property: its lock would make other replies wait for a large one
        known: Reply | None = self.__dict__.get(_COMPRESSED)
        return known or self.__dict__.setdefault(_COMPRESSED, self._compress())

    def _compress(self) -> Reply:
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


@lru_cache(maxsize=1_024)
def _around_length(status: int, headers: _Headers) -> tuple[bytes, bytes]:
    """What is before and after the length of a body. PERF: many replies differ in nothing else."""
    begin = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode() + _LENGTH + b": "
    return begin, b"\r\n" + b"".join(b"%b: %b\r\n" % header for header in headers)
