"""Large databases: one account with ten years of days, and 200 accounts.

The rows of a simulated account are copied by the database, with other days or another AppID, so
that a database of some million rows is there in seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from support import filled
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.window import Window
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import ROW_TABLES, accounts, coverage

YEARS = 10
ACCOUNTS = 200
_STEP = timedelta(days=140)
"""Whole weeks, so that copies of a Monday are Mondays."""
_MONTHS = 4


def ten_years(path: Path, *, has_hours: bool = True) -> str:
    """Fill a new database with ten years of one account, and return its AppID.

    Without hours, figures by hour are of the newest days only, as they are shown.
    """
    appid = filled.emulator().accounts[0].appid
    last = filled.emulator().last_day
    _fill(path, appid, Window(last - _STEP + timedelta(days=1), last))
    _run(path, _shifted([e for e in ENDPOINTS if has_hours or e.grain is not Grain.HOUR]))
    return appid


def many_accounts(path: Path, days: int = 40) -> list[str]:
    """Fill a new database with 200 accounts that are alike, and return their AppIDs."""
    appid = filled.emulator().accounts[0].appid
    last = filled.emulator().last_day
    _fill(path, appid, Window(last - timedelta(days=days - 1), last))
    others = [f"wx{number:016}" for number in range(ACCOUNTS - 1)]
    _run(path, _renamed(appid, others))
    return [appid, *others]


def _fill(path: Path, appid: str, window: Window) -> None:
    with Warehouse.open(path) as warehouse:
        for endpoint in ENDPOINTS:
            if not endpoint.params:
                filled.store(warehouse, appid, endpoint, window)


def _shifted(endpoints: Sequence[Endpoint[Any]]) -> Iterator[str]:
    """Statements that copy the newest days of endpoints to earlier ones, oldest first."""
    copies = YEARS * 366 // _STEP.days
    yield "create temp table copies (days text, months text, name text)"
    values = ", ".join(
        f"('-{number * _STEP.days} days', '-{number * _MONTHS} months', '{number}_')"
        for number in range(copies, 0, -1)
    )
    yield f"insert into copies values {values}"
    newest = filled.emulator().last_day - _STEP
    for endpoint in endpoints:
        by = "months" if endpoint.grain is Grain.MONTH else "days"
        scope = f"ref_date > '{newest}' and date(ref_date, {by}) >= '{endpoint.first_date}'"
        changes = {name: f"date({name}, {by})" for name in ("ref_date", "stat_date")}
        changes["msgid"] = "name || msgid"
        for part in ROW_TABLES[endpoint.name].walk():
            yield _copy(part.table, changes, scope, "copies")
        yield _copy(coverage, changes, f"endpoint = '{endpoint.name}' and {scope}", "copies")


def _renamed(appid: str, others: list[str]) -> Iterator[str]:
    """Statements that copy everything of an account to others, in the order of the keys."""
    yield "create temp table others (other text primary key) without rowid"
    values = ", ".join(f"('{other}')" for other in others)
    yield f"insert into others values {values}"
    tables = [part.table for table in ROW_TABLES.values() for part in table.walk()]
    for table in (*tables, coverage, accounts):
        yield _copy(table, {"appid": "other"}, f"appid = '{appid}'", "others")


def _copy(table: sa.Table, changes: Mapping[str, str], scope: str, per: str) -> str:
    """A statement that copies rows of a table, once for each row of another one."""
    names = [column.name for column in table.columns]
    values = ", ".join(changes.get(name, name) for name in names)
    into = f"insert into {table.name} ({', '.join(names)})"
    return f"{into} select {values} from {per} cross join {table.name} where {scope}"


def _run(path: Path, statements: Iterator[str]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma journal_mode = off")
        connection.execute("begin")
        for sql in statements:
            connection.execute(sql)
        connection.execute("commit")
        connection.execute("pragma journal_mode = wal")
