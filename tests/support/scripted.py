"""A server in a few lines, as an ASGI application: a function answers, and every request is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Message = MutableMapping[str, Any]


@dataclass(frozen=True)
class Got:
    """A request as the server got it."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    @property
    def asked(self) -> Any:
        return json.loads(self.body)

    @property
    def first(self) -> str:
        return str(self.asked["begin_date"])

    @property
    def last(self) -> str:
        return str(self.asked["end_date"])


Said = Mapping[str, Any] | bytes | int
"""An answer: JSON, a body as it is, or an HTTP status with an empty body."""


@dataclass
class Scripted:
    """Answers each request with what `say` gives for it; `journal` holds the requests."""

    say: Callable[[Got], Said]
    delay_seconds: float = 0.0
    journal: list[Got] = field(default_factory=list)
    open_now: int = 0
    open_most: int = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        got = Got(scope["method"], scope["path"], _query(scope), await _body(receive))
        self.journal.append(got)
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        await asyncio.sleep(self.delay_seconds)
        self.open_now -= 1
        status, body = _rendered(self.say(got))
        headers = [
            (b"content-type", b"text/plain; charset=gbk"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @property
    def paths(self) -> list[str]:
        return [got.path for got in self.journal]


def one_after_another(*said: Said) -> Callable[[Got], Said]:
    """Give these answers in turn; a request too many is an error of the test."""
    left: Iterator[Said] = iter(said)
    return lambda _: next(left)


def _query(scope: Message) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode()))


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _rendered(said: Said) -> tuple[int, bytes]:
    if isinstance(said, int):
        return said, b""
    return 200, said if isinstance(said, bytes) else json.dumps(said).encode()
