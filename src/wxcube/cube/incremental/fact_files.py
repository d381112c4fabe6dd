"""The facts' files: Parquet of a fact, a group and some days, and which file has which day.

A day computed anew goes into a new file; the lines that an older file has of it count no more. A
file that has no day left is removed.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from wxcube.beijing import day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.steps import Step
from wxcube.cube.steps.articles import ARTICLE_PEOPLE, ARTICLE_TIMES
from wxcube.errors import EngineError
from wxcube.events.arrays import np
from wxcube.events.columns import Columns
from wxcube.events.parquet_paths import reading


def _per_article(columns: Iterable[str]) -> str:
    counts = "".join(f", {column} BIGINT" for column in columns)
    return f"acct INTEGER, article BIGINT, d INTEGER{counts}"


FACTS = {
    "message_day": "acct INTEGER, d INTEGER, msg_type INTEGER, person BIGINT, n BIGINT",
    "touched": "acct INTEGER, article BIGINT, d INTEGER, person BIGINT, mask INTEGER",
    "article_times": _per_article(ARTICLE_TIMES),
    "first_people": _per_article(ARTICLE_PEOPLE),
    "so_far": _per_article((*ARTICLE_PEOPLE, *ARTICLE_TIMES)),
}
"""What is kept of a day, facts of persons and counts of articles, with the types of each.

The last one is kept of one day only, up to which running totals are added up."""
_NUMPY = {"INTEGER": "i4", "BIGINT": "i8"}
_TYPES = {
    fact: {name: _NUMPY[kind] for name, kind in (c.split() for c in columns.split(", "))}
    for fact, columns in FACTS.items()
}


SURELY_KEPT_DAYS = 32
"""So many of the newest days no retention removes."""


class Kept(NamedTuple):
    """Which file has a fact of a group's day; none if there is nothing."""

    fact: str
    group: int
    day: int
    file: str | None


class _Part(NamedTuple):
    """Files of which the same days count; None if they have no other days."""

    files: list[Path]
    days: list[int] | None


def empty(fact: str) -> Columns:
    """No lines of a fact."""
    return {name: np.zeros(0, kind) for name, kind in _TYPES[fact].items()}


