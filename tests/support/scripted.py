"""A small server, as an ASGI application: a function answers, and every request is recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as the server received it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def first(self) -> str:
        return str(self.content["begin_date"])

    @property
    def last(self) -> str:
        return str(self.content["end_date"])


ReplyContent = Mapping[str, Any] | bytes | int
"""A reply: JSON, a body, or an HTTP status with an empty body."""


@dataclass
class Scripted:
    """Answers each request with the result of `reply`; `journal` has the requests."""

    reply: Callable[[ReceivedRequest], ReplyContent]
    delay_seconds: float = 0.0
    journal: list[ReceivedRequest] = field(default_factory=list)
    open_now: int = 0
    max_open: int = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        request = ReceivedRequest(
            scope["method"], scope["path"], _query(scope), await _body(receive)
        )
        self.journal.append(request)
        self.open_now += 1
        self.max_open = max(self.max_open, self.open_now)
        await asyncio.sleep(self.delay_seconds)
        self.open_now -= 1
        status, body = _rendered(self.reply(request))
        headers = [
            (b"content-type", b"text/plain; charset=gbk"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.journal]


def in_turn(*replies: ReplyContent) -> Callable[[ReceivedRequest], ReplyContent]:
    """These answers, one per request; one more request is an error of the test."""
    remaining: Iterator[ReplyContent] = iter(replies)
    return lambda _: next(remaining)


def _query(scope: Message) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode()))


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _rendered(reply: ReplyContent) -> tuple[int, bytes]:
    if isinstance(reply, int):
        return reply, b""
    return 200, reply if isinstance(reply, bytes) else json.dumps(reply).encode()
