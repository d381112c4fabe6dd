"""Builds of the cube: from the event store to the database, in chunks that fit into memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from wxcube.beijing import Clock, day_number, day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental import checkup
from wxcube.cube.incremental.build import Build
from wxcube.cube.incremental.checkup import Repair
from wxcube.cube.incremental.damage import DamagedEventsError, DamagedFactError
from wxcube.cube.incremental.ledger import wait_for_other_build
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.rollup_steps import FOLLOWERS
from wxcube.errors import EngineError, SettingsError
from wxcube.events.store.retention import FACTS
from wxcube.events.store.store import EventStore
from wxcube.i18n import Listing, _
from wxcube.jobs.cube_events import StoredEvents
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.finding import FindingGroup
from wxcube.warehouse.store import Warehouse

SMALLEST_BYTES = 256 << 20
CHUNK_SHARE = 24
"""A chunk's event files are at most this fraction of the memory: they grow when they are read."""
LARGEST_CHUNK_BYTES = 80 << 20
"""A larger chunk is not faster."""
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
    """A memory size like "2GB" or "1.5GiB" in bytes; half of the machine's memory if it is empty.

    Raises:  SettingsError if the text is not a size, or the size is too small.
    """
    if not text:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise SettingsError(
            _("{text!r} is not a memory size", text=text), hint=_("write it like 2GB or 512MiB")
        )
    size = int(float(match[1]) * unit)
    if size < SMALLEST_BYTES:
        raise SettingsError(
            _("{text} is too little memory for the cube", text=text),
            hint=_("allow 256MiB or more"),
        )
    return size


