"""Views for BI tools on PostgreSQL: 200 accounts, 60 days around the seam of November 2025.

    python bench/analysis_views.py postgresql://USER@HOST:PORT/EMPTY_DATABASE

It fills an empty database and prints, for each view, the median time of a question about 30 days of
one account and of all accounts, and whether the plan of the first one reads a whole table.
"""

from __future__ import annotations

import itertools
import re
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from wxcube.contract import named
from wxcube.contract.codes import TABLES
from wxcube.contract.endpoint import Endpoint, Group
from wxcube.contract.field import Code, Hour, Label, leaves
from wxcube.warehouse.analysis_views import analysis_views
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import ROW_TABLES, RowTable, coverage
from wxcube.warehouse.view_unions import SEAM

ACCOUNTS = [f"wx{number:016}" for number in range(200)]
DAYS = [SEAM - timedelta(days=20) + timedelta(days=number) for number in range(60)]
ARTICLES = 8
"""Articles read on a day: of that day and the seven before."""
ENDPOINTS = (
    "getusersummary",
    "getusercumulate",
    "getarticlesummary",
    "getarticletotal",
    "getuserread",
    "getusershare",
    "getarticleread",
    "getarticleshare",
    "getbizsummary",
    "getarticletotaldetail",
    "getupstreammsghour",
    "getinterfacesummary",
)
FIGURES = {
    "v_follower_day": "sum(new_user)",
    "v_article_day": "max(read_user)",
    "v_article_curve": "max(read_user)",
    "v_message_hour": "sum(msg_count)",
    "v_channel_day": "sum(new_user)",
    "v_interface_day": "sum(callback_count)",
}
STAMP = "2026-01-20T09:00:00+08:00"
REPEATS = 7


def fill(engine: sa.Engine) -> int:
    """Rows of every table that the views read, and their days in the ledger."""
    count = 0
    with engine.begin() as connection:
        for name in ENDPOINTS:
            endpoint = named(name)
            days = _days(endpoint)
            for table in ROW_TABLES[name].walk():
                rows = (
                    row
                    for appid, day in itertools.product(ACCOUNTS, days)
                    for row in _rows(endpoint, table, appid, day)
                )
                count += _copy(connection, table.table, rows)
            entries = (_entry(name, appid, day) for appid, day in itertools.product(ACCOUNTS, days))
            count += _copy(connection, coverage, entries)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    return count


def _days(endpoint: Endpoint[Any]) -> list[date]:
    if endpoint.group not in {Group.ARTICLE, Group.CONTENT}:
        return DAYS
    return [day for day in DAYS if (day < SEAM) == endpoint.is_retired]


def _rows(
    endpoint: Endpoint[Any], table: RowTable, appid: str, day: date
) -> Iterator[dict[str, Any]]:
    """Rows of a table for one day, one per value of its key."""
    names = [name for name in table.key if name not in {"appid", "origin", "ref_date"}]
    choices = (_values(endpoint, table, name, day) for name in names)
    for place, values in enumerate(itertools.product(*choices)):
        key = dict(zip(names, values, strict=True))
        row = dict.fromkeys(table.table.c.keys()) | {
            column.name: _figure(column.column.type, place) for column in table.columns
        }
        yield row | {"appid": appid, "origin": "wechat", "ref_date": day, "place": place} | key


def _values(endpoint: Endpoint[Any], table: RowTable, name: str, day: date) -> list[Any]:
    if name == "msgid":
        is_published_then = table.table.name.startswith("article_total")
        ages = range(1 if is_published_then else ARTICLES)
        return [f"{(day - timedelta(days=age)).toordinal()}_1" for age in ages]
    if name == "stat_date":
        return [day + timedelta(days=age) for age in range(7 if day < SEAM else 30)]
    kind = next(one.kind for _path, one in leaves(endpoint.row) if one.name == name)
    if isinstance(kind, Hour):
        return list(range(0, 2400, 100))
    assert isinstance(kind, Code | Label)
    return [meaning.code for meaning in TABLES[kind.table].meanings][:8]


def _figure(kind: type, place: int) -> Any:
    return {int: place, float: 0.5, str: "公众号文章的标题", date: DAYS[0]}[kind]


def _entry(endpoint: str, appid: str, day: date) -> dict[str, Any]:
    values = {"appid": appid, "origin": "wechat", "endpoint": endpoint, "params": ""}
    times = {"asked_at": STAMP, "fetched_at": STAMP, "message": "", "revision": 0, "doubts": 0}
    blank = dict.fromkeys(coverage.c.keys())
    return blank | values | times | {"ref_date": day, "state": "final"}


def _copy(connection: sa.Connection, table: sa.Table, rows: Iterator[dict[str, Any]]) -> int:
    driver: Any = connection.connection.driver_connection
    count = 0
    with driver.cursor().copy(f"COPY {table.name} FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] for name in table.c.keys()])  # noqa: SIM118 - in their order
            count += 1
    return count


def measure(engine: sa.Engine) -> None:
    """The times of each view."""
    first, last = DAYS[15], DAYS[44]
    with engine.connect() as connection:
        for view in analysis_views():
            names = [column.name for column in view.columns]
            day = "ref_date" if "ref_date" in names else "publish_date"
            window = f"{day} BETWEEN '{first}' AND '{last}'"
            one = f"SELECT * FROM {view.name} WHERE appid = '{ACCOUNTS[77]}' AND {window}"
            figure = FIGURES[view.name]
            every = f"SELECT appid, {day}, {figure} FROM {view.name} WHERE {window} GROUP BY 1, 2"
            plan = connection.exec_driver_sql(f"EXPLAIN {one}").scalars().all()
            scans = sorted({*re.findall(r"Seq Scan on (\w+)", "\n".join(plan))} - {"codes"})
            print(
                f"{view.name:16} one account {_ms(connection, one):6.1f} ms"
                f"   all accounts {_ms(connection, every):6.1f} ms"
                f"   whole tables in the first: {', '.join(scans) or 'none'}"
            )


def _ms(connection: sa.Connection, statement: str) -> float:
    times = []
    for _repeat in range(REPEATS):
        started = time.perf_counter()
        connection.exec_driver_sql(statement).fetchall()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    with Warehouse.open(sys.argv[1]) as warehouse:
        is_filled = bool(warehouse.query("SELECT 1 FROM coverage LIMIT 1").rows)
    engine = sa.create_engine(sa.make_url(sys.argv[1]).set(drivername="postgresql+psycopg"))
    if not is_filled:
        started = time.perf_counter()
        print(f"{fill(engine):,} rows in {time.perf_counter() - started:.0f} s")
    measure(engine)
