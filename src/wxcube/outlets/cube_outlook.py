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
from wxcube.sources.increment import behind
from wxcube.sources.increment.behind import KEEPS_NOTHING, Mark
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


def outlook(store: EventStore, last: date, mark: Mark | None) -> Outlook:
    """What a build of all accounts through `last` would do into a warehouse with this mark.

    Cost:    reads the log.
    """
    built, through, is_left = _known(store, mark)
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
        built, _, _ = _known(store, KEEPS_NOTHING)
    except EngineError:
        return None
    return _days(_changed(store, built, last))


def _changed(
    store: EventStore, built: Mapping[NumberedCell, int], last: date
) -> Mapping[NumberedCell, int]:
    revisions = {(number_of(d), g): r for (d, g), r in store.revisions().items()}
    return changed(revisions, built, number_of(last))


def _days(cells: Mapping[NumberedCell, int]) -> list[date]:
    days = {day for (day, _), revision in cells.items() if revision != QUIET}
    return [day_numbered(day) for day in sorted(days)]


def _known(
    store: EventStore, mark: Mark | None
) -> tuple[dict[NumberedCell, int], int | None, bool]:
    """The cells that are built, the day through which all are, whether a build was broken off."""
    folder = store.folder / FACTS
    if not (folder / FILE).exists():
        return {}, None, False
    with Ledger(folder, is_reader=True) as ledger:
        built, is_left = ledger.built(), bool(ledger.pending())
        through = {group: day for group, (day, _) in ledger.through().items() if day is not None}
        first = min(ledger.first_days(through).values(), default=0)
        is_there = behind.is_as_left(ledger.mark(), mark)
    if not is_there:
        since = behind.first_days((number_of(day), group) for day, group in store.revisions())
        again, quiet = behind.taken_back(built, since)
        built = {cell: built[cell] for cell in built.keys() - set(quiet)} | again
        through |= behind.taken_back_through(through, since)
    end = min(through.values(), default=None)
    return built, None if end is None or end < first else end, is_left


def _waiting(store: EventStore) -> int:
    parts = waiting.waiting(store.folder, store.manifest().consumed)
    return sum(part.events for _, part in parts if isinstance(part, Frame))
