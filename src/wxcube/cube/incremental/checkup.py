"""Checks of the cube's folder: finds damaged or missing facts and a damaged ledger, and repairs.

The ledger records which file has the facts of which day. A missing file is no problem if retention
deleted it: retention deletes whole files, the oldest first, and does not change the ledger.
"""

from __future__ import annotations

import shutil
import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental import schedule
from wxcube.cube.incremental.fact_files import (
    MIN_RETAINED_DAYS,
    FactFile,
    fact_damage,
    has_checksum,
)
from wxcube.cube.incremental.ledger import FILE, LOCK, SUM, VERSION, Ledger, ledger_damage
from wxcube.cube.incremental.schedule import NO_EVENTS, NumberedPartition
from wxcube.cube.inputs import DETAIL_DAYS
from wxcube.errors import EngineError
from wxcube.events.parquet_paths import file_list, read_parquet
from wxcube.events.store import manifest as state
from wxcube.events.store.check import Finding
from wxcube.events.store.durable import sync_folder, try_locked
from wxcube.events.store.retention import FACTS as FOLDER
from wxcube.i18n import NOTHING, Message, _

FILES_PER_QUERY = 64
"""The number of files that one query checks."""
DAMAGED = "cube.db.damaged"
"""The name that a damaged ledger gets."""


class Repair(Enum):
    """A way to repair a problem; the value describes it."""

    MARK = _(
        "run `wxcube doctor --repair` to mark its days, then `wxcube cube build` to recompute them "
        "from events"
    )
    BUILD = _("run `wxcube cube build`: its days are already waiting to be recomputed")
    NEW_LEDGER = _(
        "run `wxcube doctor --repair` to replace it with a new one, then `wxcube cube build` to "
        "recompute all days from events"
    )
    BACKUP = _(
        "restore it from a backup: events or facts it was computed from have been deleted; without "
        "a backup, delete the file, and weeks, months and running totals recomputed later will "
        "lack its days"
    )
    BACKUP_ALL = _(
        "restore the whole folder from a backup as old as the database: events it was computed "
        "from have been deleted"
    )
    WAIT = _("run `wxcube doctor` again when the build has ended")
    FIRST = _("repair that first, then run `wxcube doctor` again")


_HARMLESS = {Repair.BUILD, Repair.WAIT}
AUTOMATIC = {Repair.MARK, Repair.NEW_LEDGER}
"""The repairs that `mark_for_rebuild` and `replace_ledger` make."""


@dataclass(frozen=True)
class Problem:
    """A problem: the file, a description, the repair, and the partitions the file comes from."""

    path: Path
    what: Message
    repair: Repair
    partitions: frozenset[NumberedPartition] = frozenset()

    @property
    def finding(self) -> Finding:
        """The problem as `wxcube doctor` shows it."""
        is_serious = self.repair not in _HARMLESS
        return Finding(str(self.path), self.what, self.repair.value, is_serious=is_serious)


def check(store: Path, engine: DuckDbEngine, *, deep: bool = False) -> list[Problem]:
    """All problems of the facts and the ledger of an event store; nothing is changed.

    A missing file is taken as deleted by retention if it is older than 32 days and older than every
    file that exists. The checksum of each file is compared; `deep` also reads all of its values.

    Cost:    reads every file.
    Raises:  WxcubeError if the event store itself cannot be read.
    """
    folder = store / FOLDER
    if not folder.is_dir() or not ((folder / FILE).exists() or any(folder.rglob("*.parquet"))):
        return []
    with try_locked(folder / LOCK) as is_free:
        if not is_free:
            running = _("a build is running; its files were not checked")
            return [Problem(folder / FILE, running, Repair.WAIT)]
        manifest = state.load(store)
        with _copied(folder) as copy:
            path, what = folder / FILE, _ledger_problem(copy / FILE, deep=deep)
            if not what:
                path, what = ledger_damage(folder)
            if what:
                has_all_events = manifest.kept_from is None
                repair = Repair.NEW_LEDGER if has_all_events else Repair.BACKUP_ALL
                return [Problem(path, what, repair)]
            with Ledger(copy) as ledger:
                expected = _Expected.of(folder, manifest, ledger)
        return list(_fact_problems(expected, engine, deep=deep))


