"""Connections that are lost at a COMMIT: nobody knows whether it was done, and all is stored once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from support.cutting_proxy import Cut, CuttingProxy
from support.database import content, empty
from support.killable import CONCURRENCY, NOW, planned
from support.rows import sample_rows
from support.written_source import WrittenSource, everything
from wxcube.beijing import ManualClock
from wxcube.contract import named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.warehouse import copying
from wxcube.warehouse.asks import Ask
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Plan
from wxcube.warehouse.sync.run import sync

SUMMARY = named("getusersummary")
WINDOW = Window(date(2026, 3, 3), date(2026, 3, 9))
PLAIN = {"postgresql": "sslmode=disable", "mysql": "ssl_mode=DISABLED"}
"""Options without which the proxy might not see the COMMIT."""


@pytest.fixture(params=PLAIN)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database on a server."""
    url: str = request.getfixturevalue(kind)
    empty(url)
    return url


@pytest.fixture
def proxy(url: str) -> Iterator[CuttingProxy]:
    port = sa.make_url(url).port
    assert port
    with CuttingProxy(port) as proxy:
        yield proxy


@pytest.fixture
def through(kind: str, url: str, proxy: CuttingProxy) -> str:
    """The URL of the same database through the proxy."""
    by_proxy = sa.make_url(url).set(host="127.0.0.1", port=proxy.port)
    return f"{by_proxy.render_as_string(hide_password=False)}?{PLAIN[kind]}"


@pytest.fixture
def warehouse(through: str) -> Iterator[Warehouse]:
    with Warehouse.open(through) as opened:
        yield opened


def answer(ask: int | None = None, seed: int = 0) -> Answer[Any]:
    rows = sample_rows(SUMMARY, WINDOW, seed)
    return Answer(SUMMARY, WINDOW, rows, repr(rows).encode(), NOW, ask=ask)


def asks(warehouse: Warehouse) -> list[Ask]:
    """The finished asks, without their numbers, which may have gaps."""
    return [replace(ask, number=0) for ask in warehouse.history("wx1", SUMMARY, WINDOW)]


def begin(warehouse: Warehouse, at: datetime = NOW) -> int:
    """Log an attempt; one call a day is allowed."""
    return warehouse.begin_ask("wx1", Origin.WECHAT, SUMMARY, WINDOW, at, sender="sync", limit=1)


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("times", [1, 3])
def test_an_attempt_is_counted_once(
    warehouse: Warehouse, proxy: CuttingProxy, url: str, cut: Cut, times: int
) -> None:
    with proxy.cutting(lambda commit: cut if commit <= times else None):
        ask = begin(warehouse)
        # where the first try was committed, the second finds it
        assert proxy.cuts == times
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()).calls == 1
    ((number, *_rest),) = everything(url)["asks"]
    assert number == ask


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("is_logged", [True, False])
def test_an_answer_is_stored_once(
    warehouse: Warehouse,
    proxy: CuttingProxy,
    url: str,
    tmp_path: Path,
    cut: Cut,
    *,
    is_logged: bool,
) -> None:
    with Warehouse.open(tmp_path / "undisturbed.db") as undisturbed:
        for one in (undisturbed, warehouse):
            one.replace("wx1", Origin.WECHAT, answer(seed=1))
            ask = begin(one, NOW.replace(day=11)) if is_logged else None
            with proxy.cutting(lambda commit: cut if commit == 1 else None):
                one.replace("wx1", Origin.WECHAT, answer(ask))
                assert proxy.cuts == (one is warehouse)
        assert warehouse.coverage("wx1", SUMMARY) == undisturbed.coverage("wx1", SUMMARY)
        assert asks(warehouse) == asks(undisturbed)
    assert content(url) == content(tmp_path / "undisturbed.db")
    assert len(everything(url)["asks"]) == 2


def test_a_sync_over_a_bad_line_makes_and_stores_every_call_once(
    warehouse: Warehouse, proxy: CuttingProxy, url: str, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed.db"
    with Warehouse.open(undisturbed) as plain:
        expected = run(plain, planned(plain))
    calls, cuts = planned(warehouse), {3: Cut.BEFORE, 8: Cut.AFTER}
    with proxy.cutting(lambda commit: cuts.get(commit % 10)):
        made = run(warehouse, calls)
        assert proxy.cuts > 5
    assert sorted(made.asked, key=repr) == sorted(expected.asked, key=repr)
    assert content(url) == content(undisturbed)
    assert len(everything(url)["asks"]) == len(made.asked)


def run(warehouse: Warehouse, calls: Plan) -> WrittenSource:
    """Sync, and return the source that was called."""
    clock = ManualClock(NOW)
    source = WrittenSource(clock)
    asyncio.run(sync(calls, {"wx1": source}, warehouse, clock=clock, concurrency=CONCURRENCY))
    return source


def test_a_copy_over_a_bad_line_has_every_row_once(
    kind: str, through: str, proxy: CuttingProxy, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = tmp_path / "source.db"
    with Warehouse.open(path) as source:
        run(source, planned(source))
    with request.getfixturevalue(f"{kind}_server").database() as target:
        name = sa.make_url(target).database
        text = sa.make_url(through).set(database=name).render_as_string(hide_password=False)
        cuts = {2: Cut.BEFORE, 4: Cut.AFTER}
        with (
            closing(open_database(path, read_only=True)) as database,
            closing(open_database(text)) as copied,
            database.reading() as connection,
            # after those of the tables
            proxy.cutting(lambda commit: cuts.get(commit % 5) if commit > 9 else None),
        ):
            copying.copy_all(connection, "source", copied, batch=200)
            assert proxy.cuts > 10
        assert content(target) == content(path)


def test_what_cannot_be_repeated_is_an_error_and_can_be_done_again(
    warehouse: Warehouse, proxy: CuttingProxy
) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE builds SET parts = parts + 1"))

    warehouse.set_build_watermark("a cube", 1)
    with proxy.cutting(lambda _commit: Cut.AFTER):
        with pytest.raises(WarehouseError, match="cannot be reached"):
            warehouse._database.write(work, is_repeatable=False)
        assert proxy.cuts == 1
    assert warehouse.build_watermark() == ("a cube", 2)
