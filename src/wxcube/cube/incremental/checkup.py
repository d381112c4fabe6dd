"""What is wrong with the cube's folder: facts that are damaged or gone, a ledger that is; mending.

The ledger says which file has the facts of which day. A file may be gone rightly: retention takes
whole files away, the oldest first, and leaves the ledger as it is.
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
from wxcube.cube.incremental import schedule as calendar
from wxcube.cube.incremental.fact_files import Kept
from wxcube.cube.incremental.ledger import FILE, LOCK, VERSION, Ledger
from wxcube.cube.incremental.schedule import QUIET, NumberedCell
from wxcube.cube.inputs import DETAIL_DAYS
from wxcube.errors import EngineError
from wxcube.events.parquet_paths import listed, reading
from wxcube.events.store import manifest as state
from wxcube.events.store.check import Finding
from wxcube.events.store.durable import locked_now, sync_folder
from wxcube.events.store.retention import FACTS as FOLDER

FILES_AT_ONCE = 64
"""Files whose ends are read by one query."""
ALWAYS_KEPT_DAYS = 32
"""Retention leaves at least so many days of facts."""
ASIDE = "cube.db.damaged"
"""Where a damaged ledger is put."""


class Mend(Enum):
    """How something is mended; the value says it to people."""

    MARK = (
        "`wxcube doctor --mend` marks its days, `wxcube cube build` then makes it again from events"
    )
    BUILD = "`wxcube cube build` makes it again: its days wait for that"
    ANEW = (
        "`wxcube doctor --mend` puts it aside and begins a new one, `wxcube cube build` then "
        "computes all days again from events"
    )
    BACKUP = (
        "put it back from a backup: events or facts from which it was made were removed since; "
        "without one remove the file, and weeks, months and running totals that are computed anew "
        "will lack its days"
    )
    BACKUP_ALL = (
        "put the whole folder back from a backup as old as the warehouse: events from which it "
        "was made were removed since"
    )
    WAIT = "run `wxcube doctor` again when the build has ended"
    FIRST = "mend that first, then run `wxcube doctor` again"


_HARMLESS = {Mend.BUILD, Mend.WAIT}
BY_ITSELF = {Mend.MARK, Mend.ANEW}
"""What `mark_for_rebuild` and `begin_anew` do."""


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong: the file, what it is, how to mend it, and its days and groups."""

    path: Path
    what: str
    mend: Mend
    cells: frozenset[NumberedCell] = frozenset()

    @property
    def finding(self) -> Finding:
        """The flaw as it is told to people."""
        is_serious = self.mend not in _HARMLESS
        return Finding(str(self.path), self.what, self.mend.value, is_serious=is_serious)


def check(store: Path, engine: DuckDbEngine, *, deep: bool = False) -> list[Flaw]:
    """Everything wrong with the facts and the ledger of an event store; nothing is changed.

    Files that are gone count as removed by retention if they are older than 32 days and than every
    file that is left. `deep` reads every value of every file instead of only its end.

    Cost:    opens every file.
    Raises:  WxcubeError if the event store itself cannot be read.
    """
    folder = store / FOLDER
    if not folder.is_dir() or not ((folder / FILE).exists() or any(folder.rglob("*.parquet"))):
        return []
    with locked_now(folder / LOCK) as is_free:
        if not is_free:
            return [Flaw(folder / FILE, "a build is running, its files were not read", Mend.WAIT)]
        manifest = state.load(store)
        with _copied(folder) as copy:
            wrong = _wrong_ledger(copy / FILE, deep=deep)
            if wrong:
                is_whole = manifest.kept_from is None
                return [Flaw(folder / FILE, wrong, Mend.ANEW if is_whole else Mend.BACKUP_ALL)]
            with Ledger(copy) as ledger:
                known = _Known.of(folder, manifest, ledger)
        return list(_flaws(known, engine, deep=deep))


def mark_for_rebuild(store: Path, flaws: Iterable[Flaw]) -> list[date]:
    """Let the next build compute the days of flaws again, those that it can; which days these are.

    Raises:  EngineError if a build is running.
    """
    cells = {cell for flaw in flaws if flaw.mend is Mend.MARK for cell in flaw.cells}
    if cells:
        with Ledger(store / FOLDER) as ledger, ledger.changing():
            ledger.set_built(dict.fromkeys(cells, 0))
    return [day_of_number(day) for day in sorted({day for day, _ in cells})]


def begin_anew(store: Path, through: date | None) -> None:
    """Put a new ledger in the place of a damaged one; the next build computes all days again.

    `through` is the last day of which rows were handed over already: these are then replaced.

    Raises:  EngineError if a build is running.
    """
    folder = store / FOLDER
    with locked_now(folder / LOCK) as is_free:
        if not is_free:
            raise EngineError(f"a build is running in {folder}", hint="wait for its end")
        with TemporaryDirectory(dir=folder) as name:
            draft = Path(name)
            with Ledger(draft) as ledger, ledger.changing():
                if through:
                    ledger.set_toward(_groups_until(store, through), day_number(through))
            if (folder / FILE).exists():
                (folder / FILE).replace(folder / ASIDE)
            for end in ("-wal", "-shm"):
                (folder / f"{FILE}{end}").unlink(missing_ok=True)
            (draft / FILE).replace(folder / FILE)
            sync_folder(folder)


def _groups_until(store: Path, day: date) -> set[int]:
    """Groups with events up to a day."""
    return {group for at, group, cell in state.load(store).cells() if cell.events and at <= day}


