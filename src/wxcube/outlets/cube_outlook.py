"""What the next build of the cube would do, without doing any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wxcube.errors import EngineError
from wxcube.sources.events import waiting
from wxcube.sources.events.retention import FACTS
from wxcube.sources.events.segment import Frame
from wxcube.sources.events.store import EventStore
from wxcube.sources.increment.behind import Kept, behind, taken_back, taken_back_through
from wxcube.sources.increment.days import QUIET, NumberedCell, changed
from wxcube.sources.increment.ledger import FILE, Ledger
from wxcube.sources.inputs import day_numbered, number_of


@dataclass(frozen=True)
class Outlook:
    """What is built, and what a build would do."""

    through: date | None
    """The day through which every group that was ever built has its rows."""
    changed: list[date]
    """Days with events that a build would compute, oldest first.

    An article that turns out to begin on another day than was known may add to them.
    """
    has_work: bool
    """Whether anything is left: such days, days without events, or what a killed build left."""
    waiting: int
    """Events in the log, of whatever days, which a build takes in first."""


def outlook(store: EventStore, last: date, kept: Kept | None = None) -> Outlook:
    """What a build of all accounts through `last` would do.

    `kept` is what the warehouse has: what it lacks is to be built too.

    Cost:    reads the log.
    """
    built, through, is_left = _known(store, kept)
    cells = _changed(store, built, last)
    return Outlook(
        through=day_numbered(through) if through is not None else None,
        changed=_days(cells),
        has_work=bool(cells) or is_left,
        waiting=_waiting(store),
    )


def days_to_compute(store: EventStore, last: date) -> list[date] | None:
    """Days with events that a build through `last` would compute; None if that cannot be known.

    The cube's ledger may be damaged, or stand in a folder that may only be read.
    """
    try:
        built, _, _ = _known(store, None)
    except EngineError:
        return None
    return _days(_changed(store, built, last))


def _changed(
    store: EventStore, built: Mapping[NumberedCell, int], last: date
) -> Mapping[NumberedCell, int]:
    return changed(_revisions(store), built, number_of(last))


def _revisions(store: EventStore) -> dict[NumberedCell, int]:
    return {(number_of(d), g): r for (d, g), r in store.revisions().items()}


def _days(cells: Mapping[NumberedCell, int]) -> list[date]:
    days = {day for (day, _), revision in cells.items() if revision != QUIET}
    return [day_numbered(day) for day in sorted(days)]


def _known(
    store: EventStore, kept: Kept | None
) -> tuple[dict[NumberedCell, int], int | None, bool]:
    """The cells that are built, the day through which all are, whether a build was broken off."""
    folder = store.folder / FACTS
    if not (folder / FILE).exists():
        return {}, None, False
    with Ledger(folder, is_reader=True) as ledger:
        remembered = ledger.remembered()
    built = dict(remembered.built)
    through = {group: day for group, (day, _) in remembered.through.items() if day is not None}
    if kept is not None:
        found = behind(remembered, kept, _revisions(store), store.layout.groups)
        again, quiet = taken_back(built, found)
        built = {cell: built[cell] for cell in built.keys() - set(quiet)} | again
        through |= taken_back_through(remembered, found)
    end = min(through.values(), default=None)
    is_any = end is not None and end >= min(remembered.first_days.values(), default=end)
    return built, end if is_any else None, bool(remembered.pending)


def _waiting(store: EventStore) -> int:
    parts = waiting.waiting(store.folder, store.manifest().consumed)
    return sum(part.events for _, part in parts if isinstance(part, Frame))
