"""What the next build of the cube would do, without doing any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.incremental import watermark
from wxcube.cube.incremental.ledger import FILE, Ledger
from wxcube.cube.incremental.schedule import QUIET, NumberedCell, changed
from wxcube.cube.incremental.watermark import KEEPS_NOTHING, Watermark
from wxcube.errors import EngineError
from wxcube.events.store import backlog
from wxcube.events.store.retention import FACTS
from wxcube.events.store.segment import Frame
from wxcube.events.store.store import EventStore


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


def outlook(store: EventStore, last: date, mark: Watermark | None) -> Outlook:
    """What a build of all accounts through `last` would do into a warehouse with this mark.

    Cost:    reads the log.
    """
    built, through, is_left = _known(store, mark)
    cells = _changed(store, built, last)
    return Outlook(
        through=day_of_number(through) if through is not None else None,
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
    revisions = {(day_number(d), g): r for (d, g), r in store.revisions().items()}
    return changed(revisions, built, day_number(last))


def _days(cells: Mapping[NumberedCell, int]) -> list[date]:
    days = {day for (day, _), revision in cells.items() if revision != QUIET}
    return [day_of_number(day) for day in sorted(days)]


def _known(
    store: EventStore, mark: Watermark | None
) -> tuple[dict[NumberedCell, int], int | None, bool]:
    """The cells that are built, the day through which all are, whether a build was broken off."""
    folder = store.folder / FACTS
    if not (folder / FILE).exists():
        return {}, None, False
    with Ledger(folder, is_reader=True) as ledger:
        built, is_left = ledger.built(), bool(ledger.pending())
        through = {group: day for group, (day, _) in ledger.through().items() if day is not None}
        first = min(ledger.first_days(through).values(), default=0)
        is_there = watermark.is_as_left(ledger.watermark(), mark)
    if not is_there:
        since = watermark.first_days((day_number(day), group) for day, group in store.revisions())
        again, quiet = watermark.taken_back(built, since)
        built = {cell: built[cell] for cell in built.keys() - set(quiet)} | again
        through |= watermark.taken_back_through(through, since)
    end = min(through.values(), default=None)
    return built, None if end is None or end < first else end, is_left


def _waiting(store: EventStore) -> int:
    parts = backlog.waiting(store.folder, store.manifest().consumed)
    return sum(part.events for _, part in parts if isinstance(part, Frame))
