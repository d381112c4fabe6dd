"""POST /events: batches of own events over HTTP, acknowledged when they are on the disk.

One call carries JSON lines (`application/x-ndjson`) and the header `Authorization: Bearer <token>`.
`?on_error=reject` (the default) stores nothing of a batch with a bad line, `?on_error=skip` stores
the rest and keeps the bad lines in a dead-letter file. Sending a batch again is harmless.
"""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog

from wxcube.errors import EventStoreError
from wxcube.events.intake.batches import OnError
from wxcube.events.intake.body import Taken, take_body
from wxcube.events.store import EventStore
from wxcube.server.http import AsgiApp, Receive, Scope, Send
from wxcube.settings import Secret

PATH = "/events"
CONTENT_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ORIGIN = "http"
_SMALL_BYTES = 1 << 16
"""A body up to this size is checked at once, a larger one in a thread beside the others."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Head:
    """What a call says before its body; repr leaves out what may be secret."""

    method: str
    query: str = field(default="", repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def on_error(self) -> str:
        """The caller's wish for batches with bad lines."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return next((value for name, value in pairs if name == "on_error"), OnError.REJECT.value)

    @property
    def content_type(self) -> str:
        """The media type of the body, in small letters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and what is told with it, as JSON."""

    status: int
    content: dict[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()


class EventsApi:
    """Takes batches in for a store, from callers that know the token."""

    def __init__(self, store: EventStore, token: Secret, body_limit: int) -> None:
        self._store = store
        self._token = token.reveal().encode()
        self.body_limit = body_limit

    def refusal(self, head: Head) -> Answer | None:
        """Why a call is not let in, told before its body is read."""
        if not self._is_known(head):
            return _told(401, "the token is missing or wrong", (b"www-authenticate", b"Bearer"))
        if head.method != "POST":
            return _told(405, "events are sent with POST", (b"allow", b"POST"))
        if head.content_type not in CONTENT_TYPES:
            return _told(415, f"the content type must be {CONTENT_TYPES[0]}")
        if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
            return _told(415, "the body must not be packed")
        if head.on_error not in set(OnError):
            return _told(400, "on_error is reject or skip")
        length = head.headers.get("content-length", "0")
        return self.too_large() if not length.isdigit() or self._is_over(int(length)) else None

    def too_large(self) -> Answer:
        """The answer to a body beyond the limit."""
        return _told(413, f"a batch has at most {self.body_limit} bytes; send smaller ones")

    async def answer(self, head: Head, body: bytes) -> Answer:
        """Store a batch; the answer comes when it is on the disk, or says why it is not."""
        try:
            return _receipt(await self._take_in(body, OnError(head.on_error)))
        except EventStoreError as error:
            _log.error("events.refused", reason=error.message)
            return _told(503, f"{error.message}; {error.hint}", (b"retry-after", b"30"))

    async def _take_in(self, body: bytes, on_error: OnError) -> Taken:
        if len(body) > _SMALL_BYTES:
            taken = await asyncio.to_thread(take_body, self._store, body, on_error, ORIGIN)
        else:
            taken = take_body(self._store, body, on_error, ORIGIN)
        for written in taken.written:
            await asyncio.wrap_future(written)
        return taken

    def _is_known(self, head: Head) -> bool:
        kind, _, token = head.headers.get("authorization", "").partition(" ")
        # headers are read as Latin-1, of whatever encoding their bytes are
        given = token.strip().encode("latin-1", "replace")
        return kind.lower() == "bearer" and hmac.compare_digest(given, self._token)

    def _is_over(self, length: int) -> bool:
        return length > self.body_limit


def with_events(app: AsgiApp, events: EventsApi) -> AsgiApp:
    """The application that also takes events in, at POST /events."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            with suppress(ConnectionAbortedError):
                await _send(send, await _answer(events, scope, receive))
        else:
            await app(scope, receive, send)

    return application


async def _answer(events: EventsApi, scope: Scope, receive: Receive) -> Answer:
    head = Head(
        method=scope["method"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers={n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]},
    )
    refusal = events.refusal(head)
    if refusal:
        return refusal
    body = await _body(receive, events.body_limit)
    return events.too_large() if body is None else await events.answer(head, body)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, None beyond the limit.

    Raises:  ConnectionAbortedError if the caller left before its end.
    """
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        parts += message.get("body", b"")
        if len(parts) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(parts)


async def _send(send: Send, answer: Answer) -> None:
    body = msgspec.json.encode(answer.content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _told(status: int, error: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, {"error": error, "accepted": 0}, headers)


def _receipt(taken: Taken) -> Answer:
    content: dict[str, Any] = {"accepted": taken.accepted, "refused": taken.refused_count}
    if taken.refused:
        content["errors"] = [{"line": r.line, "reason": r.reason} for r in taken.refused]
    if taken.dead_letters:
        content["dead_letters"] = taken.dead_letters.name
    return Answer(422 if taken.is_rejected else 200, content)
