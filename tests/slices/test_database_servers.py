"""Whole commands on database servers that are killed and started again: nothing is lost or repeated."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from typing import Any

import pytest
import sqlalchemy as sa

from support.command_line import MakeSite, Site, Synced
from support.database import content
from support.database_servers import (
    PASSWORD,
    ThrowAway,
    ThrowAwayMariadb,
    ThrowAwayPostgresql,
    environment_of,
    require,
    throw_away_server,
    without_password,
)
from support.polling import eventually
from wxcube.emulator.faults import Fault
from wxcube.emulator.journal import Entry
from wxcube.errors import WarehouseError
from wxcube.testing import RunningEmulator
from wxcube.warehouse.copying import COPIED, row_counts
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse

MOMENT = "2026-03-10T09:00"
KINDS = (ThrowAwayPostgresql, ThrowAwayMariadb)
CONNECTIONS = 20
pytestmark = pytest.mark.xdist_group("database servers that end")


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.kind)
def server(request: pytest.FixtureRequest) -> Iterator[ThrowAway]:
    """A server that a test may kill, with few connections."""
    require(request.param)
    with throw_away_server(request.param, max_connections=CONNECTIONS) as started:
        yield started


@pytest.fixture
def url(server: ThrowAway) -> Iterator[str]:
    """The URL of a new database without tables."""
    with server.database() as url:
        yield url


@pytest.fixture
def site(running: RunningEmulator, new_site: MakeSite, url: str) -> Site:
    return on_server(new_site(running, sync="include_retired = true"), url)


def on_server(site: Site, url: str) -> Site:
    """A site whose database is on a server."""
    site.environment |= environment_of(url)
    return site


def calls_of(running: RunningEmulator) -> Counter[tuple[object, ...]]:
    return counted(running.emulator.journal.calls("/datacube/*"))


def counted(entries: list[Entry]) -> Counter[tuple[object, ...]]:
    return Counter((e.appid, e.endpoint, e.begin_date, e.end_date) for e in entries)


def wait_for_calls(running: RunningEmulator, count: int, started: subprocess.Popen[str]) -> None:
    eventually(lambda: started.poll() is not None or calls_of(running).total() >= count)
    assert started.poll() is None, started.communicate()


# --- syncs ----------------------------------------------------------------------------------------


def test_a_sync_goes_on_when_its_killed_server_is_started_again(
    server: ThrowAway, site: Site, url: str, running: RunningEmulator, synced: Synced
) -> None:
    with site.process(MOMENT, "sync") as sync:
        for calls in (20, len(synced.calls) // 2):
            wait_for_calls(running, calls, sync)
            server.kill()
            server.start()
        _out, text = sync.communicate(timeout=240)
    assert sync.returncode in {0, 3}, text
    assert "Traceback" not in text
    assert PASSWORD not in text
    assert content(url) == content(synced.site.database)
    assert calls_of(running) == counted(synced.calls)
    with Warehouse.open(url, read_only=True) as warehouse:
        assert warehouse.query("SELECT count(*) FROM asks").rows == [(len(synced.calls),)]
        assert warehouse.query("SELECT count(*) FROM leases").rows == [(0,)]


def test_two_syncs_at_once_make_every_call_once(
    site: Site, url: str, running: RunningEmulator, synced: Synced
) -> None:
    running.emulator.faults.add(Fault(slow_seconds=1))
    with site.process(MOMENT, "sync", "--quiet") as first:
        wait_for_calls(running, 8, first)
        with site.process(MOMENT, "sync") as second:
            _out, text = second.communicate(timeout=120)
        assert second.returncode == 3, text
        assert f"is left out: another sync (process {first.pid} on" in text
        running.emulator.faults.clear()
        first.communicate(timeout=240)
    assert calls_of(running) == counted(synced.calls)
    assert content(url) == content(synced.site.database)


# --- copies ---------------------------------------------------------------------------------------


@contextmanager
def held(url: str, table: str) -> Iterator[None]:
    """Nobody else writes into an empty table meanwhile."""
    statements = (
        ("BEGIN", f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        if url.startswith("postgresql")
        else (
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "BEGIN",
            f"SELECT * FROM {table} FOR UPDATE",
        )
    )
    with closing(open_database(url)) as database:
        connection: Any = database.engine.raw_connection()
        for statement in statements:
            connection.cursor().execute(statement)
        try:
            yield
        finally:
            connection.invalidate()


def rows_in(url: str) -> dict[str, int]:
    """The number of rows by table of a database that may be an unfinished copy."""
    with (
        closing(open_database(url, read_only=True)) as database,
        database.reading() as connection,
    ):
        return row_counts(connection)


def wait_for_rows(url: str, table: str, copy: subprocess.Popen[str]) -> None:
    """Wait until a table of the copy has rows."""
    select = sa.select(sa.literal(1)).select_from(sa.table(table)).limit(1)

    def has_rows() -> bool:
        with database.reading() as connection:
            return connection.execute(select).first() is not None

    with closing(open_database(url, read_only=True)) as database:
        eventually(lambda: copy.poll() is not None or has_rows())
    assert copy.poll() is None, copy.communicate()


def copying(
    synced: Synced, url: str, *arguments: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    """A process that copies the synced database to a server."""
    environment = {**synced.site.environment, "WXCUBE_COPY_PASSWORD": PASSWORD}
    site = Site(synced.site.folder, environment=environment)
    return site.process(MOMENT, "copy", "--to", without_password(url), *arguments)


def filled(synced: Synced) -> list[str]:
    """The tables of a copy that have rows, in its order."""
    counts = rows_in(str(synced.site.database))
    return [table.name for table in COPIED if counts[table.name]]


def prepared(url: str) -> None:
    """Create the tables, so that they can be locked."""
    Warehouse.open(url).close()


def test_a_copy_that_is_killed_again_and_again_goes_on(url: str, synced: Synced) -> None:
    tables = filled(synced)
    prepared(url)
    for place in (2, len(tables) // 2, len(tables) - 1):
        with held(url, tables[place]), copying(synced, url, "--quiet") as copy:
            wait_for_rows(url, tables[place - 1], copy)
            copy.send_signal(signal.SIGKILL)
            assert copy.wait(60) == -signal.SIGKILL
        with pytest.raises(WarehouseError, match="is an unfinished copy"):
            Warehouse.open(url)
    with copying(synced, url) as copy:
        out, text = copy.communicate(timeout=120)
    assert copy.returncode == 0, text
    assert "the counts of every table are equal" in " ".join(out.split())
    assert content(url) == content(synced.site.database)
    assert rows_in(url) == rows_in(str(synced.site.database))


def test_a_copy_goes_on_when_its_server_is_started_again(
    server: ThrowAway, url: str, synced: Synced
) -> None:
    tables = filled(synced)
    prepared(url)
    with copying(synced, url) as copy:
        with held(url, tables[4]):
            wait_for_rows(url, tables[3], copy)
            server.kill()
        server.start()
        _out, text = copy.communicate(timeout=120)
    assert copy.returncode == 0, text
    assert content(url) == content(synced.site.database)
    assert rows_in(url) == rows_in(str(synced.site.database))


# --- too many connections -------------------------------------------------------------------------


def test_a_server_without_free_connections_is_an_error_in_words(
    server: ThrowAway, site: Site, url: str
) -> None:
    prepared(url)
    with server.role(url) as limited, ExitStack() as stack:
        on_server(site, limited)
        with suppress(WarehouseError):
            for _number in range(CONNECTIONS + 1):
                database = stack.enter_context(closing(open_database(limited)))
                stack.enter_context(database.reading())
        result = site.run("sql", "SELECT 1")
        assert result.code == 1
        text = " ".join(result.err.split())
        assert "the server has too many connections" in text
        assert "raise its max_connections" in text
    assert site.run("sql", "SELECT 1").code == 0
