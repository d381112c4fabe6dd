"""Rows and ledger entries written into a database as they are, without the rules of an answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.rows import to_records
from wxcube.warehouse.statements import insert_many
from wxcube.warehouse.tables import ROW_TABLES, coverage

APPID = "wx1"
FETCHED = datetime(2026, 3, 20, 9, tzinfo=BEIJING)


def store_rows(
    database: Database,
    endpoint: Endpoint[Any],
    rows: Iterable[Any],
    *,
    origin: Origin = Origin.WECHAT,
    params: str = "",
) -> None:
    """Write rows and those of their nested lists."""
    scope = (APPID, origin.value, params) if endpoint.params else (APPID, origin.value)
    table, by_day = ROW_TABLES[endpoint.name], dict[date, list[Any]]()
    for row in rows:
        by_day.setdefault(row.ref_date, []).append(row)
    with database.transaction() as connection:
        for of_day in by_day.values():
            records = to_records(table, scope, of_day)
            for part, of_part in zip(table.walk(), records, strict=True):
                if of_part:
                    insert_many(connection, part.table, part.table.columns.keys(), of_part)


def store_entries(
    database: Database,
    endpoint: Endpoint[Any],
    days: Iterable[date],
    *,
    state: str = "final",
    origin: Origin = Origin.WECHAT,
    params: str = "",
    revision: int = 0,
) -> None:
    """Write the ledger entries of days."""
    same = {
        "appid": APPID,
        "origin": origin.value,
        "endpoint": endpoint.name,
        "params": params,
        "state": state,
        "asked_at": FETCHED,
        "fetched_at": FETCHED,
        "message": "",
        "revision": revision,
    }
    with database.transaction() as connection:
        connection.execute(coverage.insert(), [{**same, "ref_date": day} for day in days])
