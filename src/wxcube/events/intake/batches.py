"""Batches taken in: what becomes of bad lines, and what is told about each batch."""

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
from wxcube.events.intake.files import Piece
from wxcube.events.intake.lines import Lines
from wxcube.events.intake.refusal import Refusal

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore

MOST_IN_FLIGHT = 8
"""Batches of a file that are on their way to the disk at once."""


class OnError(StrEnum):
    """What to do with a batch that has a bad line."""

    REJECT = "reject"
    """Store nothing of it."""
    SKIP = "skip"
    """Store the rest, and keep the bad lines in a dead-letter file."""


@dataclass(frozen=True)
class Receipt:
    """What becomes of a batch; it is acknowledged when `written` has ended well."""

    accepted: int
    refused: tuple[Refusal, ...] = ()
    dead_letters: Path | None = None
    written: Future[None] | None = field(default=None, repr=False)

    @property
    def is_rejected(self) -> bool:
        """Whether nothing of the batch is stored because of its bad lines."""
        return bool(self.refused) and self.written is None


def take_in(store: EventStore, admitted: Admitted, on_error: OnError, origin: str) -> Receipt:
    """Begin to store a batch as the caller wants it; its dead letters are on the disk already.

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
    """How far a file is taken in: its acknowledged lines and events, and what was refused."""

    lines: int = 0
    events: int = 0
    refused: list[Refusal] = field(default_factory=list)
    refused_count: int = 0
    dead_letters: list[Path] = field(default_factory=list)
    is_rejected: bool = False


MOST_LINES = 100_000
"""Lines of a file that are checked at once; two megabytes of events have some ten thousand."""
MOST_TOLD = 100
"""Refused lines of a file that are told one by one; all of them are in the dead-letter files."""


def ingest(
    store: EventStore,
    parts: Iterable[Piece],
    on_error: OnError,
    origin: str,
    on_progress: Callable[[Ingested], None] = lambda _: None,
) -> Ingested:
    """Take a file's pieces in; stops at the first rejected one.

    `on_progress` is called whenever further lines are acknowledged, that is, on the disk.

    Raises:  EventStoreError if the disk does not take a piece; what was acknowledged is stored.
    """
    done = Ingested()
    on_way: deque[tuple[Piece, Receipt]] = deque()
    try:
        for piece in _of_few_lines(parts):
            receipt = take_in(store, _admitted(store, piece), on_error, origin)
            _note(done, receipt)
            if receipt.is_rejected:
                break
            on_way.append((piece, receipt))
            while len(on_way) > MOST_IN_FLIGHT or (on_way and _is_written(on_way[0])):
                _acknowledge(done, *on_way.popleft(), on_progress)
    finally:
        while on_way:
            _acknowledge(done, *on_way.popleft(), on_progress)
    return done


def _of_few_lines(parts: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces; those of JSON lines that have very many are cut."""
    for piece in parts:
        if piece.records is not None or piece.last_line - piece.first_line < MOST_LINES:
            yield piece
            continue
        for part in Lines(piece.lines).parts(MOST_LINES):
            first, last = (piece.first_line + number - 1 for number in part[:2])
            yield replace(piece, first_line=first, last_line=last, lines=part.content)


def _admitted(store: EventStore, piece: Piece) -> Admitted:
    if piece.records is not None:
        return store.admit_records(piece.records)
    admitted = store.admit(piece.lines)
    if not admitted.refused:
        return admitted
    shift = piece.first_line - 1
    refused = tuple(msgspec.structs.replace(one, line=one.line + shift) for one in admitted.refused)
    return replace(admitted, refused=refused)


def _note(done: Ingested, receipt: Receipt) -> None:
    done.refused_count += len(receipt.refused)
    done.refused += receipt.refused[: MOST_TOLD - len(done.refused)]
    done.is_rejected |= receipt.is_rejected
    if receipt.dead_letters:
        done.dead_letters.append(receipt.dead_letters)


def _is_written(waiting: tuple[Piece, Receipt]) -> bool:
    return waiting[1].written is None or waiting[1].written.done()


def _acknowledge(
    done: Ingested, piece: Piece, receipt: Receipt, on_progress: Callable[[Ingested], None]
) -> None:
    if receipt.written:
        receipt.written.result()
    done.lines = piece.last_line
    done.events += receipt.accepted
    on_progress(done)
