"""A copy has every row of its source, in any database, also after a break."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from support.apps import fill_apps
from support.database_servers import Server
from support.rows import sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.warehouse.copying import COPIED, copy_all
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import leases

NOW = datetime(2026, 3, 20, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 10))
ARTICLES, SUMMARY = named("getarticlesummary"), named("getusersummary")
TITLES = ["NUL \0 in the middle", "\x1a0 \x1a1", "😀𠮷", "back\\slash\t\r\n", ""]
BATCH = 7


class BrokenOffError(Exception):
    pass


@pytest.fixture
def source(warehouse: Warehouse) -> Warehouse:
    """A warehouse with rows in every table, in each database."""
    return filled(warehouse)


@pytest.fixture
def file_source(path: Path) -> Iterator[Warehouse]:
    """The same in a file."""
    with Warehouse.open(path) as warehouse:
        yield filled(warehouse)


def filled(warehouse: Warehouse) -> Warehouse:
    for endpoint in ENDPOINTS:
        rows = sample_rows(endpoint, WINDOW)
        answer = Answer(endpoint, WINDOW, rows, repr(rows).encode(), NOW, is_delay=False)
        warehouse.replace("wx1", Origin.WECHAT, answer)
    day = Window.day(WINDOW.last)
    (row, *_rest) = sample_rows(ARTICLES, day)
    titled = [
        msgspec.structs.replace(row, title=title, msgid=f"{n}_1") for n, title in enumerate(TITLES)
    ]
    warehouse.replace("wx\0 1", Origin.IMPORT, Answer(ARTICLES, day, titled, b"\0\xff", NOW))
    warehouse.begin_ask("wx1", Origin.WECHAT, SUMMARY, day, NOW, sender="sync")
    warehouse.set_build_watermark("a cube", 3)
    fill_apps(warehouse.apps)
    return warehouse


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The path or URL of a database without tables, of each kind."""
    if request.param == "sqlite":
        yield str(tmp_path / "copy.db")
        return
    server: Server = request.getfixturevalue(f"{request.param}_server")
    with server.database() as url:
        yield url


