"""The interface to stored events: Parquet files by day, group of accounts and family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

Partition = tuple[date, int]
"""A day and a group of accounts: the unit that changes and is recomputed as a whole."""


class Events(Protocol):
    """Events on disk, with the columns of `wxcube.events.columns` and also `d`, `h` and `mask`.

    The number of an account is its index in `accounts()`, its group that number modulo
    `group_count`.
    """

    @property
    def group_count(self) -> int:
        """The number of groups."""
        ...

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        ...

    def revisions(self) -> Mapping[Partition, int]:
        """Every partition with events, and a number that grows when its events change."""
        ...

    def files(self, family: str, day: date, group: int) -> Sequence[Path]:
        """The Parquet files with a family's events of a partition, to be read now.

        Raises:  DamagedEventsError if one is not as it was written.
        """
        ...

    def size(self, family: str, day: date, group: int) -> int:
        """The size of these files in bytes, without reading them."""
        ...
