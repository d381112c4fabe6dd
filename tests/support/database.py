"""A database as plain rows, to compare it with another of any kind."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from wxcube.contract import ENDPOINTS
from wxcube.warehouse.contract_tables import codes, columns, contract, endpoints
from wxcube.warehouse.databases.opening import is_file, open_database
from wxcube.warehouse.tables import METADATA, ROW_TABLES

TABLES = [part.table.name for e in ENDPOINTS for part in ROW_TABLES[e.name].walk()]
"""The tables of every endpoint, with those of nested lists."""
LEDGER = "appid, origin, endpoint, params, ref_date, state, fetched_at is null"
OF_CONTRACT = frozenset({codes, columns, contract, endpoints})

Content = dict[str, list[tuple[Any, ...]]]


def content(path_or_url: str | Path) -> Content:
    """All rows of all endpoints, and the state of every day."""
    with (
        closing(open_database(path_or_url, read_only=True)) as database,
        database.reading() as connection,
    ):
        plain: Any = connection.connection
        rows = {name: _rows(plain, f"select * from {name}") for name in TABLES}
        rows["coverage"] = _rows(plain, f"select {LEDGER} from coverage")
        if is_file(path_or_url):
            assert _rows(plain, "pragma integrity_check") == [("ok",)]
            assert _rows(plain, "pragma foreign_key_check") == []
    return rows


def _rows(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(sql)
    return sorted((tuple(map(_plain, row)) for row in cursor.fetchall()), key=repr)


def _plain(value: Any) -> Any:
    """SQLite and MySQL have 0 and 1 as booleans."""
    return int(value) if isinstance(value, bool) else value


def empty(url: str) -> None:
    """Delete all rows that a test may have written."""
    tables = [table for table in METADATA.sorted_tables if table not in OF_CONTRACT]
    with (
        closing(open_database(url)) as database,
        database.transaction(in_bulk=True) as connection,
    ):
        is_filled = [
            sa.select(sa.literal(table.name)).where(sa.exists().select_from(table))
            for table in tables
        ]
        filled = set(connection.execute(sa.union_all(*is_filled)).scalars())
        for table in reversed(tables):
            if table.name in filled:
                connection.execute(table.delete())