class Facts:
    """The folder of facts, as `kept` says; what is written counts once it is `settled`."""

    def __init__(self, folder: Path, group_count: int, kept: Iterable[Kept]) -> None:
        self.folder = folder
        self._group_count = group_count
        self._files: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        self._news: list[Kept] = []
        for one in kept:
            self._take(one)

    # --- reading ---------------------------------------------------------------------------------

    def size(self, fact: str, days: Iterable[int], groups: Iterable[int]) -> int:
        """About how many bytes of files there are of a fact, of some days and groups."""
        return sum(
            path.stat().st_size * len(chosen) // len(_span(path))
            for path, chosen in self._chosen(fact, days, groups)
        )

    def read(
        self, engine: OpenEngine, fact: str, name: str, days: Iterable[int], groups: Iterable[int]
    ) -> bool:
        """Make an engine's table of a fact, of some days and groups; whether there are files."""
        parts = self._parts(fact, days, groups)
        if len(parts) == 1 and parts[0].days is None:
            engine.read(name, "*", parts[0].files, FACTS[fact])
        elif parts:
            self._read_some(engine, name, parts, FACTS[fact])
        else:
            engine.read(name, "*", [], FACTS[fact])
        return bool(parts)

    def _read_some(self, engine: OpenEngine, name: str, parts: Sequence[_Part], types: str) -> None:
        raw = [f"{name}_{n}" for n in range(len(parts))]
        for table, part in zip(raw, parts, strict=True):
            engine.read(table, "*", part.files, types)
        chosen = (f"SELECT * FROM {t}{_where(p)}" for t, p in zip(raw, parts, strict=True))  # noqa: S608 - own names
        engine.run(Step(name, tuple(raw), " UNION ALL ".join(chosen)))
        for table in raw:
            engine.drop(table)

    def query(self, fact: str, days: Iterable[int], groups: Iterable[int]) -> str | None:
        """A SELECT for DuckDB of a fact, of some days and groups; None without files."""
        parts = self._parts(fact, days, groups)
        chosen = (f"SELECT * FROM {reading(p.files)}{_where(p)}" for p in parts)  # noqa: S608 - own names
        return " UNION ALL ".join(chosen) or None

    def _parts(self, fact: str, days: Iterable[int], groups: Iterable[int]) -> list[_Part]:
        together: dict[tuple[int, ...] | None, list[Path]] = defaultdict(list)
        for path, chosen in self._chosen(fact, days, groups):
            is_whole = len(chosen) == len(_span(path))
            together[None if is_whole else tuple(sorted(chosen))].append(path)
        return [_Part(files, list(days) if days else None) for days, files in together.items()]

    def _chosen(
        self, fact: str, days: Iterable[int], groups: Iterable[int]
    ) -> Iterator[tuple[Path, list[int]]]:
        """The files there are of some days and groups, and which of these days each has."""
        wanted = list(days)
        for group in groups:
            of = self._files[fact, group]
            by_file: dict[str, list[int]] = defaultdict(list)
            for day in wanted:
                if day in of:
                    by_file[of[day]].append(day)
            for file, chosen in by_file.items():
                path = self.folder / fact / f"g{group:02d}" / file
                if path.exists():
                    yield path, chosen
                elif _span(path)[-1] > self._newest() - SURELY_KEPT_DAYS:
                    raise EngineError(
                        f"{path} is gone, though days count on it",
                        hint="run `wxcube doctor --mend`, then build again",
                    )

    def _newest(self) -> int:
        return max(max(of, default=0) for of in list(self._files.values()))

    def has(self, fact: str, day: int, group: int) -> bool:
        """Whether there is a file of a fact of a group's day."""
        return any(self._chosen(fact, [day], [group]))

    # --- writing ---------------------------------------------------------------------------------

    def save(
        self, engine: OpenEngine, fact: str, days: Iterable[int], groups: Iterable[int]
    ) -> None:
        """Write an engine's table as all there is of a fact, of some days and groups.

        Raises:  EngineError if the engine wrote several files of a day and group.
        """
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        engine.write(fact, draft, self._group_count)
        cells = {(day, group): None for day in days for group in groups}
        news: dict[tuple[int, int], str | None] = dict(cells)
        for part, file in _one_of_each(draft, fact):
            day, group = divmod(part, self._group_count)
            news[day, group] = self._moved(file, fact, group, day, day)
        shutil.rmtree(draft, ignore_errors=True)
        self._news += [Kept(fact, group, day, file) for (day, group), file in news.items()]

    def put(
        self, engine: DuckDbEngine, fact: str, columns: Columns, days: Collection[int], group: int
    ) -> list[Kept]:
        """Write columns as all there is of a fact, of some days of a group; from any thread.

        What was written is news only when it is handed to `add`.
        """
        types = _TYPES[fact]
        typed = {name: column.astype(types[name], copy=False) for name, column in columns.items()}
        there = set(np.unique(columns["d"]).tolist())
        file = None
        if there:
            draft = self._folder(fact, group) / f"{uuid4().hex}.draft"
            engine.put(typed, draft)
            file = self._moved(draft, fact, group, min(there), max(there))
        return [Kept(fact, group, day, file if day in there else None) for day in days]

    def add(self, news: Iterable[Kept]) -> None:
        """Take in what was written."""
        self._news += news

    def _moved(self, file: Path, fact: str, group: int, first: int, last: int) -> str:
        days = f"{day_of_number(first):%Y%m%d}-{day_of_number(last):%Y%m%d}"
        place = self._folder(fact, group) / f"{days}-{uuid4().hex[:12]}.parquet"
        file.replace(place)
        return place.name

    def _folder(self, fact: str, group: int) -> Path:
        folder = self.folder / fact / f"g{group:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop(self, fact: str, group: int, but: int) -> None:
        """Keep a fact of a group of one day only."""
        days = self._files[fact, group].keys() - {but}
        self._news += [Kept(fact, group, day, None) for day in days]

    # --- what counts -----------------------------------------------------------------------------

    def news(self) -> list[Kept]:
        """What was written and does not count yet."""
        return list(self._news)

    def settled(self) -> None:
        """Let what was written count, and remove files that have no day left."""
        before = {(one.fact, one.group) for one in self._news}
        old = {key: set(self._files[key].values()) for key in before}
        for one in self._news:
            self._take(one)
        self._news = []
        for (fact, group), files in old.items():
            for file in files - set(self._files[fact, group].values()):
                (self.folder / fact / f"g{group:02d}" / file).unlink(missing_ok=True)

    def remove_strays(self) -> None:
        """Remove files that a killed build left and that never counted."""
        for folder in self.folder.glob("*/g*"):
            group = folder.name.removeprefix("g")
            of = self._files[folder.parent.name, int(group)] if group.isdigit() else {}
            counting = set(of.values())
            for path in folder.iterdir():
                if path.name not in counting:
                    path.unlink()

    def _take(self, one: Kept) -> None:
        of = self._files[one.fact, one.group]
        of.pop(one.day, None)
        if one.file:
            of[one.day] = one.file


def _one_of_each(draft: Path, fact: str) -> list[tuple[int, Path]]:
    """The parts that an engine wrote, each with its file."""
    files: dict[int, list[Path]] = defaultdict(list)
    for file in sorted(draft.glob("part=*/*")):
        files[int(file.parent.name.removeprefix("part="))].append(file)
    for several in files.values():
        if len(several) > 1:
            names = ", ".join(file.name for file in several)
            raise EngineError(
                f"the engine wrote {fact} into several files of {several[0].parent}: {names}",
                hint="only one of them would count; build with another engine, and report this",
            )
    return [(part, file) for part, (file,) in files.items()]


def _span(path: Path) -> range:
    """The days from the first to the last that a file has lines of."""
    first, last, _ = path.name.split("-")
    return range(_number(first), _number(last) + 1)


def _number(text: str) -> int:
    return int(np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}").astype("i8"))


def _where(part: _Part) -> str:
    return f" WHERE d IN ({', '.join(map(str, part.days))})" if part.days else ""


def sync_disk() -> None:
    """Wait until what was written is on the disk."""
    if hasattr(os, "sync"):
        os.sync()
