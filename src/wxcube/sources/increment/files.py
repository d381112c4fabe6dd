"""The facts' files: one per fact, day and group."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from wxcube.sources.arrays import np
from wxcube.sources.batch import Columns
from wxcube.sources.engine import DuckDbEngine
from wxcube.sources.engines import OpenEngine
from wxcube.sources.inputs import day_numbered
from wxcube.sources.steps.articles import ARTICLE_PEOPLE, ARTICLE_TIMES


def _per_article(columns: Iterable[str]) -> str:
    counts = "".join(f", {column} BIGINT" for column in columns)
    return f"acct INTEGER, article BIGINT, d INTEGER{counts}"


FACTS = {
    "message_day": "acct INTEGER, d INTEGER, msg_type INTEGER, person BIGINT, n BIGINT",
    "touched": "acct INTEGER, article BIGINT, d INTEGER, person BIGINT, mask INTEGER",
    "article_times": _per_article(ARTICLE_TIMES),
    "first_people": _per_article(ARTICLE_PEOPLE),
}
"""What is kept of a day, facts of persons and counts of articles, with the types of each."""


def empty(fact: str) -> Columns:
    """No lines of a fact."""
    columns = (column.split() for column in FACTS[fact].split(", "))
    return {name: np.zeros(0, _NUMPY[kind]) for name, kind in columns}


_NUMPY = {"INTEGER": "i4", "BIGINT": "i8"}


class Facts:
    """The folder of facts."""

    def __init__(self, folder: Path, group_count: int) -> None:
        self.folder = folder
        self._group_count = group_count

    def paths(self, fact: str, days: Iterable[int], groups: Sequence[int]) -> list[Path]:
        """The files there are of a fact, of some days and groups."""
        found = (self._path(fact, day, group) for day in days for group in groups)
        return [path for path in found if path.exists()]

    def size(self, fact: str, days: Iterable[int], groups: Sequence[int]) -> int:
        """Bytes of the files there are of a fact, of some days and groups."""
        return sum(path.stat().st_size for path in self.paths(fact, days, groups))

    def save(self, engine: OpenEngine, fact: str) -> None:
        """Write an engine's table as a fact's files; each file is replaced as a whole."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        engine.write(fact, draft, self._group_count)
        for file in draft.glob("part=*/*"):
            day, group = divmod(int(file.parent.name.removeprefix("part=")), self._group_count)
            path = self._path(fact, day, group)
            path.parent.mkdir(parents=True, exist_ok=True)
            file.replace(path)
        shutil.rmtree(draft, ignore_errors=True)

    def put(self, engine: DuckDbEngine, fact: str, columns: Columns, group: int) -> None:
        """Write a group's columns, ordered by day, as a fact's files; from any thread."""
        days, starts = np.unique(columns["d"], return_index=True)
        ends = (*starts[1:].tolist(), len(columns["d"]))
        for day, start, end in zip(days.tolist(), starts.tolist(), ends, strict=True):
            path = self._path(fact, day, group)
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft")
            engine.put({name: column[start:end] for name, column in columns.items()}, draft)
            draft.replace(path)

    def _path(self, fact: str, day: int, group: int) -> Path:
        return self.folder / day_numbered(day).isoformat() / f"g{group:02d}" / f"{fact}.parquet"


def sync_disk() -> None:
    """Wait until what was written is on the disk."""
    if hasattr(os, "sync"):
        os.sync()
