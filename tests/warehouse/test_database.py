"""Unusable database files: the error has the reason and a hint; no data is lost."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import without_withdrawn
from wxcube.errors import ShapeError, WarehouseError
from wxcube.i18n import verbatim
from wxcube.warehouse.databases import sqlite
from wxcube.warehouse.databases.sqlite import SqliteDatabase
from wxcube.warehouse.store import Warehouse

SUMMARY, TOTAL = named("getusersummary"), named("getarticletotaldetail")
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WEEK = Window(date(2026, 3, 3), date(2026, 3, 9))


def answer(
    endpoint: Any = SUMMARY, window: Window = WEEK, seed: int = 0, body: bytes = b""
) -> Answer[Any]:
    rows = sample_rows(endpoint, window, seed)
    return Answer(endpoint, window, rows, body or repr(rows).encode(), NOW)


# --- files -------------------------------------------------------------------------------------------


def test_a_new_file_is_created_with_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "new 100%.db"
    with Warehouse.open(f"sqlite:///{path}") as created:
        created.replace("wx1", Origin.WECHAT, answer())
        assert created.name == str(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    with Warehouse.open(str(path), read_only=True) as again:
        assert again.read("wx1", SUMMARY, WEEK) == answer().rows


@pytest.mark.parametrize(
    ("name", "read_only", "says", "hint"),
    [
        ("missing.db", True, "there is no database", "wxcube sync"),
        ("no/such/place.db", False, "there is no directory", "create it"),
        ("", False, "is a directory", "name a file"),
        ("text.db", False, "it is not an SQLite database", "restore a backup"),
        ("text.db", True, "it is not an SQLite database", "restore a backup"),
        ("other.db", False, "is the database of another program", "name another one"),
        ("other.db", True, "is the database of another program", "name another one"),
        ("newer.db", False, "written by a newer wxcube (revision 9999", "update wxcube"),
        ("newer.db", True, "written by a newer wxcube (revision 9999", "update wxcube"),
        ("older.db", True, "the tables of an older wxcube (revision 0000", "migrate it"),
        ("empty.db", True, "is empty", "wxcube sync"),
        ("cut.db", True, "the file is damaged", "restore a backup"),
    ],
)
def test_files_that_cannot_be_used(
    tmp_path: Path, empty_file: Path, name: str, read_only: bool, says: str, hint: str
) -> None:
    _make_files(tmp_path, empty_file)
    path = tmp_path / name if name else tmp_path
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(WarehouseError) as caught:
        Warehouse.open(path, read_only=read_only)
    assert says in caught.value.message
    assert hint in caught.value.hint
    assert (path.read_bytes() if path.is_file() else b"") == before


def _make_files(folder: Path, empty_file: Path) -> None:
    (folder / "text.db").write_text("this is a letter, not a database\n" * 40, "utf-8")
    (folder / "empty.db").touch()
    (folder / "cut.db").write_bytes(empty_file.read_bytes()[:4096] + b"\xff" * 8192)
    _run(folder / "other.db", "CREATE TABLE customers (name TEXT)")
    for name, revision in (("newer.db", "9999"), ("older.db", "0000")):
        (folder / name).write_bytes(empty_file.read_bytes())
        _run(folder / name, f"UPDATE alembic_version SET version_num = '{revision}'")
    for leftover in folder.glob("*-wal"):
        leftover.unlink()


def _run(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()


@pytest.mark.parametrize(
    "url",
    [":memory:", "", "sqlite:///"],
)
def test_other_database_urls_are_rejected_without_showing_passwords(url: str) -> None:
    with pytest.raises(WarehouseError, match="is not an SQLite file") as caught:
        Warehouse.open(url)
    assert "secret" not in str(caught.value)


def test_a_warehouse_opened_for_reading_writes_nothing(warehouse: Warehouse, url: str) -> None:
    warehouse.replace("wx1", Origin.WECHAT, answer())
    with Warehouse.open(url, read_only=True) as reader:
        assert reader.read("wx1", SUMMARY, WEEK) == answer().rows
        with pytest.raises(WarehouseError, match="open for reading only"):
            reader.replace("wx1", Origin.WECHAT, answer(seed=1))
        with (
            pytest.raises(WarehouseError, match=r"is read-only|only reads"),
            reader._database.reading() as connection,
        ):
            connection.exec_driver_sql("DELETE FROM user_summary")


def test_two_processes_may_create_the_same_file_concurrently(tmp_path: Path) -> None:
    path = tmp_path / "wxcube.db"
    starts = multiprocessing.get_context("spawn")
    makers = [starts.Process(target=_open_and_close, args=(str(path),)) for _ in range(2)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(60)
    assert [maker.exitcode for maker in makers] == [0, 0]
    Warehouse.open(path, read_only=True).close()


def _open_and_close(path: str) -> None:
    Warehouse.open(path).close()


# --- full disk, locked, damaged ----------------------------------------------------------------------


@pytest.fixture
def nearly_full(path: Path) -> Iterator[Warehouse]:
    """A warehouse with a week of rows, on a disk with space for a few more pages."""
    warehouse = Warehouse.open(path)
    warehouse.replace("wx1", Origin.WECHAT, answer())

    def limit(connection: sqlite3.Connection, _record: object) -> None:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 4}")

    warehouse._database.engine.dispose()
    event.listen(warehouse._database.engine, "connect", limit)
    yield warehouse
    event.remove(warehouse._database.engine, "connect", limit)
    warehouse.close()


def test_a_full_disk_is_an_error_that_loses_no_data(nearly_full: Warehouse, path: Path) -> None:
    large = answer(TOTAL, Window.day(WEEK.first), body=os.urandom(200_000))
    before = everything(path)
    with pytest.raises(WarehouseError) as caught:
        nearly_full.replace("wx1", Origin.WECHAT, large)
    assert "the disk is full" in str(caught.value)
    assert "stored data is not affected" in str(caught.value)
    assert everything(path) == before
    assert nearly_full.read("wx1", TOTAL, WEEK) == []
    assert nearly_full.coverage("wx1", TOTAL) == {}
    with Warehouse.open(path) as later:
        later.replace("wx1", Origin.WECHAT, large)
        assert later.read("wx1", TOTAL, WEEK) == large.rows


def test_a_full_disk_while_an_error_is_recorded(nearly_full: Warehouse) -> None:
    error = ShapeError(verbatim("no list"), body=os.urandom(200_000))
    with pytest.raises(WarehouseError, match="the disk is full"):
        nearly_full.record_error("wx1", Origin.WECHAT, TOTAL, WEEK, error, NOW)
    assert nearly_full.coverage("wx1", TOTAL) == {}


def test_a_file_locked_for_too_long_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_SETTINGS", ("PRAGMA busy_timeout=20",))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with Warehouse.open(path) as warehouse:
        with pytest.raises(WarehouseError, match="another program has been writing"):
            warehouse.replace("wx1", Origin.WECHAT, answer())
        blocker.execute("ROLLBACK")
        warehouse.replace("wx1", Origin.WECHAT, answer())
    blocker.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_IOERR_WRITE", "the disk cannot be read or written"),
        ("SQLITE_READONLY_DBMOVED", "it is read-only"),
        ("SQLITE_CANTOPEN_ISDIR", "cannot be opened"),
        ("SQLITE_SCHEMA", "database schema has changed"),
    ],
)
def test_errors_of_the_database_are_explained(name: str, says: str) -> None:
    error = sqlite3.OperationalError("database schema has changed")
    error.sqlite_errorname = name
    with pytest.raises(WarehouseError, match=says), SqliteDatabase(Path("wxcube.db")).errors():
        raise error


# --- queries -----------------------------------------------------------------------------------------


def test_a_query_gives_columns_and_rows(warehouse: Warehouse) -> None:
    warehouse.replace("wx1", Origin.WECHAT, answer())
    actual = warehouse.query(
        "SELECT ref_date, sum(new_user) AS won FROM user_summary GROUP BY 1 ORDER BY 1"
    )
    assert actual.columns == ("ref_date", "won")
    assert [day for day, _ in actual.rows] == [str(day) for day in WEEK]
    counted = warehouse.query(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n"
    )
    assert counted.rows == [(1,), (2,), (3,)]


def test_a_query_may_ask_for_the_columns_of_a_table(path: Path) -> None:
    with Warehouse.open(path, read_only=True) as warehouse:
        columns = warehouse.query("PRAGMA table_info(user_summary)").rows
    assert "ref_date" in {name for _, name, *_ in columns}


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM user_summary",
        "INSERT INTO accounts VALUES ('x', 'y')",
        "UPDATE coverage SET state = 'final'",
        "DROP TABLE user_summary",
        "CREATE TEMP TABLE t (a)",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "PRAGMA query_only=OFF",
        "PRAGMA journal_mode=DELETE",
        "BEGIN IMMEDIATE",
        "SELECT load_extension('evil')",
        "SELECT 1; DELETE FROM user_summary",
        "SELECT nothing FROM nowhere",
        "this is no SQL",
    ],
)
def test_queries_that_do_more_than_read_are_refused(
    warehouse: Warehouse, url: str, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    warehouse.replace("wx1", Origin.WECHAT, answer())
    before, files = everything(url), sorted(tmp_path.iterdir())
    with pytest.raises(WarehouseError) as caught:
        warehouse.query(sql)
    assert "SELECT" in caught.value.hint
    assert everything(url) == before
    assert sorted(tmp_path.iterdir()) == files


# --- concurrency -------------------------------------------------------------------------------------


def with_figure(figure: int) -> Answer[Any]:
    """An answer whose rows have the same figure at every level."""
    changed = msgspec.structs.replace

    def stat_with(stat: Any) -> Any:
        sources = [changed(source, user_count=figure) for source in stat.read_user_source]
        return changed(stat, read_user=figure, read_user_source=sources)

    day = Window.day(WEEK.first)
    rows = [
        changed(row, title=str(figure), detail_list=[stat_with(stat) for stat in row.detail_list])
        for row in answer(TOTAL, day).rows
    ]
    return Answer(TOTAL, day, rows, repr(rows).encode(), NOW)


def test_readers_see_complete_answers_while_a_writer_writes(warehouse: Warehouse, url: str) -> None:
    whole = [with_figure(figure) for figure in range(2)]
    warehouse.replace("wx1", Origin.WECHAT, whole[0])
    stop, wrong, reads = threading.Event(), list[object](), [0, 0]

    def read(number: int) -> None:
        with Warehouse.open(url, read_only=True) as reader:
            while not stop.is_set():
                actual = list(without_withdrawn(reader.read("wx1", TOTAL, WEEK)))
                reads[number] += 1
                if actual not in (whole[0].rows, whole[1].rows):
                    wrong.append(actual)

    readers = [threading.Thread(target=read, args=(n,)) for n in range(2)]
    for reader in readers:
        reader.start()
    turn = 0
    while turn < 150 or (min(reads) <= 3 and all(reader.is_alive() for reader in readers)):
        warehouse.replace("wx1", Origin.WECHAT, whole[turn % 2])
        turn += 1
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert min(reads) > 3


def test_two_writers_and_their_threads_lose_nothing(warehouse: Warehouse, url: str) -> None:
    days = list(Window(date(2026, 1, 1), date(2026, 2, 9)))
    failures = list[BaseException]()

    def write(store: Warehouse, part: list[date]) -> None:
        try:
            for day in part:
                window = Window.day(day)
                ask = store.begin_ask("wx1", Origin.WECHAT, SUMMARY, window, NOW, sender="sync")
                store.replace("wx1", Origin.WECHAT, replace(answer(SUMMARY, window), ask=ask))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    with Warehouse.open(url) as other:
        parts = [
            (warehouse, days[:10]),
            (warehouse, days[10:20]),
            (other, days[20:30]),
            (other, days[30:]),
        ]
        writers = [threading.Thread(target=write, args=part) for part in parts]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    assert failures == []
    assert list(warehouse.coverage("wx1", SUMMARY)) == days
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()).calls == 40
