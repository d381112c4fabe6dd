"""Servers that refuse, fail, and come back: clear errors, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from support.database_servers import (
    ThrowAway,
    ThrowAwayMariadb,
    ThrowAwayPostgresql,
    require,
    throw_away_server,
)
from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.decoding import read
from wxcube.contract.encoding import encode_answer
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.warehouse.databases import mysql
from wxcube.warehouse.databases import server as servers
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.table_script import table_script

T = TypeVar("T")
SUMMARY, DETAIL = named("getusersummary"), named("getarticletotaldetail")
DAY = date(2026, 3, 3)
NOW = datetime(2026, 3, 20, 9, tzinfo=BEIJING)
KINDS = (ThrowAwayPostgresql, ThrowAwayMariadb)


def answer(number: int) -> Answer[Any]:
    window = Window.day(DAY + timedelta(days=number % 14))
    rows = sample_rows(SUMMARY, window, number)
    return Answer(SUMMARY, window, rows, repr(rows).encode(), NOW)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.kind)
def running(request: pytest.FixtureRequest) -> Iterator[ThrowAway]:
    """A server that a test may stop."""
    require(request.param)
    with throw_away_server(request.param) as started:
        yield started


@pytest.fixture
def url(running: ThrowAway) -> Iterator[str]:
    with running.database() as url:
        yield url


@pytest.fixture
def warehouse(url: str) -> Iterator[Warehouse]:
    with Warehouse.open(url) as opened:
        yield opened


class InThread(threading.Thread):
    """Work on a thread, and its result."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.error: WarehouseError | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except WarehouseError as error:
            self.error = error

    def finish(self) -> None:
        self.join(60)
        assert not self.is_alive()
        if self.error:
            raise self.error


# --- opening -------------------------------------------------------------------------------------


def test_a_password_may_come_beside_the_url(url: str) -> None:
    parsed = sa.make_url(url)
    plain = sa.URL.create(
        parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database
    ).render_as_string()
    with Warehouse.open(plain, password=str(parsed.password)) as warehouse:
        assert warehouse.name == plain
    with Warehouse.open(url) as warehouse:
        assert repr(warehouse) == f"Warehouse({plain!r})"
    with pytest.raises(WarehouseError, match="refuses the connection") as caught:
        Warehouse.open(plain, password="wrong-one")
    assert "wrong-one" not in str(caught.value) + repr(caught.value.__context__)
    assert "WXCUBE_DATABASE_PASSWORD" in caught.value.hint


def test_a_database_without_tables_is_empty_and_not_created_by_reading(url: str) -> None:
    assert not Warehouse.has_tables(url)
    with pytest.raises(WarehouseError, match="is empty"):
        Warehouse.open(url, read_only=True)
    assert not Warehouse.has_tables(url)
    Warehouse.open(url).close()
    assert Warehouse.has_tables(url)


def test_a_database_of_another_program_is_left_alone(running: ThrowAway, url: str) -> None:
    running.execute_in(url, "CREATE TABLE customers (name int)")
    with pytest.raises(WarehouseError, match="is the database of another program"):
        Warehouse.open(url)


def test_a_role_that_may_not_create_tables_gets_the_sql_for_its_administrator(
    running: ThrowAway, url: str
) -> None:
    with running.role(url) as limited:
        with pytest.raises(WarehouseError, match="the role may not do this") as caught:
            Warehouse.open(limited)
        assert "wxcube database sql" in caught.value.hint
        running.execute_in(url, *table_script(limited))
        with Warehouse.open(limited) as warehouse:
            ask = warehouse.begin_ask(
                "wx1", Origin.WECHAT, SUMMARY, answer(0).window, NOW, sender="sync"
            )
            warehouse.replace("wx1", Origin.WECHAT, answer(0))
            assert ask == 1
            assert warehouse.read("wx1", SUMMARY, answer(0).window) == answer(0).rows


# --- servers that end and come back --------------------------------------------------------------


def test_a_role_that_may_only_read_and_write_rows_rebuilds_them(
    running: ThrowAway, url: str, warehouse: Warehouse
) -> None:
    window = Window.day(DAY)
    body = encode_answer(DETAIL, sample_rows(DETAIL, window))
    warehouse.replace("wx1", Origin.WECHAT, read(DETAIL, window, body, NOW))
    before = everything(url)
    running.execute_in(url, "DELETE FROM article_total_detail")
    assert everything(url) != before
    with running.role(url) as limited, Warehouse.open(limited) as as_role:
        assert as_role.rebuild().replies == 1
    assert everything(url) == before


