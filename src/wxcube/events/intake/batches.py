"""Ingestion of files, batch by batch: refused lines, acknowledgement, and progress."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxcube.events.intake.admission import Admitted
from wxcube.events.intake.files import FileBatch
from wxcube.events.intake.lines import Lines
from wxcube.events.intake.refusal import Refusal

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore

MAX_IN_FLIGHT = 8
"""Batches of a file that are being written concurrently."""
MAX_LINES = 100_000
"""Lines of a file per batch; two megabytes of events are about ten thousand."""
MAX_REPORTED = 100
"""Refused lines of a file that are reported singly; the dead-letter files have all of them."""


class OnError(StrEnum):
    """What to do with a batch that has a bad line."""

    REJECT = "reject"
    """Store nothing of the batch."""
    SKIP = "skip"
    """Store the valid lines, and write the bad ones to a dead-letter file."""


@dataclass(frozen=True)
class Receipt:
    """The outcome of a batch; it is acknowledged once `written` has succeeded."""

    accepted: int
    refused: tuple[Refusal, ...] = ()
    dead_letters: Path | None = None
    written: Future[None] | None = field(default=None, repr=False)

    @property
    def is_rejected(self) -> bool:
        """Whether nothing of the batch is stored because of its bad lines."""
        return bool(self.refused) and self.written is None


def store_batch(store: EventStore, admitted: Admitted, on_error: OnError, origin: str) -> Receipt:
    """Begin to store a batch; its dead letters are on the disk on return.

    Raises:  EventStoreError if the dead letters cannot be written; nothing is stored then.
    """
    if not admitted.refused:
        return Receipt(admitted.events, written=store.append(admitted))
    if on_error is OnError.REJECT:
        return Receipt(0, admitted.refused)
    path = store.dead_letters.write(admitted.refused, origin, store.now())
    return Receipt(admitted.events, admitted.refused, path, store.append(admitted))


@dataclass
class Ingested:
    """The progress of a file: its acknowledged lines and events, and its refused lines."""

    lines: int = 0
    events: int = 0
    refused: list[Refusal] = field(default_factory=list)
    refused_count: int = 0
    dead_letters: list[Path] = field(default_factory=list)
    is_rejected: bool = False


def ingest(
    store: EventStore,
    batches: Iterable[FileBatch],
    on_error: OnError,
    origin: str,
    on_progress: Callable[[Ingested], None] = lambda _: None,
) -> Ingested:
    """Store the batches of a file, up to the first rejected one.

    `on_progress` is called whenever further lines are acknowledged, that is, on the disk.

    Raises:  EventStoreError if a batch cannot be written; what was acknowledged is stored.
    """
    progress = Ingested()
    in_flight: deque[tuple[FileBatch, Receipt]] = deque()
    try:
        for batch in _split(batches):
            receipt = store_batch(store, _admit(store, batch), on_error, origin)
            _add_refused(progress, receipt)
            if receipt.is_rejected:
                break
            in_flight.append((batch, receipt))
            while len(in_flight) > MAX_IN_FLIGHT or (in_flight and _is_written(in_flight[0])):
                _acknowledge(progress, *in_flight.popleft(), on_progress)
    finally:
        while in_flight:
            _acknowledge(progress, *in_flight.popleft(), on_progress)
    return progress


def _split(batches: Iterable[FileBatch]) -> Iterator[FileBatch]:
    """The batches, with those of too many JSON lines split."""
    for batch in batches:
        if (
            batch.records is not None
            or batch.refused
            or batch.last_line - batch.first_line < MAX_LINES
        ):
            yield batch
            continue
        before = batch.first_line - 1
        for part in Lines(batch.lines).batches(MAX_LINES):
            yield replace(
                batch,
                first_line=before + part.first,
                last_line=before + part.last,
                lines=part.content,
            )


def _admit(store: EventStore, batch: FileBatch) -> Admitted:
    if batch.refused:
        return Admitted(dict, 0, batch.refused)
    if batch.records is not None:
        return store.admit_records(batch.records)
    admitted = store.admit(batch.lines)
    if not admitted.refused:
        return admitted
    return replace(admitted, refused=renumbered(admitted.refused, batch.first_line - 1))


def renumbered(refused: tuple[Refusal, ...], before: int) -> tuple[Refusal, ...]:
    """Refused lines, numbered in a file that has `before` lines ahead of their batch."""
    if not before:
        return refused
    return tuple(msgspec.structs.replace(one, line=one.line + before) for one in refused)


def _add_refused(progress: Ingested, receipt: Receipt) -> None:
    progress.refused_count += len(receipt.refused)
    progress.refused += receipt.refused[: MAX_REPORTED - len(progress.refused)]
    progress.is_rejected |= receipt.is_rejected
    if receipt.dead_letters:
        progress.dead_letters.append(receipt.dead_letters)


def _is_written(waiting: tuple[FileBatch, Receipt]) -> bool:
    return waiting[1].written is None or waiting[1].written.done()


def _acknowledge(
    progress: Ingested,
    batch: FileBatch,
    receipt: Receipt,
    on_progress: Callable[[Ingested], None],
) -> None:
    if receipt.written:
        receipt.written.result()
    progress.lines = batch.last_line
    progress.events += receipt.accepted
    on_progress(progress)
