"""WeChat's wire format: requests for windows, and the bodies of replies; no input or output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec

from wxcube.contract.encoding import encode_answer
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.errors import ShapeError, TransportError
from wxcube.i18n import NOTHING, Message, _, verbatim

SHORTEST_TOKEN = 16

_TEMPORARY = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to WeChat; its repr shows neither tokens nor secrets."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    title: Message = NOTHING
    """The name of the request in errors, if the path may contain a secret too."""

    @property
    def name(self) -> Message:
        """The name of the request in errors."""
        return self.title or verbatim(self.path)

    @property
    def target(self) -> str:
        """Path and query, as in the request line."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply."""

    status: int
    body: bytes = field(repr=False)
    date: datetime | None = None
    """The time of the server's clock, if the reply has it."""


def request(
    endpoint: Endpoint[Any], window: Window, token: str, params: Mapping[str, object] | None = None
) -> Request:
    """The call of an endpoint for a window."""
    body = {"begin_date": window.first, "end_date": window.last, **(params or {})}
    return Request(endpoint.path, {"access_token": token}, msgspec.json.encode(body))


def encode(endpoint: Endpoint[RowT], rows: Sequence[RowT], *, is_delay: bool = False) -> bytes:
    """The body of WeChat's reply with these rows."""
    return encode_answer(endpoint, rows, is_delay=is_delay)


def without_token(reply: Reply, token: str) -> Reply:
    """The reply with the token removed, in case the server repeated it.

    This keeps it out of errors and stored replies; strings too short for a token are not removed.
    """
    if len(token) < SHORTEST_TOKEN:
        return reply
    return replace(reply, body=reply.body.replace(token.encode(), b"[token]"))


def body_of(reply: Reply, request: Request) -> bytes:
    """The body of the reply to a request, regardless of the charset in its header.

    Raises:  TransportError for a temporary HTTP status, ShapeError for any other but 200.
    """
    if reply.status == HTTPStatus.OK:
        return reply.body
    message = _("{request}: HTTP {status}", request=request.name, status=reply.status)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in _TEMPORARY:
        raise TransportError(message, hint=_("it may be temporary; try again later"))
    raise ShapeError(message, hint=_STATUS_HINTS.get(reply.status, NOTHING), body=reply.body)


_STATUS_HINTS: dict[int, Message] = {
    HTTPStatus.NOT_FOUND: _("the server has no such path: check base_url"),
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: _("check the user and password of the proxy"),
}
