"""A store and its database in one folder, built as the command does, and the rows as sets."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from support.event_files import open_store
from wxcube.beijing import ManualClock, day_of
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.jobs.cube_build import BuildResult, build
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import PLACE, ROW_TABLES

GROUPS = 2
Rows = dict[str, set[Any]]
"""The rows of every account, each with the name of its table."""


def rows_of(folder: Path) -> Rows:
    """The rows in the folder's database."""
    rows: Rows = defaultdict(set)
    tables = [part.table.name for table in ROW_TABLES.values() for part in table.walk()]
    with closing(sqlite3.connect(folder / "wxcube.db")) as connection:
        connection.row_factory = sqlite3.Row
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):
                # a day computed alone or with others has its rows in the same order, from another 0
                row_of_day = {name: row[name] for name in row.keys() if name != PLACE}  # noqa: SIM118
                rows[row["appid"]].add((table, *row_of_day.values()))
    return rows


def entries_of(folder: Path) -> Rows:
    """The entries of the ledger in the folder's database: endpoint, day, state and message."""
    entries: Rows = defaultdict(set)
    query = "SELECT appid, endpoint, params, ref_date, state, message FROM coverage"
    with closing(sqlite3.connect(folder / "wxcube.db")) as connection:
        for appid, *entry in connection.execute(query):
            entries[appid].add(tuple(entry))
    return entries


def built(
    folder: Path, now: datetime, *, through_now: bool = False, chunk_bytes: int = 20_000
) -> tuple[BuildResult, list[str]]:
    """Compact the folder's store and build it up to yesterday; the result, and the troubles."""
    clock = ManualClock(now)
    with (
        open_store(folder / "events", clock=clock, groups=GROUPS) as store,
        Warehouse.open(folder / "wxcube.db") as warehouse,
    ):
        troubles = [str(trouble) for trouble in store.compact().troubles]
        result = build(
            store,
            warehouse,
            open_engine=lambda: DuckDbEngine(threads=1, memory_limit="256MB"),
            chunk_bytes=chunk_bytes,
            first=None,
            last=day_of(now) - timedelta(days=0 if through_now else 1),
            accounts=[],
            clock=clock,
            on_progress=lambda _: None,
        )
    return result, troubles
