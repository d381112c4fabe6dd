"""A database as plain rows, to compare it with another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from wxcube.contract import ENDPOINTS
from wxcube.warehouse.tables import ROW_TABLES

TABLES = [part.table.name for e in ENDPOINTS for part in ROW_TABLES[e.name].walk()]
"""The tables of every endpoint, with those of nested lists."""
LEDGER = "appid, origin, endpoint, params, ref_date, state, fetched_at is null"

Content = dict[str, list[tuple[Any, ...]]]


def content(path: Path) -> Content:
    """All rows of all endpoints, and the state of every day."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = {name: _rows(connection, f"select * from {name}") for name in TABLES}
        rows["coverage"] = _rows(connection, f"select {LEDGER} from coverage")
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        assert connection.execute("pragma foreign_key_check").fetchall() == []
    return rows


def _rows(connection: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(sql).fetchall(), key=repr)
