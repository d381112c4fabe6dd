"""Ingestion of a request body of JSON lines: checked in batches, stored as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wxcube.events.intake.admission import Admitted
from wxcube.events.intake.batches import MAX_REPORTED, OnError, renumbered
from wxcube.events.intake.lines import LineBatch, Lines
from wxcube.events.intake.refusal import DeadLetterFile, Refusal

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BATCH_LINES, _PART_BYTES = 2_000, 1 << 19
"""What is checked at once; other threads of a server wait meanwhile."""


@dataclass
class IngestedBody:
    """The outcome of a body; it is acknowledged once all of `written` have succeeded."""

    accepted: int = 0
    refused: list[Refusal] = field(default_factory=list)
    """The first bad lines."""
    refused_count: int = 0
    dead_letters: Path | None = None
    is_rejected: bool = False
    """Whether nothing is stored because of bad lines."""
    is_cut: bool = False
    """Whether the rest was not checked, because too many lines are bad."""
    written: list[Future[None]] = field(default_factory=list, repr=False)


def ingest_body(
    store: EventStore, body: bytes, on_error: OnError, origin: str, max_refused: int
) -> IngestedBody:
    """Begin to store a body; its dead letters are on the disk on return.

    With more than `max_refused` bad lines nothing of it is stored, and the rest is not checked.

    Raises:  EventStoreError if the dead letters cannot be written; nothing is stored then.
    """
    ingested, valid = IngestedBody(), list[Admitted]()
    with ExitStack() as files:
        file: DeadLetterFile | None = None
        for batch in _batches(body.removeprefix(BYTE_ORDER_MARK)):
            admitted = store.admit(batch.content)
            refused = renumbered(admitted.refused, batch.first - 1)
            _add_refused(ingested, refused)
            ingested.is_cut = ingested.refused_count > max_refused
            if refused and on_error is OnError.SKIP and not ingested.is_cut:
                file = file or _dead_letter_file(store, origin, files)
                file.add(refused)
            ingested.is_rejected |= ingested.is_cut or bool(refused and on_error is OnError.REJECT)
            if ingested.is_rejected:
                valid.clear()
            elif admitted.events:
                valid.append(replace(admitted, refused=()))
            if ingested.is_cut:
                break
        if file and ingested.is_cut:
            # the sender has to send all of it again
            file.remove()
            file = None
    ingested.dead_letters = file.path if file else None
    ingested.accepted = sum(one.events for one in valid)
    ingested.written = [store.append(one) for one in valid]
    return ingested


def _batches(body: bytes) -> Iterator[LineBatch]:
    """The lines of a body, part by part: the places of millions of lines would take much memory."""
    start = lines = 0
    while True:
        part = _part(body, start)
        batch = LineBatch(0, 0, b"")
        for batch in Lines(part).batches(BATCH_LINES):
            yield LineBatch(lines + batch.first, lines + batch.last, batch.content)
        start, lines = start + len(part), lines + batch.last
        if start >= len(body):
            return


def _part(body: bytes, start: int) -> bytes:
    """Whole lines from a place on, as many as a part has, or one that is longer."""
    limit = start + _PART_BYTES
    if limit >= len(body):
        return body[start:]
    end = body.rfind(b"\n", start, limit) + 1 or body.find(b"\n", limit) + 1
    return body[start : end or len(body)]


def _dead_letter_file(store: EventStore, origin: str, files: ExitStack) -> DeadLetterFile:
    return files.enter_context(store.dead_letters.new_file(origin, store.now()))


def _add_refused(ingested: IngestedBody, refused: tuple[Refusal, ...]) -> None:
    ingested.refused_count += len(refused)
    ingested.refused += refused[: MAX_REPORTED - len(ingested.refused)]
