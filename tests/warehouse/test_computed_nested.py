"""Nested rows written in bulk: side by side or one by one, never without the row above them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.warehouse.computed import Computed, Fan, TableRows
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
DAY = date(2026, 3, 1)
ACCOUNT = "wxdemo-a"
READ, TOTAL = named("getarticleread"), named("getarticletotal")
TABLE = "article_read"
BELOW = f"{TABLE}__read_user_source"
SCENES = ("全部", "it's", "朋友圈")


KEY = ("appid", "origin", "ref_date", "msgid")


def columns(warehouse: Warehouse) -> tuple[str, ...]:
    """Columns of articles that must have a value, those of the key first."""
    with sqlite3.connect(warehouse.path) as connection:
        found = connection.execute(f"PRAGMA table_info({TABLE})").fetchall()
    connection.close()
    needed = [name for _, name, _, is_needed, *_ in found if is_needed]
    return (*KEY, *(name for name in needed if name not in KEY))


def articles(warehouse: Warehouse, msgids: Iterable[str], fan: Fan) -> Computed:
    """Articles without anything but their readers."""
    names = columns(warehouse)
    rest = [0] * (len(names) - len(KEY))
    lines = [(ACCOUNT, "cube", DAY.isoformat(), msgid, *rest) for msgid in msgids]
    return Computed(
        endpoint=READ,
        origin=Origin.CUBE,
        windows=(Window(DAY, DAY),),
        since={ACCOUNT: DAY},
        tables={TABLE: TableRows(names, lines, {BELOW: fan})},
    )


def readers(*lines: tuple[int, ...]) -> Fan:
    return Fan("scene_desc", SCENES, "user_count", lines)


def stored(path: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        query = f"SELECT msgid, scene_desc, user_count FROM {BELOW} ORDER BY msgid, place"
        found = connection.execute(query).fetchall()
    connection.close()
    return found


# --- fans -----------------------------------------------------------------------------------------


def test_a_line_of_a_fan_is_the_rows_that_it_has(warehouse: Warehouse) -> None:
    fan = readers((5, -1, 2), (0, 7, -1), (-1, -1, -1))
    assert warehouse.replace_computed(articles(warehouse, ["1_1", "1_2", "1_3"], fan), NOW) == 7
    assert stored(warehouse.path) == [
        ("1_1", "全部", 5),
        ("1_1", "朋友圈", 2),
        ("1_2", "全部", 0),
        ("1_2", "it's", 7),
    ]
    fan = readers((-1, 3, -1))
    assert warehouse.replace_computed(articles(warehouse, ["1_2"], fan), NOW) == 2
    assert stored(warehouse.path) == [("1_2", "it's", 3)]


@pytest.mark.parametrize("lines", [[], [(1, 1, 1)], [(1, 1, 1)] * 3], ids=len)
def test_a_fan_has_as_many_lines_as_there_are_rows_above(
    warehouse: Warehouse, path: Path, lines: list[tuple[int, ...]]
) -> None:
    before = everything(path)
    with pytest.raises(ValueError, match=r"zip\(\)|more lines"):
        warehouse.replace_computed(articles(warehouse, ["1_1", "1_2"], readers(*lines)), NOW)
    assert everything(path) == before


def test_a_fan_needs_the_key_of_the_row_above(warehouse: Warehouse, path: Path) -> None:
    made = articles(warehouse, ["1_1"], readers((1, 1, 1)))
    rows = made.tables[TABLE]
    turned = replace(rows, columns=rows.columns[::-1], lines=[line[::-1] for line in rows.lines])
    before = everything(path)
    with pytest.raises(ValueError, match="do not begin with"):
        warehouse.replace_computed(replace(made, tables={TABLE: turned}), NOW)
    assert everything(path) == before


def test_many_lines_keep_to_their_rows(
    warehouse: Warehouse, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are written some at a time."""
    monkeypatch.setattr("wxcube.warehouse.computed.AT_ONCE", 3)
    msgids = [f"1_{n}" for n in range(1, 9)]
    fan = readers(*[(n, -1, -1) for n in range(1, 9)])
    assert warehouse.replace_computed(articles(warehouse, msgids, fan), NOW) == 16
    assert stored(path) == [(f"1_{n}", "全部", n) for n in range(1, 9)]


