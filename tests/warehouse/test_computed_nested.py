"""Nested rows written in bulk: pivoted or one by one, never without their parent row."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.warehouse.computed import Computed, PivotedRows, TableRows
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import ROW_TABLES

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
DAY = date(2026, 3, 1)
ACCOUNT = "wxdemo-a"
READ, TOTAL = named("getarticleread"), named("getarticletotal")
TABLE = "article_read"
BELOW = f"{TABLE}__read_user_source"
SCENES = ("全部", "it's", "朋友圈")


KEY = ("appid", "origin", "ref_date", "msgid")


def columns() -> tuple[str, ...]:
    """Columns of articles that need a value, those of the key first."""
    needed = [one.name for one in ROW_TABLES[READ.name].table.columns if not one.nullable]
    return (*KEY, *(name for name in needed if name not in KEY))


def articles(warehouse: Warehouse, msgids: Iterable[str], pivoted: PivotedRows) -> Computed:
    """Articles with no data but their readers."""
    names = columns()
    rest = [0] * (len(names) - len(KEY))
    tuples = [(ACCOUNT, "cube", DAY.isoformat(), msgid, *rest) for msgid in msgids]
    return Computed(
        endpoint=READ,
        origin=Origin.CUBE,
        over=DAY,
        windows=(Window(DAY, DAY),),
        since={ACCOUNT: DAY},
        tables={TABLE: TableRows(names, tuples, {BELOW: pivoted})},
    )


def readers(*tuples: tuple[int, ...]) -> PivotedRows:
    return PivotedRows("scene_desc", SCENES, "user_count", tuples)


def stored(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    query = f"SELECT msgid, scene_desc, user_count FROM {BELOW} ORDER BY msgid, place"
    return warehouse.query(query).rows


# --- pivoted rows ---------------------------------------------------------------------------------


def test_a_tuple_has_a_row_for_each_value_that_is_not_negative(warehouse: Warehouse) -> None:
    pivoted = readers((5, -1, 2), (0, 7, -1), (-1, -1, -1))
    assert warehouse.replace_computed(articles(warehouse, ["1_1", "1_2", "1_3"], pivoted), NOW) == 7
    assert stored(warehouse) == [
        ("1_1", "全部", 5),
        ("1_1", "朋友圈", 2),
        ("1_2", "全部", 0),
        ("1_2", "it's", 7),
    ]
    pivoted = readers((-1, 3, -1))
    assert warehouse.replace_computed(articles(warehouse, ["1_2"], pivoted), NOW) == 2
    assert stored(warehouse) == [("1_2", "it's", 3)]


@pytest.mark.parametrize("tuples", [[], [(1, 1, 1)], [(1, 1, 1)] * 3], ids=len)
def test_there_must_be_one_tuple_per_parent_row(
    warehouse: Warehouse, url: str, tuples: list[tuple[int, ...]]
) -> None:
    before = everything(url)
    with pytest.raises(ValueError, match=r"zip\(\)|more pivoted rows"):
        warehouse.replace_computed(articles(warehouse, ["1_1", "1_2"], readers(*tuples)), NOW)
    assert everything(url) == before


def test_pivoted_rows_need_the_key_columns_first(warehouse: Warehouse, url: str) -> None:
    computed_rows = articles(warehouse, ["1_1"], readers((1, 1, 1)))
    rows = computed_rows.tables[TABLE]
    turned = replace(
        rows, columns=rows.columns[::-1], tuples=[values[::-1] for values in rows.tuples]
    )
    before = everything(url)
    with pytest.raises(ValueError, match="do not begin with"):
        warehouse.replace_computed(replace(computed_rows, tables={TABLE: turned}), NOW)
    assert everything(url) == before


def test_batches_of_pivoted_rows_have_the_right_parents(
    warehouse: Warehouse, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxcube.warehouse.computed.BATCH", 3)
    msgids = [f"1_{n}" for n in range(1, 9)]
    pivoted = readers(*[(n, -1, -1) for n in range(1, 9)])
    assert warehouse.replace_computed(articles(warehouse, msgids, pivoted), NOW) == 16
    assert stored(warehouse) == [(f"1_{n}", "全部", n) for n in range(1, 9)]


# --- parent rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_new", [False, True])
def test_nested_rows_without_their_parent_are_refused(
    warehouse: Warehouse, url: str, is_new: bool
) -> None:
    computed_rows = articles(warehouse, ["1_1"], readers((1, 1, 1)))
    names = (*KEY, "scene_desc", "user_count", "place")
    tuples = [(ACCOUNT, "cube", DAY.isoformat(), msgid, "全部", 1, 0) for msgid in ("1_1", "1_2")]
    parents = replace(computed_rows.tables[TABLE], pivoted={})
    orphaned = {TABLE: parents, BELOW: TableRows(names, tuples)}
    before = everything(url)
    with pytest.raises(WarehouseError, match="have no parent row"):
        warehouse.replace_computed(replace(computed_rows, tables=orphaned, is_new=is_new), NOW)
    assert everything(url) == before
    paired = {TABLE: parents, BELOW: TableRows(names, tuples[:1])}
    assert (
        warehouse.replace_computed(replace(computed_rows, tables=paired, is_new=is_new), NOW) == 2
    )


def interrupted() -> Iterator[tuple[Any, ...]]:
    yield from ()
    raise KeyboardInterrupt


@pytest.mark.parametrize("tuples", [[], interrupted()], ids=["written", "interrupted"])
def test_foreign_keys_are_checked_again_after_a_bulk_write(
    warehouse: Warehouse, tuples: Any
) -> None:
    computed_rows = articles(warehouse, [], readers())
    rows = replace(computed_rows.tables[TABLE], tuples=tuples)
    with suppress(KeyboardInterrupt):
        warehouse.replace_computed(replace(computed_rows, tables={TABLE: rows}), NOW)
    orphan = f"INSERT INTO {BELOW} VALUES ('a', 'cube', '2026-03-01', '1_1', 1, '全部', 0, NULL)"
    with (
        warehouse._database.transaction() as connection,
        pytest.raises(Exception, match=r"(?i)foreign key"),
    ):
        connection.exec_driver_sql(orphan)


# --- running totals -------------------------------------------------------------------------------


def test_unchanged_rows_are_counted_and_changed_ones_updated(warehouse: Warehouse) -> None:
    def totals(*titles: str) -> Computed:
        tuples = [
            (ACCOUNT, "cube", DAY.isoformat(), f"1_{n}", title, n)
            for n, title in enumerate(titles, 1)
        ]
        return Computed(
            endpoint=TOTAL,
            origin=Origin.CUBE,
            over=DAY,
            windows=(Window(DAY, DAY),),
            since={ACCOUNT: DAY},
            stat_dates=Window(DAY, DAY),
            is_new=True,
            tables={
                "article_total": TableRows((*KEY, "title", "place"), tuples),
                "article_total__details": TableRows((*KEY, "stat_date", "place"), []),
            },
        )

    assert warehouse.replace_computed(totals("a", "b"), NOW) == 2
    assert warehouse.replace_computed(totals("a", "c"), NOW) == 2
    actual = warehouse.query("SELECT title FROM article_total ORDER BY place")
    assert actual.rows == [("a",), ("c",)]


# --- readers --------------------------------------------------------------------------------------


def test_readers_see_all_old_or_all_new_rows_while_many_are_replaced(
    warehouse: Warehouse, url: str
) -> None:
    """More rows than fit into SQLite's cache, so that they are written before the commit."""
    msgids = [f"1_{n:05}" for n in range(20_000)]

    def turn(value: int) -> None:
        pivoted = readers(*[(value, value, value)] * len(msgids))
        warehouse.replace_computed(articles(warehouse, msgids, pivoted), NOW)

    turn(1)
    done, read, seen = threading.Event(), threading.Semaphore(0), []

    def look() -> None:
        query = f"SELECT min(user_count), max(user_count), count(*) FROM {BELOW}"
        with Warehouse.open(url, read_only=True) as reader:
            while not done.is_set():
                seen.append(tuple(reader.query(query).rows[0]))
                read.release()
            seen.append(tuple(reader.query(query).rows[0]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for value in (2, 3):
            assert read.acquire(timeout=60)
            turn(value)
    finally:
        done.set()
        thread.join(60)
    whole = 3 * len(msgids)
    assert set(seen) <= {(value, value, whole) for value in (1, 2, 3)}
    assert seen[-1] == (3, 3, whole)
    assert seen == sorted(seen)
    assert len(seen) > 2
