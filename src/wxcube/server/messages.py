"""Requests, replies, and the state of a call while it is processed."""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from wxcube.contract.codes import ERRCODES, reply_error
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import ReplyError
from wxcube.server.backend import App

JSON_TYPE = "application/json; encoding=utf-8"
"""WECHAT: `encoding` instead of `charset`, as in a header that was observed."""
_ONLY_TOKEN = re.compile(r"access_token=([\w.~-]+)", re.ASCII).fullmatch


@dataclass(slots=True)  # PERF: frozen ones take three times as long to make
class Request:
    """An HTTP request with its whole body; repr omits what may contain secrets."""

    method: str
    path: str
    query: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    client: str = "127.0.0.1"
    """The address of the caller."""
    server: str = ""
    """The address of this machine that the caller reached."""
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    """Names in lower case, and values."""

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, empty if it is absent."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return next((value for key, value in pairs if key == name), "")

    def header(self, name: str) -> str:
        """The value of a header, empty if it is absent."""
        wanted = name.encode()
        values = (value for key, value in self.headers if key == wanted)
        return next(values, b"").decode("latin-1")

    @property
    def token(self) -> str:
        """The access token in the query, empty if it is absent."""
        # PERF: most queries are nothing but a token, which needs no decoding
        alone = _ONLY_TOKEN(self.query)
        return alone[1] if alone else self.parameter("access_token")


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


@dataclass(slots=True)
class Call:
    """A request and what is known about it so far; filled in while it is processed."""

    request: Request
    at: datetime
    app: App | None = None
    endpoint: Endpoint[Any] | None = None
    window: Window | None = None


def json_reply(content: object, *, rows: int = 0) -> Reply:
    """A successful reply with this content as JSON."""
    return Reply(msgspec.json.encode(content), rows=rows)


def refusal(errcode: int) -> ReplyError:
    """The error with this errcode and WeChat's own errmsg for it."""
    known = ERRCODES.get(errcode)
    return reply_error(errcode, known.errmsg if known else "error")