# --- rows above -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_new", [False, True])
def test_nested_rows_without_their_row_are_refused(
    warehouse: Warehouse, path: Path, is_new: bool
) -> None:
    made = articles(warehouse, ["1_1"], readers((1, 1, 1)))
    names = (*KEY, "scene_desc", "user_count", "place")
    lines = [(ACCOUNT, "cube", DAY.isoformat(), msgid, "全部", 1, 0) for msgid in ("1_1", "1_2")]
    upper = replace(made.tables[TABLE], fans={})
    lone = {TABLE: upper, BELOW: TableRows(names, lines)}
    before = everything(path)
    with pytest.raises(WarehouseError, match="have no row above them"):
        warehouse.replace_computed(replace(made, tables=lone, is_new=is_new), NOW)
    assert everything(path) == before
    paired = {TABLE: upper, BELOW: TableRows(names, lines[:1])}
    assert warehouse.replace_computed(replace(made, tables=paired, is_new=is_new), NOW) == 2


def break_off() -> Iterator[tuple[Any, ...]]:
    yield from ()
    raise KeyboardInterrupt


@pytest.mark.parametrize("lines", [[], break_off()], ids=["written", "broken off"])
def test_other_writers_are_checked_after_a_bulk_write(warehouse: Warehouse, lines: Any) -> None:
    made = articles(warehouse, [], readers())
    rows = replace(made.tables[TABLE], lines=lines)
    with suppress(KeyboardInterrupt):
        warehouse.replace_computed(replace(made, tables={TABLE: rows}), NOW)
    lone = f"INSERT INTO {BELOW} VALUES ('a', 'cube', '2026-03-01', '1_1', 1, '全部', 0)"
    with warehouse._writing() as connection, pytest.raises(Exception, match="FOREIGN KEY"):
        connection.exec_driver_sql(lone)


# --- running totals written again -----------------------------------------------------------------


def test_rows_that_stay_as_they_are_count_and_others_change(warehouse: Warehouse) -> None:
    def totals(*titles: str) -> Computed:
        lines = [
            (ACCOUNT, "cube", DAY.isoformat(), f"1_{n}", title, n)
            for n, title in enumerate(titles, 1)
        ]
        return Computed(
            endpoint=TOTAL,
            origin=Origin.CUBE,
            windows=(Window(DAY, DAY),),
            since={ACCOUNT: DAY},
            stats=Window(DAY, DAY),
            is_new=True,
            tables={
                "article_total": TableRows((*KEY, "title", "place"), lines),
                "article_total__details": TableRows((*KEY, "stat_date", "place"), []),
            },
        )

    assert warehouse.replace_computed(totals("a", "b"), NOW) == 2
    assert warehouse.replace_computed(totals("a", "c"), NOW) == 2
    found = warehouse.query("SELECT title FROM article_total ORDER BY place")
    assert found.rows == [("a",), ("c",)]


# --- readers --------------------------------------------------------------------------------------


def test_readers_see_all_old_or_all_new_rows_while_many_are_replaced(
    warehouse: Warehouse, path: Path
) -> None:
    """More rows than fit into SQLite's cache, so that they reach the file before the end."""
    msgids = [f"1_{n:05}" for n in range(20_000)]

    def turn(value: int) -> None:
        fan = readers(*[(value, value, value)] * len(msgids))
        warehouse.replace_computed(articles(warehouse, msgids, fan), NOW)

    turn(1)
    done, seen = threading.Event(), []

    def look() -> None:
        query = f"SELECT min(user_count), max(user_count), count(*) FROM {BELOW}"
        with Warehouse.open(path, read_only=True) as reader:
            while not done.is_set():
                seen.append(tuple(reader.query(query).rows[0]))
            seen.append(tuple(reader.query(query).rows[0]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for value in (2, 3):
            turn(value)
    finally:
        done.set()
        thread.join(60)
    whole = 3 * len(msgids)
    assert set(seen) <= {(value, value, whole) for value in (1, 2, 3)}
    assert seen[-1] == (3, 3, whole)
    assert seen == sorted(seen)
    assert len(seen) > 2