def chunk_bytes(memory: int) -> int:
    """The size of the event files that are computed together, given the memory size."""
    return min(memory // CHUNK_SHARE, LARGEST_CHUNK_BYTES)


@dataclass(frozen=True)
class EarlyStart:
    """An account whose first day with events is long before the second."""

    account: str
    first: date
    second: date

    @property
    def days(self) -> int:
        """The number of days between."""
        return (self.second - self.first).days - 1

    @property
    def rows(self) -> int:
        """The number of rows written for these days."""
        return self.days * len(FOLLOWERS)


@dataclass(frozen=True)
class BuildResult:
    """The result of a build."""

    days: int
    """The number of days built."""
    rows: int
    """The number of rows written, including those of nested lists."""
    over: date
    """The last day that was over; rows of later days still move."""
    unreadable: Mapping[Path, str]
    """Files that cannot be read, each with the reason; their groups were not built."""
    recomputed: Mapping[Path, str] = field(default_factory=dict)
    """Damaged or missing facts, each with the reason, that were recomputed from events."""
    rebuilt_from: date | None = None
    """The day from which everything was rebuilt, if the database was replaced or restored."""
    has_lost_rows: bool = False
    """Whether such a database lacks rows of earlier days, whose events were removed."""
    impossible: Sequence[FindingGroup] = ()
    """Impossible figures that were written; the ledger marks their days."""
    early_starts: Sequence[EarlyStart] = ()
    """Accounts of which the first day with events is new, and long before the second."""


def build(  # noqa: PLR0913 - the inputs, outputs and options of a build
    store: EventStore,
    warehouse: Warehouse,
    *,
    open_engine: Callable[[], AbstractContextManager[OpenEngine]],
    chunk_bytes: int,
    first: date | None,
    last: date,
    accounts: Sequence[str],
    clock: Clock,
    on_progress: Callable[[Progress], None],
    wait_seconds: float = 0,
) -> BuildResult:
    """Build the days whose events changed, in chunks of about `chunk_bytes` of event files.

    If `last` is the running day, its rows are moving: it is computed again when its events change,
    and when it is over.

    Accounts that are named are built together with the others of their groups. If a file of events
    is damaged, its group is not built. Damaged facts are recomputed from events where possible.
    Another build, such as one of a running server, has `wait_seconds` to end.
    """
    wait_for_other_build(store.folder / FACTS, wait_seconds)
    with store.reading():
        events = StoredEvents(store)
        sink = WarehouseSink(warehouse, events.accounts(), clock.now)
        groups = _groups(events, accounts)
        begin, end = day_number(first) if first else None, day_number(last)
        reasons: dict[Path, str] = {}
        days: set[date] = set()
        rebuilt_from, has_lost_rows = None, False
        early_starts: dict[int, tuple[date, date]] = {}
        recomputed: dict[Path, str] = {}
        is_complete = False
        while not is_complete:
            with (
                open_engine() as engine,
                Build(
                    events,
                    Path(store.folder) / FACTS,
                    sink,
                    engine=engine,
                    chunk_bytes=chunk_bytes,
                    over=day_number(sink.over),
                    on_progress=on_progress,
                ) as one,
            ):
                failed, fact = _run(one, events, begin, end, groups)
                days |= {day for day, _ in one.built}
                rebuilt_from = rebuilt_from or one.rebuilt_from
                has_lost_rows = has_lost_rows or one.has_lost_rows
                early_starts |= one.early_starts
            if fact and fact.path not in recomputed and _mark_for_rebuild(store.folder, fact.path):
                recomputed[fact.path] = fact.reason
            elif fact:
                recomputed.pop(fact.path, None)
                failed[fact.path] = (fact.group, fact.reason)
            is_complete = not (failed or fact)
            for path, (group, reason) in failed.items():
                reasons[path] = reason
                groups.discard(group)
    return BuildResult(
        days=len(days),
        rows=sink.rows,
        over=sink.over,
        unreadable=reasons,
        recomputed=recomputed,
        rebuilt_from=rebuilt_from,
        has_lost_rows=has_lost_rows,
        impossible=sink.impossible,
        early_starts=tuple(
            EarlyStart(events.accounts()[account], *days) for account, days in early_starts.items()
        ),
    )


_Unreadable = dict[Path, tuple[int, str]]
"""Files that cannot be read, each with its group and the reason."""


def _run(
    one: Build, events: StoredEvents, first: int | None, last: int, groups: Collection[int]
) -> tuple[_Unreadable, DamagedFactError | None]:
    """Run a build; the files of events, or the fact, because of which it failed."""
    try:
        one.run(first, last, groups)
    except DamagedEventsError as error:
        files = _damaged(events, one.changed(first, last, [error.group]))
        return {error.path: (error.group, error.reason), **files}, None
    except DamagedFactError as error:
        return {}, error
    except EngineError:
        files = _damaged(events, one.changed(first, last, groups))
        if not files:
            raise
        return files, None
    return {}, None


def _mark_for_rebuild(store: Path, fact: Path) -> bool:
    """Mark the days of damaged facts for rebuild; whether those of this one can be recomputed."""
    with DuckDbEngine(threads=1) as engine:
        problems = checkup.check(store, engine)
    checkup.mark_for_rebuild(store, problems)
    return any(one.path == fact and one.repair is Repair.MARK for one in problems)


def _damaged(events: StoredEvents, partitions: Iterable[tuple[int, int]]) -> _Unreadable:
    """The files of some partitions that are not as they were written, or cannot be read."""
    files = {
        folder / file.name: (group, file.damage(folder), file.crc32)
        for day, group in partitions
        for folder, file in events.listed(day_of_number(day), group)
    }
    damaged = {path: (group, what) for path, (group, what, _crc32) in files.items() if what}
    others = [p for p, (_group, what, crc32) in files.items() if not what and crc32 is None]
    with DuckDbEngine(threads=1) as engine:
        reasons = dict(checkup.unreadable(engine, others, deep=True))
    return damaged | {path: (files[path][0], reason) for path, reason in reasons.items()}


def _groups(events: StoredEvents, accounts: Sequence[str]) -> set[int]:
    """The groups of accounts; all groups if no account is named."""
    numbers = {account: number for number, account in enumerate(events.accounts())}
    unknown = [account for account in accounts if account not in numbers]
    if unknown:
        raise SettingsError(
            _("there are no events of {names}", names=Listing(unknown)),
            hint=_("use the account names of the events"),
        )
    chosen = [numbers[account] for account in accounts or numbers]
    return {number % events.group_count for number in chosen}
