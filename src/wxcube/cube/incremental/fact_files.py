"""Fact files: Parquet files, each with one fact of one group for one or more days.

A recomputed day is written to a new file; its rows in an older file are then ignored. A file is
deleted when none of its days is valid any more.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from wxcube.beijing import day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.damage import DamagedFactError
from wxcube.cube.steps import Step
from wxcube.cube.steps.articles import ARTICLE_EVENT_COLUMNS, ARTICLE_USER_COLUMNS
from wxcube.errors import EngineError
from wxcube.events.columns import Columns
from wxcube.events.parquet_paths import read_parquet
from wxcube.events.store.checksums import checksum, damage
from wxcube.i18n import Listing, Message, _

MIN_RETAINED_DAYS = 32
"""Retention never deletes facts of this many newest days."""
REPAIR_AND_BUILD = _("run `wxcube doctor --repair`, then build again")


def _per_article(columns: Iterable[str]) -> str:
    counts = "".join(f", {column} BIGINT" for column in columns)
    return f"acct INTEGER, article BIGINT, d INTEGER{counts}"


FACTS = {
    "message_day": "acct INTEGER, d INTEGER, msg_type INTEGER, person BIGINT, n BIGINT",
    "touched": "acct INTEGER, article BIGINT, d INTEGER, person BIGINT, mask INTEGER",
    "article_times": _per_article(ARTICLE_EVENT_COLUMNS),
    "first_people": _per_article(ARTICLE_USER_COLUMNS),
    "so_far": _per_article((*ARTICLE_USER_COLUMNS, *ARTICLE_EVENT_COLUMNS)),
}
"""The columns and types of each fact.

`message_day` and `touched` have a row per user (`person`): the messages by type, and the action
bits by article. The others have a row per article: the number of events, the number of users who
did something for the first time, and the running totals, which are stored for the last day only."""
_CHECKSUM = re.compile(r"-([0-9a-f]{8})\.parquet$")
_NUMPY = {"INTEGER": "i4", "BIGINT": "i8"}
_TYPES = {
    fact: {name: _NUMPY[kind] for name, kind in (c.split() for c in columns.split(", "))}
    for fact, columns in FACTS.items()
}


class FactFile(NamedTuple):
    """The file that has a fact of a day of a group; None if the fact has no rows."""

    fact: str
    group: int
    day: int
    file: str | None


def fact_damage(path: Path) -> Message:
    """How a file differs from what was written; empty if it does not.

    The checksum is part of its name; files of earlier versions have none.

    Cost:    reads the file.
    """
    match = _CHECKSUM.search(path.name)
    return damage(path, None, int(match[1], 16) if match else None)


def has_checksum(path: Path) -> bool:
    """Whether a file's name has a checksum."""
    return bool(_CHECKSUM.search(path.name))


class _FileSet(NamedTuple):
    """Files, and the days to read from each of them; None means all of their days."""

    files: list[Path]
    days: list[int] | None


def empty(fact: str) -> Columns:
    """A fact without rows."""
    return {name: np.zeros(0, kind) for name, kind in _TYPES[fact].items()}


