"""One call as this server sees it: the request, the reply, and what became known between them."""

from __future__ import annotations

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

JSON_TYPE = "application/json; encoding=utf-8"
"""WECHAT: `encoding` instead of `charset`, as one seen header has it."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, read to its end; repr leaves query and body out, they may hold secrets."""

    method: str
    path: str
    query: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    client: str = "127.0.0.1"

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, empty when it is absent."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return next((value for key, value in pairs if key == name), "")

    @property
    def token(self) -> str:
        """The access token of the query, empty when it is absent."""
        return self.parameter("access_token")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, and what it holds for those who count calls."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    content_type: str = JSON_TYPE
    errcode: int = 0
    rows: int = 0
    delay_seconds: float = 0.0
    """How long the answer is held back."""
    sent_bytes: int | None = None
    """How much of the body is sent before the connection breaks; None is all of it."""


@dataclass(slots=True)
class Call:
    """What is known of a call so far; filled in while it is answered."""

    request: Request
    at: datetime
    app: App | None = None
    endpoint: Endpoint[Any] | None = None
    window: Window | None = None


def reply_of(content: object, *, rows: int = 0) -> Reply:
    """A good answer with this content as JSON."""
    return Reply(msgspec.json.encode(content), rows=rows)


def refuse(errcode: int) -> ReplyError:
    """The refusal with this errcode and WeChat's own text for it."""
    known = ERRCODES.get(errcode)
    return reply_error(errcode, known.errmsg if known else "error")