def content(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables of a copy, as wxcube reads them."""
    with closing(open_database(url, read_only=True)) as database, database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in COPIED
        }


def copy_in_pieces(
    source: Warehouse, url: str, target: str, written: list[str], *, until: str = ""
) -> None:
    """Copy, and break off when rows of a table were stored, in the middle of it.

    `written` gets the table of every batch of rows that is written.
    """

    def on_rows(table: str, _done: int, _total: int) -> None:
        written.append(table)
        if table == until:
            raise BrokenOffError

    with (
        closing(open_database(url)) as database,
        closing(open_database(target)) as copied,
        database.reading() as connection,
    ):
        copy_all(connection, source.name, copied, on_rows, BATCH)


def test_a_copy_has_every_row_and_goes_on_numbering(
    source: Warehouse, url: str, target: str
) -> None:
    counts = source.copy_to(target)
    assert content(target) == content(url)
    assert {name: len(rows) for name, rows in content(url).items()} == counts
    assert all(counts.values()), "the source has no rows in some table"
    with Warehouse.open(target) as copied:
        day = Window.day(WINDOW.last)
        begin = partial(Warehouse.begin_ask, appid="wx1", origin=Origin.WECHAT, endpoint=SUMMARY)
        asks = [begin(one, window=day, asked_at=NOW, sender="x") for one in (copied, source)]
        assert asks[0] == asks[1]
        titles = [row.title for row in copied.read("wx\0 1", ARTICLES, day, Origin.IMPORT)]
        assert titles == TITLES


def test_a_copy_that_was_broken_off_goes_on(source: Warehouse, url: str, target: str) -> None:
    written: list[str] = []
    with pytest.raises(BrokenOffError):
        copy_in_pieces(source, url, target, written, until="asks")
    for read_only in (False, True):
        with pytest.raises(WarehouseError, match="is an unfinished copy") as caught:
            Warehouse.open(target, read_only=read_only)
        assert "wxcube copy" in caught.value.hint
    copy_in_pieces(source, url, target, written)
    assert content(target) == content(url)
    # no row was written again
    batches = {table: ceil(len(rows) / BATCH) for table, rows in content(url).items()}
    assert Counter(written) == batches
    Warehouse.open(target).close()


def test_a_source_that_changed_after_the_break_is_copied_as_it_is_now(
    file_source: Warehouse, path: Path, target: str
) -> None:
    with pytest.raises(BrokenOffError):
        copy_in_pieces(file_source, str(path), target, [], until="user_summary")
    rows = sample_rows(SUMMARY, WINDOW, 1)
    file_source.replace("wx1", Origin.WECHAT, Answer(SUMMARY, WINDOW, rows, b"new", NOW))
    copy_in_pieces(file_source, str(path), target, [])
    assert content(target) == content(str(path))


def test_what_is_written_meanwhile_is_not_in_the_copy(
    source: Warehouse, url: str, tmp_path: Path
) -> None:
    target = str(tmp_path / "copy.db")
    before = content(url)

    def write(table: str, _done: int, _total: int) -> None:
        if table == "replies":
            rows = sample_rows(SUMMARY, WINDOW, 1)
            source.replace("wx1", Origin.WECHAT, Answer(SUMMARY, WINDOW, rows, b"new", NOW))

    source.copy_to(target, on_rows=write)
    assert content(url) != before
    assert content(target) == before


def test_of_two_copies_at_once_the_second_is_refused(path: Path, target: str) -> None:
    with Warehouse.open(path) as source, Warehouse.open(path) as same:
        source.set_build_watermark("a cube", 1)
        refusals: list[WarehouseError] = []

        def copy_too(_table: str, _done: int, _total: int) -> None:
            with pytest.raises(WarehouseError, match="is copying into this database") as caught:
                same.copy_to(target)
            refusals.append(caught.value)

        source.copy_to(target, on_rows=copy_too)
        assert refusals
        assert f"process {os.getpid()} on" in str(refusals[0])
    assert content(target) == content(str(path))
    Warehouse.open(target).close()


def test_a_copy_stops_when_another_process_took_it_over(path: Path, target: str) -> None:
    with Warehouse.open(path) as source, closing(open_database(target)) as copied:
        source.set_build_watermark("a cube", 1)
        day = Window.day(WINDOW.last)
        source.begin_ask("wx1", Origin.WECHAT, SUMMARY, day, NOW, sender="sync")

        def take_over(_table: str, _done: int, _total: int) -> None:
            copied.write(lambda connection: connection.execute(leases.update().values(holder="x")))

        with pytest.raises(WarehouseError, match="another process is copying"):
            source.copy_to(target, on_rows=take_over)


def test_a_target_that_is_not_empty_is_left_alone(path: Path, target: str) -> None:
    with Warehouse.open(path) as source, Warehouse.open(target) as other:
        other.set_build_watermark("of its own", 1)
        before = content(target)
        with pytest.raises(WarehouseError, match="is not empty: the table builds has rows"):
            source.copy_to(target)
    assert content(target) == before
    Warehouse.open(target).close()


def test_an_unfinished_copy_of_another_source_is_left_alone(
    file_source: Warehouse, path: Path, target: str, tmp_path: Path
) -> None:
    with pytest.raises(BrokenOffError):
        copy_in_pieces(file_source, str(path), target, [], until="replies")
    with (
        Warehouse.open(tmp_path / "another.db") as another,
        pytest.raises(WarehouseError, match="is an unfinished copy of another database"),
    ):
        another.copy_to(target)


def test_a_table_that_another_program_changed_is_named(path: Path, target: str) -> None:
    with Warehouse.open(path) as source, closing(open_database(target)) as copied:
        source.set_build_watermark("a cube", 1)

        def write(_table: str, _done: int, _total: int) -> None:
            copied.write(lambda connection: connection.execute(sa.text("DELETE FROM builds")))

        with pytest.raises(WarehouseError, match="the table builds has 0 rows, and 1 were"):
            source.copy_to(target, on_rows=write)
