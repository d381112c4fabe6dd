"""A build of the cube: from the event store to the warehouse, in chunks that fit into memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from wxcube.beijing import Clock, day_number, day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.cube.incremental.checkup import broken
from wxcube.cube.incremental.progress import Progress
from wxcube.errors import EngineError, SettingsError
from wxcube.events.columns import FAMILIES
from wxcube.events.store.retention import FACTS
from wxcube.events.store.store import EventStore
from wxcube.jobs.cube_events import StoredEvents
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse

SMALLEST_BYTES = 256 << 20
CHUNK_SHARE = 24
"""A chunk's event files are at most this part of the memory: a byte of them becomes many."""
LARGEST_CHUNK_BYTES = 80 << 20
"""Beyond this a larger chunk is no faster."""
_UNITS = {
    "": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def memory_bytes(text: str) -> int:
    """A memory limit in bytes, as "2GB" or "1.5GiB"; half the machine's where it is empty.

    Raises:  SettingsError if it is no size, or too little to work with.
    """
    if not text:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    found = _SIZE.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise SettingsError(f"{text!r} is no size of memory", hint="write it like 2GB or 512MiB")
    size = int(float(found[1]) * unit)
    if size < SMALLEST_BYTES:
        raise SettingsError(
            f"{text} is too little memory for the cube", hint="give it 256MiB or more"
        )
    return size


def chunk_bytes(memory: int) -> int:
    """How many bytes of event files are computed together within so much memory."""
    return min(memory // CHUNK_SHARE, LARGEST_CHUNK_BYTES)


@dataclass(frozen=True)
class Done:
    """What a build did."""

    days: int
    rows: int
    """Rows written, those of nested lists too."""
    left_out: Mapping[Path, str]
    """Files of events that cannot be read, and why; accounts of their groups wait."""
    again: date | None = None
    """If the warehouse was not as the newest build left it: the day from which on all is built."""
    has_lost: bool = False
    """Whether it lacks rows of days before, whose events are gone."""


def build(  # noqa: PLR0913 - what a build stands between, and what it is told
    store: EventStore,
    warehouse: Warehouse,
    *,
    open_engine: Callable[[], AbstractContextManager[OpenEngine]],
    budget_bytes: int,
    first: date | None,
    last: date,
    accounts: Sequence[str],
    clock: Clock,
    tell: Callable[[Progress], None],
) -> Done:
    """Build what changed, chunks of about `budget_bytes` of event files at a time.

    Named accounts are built together with the others of their groups. A file of events that cannot
    be read holds up the accounts of its group alone.
    """
    with store.reading():
        events = StoredEvents(store)
        sink = WarehouseSink(warehouse, events.accounts(), clock.now)
        groups = _groups(events, accounts)
        begin, end = day_number(first) if first else None, day_number(last)
        left_out: dict[Path, str] = {}
        built: set[date] = set()
        again, has_lost = None, False
        is_done = False
        while not is_done:
            with (
                open_engine() as engine,
                Build(
                    events,
                    Path(store.folder) / FACTS,
                    sink,
                    engine=engine,
                    budget_bytes=budget_bytes,
                    tell=tell,
                ) as one,
            ):
                wrong = _run(one, events, begin, end, groups)
                built |= {day for day, _ in one.built}
                again, has_lost = again or one.again, has_lost or one.has_lost
            is_done = not wrong
            for path, (group, why) in wrong.items():
                left_out[path] = why
                groups.discard(group)
    return Done(len(built), sink.rows, left_out, again, has_lost)


_Unreadable = dict[Path, tuple[int, str]]
"""Files of events that cannot be read, the group of each, and why."""


def _run(
    one: Build, events: StoredEvents, first: int | None, last: int, groups: Collection[int]
) -> _Unreadable:
    """Run a build; if it failed for files of events, these."""
    try:
        one.run(first, last, groups)
    except EngineError:
        wrong = _unreadable(events, one.changed(first, last, groups))
        if not wrong:
            raise
        return wrong
    return {}


def _unreadable(events: StoredEvents, cells: Iterable[tuple[int, int]]) -> _Unreadable:
    group_of = {
        path: group
        for day, group in cells
        for family in FAMILIES
        for path in events.files(family, day_of_number(day), group)
    }
    with DuckDbEngine(threads=1) as engine:
        wrong = dict(broken(engine, list(group_of), deep=True))
    return {path: (group_of[path], why) for path, why in wrong.items()}


def _groups(events: StoredEvents, accounts: Sequence[str]) -> set[int]:
    """The groups of accounts, all if none is named."""
    numbers = {account: number for number, account in enumerate(events.accounts())}
    unknown = [account for account in accounts if account not in numbers]
    if unknown:
        raise SettingsError(
            f"there are no events of {', '.join(unknown)}",
            hint="name accounts as the events name them",
        )
    chosen = [numbers[account] for account in accounts or numbers]
    return {number % events.group_count for number in chosen}
