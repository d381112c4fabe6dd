"""Rows of the warehouse that a file is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.warehouse.day_rows import DayRows
from wxcube.warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class StoredRows:
    """The rows of an endpoint of some accounts and days."""

    warehouse: Warehouse
    endpoint: Endpoint[Any]
    appids: tuple[str, ...]
    window: Window | None = None
    """None: all days."""
    origin: Origin | None = None
    """None: the best one of each day."""

    def windows(self) -> dict[str, Window]:
        """The days to read, by account; accounts without rows of them are left out."""
        extents = ((a, self.warehouse.extent(a, self.endpoint, self.origin)) for a in self.appids)
        days = ((a, self._within(extent)) for a, extent in extents if extent)
        return {appid: window for appid, window in days if window}

    def days(self) -> Iterator[DayRows[Any]]:
        """The rows by account and day, read piece by piece."""
        for appid, window in self.windows().items():
            yield from self.days_of(appid, window)

    def days_of(self, appid: str, window: Window) -> Iterator[DayRows[Any]]:
        """The rows of one account and of one of `windows` by day."""
        return self.warehouse.day_rows(appid, self.endpoint, window, self.origin)

    def _within(self, extent: Window) -> Window | None:
        return self.window.overlap(extent) if self.window else extent