class Facts:
    """The folder of facts, as the ledger describes it; written files are valid after `commit`."""

    def __init__(self, folder: Path, group_count: int, files: Iterable[FactFile]) -> None:
        self.folder = folder
        self._group_count = group_count
        self._files: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        self._uncommitted: list[FactFile] = []
        self._checked: set[Path] = set()
        """The files whose checksum was right, or was just computed."""
        for one in files:
            self._apply(one)

    # --- reading ---------------------------------------------------------------------------------

    def size(self, fact: str, days: Iterable[int], groups: Iterable[int]) -> int:
        """The approximate size in bytes of a fact, of some days and groups."""
        return sum(
            path.stat().st_size * len(chosen) // len(_day_range(path))
            for path, chosen in self._chosen(fact, days, groups)
        )

    def read(
        self, engine: OpenEngine, fact: str, name: str, days: Iterable[int], groups: Iterable[int]
    ) -> bool:
        """Load a fact, of some days and groups, into a table; return whether any file was read."""
        sets = self._file_sets(fact, days, groups)
        if len(sets) == 1 and sets[0].days is None:
            engine.read(name, "*", sets[0].files, FACTS[fact])
        elif sets:
            self._read_sets(engine, name, sets, FACTS[fact])
        else:
            engine.read(name, "*", [], FACTS[fact])
        return bool(sets)

    def _read_sets(
        self, engine: OpenEngine, name: str, sets: Sequence[_FileSet], types: str
    ) -> None:
        raw = [f"{name}_{n}" for n in range(len(sets))]
        for table, one in zip(raw, sets, strict=True):
            engine.read(table, "*", one.files, types)
        chosen = (f"SELECT * FROM {t}{_where(s)}" for t, s in zip(raw, sets, strict=True))  # noqa: S608 - own names
        engine.run(Step(name, tuple(raw), " UNION ALL ".join(chosen)))
        for table in raw:
            engine.drop(table)

    def select(self, fact: str, days: Iterable[int], groups: Iterable[int]) -> str | None:
        """A SELECT for DuckDB of a fact, of some days and groups; None without files."""
        sets = self._file_sets(fact, days, groups)
        chosen = (f"SELECT * FROM {read_parquet(s.files)}{_where(s)}" for s in sets)  # noqa: S608 - own names
        return " UNION ALL ".join(chosen) or None

    def _file_sets(self, fact: str, days: Iterable[int], groups: Iterable[int]) -> list[_FileSet]:
        by_days: dict[tuple[int, ...] | None, list[Path]] = defaultdict(list)
        for path, chosen in self._chosen(fact, days, groups):
            self._check(path, int(path.parent.name[1:]))
            is_whole = len(chosen) == len(_day_range(path))
            by_days[None if is_whole else tuple(sorted(chosen))].append(path)
        return [_FileSet(files, list(days) if days else None) for days, files in by_days.items()]

    def _check(self, path: Path, group: int) -> None:
        if path not in self._checked:
            reason = fact_damage(path)
            if reason:
                raise DamagedFactError(path, group, reason, REPAIR_AND_BUILD)
            self._checked.add(path)

    def _chosen(
        self, fact: str, days: Iterable[int], groups: Iterable[int]
    ) -> Iterator[tuple[Path, list[int]]]:
        """The files of some days and groups, and which of these days each file has."""
        wanted = list(days)
        for group in groups:
            file_of = self._files[fact, group]
            by_file: dict[str, list[int]] = defaultdict(list)
            for day in wanted:
                if day in file_of:
                    by_file[file_of[day]].append(day)
            for file, chosen in by_file.items():
                path = self.folder / fact / f"g{group:02d}" / file
                if path.exists():
                    yield path, chosen
                elif _day_range(path)[-1] > self._newest() - MIN_RETAINED_DAYS:
                    raise DamagedFactError(path, group, _("it is missing"), REPAIR_AND_BUILD)

    def _newest(self) -> int:
        return max(max(days, default=0) for days in list(self._files.values()))

    def has(self, fact: str, day: int, group: int) -> bool:
        """Whether there is a file of a fact of a day of a group."""
        return any(self._chosen(fact, [day], [group]))

    # --- writing ---------------------------------------------------------------------------------

    def save(
        self, engine: OpenEngine, fact: str, days: Iterable[int], groups: Iterable[int]
    ) -> None:
        """Save an engine's table as the complete fact of some days and groups.

        Raises:  EngineError if the engine wrote several files for a day and group.
        """
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        engine.write(fact, draft, self._group_count)
        partitions = {(day, group): None for day in days for group in groups}
        written: dict[tuple[int, int], str | None] = dict(partitions)
        for part, file in _single_files(draft, fact):
            day, group = divmod(part, self._group_count)
            written[day, group] = self._moved(file, fact, group, day, day)
        shutil.rmtree(draft, ignore_errors=True)
        self.add(FactFile(fact, group, day, file) for (day, group), file in written.items())

    def write(
        self, engine: DuckDbEngine, fact: str, columns: Columns, days: Collection[int], group: int
    ) -> list[FactFile]:
        """Write columns as the complete fact of some days of a group; callable from any thread.

        The written files must be passed to `add` in the main thread.
        """
        types = _TYPES[fact]
        typed = {name: column.astype(types[name], copy=False) for name, column in columns.items()}
        with_rows = set(np.unique(columns["d"]).tolist())
        file = None
        if with_rows:
            draft = self._folder(fact, group) / f"{uuid4().hex}.draft"
            engine.write_in_thread(typed, draft)
            file = self._moved(draft, fact, group, min(with_rows), max(with_rows))
        return [FactFile(fact, group, day, file if day in with_rows else None) for day in days]

    def add(self, files: Iterable[FactFile]) -> None:
        """Add written files, which are valid after the next `commit`."""
        self._uncommitted += files

    def _moved(self, file: Path, fact: str, group: int, first: int, last: int) -> str:
        days = f"{day_of_number(first):%Y%m%d}-{day_of_number(last):%Y%m%d}"
        _size, crc32 = checksum(file)
        path = self._folder(fact, group) / f"{days}-{uuid4().hex[:12]}-{crc32:08x}.parquet"
        file.replace(path)
        self._checked.add(path)
        return path.name

    def _folder(self, fact: str, group: int) -> Path:
        folder = self.folder / fact / f"g{group:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def delete_other_days(self, fact: str, group: int, day: int) -> None:
        """Delete a fact of a group of all days but one."""
        others = self._files[fact, group].keys() - {day}
        self.add(FactFile(fact, group, other, None) for other in others)

    # --- validity --------------------------------------------------------------------------------

    def uncommitted(self) -> list[FactFile]:
        """The written files that are not valid yet."""
        return list(self._uncommitted)

    def commit(self) -> None:
        """Make the written files valid, and delete files of which no day is valid any more."""
        changed = {(one.fact, one.group) for one in self._uncommitted}
        old = {key: set(self._files[key].values()) for key in changed}
        for one in self._uncommitted:
            self._apply(one)
        self._uncommitted = []
        for (fact, group), files in old.items():
            for file in files - set(self._files[fact, group].values()):
                (self.folder / fact / f"g{group:02d}" / file).unlink(missing_ok=True)

    def remove_orphans(self) -> None:
        """Delete files that a killed build left before they were valid."""
        for folder in self.folder.glob("*/g*"):
            group = folder.name.removeprefix("g")
            file_of = self._files[folder.parent.name, int(group)] if group.isdigit() else {}
            valid = set(file_of.values())
            for path in folder.iterdir():
                if path.name not in valid:
                    path.unlink()

    def _apply(self, one: FactFile) -> None:
        file_of = self._files[one.fact, one.group]
        file_of.pop(one.day, None)
        if one.file:
            file_of[one.day] = one.file


