"""A batch of JSON lines as one body: taken in part by part, stored whole or as its caller wants."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxcube.events.intake.admission import Admitted
from wxcube.events.intake.batches import MOST_TOLD, OnError
from wxcube.events.intake.lines import MOST_LINES, Lines
from wxcube.events.intake.refusal import DeadLetter, Refusal

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class Taken:
    """What becomes of a body; it is acknowledged when all of `written` have ended well."""

    accepted: int = 0
    refused: list[Refusal] = field(default_factory=list)
    """The first bad lines."""
    refused_count: int = 0
    dead_letters: Path | None = None
    is_rejected: bool = False
    """Whether nothing is stored because of bad lines."""
    written: list[Future[None]] = field(default_factory=list, repr=False)


def take_body(store: EventStore, body: bytes, on_error: OnError, origin: str) -> Taken:
    """Begin to store a body as the caller wants it; its dead letters are on the disk already.

    Raises:  EventStoreError if the dead letters cannot be written; nothing is stored then.
    """
    taken, good = Taken(), list[Admitted]()
    with ExitStack() as held:
        letter: DeadLetter | None = None
        for part in Lines(body.removeprefix(BYTE_ORDER_MARK)).parts(MOST_LINES):
            admitted = store.admit(part.content)
            refused = _shifted(admitted.refused, part.first - 1)
            _note(taken, refused)
            if refused and on_error is OnError.SKIP:
                letter = letter or _letter(store, origin, held)
                letter.add(refused)
            taken.is_rejected |= bool(refused) and on_error is OnError.REJECT
            if taken.is_rejected:
                good.clear()
            elif admitted.events:
                good.append(replace(admitted, refused=()))
    taken.dead_letters = letter.path if letter else None
    taken.accepted = sum(one.events for one in good)
    taken.written = [store.append(one) for one in good]
    return taken


def _letter(store: EventStore, origin: str, held: ExitStack) -> DeadLetter:
    return held.enter_context(store.dead_letters.letter(origin, store.now()))


def _note(taken: Taken, refused: tuple[Refusal, ...]) -> None:
    taken.refused_count += len(refused)
    taken.refused += refused[: MOST_TOLD - len(taken.refused)]


def _shifted(refused: tuple[Refusal, ...], lines: int) -> tuple[Refusal, ...]:
    if not lines:
        return refused
    return tuple(msgspec.structs.replace(one, line=one.line + lines) for one in refused)
