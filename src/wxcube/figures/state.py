"""The state of the points of a figure: final, still changing, or missing for a reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from wxcube.contract.source import Origin
from wxcube.warehouse.aggregates import Entries
from wxcube.warehouse.coverage import State


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of a day, or of a week or month of days."""

    state: State
    origin: Origin | None = None
    """Where its rows are from; None without rows."""
    revision: int = 0
    """How often its figures changed after they were final."""
    days: int = 1
    """Days of it whose figures are known."""
    of_days: int = 1

    @property
    def is_moving(self) -> bool:
        """Whether there are figures that can still change."""
        return self.state is State.MOVING

    @property
    def is_whole(self) -> bool:
        """Whether the figures of all its days are known and final."""
        return self.days == self.of_days and not self.is_moving


NEVER = Mark(State.NEVER, days=0)
"""A day that was never requested."""
_WORST = (
    State.FAILED,
    State.REFUSED,
    State.NEVER,
    State.WAITING,
    State.MOVING,
    State.EMPTY,
    State.FINAL,
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many days of a range have figures."""

    days: int
    of_days: int
    moving: int = 0
    """Days whose figures can still change."""

    @property
    def is_whole(self) -> bool:
        """Whether all days are there and final: only then a period may be compared in percent."""
        return self.days == self.of_days and not self.moving


@cache
def mark_of(entries: Entries, origin: Origin | None) -> Mark:
    """The mark of a day from its entries in the ledger; `origin` is where its rows are from."""
    by_origin = {entry.origin: entry for entry in entries}
    if origin is None:
        known = next((by_origin[one] for one in Origin if one in by_origin), None)
        if known is None:
            return NEVER
        return Mark(known.state, None, known.revision, days=int(known.state is State.EMPTY))
    if origin not in by_origin:
        return Mark(State.FINAL if origin is Origin.IMPORT else State.MOVING, origin)
    entry = by_origin[origin]
    state = State.FINAL if entry.state is State.FINAL else State.MOVING
    return Mark(state, origin, entry.revision)


def merged(marks: Sequence[Mark], of_days: int) -> Mark:
    """The mark of a period: as bad as its worst day."""
    if not marks:
        return Mark(State.NEVER, days=0, of_days=of_days)
    origins = [mark.origin for mark in marks if mark.origin]
    known = [mark for mark in marks if mark.days]
    is_moving = any(mark.is_moving for mark in known)
    worst = min((mark.state for mark in known or marks), key=_WORST.index)
    return Mark(
        State.MOVING if is_moving else worst,
        origins[-1] if origins else None,
        sum(mark.revision for mark in marks),
        sum(mark.days for mark in marks),
        of_days,
    )


def coverage(marks: Mapping[tuple[str, date], Mark]) -> Coverage:
    """How many of some days have figures."""
    return Coverage(
        sum(mark.days for mark in marks.values()),
        sum(mark.of_days for mark in marks.values()),
        sum(mark.is_moving for mark in marks.values()),
    )
