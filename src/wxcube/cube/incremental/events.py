"""Where the cube finds events: Parquet files by day, group of accounts and family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

Cell = tuple[date, int]
"""A day and a group of accounts: what changes, and is computed anew, as one."""


def size_of(path: Path) -> int:
    """Bytes of a file; 0 if it is gone, which reading it tells."""
    return path.stat().st_size if path.exists() else 0


class Events(Protocol):
    """Events on disk, as columns of `wxcube.events.columns` with `d`, `h` and `mask` beside them.

    An account's number is its place in `accounts()`, its group that number modulo `group_count`.
    """

    @property
    def group_count(self) -> int:
        """How many groups the accounts are in."""
        ...

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        ...

    def revisions(self) -> Mapping[Cell, int]:
        """Every day and group with events, and a number that grows when they change."""
        ...

    def files(self, family: str, day: date, group: int) -> Sequence[Path]:
        """The Parquet files with a family's events of a day and group."""
        ...
