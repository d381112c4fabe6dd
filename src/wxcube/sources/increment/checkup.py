"""What is wrong with the cube's folder: facts that are damaged or gone, a ledger that is; mending.

The ledger says which days are built, but not which files that made: a day on which nobody read
has no facts of readers. Days that lack a kind of facts are therefore built once more, aside, and
what comes out is compared with what is there.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from wxcube.errors import EngineError, WxcubeError
from wxcube.sources.engine import DuckDbEngine
from wxcube.sources.events import manifest as state
from wxcube.sources.events.accounts import AccountNumbers
from wxcube.sources.events.check import Finding
from wxcube.sources.events.compaction import LOCK as COMPACTION_LOCK
from wxcube.sources.events.compaction import READERS_LOCK
from wxcube.sources.events.durable import locked, locked_now, sync_folder
from wxcube.sources.events.retention import FACTS as FOLDER
from wxcube.sources.events.store import read_format
from wxcube.sources.increment import days as calendar
from wxcube.sources.increment.build import Build
from wxcube.sources.increment.days import NumberedCell
from wxcube.sources.increment.events import Cell
from wxcube.sources.increment.files import FACTS, Facts
from wxcube.sources.increment.ledger import FILE, LOCK, VERSION, Ledger
from wxcube.sources.increment.rows import Part
from wxcube.sources.inputs import DETAIL_DAYS, day_numbered, number_of

FILES_AT_ONCE = 64
"""Files whose ends are read by one query."""
ASIDE = "cube.db.damaged"
"""Where a damaged ledger is put."""


class Mend(Enum):
    """How something is mended; the value says it to people."""

    MARK = (
        "`wxcube doctor --mend` marks its day, `wxcube cube build` then makes it again from events"
    )
    BUILD = "`wxcube cube build` makes it again: its day waits for that"
    ANEW = (
        "`wxcube doctor --mend` puts it aside and begins a new one, `wxcube cube build` then "
        "computes all days again from events"
    )
    BACKUP = "put it back from a backup: events or facts from which it was made were removed since"
    BACKUP_ALL = (
        "put the whole folder back from a backup as old as the warehouse: events from which it "
        "was made were removed since"
    )
    WAIT = "run `wxcube doctor` again when the build has ended"
    FIRST = "mend that first, then run `wxcube doctor` again"


_HARMLESS = {Mend.BUILD, Mend.WAIT}
BY_ITSELF = {Mend.MARK, Mend.ANEW}
"""What `mark` and `begin_anew` do."""


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong: the file, what it is, how to mend it, and the day and group."""

    path: Path
    what: str
    mend: Mend
    cell: NumberedCell | None = None

    @property
    def finding(self) -> Finding:
        """The flaw as it is told to people."""
        is_serious = self.mend not in _HARMLESS
        return Finding(str(self.path), self.what, self.mend.value, is_serious=is_serious)


def check(
    store: Path, engine: DuckDbEngine, budget_bytes: int, *, deep: bool = False
) -> list[Flaw]:
    """Everything wrong with the facts and the ledger of an event store; nothing is changed.

    `deep` reads every value of every file instead of only its end.

    Cost:    opens every file; days that lack a kind of facts are computed once more.
    Raises:  WxcubeError if the event store itself cannot be read.
    """
    folder = store / FOLDER
    if not folder.is_dir() or not ((folder / FILE).exists() or any(_days_in(folder))):
        return []
    with locked_now(folder / LOCK) as is_free:
        if not is_free:
            return [Flaw(folder / FILE, "a build is running, its files were not read", Mend.WAIT)]
        with locked(store / READERS_LOCK, shared=True), _copied(folder) as copy:
            wrong = _wrong_ledger(copy / FILE, deep=deep)
            if wrong:
                is_whole = state.load(store).kept_from is None
                return [Flaw(folder / FILE, wrong, Mend.ANEW if is_whole else Mend.BACKUP_ALL)]
            return _Checkup.of(store, copy, engine, budget_bytes).flaws(deep=deep)


def mark(store: Path, flaws: Iterable[Flaw]) -> list[date]:
    """Let the next build compute the days of flaws again, those that it can; which days these are.

    Raises:  EngineError if a build is running.
    """
    cells = {f.cell for f in flaws if f.cell and f.mend is Mend.MARK}
    if cells:
        with Ledger(store / FOLDER) as ledger, ledger.changing():
            ledger.set_built(dict.fromkeys(cells, 0))
        _show_changed(store, {(day_numbered(day), group) for day, group in cells})
    return [day_numbered(day) for day in sorted({day for day, _ in cells})]


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
                    ledger.set_toward(_groups_until(store, through), number_of(through))
            if (folder / FILE).exists():
                (folder / FILE).replace(folder / ASIDE)
            for end in ("-wal", "-shm"):
                (folder / f"{FILE}{end}").unlink(missing_ok=True)
            (draft / FILE).replace(folder / FILE)
            sync_folder(folder)
    _show_changed(store, {(day, group) for day, group, _ in state.load(store).cells()})


