"""Ingestion of a request body of JSON lines: checked in batches, stored as a whole."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wxcube.events.intake.admission import Admitted
from wxcube.events.intake.batches import MAX_REPORTED, OnError, renumbered
from wxcube.events.intake.lines import MAX_LINES, Lines
from wxcube.events.intake.refusal import DeadLetterFile, Refusal

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
        for batch in Lines(body.removeprefix(BYTE_ORDER_MARK)).batches(MAX_LINES):
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
    ingested.dead_letters = file.path if file else None
    ingested.accepted = sum(one.events for one in valid)
    ingested.written = [store.append(one) for one in valid]
    return ingested


def _dead_letter_file(store: EventStore, origin: str, files: ExitStack) -> DeadLetterFile:
    return files.enter_context(store.dead_letters.new_file(origin, store.now()))


def _add_refused(ingested: IngestedBody, refused: tuple[Refusal, ...]) -> None:
    ingested.refused_count += len(refused)
    ingested.refused += refused[: MAX_REPORTED - len(ingested.refused)]