def _single_files(draft: Path, fact: str) -> list[tuple[int, Path]]:
    """The single file that an engine wrote for each part."""
    files: dict[int, list[Path]] = defaultdict(list)
    for file in sorted(draft.glob("part=*/*")):
        files[int(file.parent.name.removeprefix("part="))].append(file)
    for of_part in files.values():
        if len(of_part) > 1:
            raise EngineError(
                _several_files(fact, of_part),
                hint=_("wxcube reads only one of them; use another engine, and report this"),
            )
    return [(part, file) for part, (file,) in files.items()]


def _several_files(fact: str, files: Sequence[Path]) -> Message:
    return _(
        "the engine wrote the fact {fact} to several files in {folder}: {names}",
        fact=fact,
        folder=files[0].parent,
        names=Listing(file.name for file in files),
    )


def _day_range(path: Path) -> range:
    """The days from the first to the last of which a file has rows."""
    first, last = path.name.split("-")[:2]
    return range(_day_number(first), _day_number(last) + 1)


def _day_number(text: str) -> int:
    return int(np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}").astype("i8"))


def _where(files: _FileSet) -> str:
    return f" WHERE d IN ({', '.join(map(str, files.days))})" if files.days else ""


def sync_disk() -> None:
    """Wait until all written files are on the disk."""
    if hasattr(os, "sync"):
        os.sync()
