"""A database with the figures of simulated accounts, filled without calls."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.warehouse.store import Warehouse

DAYS = 150
"""From 2025-10-11 to 2026-03-09: both eras of articles."""


@cache
def emulator() -> Emulator:
    """Two accounts, whose rows are computed once per process."""
    return Emulator(accounts=2, days=DAYS)


def fill(path: Path) -> None:
    """Store the rows of all endpoints that need no parameter, as if all days were asked now."""
    source = emulator()
    last = source.last_day
    window = Window(last - timedelta(days=DAYS - 1), last)
    with Warehouse.open(path) as warehouse:
        for app in source.accounts:
            for endpoint in ENDPOINTS:
                if not endpoint.params:
                    store(warehouse, app.appid, endpoint, window)


def store(warehouse: Warehouse, appid: str, endpoint: Endpoint[Any], window: Window) -> None:
    """Store the rows of a window that the emulator has."""
    source = emulator()
    rows = [row for row in source.rows(appid, endpoint) if row.ref_date in window]
    reach = window.overlap(Window(endpoint.first_date, window.last))
    if reach:
        answer = Answer(endpoint, reach, rows, b"", source.clock.now())
        warehouse.replace(appid, Origin.WECHAT, answer)
