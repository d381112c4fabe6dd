"""Retention: deletes events and facts that are older than a number of days."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from wxcube import beijing
from wxcube.events.store import manifest as state
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import file_operation, locked
from wxcube.events.store.manifest import Manifest
from wxcube.events.store.orphan_files import remove_orphans

FACTS = "facts"


@dataclass(frozen=True)
class Removed:
    """The number of days and events that retention removed."""

    event_days: int
    events: int
    fact_days: int
    kept_from: date | None


def retain(store: Path, now: datetime, *, event_days: int | None, fact_days: int | None) -> Removed:
    """Delete events and facts older than the given numbers of days; None retains all.

    Days are counted back from today, or from the newest day with events if that is earlier, so that
    a clock that is ahead deletes nothing. Facts must be retained longer than events, as
    EventsSettings ensures: a late event of the oldest day is computed with facts of earlier days.

    Raises:  EventStoreError if a file cannot be written or removed.
    """
    with locked(store / LOCK):
        manifest = state.load(store)
        newest = min(max(manifest.days, default=date.min), beijing.day_of(now))
        removed = _remove_events(manifest, newest, event_days)
        if removed:
            manifest.last_seen = now
            state.save(store, manifest)
            remove_orphans(store, manifest)
        facts = _remove_facts(store, newest, fact_days)
    events = sum(partition.events for groups in removed for partition in groups.values())
    return Removed(len(removed), events, facts, manifest.kept_from)


def _remove_events(
    manifest: Manifest, newest: date, kept_days: int | None
) -> list[dict[int, state.Partition]]:
    first = _first_kept(newest, kept_days)
    if first is None:
        return []
    old = [day for day in manifest.days if day < first]
    if old:
        manifest.kept_from = max(first, manifest.kept_from or first)
    return [manifest.days.pop(day) for day in old]


def _remove_facts(store: Path, newest: date, kept_days: int | None) -> int:
    """Remove the files that have only old days; the number of days in them."""
    first = _first_kept(newest, kept_days)
    spans = {path: _span(path) for path in (store / FACTS).glob("*/g*/*.parquet")}
    old = {path: span for path, span in spans.items() if span and first and span[1] < first}
    for path in old:
        with file_operation(path, "remove"):
            path.unlink()
    days = {begin + timedelta(days=n) for begin, end in old.values() for n in _count(begin, end)}
    return len(days)


def _first_kept(newest: date, kept_days: int | None) -> date | None:
    if kept_days is None or newest == date.min:
        return None
    return newest - timedelta(days=kept_days - 1)


def _span(path: Path) -> tuple[date, date] | None:
    """The first and last day in the name of a file of facts."""
    begin, _dash, rest = path.name.partition("-")
    with suppress(ValueError):
        return date.fromisoformat(begin), date.fromisoformat(rest.partition("-")[0])
    return None


def _count(begin: date, end: date) -> range:
    return range((end - begin).days + 1)
