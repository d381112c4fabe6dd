"""Retention: which days of events and facts are kept, and the removal of older ones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from wxcube import beijing
from wxcube.events.store import manifest as state
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import locked, reported
from wxcube.events.store.manifest import Manifest
from wxcube.events.store.orphan_files import remove_unlisted

FACTS = "facts"


@dataclass(frozen=True)
class Removed:
    """What retention removed."""

    event_days: int
    events: int
    fact_days: int
    kept_from: date | None


def retain(store: Path, now: datetime, *, event_days: int | None, fact_days: int | None) -> Removed:
    """Remove events and facts older than so many days; None keeps all.

    Days count back from today, or from the newest day with events where that is earlier, so that a
    clock that runs ahead removes nothing. Facts must be kept longer than events, as EventsSettings
    sees to: a late event of the oldest day is computed with facts of the days before it.

    Raises:  EventStoreError if a file cannot be written or removed.
    """
    with locked(store / LOCK):
        manifest = state.load(store)
        newest = min(max(manifest.days, default=date.min), beijing.day_of(now))
        gone = _drop_events(manifest, newest, event_days)
        if gone:
            manifest.last_seen = now
            state.save(store, manifest)
            remove_unlisted(store, manifest)
        facts = _drop_facts(store, newest, fact_days)
    events = sum(cell.events for cells in gone for cell in cells.values())
    return Removed(len(gone), events, facts, manifest.kept_from)


def _drop_events(
    manifest: Manifest, newest: date, kept_days: int | None
) -> list[dict[int, state.Cell]]:
    first = _first_kept(newest, kept_days)
    if first is None:
        return []
    old = [day for day in manifest.days if day < first]
    if old:
        manifest.kept_from = max(first, manifest.kept_from or first)
    return [manifest.days.pop(day) for day in old]


def _drop_facts(store: Path, newest: date, kept_days: int | None) -> int:
    """Remove the files that have old days only; how many days were in them."""
    first = _first_kept(newest, kept_days)
    days = {path: _days_of(path) for path in (store / FACTS).glob("*/g*/*.parquet")}
    old = {path: span for path, span in days.items() if span and first and span[1] < first}
    for path in old:
        with reported(path, "removed"):
            path.unlink()
    gone = {begin + timedelta(days=n) for begin, end in old.values() for n in _count(begin, end)}
    return len(gone)


def _first_kept(newest: date, kept_days: int | None) -> date | None:
    if kept_days is None or newest == date.min:
        return None
    return newest - timedelta(days=kept_days - 1)


def _days_of(path: Path) -> tuple[date, date] | None:
    """The first and last day in the name of a file of facts."""
    begin, _, rest = path.name.partition("-")
    with suppress(ValueError):
        return date.fromisoformat(begin), date.fromisoformat(rest.partition("-")[0])
    return None


def _count(begin: date, end: date) -> range:
    return range((end - begin).days + 1)