def mark_for_rebuild(store: Path, problems: Iterable[Problem]) -> list[date]:
    """Mark the days of problems, where that repairs them, for the next build, and return the days.

    Raises:  EngineError if a build is running.
    """
    partitions = {
        partition
        for problem in problems
        if problem.repair is Repair.MARK
        for partition in problem.partitions
    }
    if partitions:
        with Ledger(store / FOLDER) as ledger, ledger.transaction():
            ledger.set_built(dict.fromkeys(partitions, 0))
    return [day_of_number(day) for day in sorted({day for day, _ in partitions})]


def replace_ledger(store: Path, through: date | None) -> None:
    """Replace a damaged ledger with a new one; the next build recomputes all days.

    `through` is the last day of which rows were written before: the build replaces these.

    Raises:  EngineError if a build is running.
    """
    folder = store / FOLDER
    with try_locked(folder / LOCK) as is_free:
        if not is_free:
            raise EngineError(
                _("a build is running in {folder}", folder=folder),
                hint=_("wait until it has ended"),
            )
        with TemporaryDirectory(dir=folder) as name:
            draft = Path(name)
            with Ledger(draft) as ledger, ledger.transaction():
                if through:
                    ledger.set_started(_groups_until(store, through), day_number(through))
            (folder / SUM).unlink(missing_ok=True)
            sync_folder(folder)
            if (folder / FILE).exists():
                (folder / FILE).replace(folder / DAMAGED)
            for suffix in ("-wal", "-shm"):
                (folder / f"{FILE}{suffix}").unlink(missing_ok=True)
            (draft / FILE).replace(folder / FILE)
            (draft / SUM).replace(folder / SUM)
            sync_folder(folder)


def _groups_until(store: Path, last: date) -> set[int]:
    """The groups with events up to a day."""
    partitions = state.load(store).partitions()
    return {group for day, group, stored in partitions if stored.events and day <= last}


# --- the ledger ----------------------------------------------------------------------------------


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """A temporary folder with a copy of the ledger, which may be changed."""
    with TemporaryDirectory(prefix="wxcube-") as name:
        copy = Path(name)
        for file in (FILE, f"{FILE}-wal", SUM):
            if (folder / file).exists():
                shutil.copyfile(folder / file, copy / file)
        yield copy


def _ledger_problem(path: Path, *, deep: bool) -> Message:
    """The problem of a ledger; empty if there is none."""
    if not path.exists():
        return _("it is missing, but there are facts")
    try:
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            pragma = "integrity_check" if deep else "quick_check"
            result = connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
    except sqlite3.Error as error:
        return _("it cannot be read ({reason})", reason=error)
    if result != "ok":
        return _("it is damaged ({reason})", reason=" ".join(result.split()))
    if not version:
        return _("it is empty, but there are facts")
    if version != VERSION:
        return _(
            "it has layout {version}; this version of wxcube reads layout {known}",
            version=version,
            known=VERSION,
        )
    return NOTHING


# --- facts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Expected:
    """The fact files that must exist, according to the ledger and the event store."""

    files: Mapping[Path, Collection[NumberedPartition]]
    """Each file with the partitions it is computed from."""
    built: Mapping[NumberedPartition, int]
    revisions: Mapping[NumberedPartition, int]
    newest: int
    """The newest day with events."""

    @classmethod
    def of(cls, folder: Path, manifest: state.Manifest, ledger: Ledger) -> _Expected:
        files: dict[Path, set[NumberedPartition]] = defaultdict(set)
        built = ledger.built()
        days_with_events: dict[int, list[int]] = defaultdict(list)
        for (day, group), revision in sorted(built.items()):
            if revision != NO_EVENTS:
                days_with_events[group].append(day)
        for one in ledger.fact_files():
            if one.file:
                source = _source_partition(one, days_with_events[one.group])
                files[_path(folder, one)].add(source)
        revisions = {
            (day_number(day), group): stored.revision
            for day, group, stored in manifest.partitions()
            if stored.events
        }
        newest = max((day for day, _ in revisions), default=0)
        return cls(files=files, built=built, revisions=revisions, newest=newest)

    def last_day(self, path: Path) -> int:
        """The last day a file is computed from."""
        return max(day for day, _ in self.files[path])