def _show_changed(store: Path, cells: Collection[Cell]) -> None:
    """Let the event store tell these days and groups as not computed."""
    with locked(store / COMPACTION_LOCK):
        manifest = state.load(store)
        for day, group, cell in manifest.cells():
            if (day, group) in cells:
                cell.seen = 0
        state.save(store, manifest)


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
class _Checkup:
    """One look at the facts of a store, with a copy of its ledger at hand."""

    store: Path
    copy: Path
    engine: DuckDbEngine
    budget_bytes: int
    manifest: state.Manifest
    group_count: int
    built: Mapping[NumberedCell, int]
    unfinished: Collection[int]
    """Groups with work left to a build."""
    days: Collection[int]
    """Days that have a folder."""
    revisions: Mapping[NumberedCell, int]

    @classmethod
    def of(cls, store: Path, copy: Path, engine: DuckDbEngine, budget_bytes: int) -> _Checkup:
        with Ledger(copy) as ledger:
            built = ledger.built()
            unfinished = ledger.pending().keys()
        manifest = state.load(store)
        return cls(
            store=store,
            copy=copy,
            engine=engine,
            budget_bytes=budget_bytes,
            manifest=manifest,
            group_count=read_format(store).groups,
            built=built,
            unfinished=unfinished,
            days=set(_days_in(store / FOLDER)),
            revisions={
                (number_of(d), g): cell.revision for d, g, cell in manifest.cells() if cell.events
            },
        )

    def flaws(self, *, deep: bool) -> list[Flaw]:
        files = dict(self._files(self.store / FOLDER))
        broken = dict(_broken(self.engine, list(files), deep=deep))
        found = [
            Flaw(path, f"it cannot be read ({why})", self._mend(files[path][1]), files[path][1])
            for path, why in broken.items()
        ]
        lacking = self._lacking(files)
        again = lacking | {f.cell for f in found if f.cell and f.mend is Mend.MARK}
        if lacking:
            try:
                self._build_aside([path for path in files if path not in broken], again)
            except WxcubeError as error:
                what = f"whether files are missing cannot be told ({error.message})"
                return [*found, Flaw(self.store / FOLDER, what, Mend.FIRST)]
            found += self._missing(files, lacking)
        return found

    def _files(self, folder: Path) -> Iterator[tuple[Path, tuple[str, NumberedCell]]]:
        """Every facts file below a folder, with its fact, day and group."""
        facts = Facts(folder, self.group_count)
        for day in sorted(_days_in(folder)):
            for group in range(self.group_count):
                for fact in FACTS:
                    for path in facts.paths(fact, [day], [group]):
                        yield path, (fact, (day, group))

    def _mend(self, cell: NumberedCell) -> Mend:
        if cell not in self.revisions or self._is_cut(cell[0]):
            return Mend.BACKUP
        return Mend.MARK if self.built.get(cell) == self.revisions[cell] else Mend.BUILD

    def _is_cut(self, day: int) -> bool:
        """Whether retention removed facts that a day's rows are made of too."""
        oldest = min(self.days, default=None)
        if oldest is None or all(built >= oldest for built, _ in self.built):
            return False
        needed = (calendar.first(day), calendar.monday(day), day - DETAIL_DAYS + 1)
        return min(needed) < oldest

    def _lacking(self, files: Mapping[Path, tuple[str, NumberedCell]]) -> set[NumberedCell]:
        """Built days and groups without a file of some fact; most of them rightly."""
        there = set(files.values())
        return {
            cell
            for cell in self.built
            if self._mend(cell) is Mend.MARK
            and cell[1] not in self.unfinished
            and any((fact, cell) not in there for fact in FACTS)
        }

    def _build_aside(self, files: Iterable[Path], cells: Collection[NumberedCell]) -> None:
        """Build cells again in the copy's folder, beside links to the good files."""
        folder = self.store / FOLDER
        for path in files:
            link = self.copy / path.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
        with Ledger(self.copy) as ledger, ledger.changing():
            ledger.set_built(dict.fromkeys(cells, 0))
        events = _SomeEvents(self.store, self.manifest, self.group_count, cells)
        with Build(
            events,
            self.copy,
            _Nowhere(),
            engine=self.engine,
            budget_bytes=self.budget_bytes,
        ) as one:
            one.run(None, max(day for day, _ in cells), {group for _, group in cells})

    def _missing(
        self, files: Mapping[Path, tuple[str, NumberedCell]], cells: Collection[NumberedCell]
    ) -> Iterator[Flaw]:
        """Files the build aside made of these cells, which are not in the folder."""
        there = set(files.values())
        for path, (fact, cell) in self._files(self.copy):
            if cell in cells and (fact, cell) not in there:
                place = self.store / FOLDER / path.relative_to(self.copy)
                yield Flaw(place, "it is gone, though its day is built", Mend.MARK, cell)


def _days_in(folder: Path) -> Iterator[int]:
    """The days that have a folder."""
    for path in folder.iterdir():
        try:
            yield number_of(date.fromisoformat(path.name))
        except ValueError:
            continue


def _broken(
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
    listed = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in files)
    # a hash needs every value, while a count or a largest one may come from a file's end
    what = (
        f"bit_xor(hash(COLUMNS(*))) FROM read_parquet([{listed}], union_by_name = true)"
        if deep
        else f"count(*) FROM parquet_file_metadata([{listed}])"
    )
    try:
        engine.ask(f"SELECT {what}")
    except EngineError as error:
        return str(error.__cause__ or error).partition("\n")[0]
    return ""


class _SomeEvents:
    """The events of a store, of which some days and groups count as changed."""

    def __init__(
        self,
        store: Path,
        manifest: state.Manifest,
        group_count: int,
        changed: Collection[NumberedCell],
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._changed = changed
        self.group_count = group_count

    def accounts(self) -> tuple[str, ...]:
        return AccountNumbers(self._store).names

    def revisions(self) -> Mapping[Cell, int]:
        cells = self._manifest.cells()
        return {(d, g): c.revision for d, g, c in cells if (number_of(d), g) in self._changed}

    def files(self, family: str, day: date, group: int) -> list[Path]:
        cell = self._manifest.days.get(day, {}).get(group)
        folder = state.cell_folder(self._store, day, group)
        return [folder / file.name for file in cell.files.get(family, [])] if cell else []


class _Nowhere:
    """Takes rows and keeps none."""

    def replace(self, part: Part) -> None:
        pass
