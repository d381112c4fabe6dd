"""Requests, replies, and the state of a call while it is processed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from wxcube.contract.codes import ERRCODES, reply_error
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import ReplyError
from wxcube.server.backend import App
from wxcube.server.reply import Later, Reply

__all__ = ["Call", "Later", "Reply", "Request", "json_reply", "refusal"]

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


@dataclass(slots=True)
class Call:
    """A request and what is known about it so far; filled in while it is processed."""

    request: Request
    at: datetime
    app: App | None = None
    endpoint: Endpoint[Any] | None = None
    window: Window | None = None
    may_await: bool = False
    """Whether the reply may be one that comes later."""


def json_reply(content: object, *, rows: int = 0) -> Reply:
    """A successful reply with this content as JSON."""
    return Reply(msgspec.json.encode(content), rows=rows)


def refusal(errcode: int) -> ReplyError:
    """The error with this errcode and WeChat's own errmsg for it."""
    known = ERRCODES.get(errcode)
    return reply_error(errcode, known.errmsg if known else "error")