def _source_partition(file: FactFile, days_with_events: Sequence[int]) -> NumberedPartition:
    """The partition that is rebuilt to recompute a fact.

    A day without events may have running totals of the days before it. They are recomputed with the
    last day before it that has events.
    """
    index = bisect_right(days_with_events, file.day)
    return (days_with_events[index - 1] if index else file.day), file.group


def _path(folder: Path, file: FactFile) -> Path:
    return folder / file.fact / f"g{file.group:02d}" / f"{file.file}"


def _fact_problems(expected: _Expected, engine: DuckDbEngine, *, deep: bool) -> Iterator[Problem]:
    present = sorted(path for path in expected.files if path.exists())
    missing = sorted(expected.files.keys() - set(present))
    retired = set(_removed_by_retention(expected, present, missing))
    problems = {path: what for path in present if (what := fact_damage(path))}
    others = [p for p in present if p not in problems and (deep or not has_checksum(p))]
    for path, reason in unreadable(engine, others, deep=deep):
        problems[path] = _("it cannot be read ({reason})", reason=reason)
    problems |= dict.fromkeys((p for p in missing if p not in retired), _("it is missing"))
    cut = max((expected.last_day(path) for path in retired), default=None)
    for path, what in problems.items():
        partitions = frozenset(expected.files[path])
        yield Problem(path, what, _repair(expected, partitions, cut), partitions)


def _removed_by_retention(
    expected: _Expected, present: Collection[Path], missing: Iterable[Path]
) -> Iterator[Path]:
    """Missing files that retention can have deleted: those older than every existing file."""
    if not present:
        return iter(())
    oldest = min(expected.last_day(path) for path in present)
    end = min(oldest, expected.newest - MIN_RETAINED_DAYS + 1)
    return (path for path in missing if expected.last_day(path) < end)


def _repair(
    expected: _Expected, partitions: Collection[NumberedPartition], cut: int | None
) -> Repair:
    """The repair of a file, given its partitions and the last day whose facts were deleted."""
    if any(partition not in expected.revisions for partition in partitions):
        return Repair.BACKUP
    if cut is not None and cut >= min(_earliest_input_day(day) for day, _ in partitions):
        return Repair.BACKUP
    is_pending = all(expected.built.get(one) != expected.revisions[one] for one in partitions)
    return Repair.BUILD if is_pending else Repair.MARK


def _earliest_input_day(day: int) -> int:
    """The earliest day whose facts are read to recompute the dependents of a day."""
    return min(schedule.month_start(day), schedule.monday(day), day - DETAIL_DAYS + 1)


def unreadable(
    engine: DuckDbEngine, files: Sequence[Path], *, deep: bool
) -> Iterator[tuple[Path, str]]:
    """The files that cannot be read, each with the reason."""
    for begin in range(0, len(files), FILES_PER_QUERY):
        some = files[begin : begin + FILES_PER_QUERY]
        if not _read_error(engine, some, deep=deep):
            continue
        reasons = ((path, _read_error(engine, [path], deep=deep)) for path in some)
        yield from ((path, reason) for path, reason in reasons if reason)


def _read_error(engine: DuckDbEngine, files: Sequence[Path], *, deep: bool) -> str:
    """DuckDB's error when it reads files; empty if there is none."""
    # a hash needs every value; a count or a maximum may be answered from the end of a file
    select = (
        f"bit_xor(hash(COLUMNS(*))) FROM {read_parquet(files, 'union_by_name = true')}"
        if deep
        else f"count(*) FROM parquet_file_metadata({file_list(files)})"
    )
    try:
        engine.query(f"SELECT {select}")
    except EngineError as error:
        return str(error.__cause__ or error).partition("\n")[0]
    return ""
