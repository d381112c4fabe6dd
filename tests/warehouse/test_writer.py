"""Writes of concurrent calls: they share transactions, and fail on their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, datetime
from threading import Event

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import BudgetError
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.writer import Write, Writer

SUMMARY = named("getusersummary")
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)


@pytest.fixture
async def writer(warehouse: Warehouse) -> AsyncIterator[Writer]:
    made = Writer(warehouse)
    yield made
    made.close()


def begin(appid: str, *, limit: int | None = None) -> Write[int]:
    window = Window.day(date(2026, 3, 9))

    def write(warehouse: Warehouse) -> int:
        return warehouse.begin_ask(
            appid, Origin.WECHAT, SUMMARY, window, NOW, sender="sync", limit=limit
        )

    return write


def committed(url: str) -> list[str]:
    with Warehouse.open(url, read_only=True) as other:
        return [appid for (appid,) in other.query("SELECT appid FROM asks ORDER BY id").rows]


async def test_a_write_is_committed_when_its_result_is_there(writer: Writer, url: str) -> None:
    for number in range(3):
        await writer.write(begin(f"wx{number}"))
        assert len(committed(url)) == number + 1


async def test_writes_that_wait_share_a_transaction(writer: Writer, url: str) -> None:
    seen: list[int] = []

    def look(warehouse: Warehouse) -> None:
        begin("wx2")(warehouse)
        seen.append(len(committed(url)))

    await asyncio.gather(*map(writer.write, (begin("wx1"), look, begin("wx3"))))
    assert seen == [0]
    assert committed(url) == ["wx1", "wx2", "wx3"]


async def test_a_write_that_fails_leaves_the_others_of_its_transaction(
    writer: Writer, url: str
) -> None:
    writes = [begin("wx1"), begin("wx2", limit=0), begin("wx3")]
    results = await asyncio.gather(*map(writer.write, writes), return_exceptions=True)
    assert isinstance(results[1], BudgetError)
    assert committed(url) == ["wx1", "wx3"]
    await writer.write(begin("wx4"))
    assert committed(url) == ["wx1", "wx3", "wx4"]


async def test_a_write_that_nobody_waits_for_any_more_is_not_made(writer: Writer, url: str) -> None:
    is_begun, may_end = asyncio.Event(), Event()
    loop = asyncio.get_running_loop()

    def slow(warehouse: Warehouse) -> int:
        loop.call_soon_threadsafe(is_begun.set)
        may_end.wait()
        return begin("wx1")(warehouse)

    first = asyncio.create_task(writer.write(slow))
    await is_begun.wait()
    second = asyncio.create_task(writer.write(begin("wx2")))
    await asyncio.sleep(0)
    second.cancel()
    may_end.set()
    with suppress(asyncio.CancelledError):
        await second
    await first
    await writer.write(begin("wx3"))
    assert committed(url) == ["wx1", "wx3"]


async def test_a_write_that_has_begun_is_finished_at_the_end(
    warehouse: Warehouse, url: str
) -> None:
    writer, is_begun = Writer(warehouse), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(warehouse: Warehouse) -> int:
        loop.call_soon_threadsafe(is_begun.set)
        return begin("wx1")(warehouse)

    first = asyncio.create_task(writer.write(slow))
    await is_begun.wait()
    first.cancel()
    writer.close()
    assert committed(url) == ["wx1"]