def test_writes_go_on_when_a_killed_server_is_started_again(
    running: ThrowAway, warehouse: Warehouse, url: str
) -> None:
    begun, stored = threading.Event(), 40

    def write() -> None:
        for number in range(stored):
            warehouse.replace("wx1", Origin.WECHAT, answer(number))
            if number == 10:
                begun.set()

    writer = InThread(write)
    assert begun.wait(60)
    running.kill()
    running.start()
    writer.finish()
    rows = [row for number in range(28, 40) for row in answer(number).rows]
    found = warehouse.read("wx1", SUMMARY, Window(DAY, DAY + timedelta(days=13)), Origin.WECHAT)
    assert {row.ref_date for row in rows} <= {row.ref_date for row in found}
    for number in range(stored - 14, stored):
        current = [r for r in found if r.ref_date == answer(number).window.first]
        assert current[: len(answer(number).rows)] == answer(number).rows
    assert len(everything(url)["asks"]) >= stored


def test_a_reader_notices_that_its_connection_was_lost(
    running: ThrowAway, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_REST_SECONDS", 0)
    warehouse.replace("wx1", Origin.WECHAT, answer(0))
    running.kill()
    with pytest.raises(WarehouseError, match="cannot be reached"):
        warehouse.read("wx1", SUMMARY, answer(0).window)
    running.start()
    assert warehouse.read("wx1", SUMMARY, answer(0).window) == answer(0).rows
    assert len(warehouse.coverage("wx1", SUMMARY)) == 1


def test_a_server_that_stays_away_is_an_error_in_the_end(
    running: ThrowAway, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0.2)
    running.kill()
    with pytest.raises(WarehouseError, match="the server cannot be reached") as caught:
        warehouse.replace("wx1", Origin.WECHAT, answer(0))
    assert "check that it runs" in caught.value.hint
    running.start()
    warehouse.replace("wx1", Origin.WECHAT, answer(0))


def test_writes_wait_for_a_standby_to_take_over(
    running: ThrowAway, warehouse: Warehouse, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_REST_SECONDS", 0)
    warehouse.replace("wx1", Origin.WECHAT, answer(0))
    with running.role(url) as limited, Warehouse.open(limited) as as_role:
        running.become_standby()
        monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0.2)
        assert as_role.read("wx1", SUMMARY, answer(0).window) == answer(0).rows
        with pytest.raises(WarehouseError, match="the server only reads") as caught:
            as_role.replace("wx1", Origin.WECHAT, answer(1))
        assert "standby" in caught.value.hint
        monkeypatch.setattr(servers, "PATIENCE_SECONDS", 60)
        writer = InThread(lambda: as_role.replace("wx1", Origin.WECHAT, answer(1)))
        running.take_over()
        writer.finish()
        assert as_role.read("wx1", SUMMARY, answer(1).window) == answer(1).rows


@pytest.mark.usefixtures("warehouse")
def test_too_many_connections_are_an_error_in_words(running: ThrowAway, url: str) -> None:
    with (
        running.role(url, connections=1) as limited,
        Warehouse.open(limited) as first,
        first._database.reading(),
        pytest.raises(WarehouseError, match="too many connections"),
    ):
        Warehouse.open(limited)


# --- deadlocks -----------------------------------------------------------------------------------


def test_work_that_deadlocks_is_done_again(warehouse: Warehouse) -> None:
    both, tries = threading.Barrier(2), list[str]()

    def cross(*names: str) -> Callable[[sa.Connection], None]:
        def work(connection: sa.Connection) -> None:
            tries.append(names[0])
            warehouse._database.lock(connection, names[0])
            if len(tries) <= 2:
                both.wait(30)
            warehouse._database.lock(connection, names[1])

        return work

    threads = [
        InThread(lambda names=names: warehouse._database.write(cross(*names)))  # type: ignore[misc]
        for names in (("a", "b"), ("b", "a"))
    ]
    for thread in threads:
        thread.finish()
    assert len(tries) >= 3


def test_mariadb_ends_a_writer_that_fell_silent(
    running: ThrowAway, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if its machine had vanished: nobody says that the connection has ended."""
    if isinstance(running, ThrowAwayPostgresql):
        pytest.skip("PostgreSQL asks silent connections whether they live (tcp_keepalives)")
    monkeypatch.setattr(mysql, "IDLE_SECONDS", 1)
    has_lock, may_go_on = threading.Event(), threading.Event()

    def fall_silent(connection: sa.Connection) -> None:
        has_lock.set()
        may_go_on.wait()

    with closing(open_database(url)) as silent:
        thread = InThread(lambda: silent.write(fall_silent, "wx1"))
        assert has_lock.wait(30)
        monkeypatch.setattr(mysql, "IDLE_SECONDS", 600)
        with closing(open_database(url)) as other:
            # it waits for the lock until the server has ended the first one
            other.write(lambda connection: None, "wx1")
        may_go_on.set()
        thread.join()
