"""Events in a folder of Parquet files with the layout of the event store."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, HOUR_SECONDS, day_of_number
from wxcube.events.action_bits import action_masks
from wxcube.events.columns import FAMILIES, Batch, Columns


class EventFolder:
    """A folder to which batches are added; every batch is written to new files."""

    def __init__(self, folder: Path, group_count: int = 3) -> None:
        self._folder = folder
        self._group_count = group_count
        self._numbers: dict[str, int] = {}
        self._files: dict[tuple[str, date, int], list[Path]] = defaultdict(list)
        self._revisions: dict[tuple[date, int], int] = {}
        self._batches = 0
        self._connection = duckdb.connect(config={"threads": 1})

    @property
    def group_count(self) -> int:
        return self._group_count

    def accounts(self) -> tuple[str, ...]:
        return tuple(self._numbers)

    def revisions(self) -> dict[tuple[date, int], int]:
        return self._revisions

    def files(self, family: str, day: date, group: int) -> list[Path]:
        return self._files[family, day, group]

    def size(self, family: str, day: date, group: int) -> int:
        return sum(path.stat().st_size for path in self._files[family, day, group])

    def add(self, batch: Batch) -> None:
        """Write a batch of events without duplicates."""
        self._batches += 1
        numbers = [self._numbers.setdefault(a, len(self._numbers)) for a in batch.accounts]
        for family, columns in batch.families():
            if len(columns["at"]):
                accounts = np.asarray(numbers, "i4")[columns["account"]]
                self._write(family, _with_derived_columns(family, columns | {"account": accounts}))

    def forget(self, batch: int) -> None:
        """Remove the files of a batch again; batches are numbered from 1."""
        for (_, day, group), paths in self._files.items():
            for path in [p for p in paths if p.stem.endswith(f"-{batch}")]:
                paths.remove(path)
                self._revisions[day, group] += 1

    def _write(self, family: str, columns: Columns) -> None:
        partitions = columns["d"] * self._group_count + columns["account"] % self._group_count
        for partition in np.unique(partitions).tolist():
            number, group = divmod(partition, self._group_count)
            day = day_of_number(number)
            path = self._folder / day.isoformat() / f"g{group:02d}"
            path.mkdir(parents=True, exist_ok=True)
            path /= f"{family}-{self._batches}.parquet"
            part: dict[str, Any] = {n: c[partitions == partition] for n, c in columns.items()}
            self._connection.register("incoming", part)
            self._connection.execute(
                f"COPY (FROM incoming) TO '{path}' (FORMAT parquet)"
            ).fetchall()
            self._connection.unregister("incoming")
            self._files[family, day, group].append(path)
            self._revisions[day, group] = self._revisions.get((day, group), 0) + 1


def _with_derived_columns(family: str, columns: Columns) -> Columns:
    local = columns["at"] + BEIJING_SECONDS
    added = {
        "d": (local // DAY_SECONDS).astype("i4"),
        "h": (local % DAY_SECONDS // HOUR_SECONDS).astype("i4"),
    }
    if family == "activity":
        added["mask"] = action_masks(columns)
    assert list(columns) == list(FAMILIES[family])
    return columns | added
