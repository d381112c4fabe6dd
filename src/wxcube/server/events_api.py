"""POST /events: batches of your events over HTTP, acknowledged when they are durable on disk.

A request has JSON Lines (`application/x-ndjson`) and the header `Authorization: Bearer <token>`.
`?on_error=reject` (the default) stores nothing of a batch with an invalid line, `?on_error=skip`
stores the others and writes the invalid lines to a dead-letter file. Sending a batch again is safe.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog

from wxcube.beijing import SystemClock
from wxcube.errors import EventStoreError
from wxcube.events.intake.batches import OnError
from wxcube.events.intake.body import IngestedBody, ingest_body
from wxcube.events.store.store import EventStore
from wxcube.server.http import AsgiApp, Receive, Scope, Send, date_header, pause_after
from wxcube.settings import LimitSettings, Secret

PATH = "/events"
CONTENT_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
ORIGIN = "http"
_SMALL_BYTES = 1 << 16
"""Bodies up to this size are checked in the event loop, larger ones in a worker thread."""
_PAUSE_SECONDS = 1.0
"""How long a sender of a batch with too many invalid lines waits for its next one."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request without its body; repr omits what may be secret."""

    method: str
    query: str = field(default="", repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def on_error(self) -> str:
        """How to treat batches with invalid lines."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        return next((value for name, value in pairs if name == "on_error"), OnError.REJECT.value)

    @property
    def content_type(self) -> str:
        """The media type of the body, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP status and its JSON content."""

    status: int
    content: dict[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    pause_seconds: float = 0.0
    """How long nothing more is received from this sender, after the response."""


class EventsApi:
    """Ingests batches into a store, from callers with the token."""

    def __init__(
        self,
        store: EventStore,
        token: Secret,
        body_limit: int,
        bad_lines: int = LimitSettings().bad_lines,
    ) -> None:
        self._store = store
        self._token = token.reveal().encode()
        self.body_limit = body_limit
        self._bad_lines = bad_lines
        self._room = _Room(body_limit)
        self._checking = asyncio.Lock()

    def refusal(self, head: RequestHead) -> Response | None:
        """The response to a request that is refused before its body is read."""
        if not self._is_authorized(head):
            return _error(401, "the token is missing or wrong", (b"www-authenticate", b"Bearer"))
        if head.method != "POST":
            return _error(405, "events are sent with POST", (b"allow", b"POST"))
        if head.content_type not in CONTENT_TYPES:
            return _error(415, f"the content type must be {CONTENT_TYPES[0]}")
        if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
            return _error(415, "the body must not be packed")
        if head.on_error not in set(OnError):
            return _error(400, "on_error is reject or skip")
        length = head.headers.get("content-length", "0")
        return self.too_large() if not length.isdigit() or int(length) > self.body_limit else None

    def too_large(self) -> Response:
        """The response to a body over the limit."""
        return _error(413, f"a batch has at most {self.body_limit} bytes; send smaller ones")

    def room(self, head: RequestHead) -> AbstractAsyncContextManager[object]:
        """What a request holds while its body is in memory, which is not received before."""
        size = int(head.headers.get("content-length", self.body_limit))
        return nullcontext() if size <= _SMALL_BYTES else self._room.taken(size)

    async def handle(self, head: RequestHead, body: bytes) -> Response:
        """Store a batch; the response is sent when it is durable, or has failed."""
        try:
            return _receipt(await self._ingest(body, OnError(head.on_error)))
        except EventStoreError as error:
            _log.error("events.refused", reason=error.message)
            return _error(503, f"{error.message}; {error.hint}", (b"retry-after", b"30"))

    async def _ingest(self, body: bytes, on_error: OnError) -> IngestedBody:
        ingest = partial(ingest_body, self._store, body, on_error, ORIGIN, self._bad_lines)
        if len(body) > _SMALL_BYTES:
            # several at once are not faster, and hold up the event loop
            async with self._checking:
                ingested = await asyncio.to_thread(ingest)
        else:
            ingested = ingest()
        for written in ingested.written:
            await asyncio.wrap_future(written)
        return ingested

    def _is_authorized(self, head: RequestHead) -> bool:
        kind, _, token = head.headers.get("authorization", "").partition(" ")
        # headers are decoded as Latin-1, whatever the encoding of their bytes
        raw_token = token.strip().encode("latin-1", "replace")
        return kind.lower() == "bearer" and hmac.compare_digest(raw_token, self._token)


class _Room:
    """Bytes of memory that bodies share; each waits until there are enough for it."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Hold a part of it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            async with self._changed:
                self._changed.notify_all()


def with_events(app: AsgiApp, events: EventsApi) -> AsgiApp:
    """The application with POST /events added."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            with suppress(ConnectionAbortedError):
                response = await _respond(events, scope, receive)
                await _send(send, response)
                pause_after(scope, response.pause_seconds)
        else:
            await app(scope, receive, send)

    return application


async def _respond(events: EventsApi, scope: Scope, receive: Receive) -> Response:
    head = RequestHead(
        method=scope["method"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers={n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]},
    )
    refusal = events.refusal(head)
    if refusal:
        return refusal
    async with events.room(head):
        body = await _read_body(receive, events.body_limit)
        return events.too_large() if body is None else await events.handle(head, body)


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, None if it is over the limit.

    Raises:  ConnectionAbortedError if the caller disconnects.
    """
    body = BytesIO()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        body.write(message.get("body", b""))
        if body.tell() > limit:
            return None
        if not message.get("more_body", False):
            # PERF: without a copy
            return body.getvalue()


async def _send(send: Send, response: Response) -> None:
    body = msgspec.json.encode(response.content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        date_header(SystemClock().now()),
        *response.headers,
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _error(status: int, error: str, *headers: tuple[bytes, bytes]) -> Response:
    return Response(status, {"error": error, "accepted": 0}, headers)


def _receipt(ingested: IngestedBody) -> Response:
    content: dict[str, Any] = {"accepted": ingested.accepted, "refused": ingested.refused_count}
    if ingested.refused:
        content["errors"] = [{"line": r.line, "reason": str(r.reason)} for r in ingested.refused]
    if ingested.is_cut:
        content["error"] = "too many lines are invalid: nothing is stored, the rest is not checked"
    if ingested.dead_letters:
        content["dead_letters"] = ingested.dead_letters.name
    pause_seconds = _PAUSE_SECONDS if ingested.is_cut else 0.0
    return Response(422 if ingested.is_rejected else 200, content, pause_seconds=pause_seconds)