# --- the ledger ----------------------------------------------------------------------------------


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """A folder of its own with a copy of the ledger, in which anything may be done."""
    with TemporaryDirectory(prefix="wxcube-") as name:
        copy = Path(name)
        for file in (FILE, f"{FILE}-wal"):
            if (folder / file).exists():
                shutil.copyfile(folder / file, copy / file)
        yield copy


def _wrong_ledger(path: Path, *, deep: bool) -> str:
    """What is wrong with a ledger; empty if nothing is."""
    if not path.exists():
        return "it is gone, though facts are there"
    try:
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            kind = "integrity_check" if deep else "quick_check"
            said = connection.execute(f"PRAGMA {kind}(1)").fetchone()[0]
    except sqlite3.Error as error:
        return f"it cannot be read ({error})"
    if said != "ok":
        return f"it is damaged ({' '.join(said.split())})"
    if not version:
        return "it is empty, though facts are there"
    return "" if version == VERSION else f"it has layout {version}, this wxcube knows {VERSION}"


# --- facts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """What the ledger and the event store say of the facts."""

    files: Mapping[Path, Collection[NumberedCell]]
    """The days and group with which each file is made."""
    built: Mapping[NumberedCell, int]
    revisions: Mapping[NumberedCell, int]
    newest: int
    """The newest day with events."""

    @classmethod
    def of(cls, folder: Path, manifest: state.Manifest, ledger: Ledger) -> _Known:
        files: dict[Path, set[NumberedCell]] = defaultdict(set)
        built = ledger.built()
        days_of: dict[int, list[int]] = defaultdict(list)
        for (day, group), revision in sorted(built.items()):
            if revision != QUIET:
                days_of[group].append(day)
        for one in ledger.kept():
            if one.file:
                files[_place(folder, one)].add(_made_by(one, days_of[one.group]))
        cells = [(day_number(d), g, cell) for d, g, cell in manifest.cells() if cell.events]
        return cls(
            files=files,
            built=built,
            revisions={(day, group): cell.revision for day, group, cell in cells},
            newest=max((day for day, _, _ in cells), default=0),
        )

    def last_day(self, path: Path) -> int:
        """The last day with which a file is made."""
        return max(day for day, _ in self.files[path])


def _made_by(kept: Kept, eventful: Sequence[int]) -> NumberedCell:
    """The day and group that a fact is made anew with.

    A day on which nothing happened may have a fact of all that was before. No events make it: it is
    made again with the last day before it that has some.
    """
    place = bisect_right(eventful, kept.day)
    return (eventful[place - 1] if place else kept.day), kept.group


def _place(folder: Path, kept: Kept) -> Path:
    return folder / kept.fact / f"g{kept.group:02d}" / f"{kept.file}"


def _flaws(known: _Known, engine: DuckDbEngine, *, deep: bool) -> Iterator[Flaw]:
    there = sorted(path for path in known.files if path.exists())
    gone = sorted(known.files.keys() - set(there))
    removed = set(_removed_by_retention(known, there, gone))
    unreadable = broken(engine, there, deep=deep)
    wrong = {path: f"it cannot be read ({why})" for path, why in unreadable}
    wrong |= dict.fromkeys((p for p in gone if p not in removed), "it is gone, though it counts")
    cut = max((known.last_day(path) for path in removed), default=None)
    for path, what in wrong.items():
        cells = frozenset(known.files[path])
        yield Flaw(path, what, _mend(known, cells, cut), cells)


def _removed_by_retention(
    known: _Known, there: Collection[Path], gone: Iterable[Path]
) -> Iterator[Path]:
    """Files that retention can have removed: it takes all that are older than those it leaves."""
    if not there:
        return iter(())
    oldest = min(known.last_day(path) for path in there)
    end = min(oldest, known.newest - ALWAYS_KEPT_DAYS + 1)
    return (path for path in gone if known.last_day(path) < end)


def _mend(known: _Known, cells: Collection[NumberedCell], cut: int | None) -> Mend:
    """How a file of these days and groups is mended, facts up to the day `cut` being removed."""
    if any(cell not in known.revisions for cell in cells):
        return Mend.BACKUP
    if cut is not None and cut >= min(_reach(day) for day, _ in cells):
        return Mend.BACKUP
    waits = all(known.built.get(cell) != known.revisions[cell] for cell in cells)
    return Mend.BUILD if waits else Mend.MARK


def _reach(day: int) -> int:
    """The earliest day from whose facts rows that hang on a day are made."""
    return min(calendar.first(day), calendar.monday(day), day - DETAIL_DAYS + 1)


def broken(
    engine: DuckDbEngine, files: Sequence[Path], *, deep: bool
) -> Iterator[tuple[Path, str]]:
    """Files that cannot be read, and why."""
    for begin in range(0, len(files), FILES_AT_ONCE):
        some = files[begin : begin + FILES_AT_ONCE]
        if not _complaint(engine, some, deep=deep):
            continue
        complaints = ((path, _complaint(engine, [path], deep=deep)) for path in some)
        yield from ((path, why) for path, why in complaints if why)


def _complaint(engine: DuckDbEngine, files: Sequence[Path], *, deep: bool) -> str:
    """What DuckDB says against reading files; empty if it can."""
    # a hash needs every value, while a count or a largest one may come from a file's end
    what = (
        f"bit_xor(hash(COLUMNS(*))) FROM {reading(files, 'union_by_name = true')}"
        if deep
        else f"count(*) FROM parquet_file_metadata({listed(files)})"
    )
    try:
        engine.ask(f"SELECT {what}")
    except EngineError as error:
        return str(error.__cause__ or error).partition("\n")[0]
    return ""
