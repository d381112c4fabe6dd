"""The warehouse as it was at a moment: from the log, and what is not in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.decoding import read
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import TransportError, WarehouseError
from wxcube.i18n import verbatim
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 20, 9, tzinfo=BEIJING)
EVENING = NOW.replace(hour=23)
DAY = Window.day(date(2026, 3, 19))
SUMMARY = named("getusersummary")
ONE_DAY = timedelta(days=1)


def rows_of(endpoint: Endpoint[Any] = SUMMARY, seed: int = 1) -> list[Any]:
    return sample_rows(endpoint, DAY, seed)


def answer(rows: list[Any], asked_at: datetime, **more: Any) -> Answer[Any]:
    body = msgspec.json.encode({"list": rows})
    return read(SUMMARY, DAY, body, asked_at, more.get("server_date"), more.get("ask"))


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "present.db") as warehouse:
        yield warehouse


def past_of(warehouse: Warehouse, moment: datetime, **only: Any) -> Warehouse:
    """A new database with what a warehouse had at a moment."""
    path = Path(warehouse.name).with_name(f"{moment:%Y%m%d%H%M%S}.db")
    warehouse.write_past(path, moment, NOW + 30 * ONE_DAY, **only)
    return Warehouse.open(path, read_only=True)


def test_rows_and_states_are_those_of_the_moment(warehouse: Warehouse) -> None:
    first, second = rows_of(seed=1), rows_of(seed=2)
    warehouse.replace("wx1", Origin.WECHAT, answer(first, NOW))
    entries = warehouse.coverage("wx1", SUMMARY)
    warehouse.replace("wx1", Origin.WECHAT, answer(second, NOW + ONE_DAY))
    with past_of(warehouse, EVENING) as past:
        assert past.read("wx1", SUMMARY, DAY) == first
        assert past.coverage("wx1", SUMMARY) == entries
        assert len(past.history("wx1", SUMMARY, DAY)) == 1
        assert past.query("SELECT count(*) FROM replies").rows == [(1,)]
    assert warehouse.read("wx1", SUMMARY, DAY, as_of=EVENING) == first
    assert warehouse.read("wx1", SUMMARY, DAY)[: len(second)] == second


def test_what_is_not_from_an_ask_is_as_it_is_now_unless_it_was_written_later(
    warehouse: Warehouse,
) -> None:
    by_cube, later = rows_of(seed=3), Window.day(DAY.first - ONE_DAY)
    warehouse.replace("wx1", Origin.CUBE, Answer(SUMMARY, DAY, by_cube, b"", NOW))
    rows = sample_rows(SUMMARY, later, 4)
    warehouse.replace("wx1", Origin.CUBE, Answer(SUMMARY, later, rows, b"", NOW + ONE_DAY))
    window = Window(later.first, DAY.last)
    path = Path(warehouse.name).with_name("past.db")
    past_days = warehouse.write_past(path, EVENING, NOW + ONE_DAY)
    assert (+past_days.as_now, +past_days.left_out) == ({Origin.CUBE: 1}, {Origin.CUBE: 1})
    with Warehouse.open(path, read_only=True) as past:
        assert past.read("wx1", SUMMARY, window) == by_cube
        assert past.coverage("wx1", SUMMARY, Origin.CUBE).keys() == {DAY.first}
    assert warehouse.read("wx1", SUMMARY, window, as_of=EVENING) == by_cube


def test_the_best_origin_is_that_of_the_moment(warehouse: Warehouse) -> None:
    by_cube, by_wechat = rows_of(seed=3), rows_of(seed=4)
    warehouse.replace("wx1", Origin.CUBE, Answer(SUMMARY, DAY, by_cube, b"", NOW))
    warehouse.replace("wx1", Origin.WECHAT, answer(by_wechat, NOW + ONE_DAY))
    for moment, rows in ((EVENING, by_cube), (EVENING + ONE_DAY, by_wechat)):
        assert warehouse.read("wx1", SUMMARY, DAY, as_of=moment) == rows
        with past_of(warehouse, moment) as past:
            assert past.read("wx1", SUMMARY, DAY) == rows


def test_times_and_states_are_the_same_whatever_the_clocks_did(warehouse: Warehouse) -> None:
    """An answer takes seconds, and one clock may be wrong; replayed, its day is as it was."""

    def sent(at: datetime) -> int:
        return warehouse.begin_ask("wx1", Origin.WECHAT, SUMMARY, DAY, at, sender="sync")

    seconds, hours = timedelta(seconds=3, milliseconds=400), timedelta(hours=3)
    stories: list[Any] = [
        ("failed", lambda at: TransportError(verbatim("no answer"))),
        ("slow", lambda at: answer(rows_of(), at + seconds, ask=sent(at))),
        ("wrong clock", lambda at: answer(rows_of(seed=5), at, server_date=at - hours)),
    ]
    for number, (name, outcome) in enumerate(stories):
        at = NOW + number * ONE_DAY
        happened = outcome(at)
        if isinstance(happened, Answer):
            warehouse.replace("wx1", Origin.WECHAT, happened)
        else:
            ask = sent(at)
            warehouse.record_error(
                "wx1", Origin.WECHAT, SUMMARY, DAY, happened, at + seconds, ask=ask
            )
        with past_of(warehouse, at.replace(hour=23)) as past:
            assert past.coverage("wx1", SUMMARY) == warehouse.coverage("wx1", SUMMARY), name
            assert past.read("wx1", SUMMARY, DAY) == warehouse.read("wx1", SUMMARY, DAY), name


def test_some_accounts_and_endpoints_come_alone(warehouse: Warehouse) -> None:
    for appid in ("wx1", "wx2"):
        warehouse.replace(appid, Origin.WECHAT, answer(rows_of(), NOW))
    hours = named("getupstreammsghour")
    rows = sample_rows(hours, DAY, 1)
    warehouse.replace("wx1", Origin.WECHAT, Answer(hours, DAY, rows, b"", NOW))
    with past_of(warehouse, EVENING, appids=["wx1"], endpoints=[hours]) as past:
        assert past.accounts().keys() == {"wx1"}
        assert past.read("wx1", hours, DAY) == rows
        assert past.read("wx1", SUMMARY, DAY) == []


def test_a_moment_before_all_data_or_in_the_future_is_an_error(warehouse: Warehouse) -> None:
    warehouse.replace("wx1", Origin.WECHAT, answer(rows_of(), NOW))
    path = Path(warehouse.name).with_name("past.db")
    with pytest.raises(WarehouseError, match="nothing was stored yet at 2026-03-19") as caught:
        warehouse.write_past(path, EVENING - ONE_DAY, EVENING)
    assert "the first data is of 2026-03-20 09:00" in str(caught.value.hint)
    with pytest.raises(WarehouseError, match="2026-03-21 23:00 is in the future"):
        warehouse.write_past(path, EVENING + ONE_DAY, EVENING)
    # the clock of the data may be ahead of this machine's, as an emulator's
    warehouse.write_past(path.with_name("ahead.db"), NOW, NOW - 90 * ONE_DAY)
