"""Days of series: entries of the ledger and records, as merging an answer reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from wxcube.contract.window import Window
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.rows import Records
from wxcube.warehouse.series import SeriesKey


class Days(Protocol):
    """The days of an account; a database has them, or memory."""

    def entries(self, series: SeriesKey, window: Window) -> dict[date, DayState]:
        """The entries of a window by day."""
        ...

    def records(self, series: SeriesKey, window: Window) -> dict[date, Records]:
        """The records of the days of a window that have any."""
        ...

    def numbers(self, series: SeriesKey, column: str, window: Window) -> dict[date, int]:
        """A column of the days of a window; of several rows of a day, one."""
        ...

    def first_day(self, series: SeriesKey) -> date | None:
        """The oldest day with records."""
        ...

    def write(
        self,
        series: SeriesKey,
        entries: Mapping[date, DayState],
        records: Mapping[date, Records],
    ) -> None:
        """Write entries, and replace the records of days."""
        ...
