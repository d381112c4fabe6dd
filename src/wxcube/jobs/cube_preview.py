"""A preview of the next build of the cube, which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.incremental import schedule
from wxcube.cube.incremental import watermark as watermarks
from wxcube.cube.incremental.ledger import FILE, Ledger
from wxcube.cube.incremental.schedule import NO_EVENTS, NumberedPartition
from wxcube.cube.incremental.watermark import STORES_NOTHING, Watermark
from wxcube.errors import EngineError
from wxcube.events.store import backlog
from wxcube.events.store.retention import FACTS
from wxcube.events.store.segment import Frame
from wxcube.events.store.store import EventStore


@dataclass(frozen=True)
class BuildPreview:
    """The state of the cube, and the work of the next build."""

    through: date | None
    """The last day of which all groups built so far have all rows."""
    changed: list[date]
    """The days with events that a build would compute, oldest first.

    A late Publish event of an article may add days during the build.
    """
    has_work: bool
    """Whether anything is to be computed: days with or without events, or pending rows."""
    waiting: int
    """The number of events in the log, which a build compacts first."""


def preview_build(store: EventStore, last: date, watermark: Watermark | None) -> BuildPreview:
    """A preview of a build of all accounts through `last`, into a database with a watermark.

    Cost:    reads the log.
    """
    built, through, pending = _state(store, watermark)
    changed = _changed(store, built, last)
    return BuildPreview(
        through=day_of_number(through) if through is not None else None,
        changed=_days(changed),
        has_work=bool(changed) or (pending is not None and pending <= day_number(last)),
        waiting=_waiting(store),
    )


def days_to_compute(store: EventStore, last: date) -> list[date] | None:
    """The days with events that a build through `last` would compute; None if they are unknown.

    The cube's ledger may be damaged, or in a read-only folder.
    """
    try:
        built, _, _ = _state(store, STORES_NOTHING)
    except EngineError:
        return None
    return _days(_changed(store, built, last))


def _changed(
    store: EventStore, built: Mapping[NumberedPartition, int], last: date
) -> Mapping[NumberedPartition, int]:
    revisions = {(day_number(d), g): r for (d, g), r in store.revisions().items()}
    return schedule.changed(revisions, built, day_number(last))


def _days(changed: Mapping[NumberedPartition, int]) -> list[date]:
    days = {day for (day, _), revision in changed.items() if revision != NO_EVENTS}
    return [day_of_number(day) for day in sorted(days)]


def _state(
    store: EventStore, watermark: Watermark | None
) -> tuple[dict[NumberedPartition, int], int | None, int | None]:
    """The built partitions, the last complete day, and the first day of pending rows."""
    folder = store.folder / FACTS
    if not (folder / FILE).exists():
        return {}, None, None
    with Ledger(folder, read_only=True) as ledger:
        built = ledger.built()
        days = (day for of in ledger.pending().values() for days in of.values() for day in days)
        pending = min(days, default=None)
        through = {group: day for group, (day, _) in ledger.through().items() if day is not None}
        first = min(ledger.first_days(through).values(), default=0)
        is_current = watermarks.is_current(ledger.watermarks(), watermark)
    if not is_current:
        since = watermarks.first_days((day_number(day), group) for day, group in store.revisions())
        rebuilt, without_events = watermarks.to_rebuild(built, since)
        built = {one: built[one] for one in built.keys() - set(without_events)} | rebuilt
        through |= watermarks.through_before_rebuild(through, since)
    end = min(through.values(), default=None)
    return built, None if end is None or end < first else end, pending


def _waiting(store: EventStore) -> int:
    batches = backlog.pending(store.folder, store.manifest().consumed)
    return sum(batch.events for _, batch in batches if isinstance(batch, Frame))
