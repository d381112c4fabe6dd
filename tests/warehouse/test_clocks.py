"""Two clocks that differ: nothing is settled or refused by them, and the server's Date decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.decoding import read
from wxcube.contract.encoding import encode_answer
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import BudgetError
from wxcube.warehouse.clock_check import CLOCK_TOLERANCE, asked_at, clock_offset
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Choices, plan
from wxcube.warehouse.sync.wanted import WantedDays

SUMMARY = named("getusersummary")
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WEEK = Window(date(2026, 2, 2), date(2026, 2, 8))
FAR = [timedelta(days=38), timedelta(days=-25)]
"""How far the server's clock is ahead of this machine's; late enough for the week in both."""
each_offset = pytest.mark.parametrize("offset", FAR, ids=["ahead", "behind"])


def answer(offset: timedelta = timedelta(0), *, empty: bool = False, days: int = 0) -> Answer[Any]:
    rows = [] if empty else sample_rows(SUMMARY, WEEK)
    at = NOW + timedelta(days=days)
    return read(SUMMARY, WEEK, encode_answer(SUMMARY, rows), at, at + offset)


def put(warehouse: Warehouse, given: Answer[Any]) -> set[State]:
    return set(warehouse.replace("wx1", Origin.WECHAT, given).states.values())


def refuse(warehouse: Warehouse, errcode: int, offset: timedelta, *, ask: int | None = None) -> Any:
    error = reply_error(errcode, "no")
    error.server_date = NOW + offset
    return warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, WEEK, error, NOW, ask=ask)


def test_the_clocks_may_differ_by_minutes() -> None:
    for offset in (CLOCK_TOLERANCE, -CLOCK_TOLERANCE, timedelta(0)):
        assert clock_offset(NOW, NOW + offset) is None
        assert asked_at(NOW, NOW + offset).can_settle
    more = CLOCK_TOLERANCE + timedelta(seconds=1)
    assert clock_offset(NOW, NOW + more) == -more
    assert asked_at(NOW, NOW + more).time == NOW + more
    assert not asked_at(NOW, NOW + more).can_settle
    assert asked_at(NOW, None).can_settle


@each_offset
def test_rows_are_stored_and_nothing_is_settled(warehouse: Warehouse, offset: timedelta) -> None:
    assert put(warehouse, answer(offset)) == {State.MOVING}
    assert warehouse.read("wx1", SUMMARY, WEEK) == answer().rows
    entries = warehouse.coverage("wx1", SUMMARY).values()
    assert {entry.asked_at for entry in entries} == {NOW + offset}
    assert put(warehouse, answer(days=1)) == {State.FINAL}


@each_offset
def test_answers_without_rows_confirm_nothing(warehouse: Warehouse, offset: timedelta) -> None:
    for days in range(3):
        assert put(warehouse, answer(offset, empty=True, days=days)) == {State.WAITING}
    assert {entry.doubts for entry in warehouse.coverage("wx1", SUMMARY).values()} == {0}


@each_offset
@pytest.mark.parametrize("errcode", [48001, 47009, 47001])
def test_nothing_is_refused(warehouse: Warehouse, offset: timedelta, errcode: int) -> None:
    refuse(warehouse, errcode, offset)
    assert {entry.state for entry in warehouse.coverage("wx1", SUMMARY).values()} == {State.FAILED}
    assert warehouse.standing("wx1", SUMMARY, NOW).refusal is None
    wanted = [WantedDays("wx1", WEEK, [SUMMARY])]
    for now in (NOW, NOW + offset):
        assert plan(wanted, warehouse, now, Choices()).days == 7


def test_settled_days_remain_settled(warehouse: Warehouse) -> None:
    put(warehouse, answer())
    assert put(warehouse, answer(FAR[0], days=1)) == {State.FINAL}


@each_offset
def test_the_log_has_the_servers_time_and_the_difference(
    warehouse: Warehouse, offset: timedelta
) -> None:
    put(warehouse, answer(offset))
    [ask] = warehouse.history("wx1", SUMMARY, WEEK)
    assert (ask.asked_at, ask.server_date) == (NOW + offset, NOW + offset)
    assert ask.clock_offset == -offset.total_seconds()


@each_offset
def test_a_rebuild_settles_nothing_either(
    warehouse: Warehouse, url: str, offset: timedelta
) -> None:
    put(warehouse, answer(offset))
    refuse(warehouse, 47001, offset + timedelta(hours=1))
    before = everything(url)
    warehouse.rebuild()
    assert everything(url) == before


@each_offset
def test_budgets_hold_by_either_clock(warehouse: Warehouse, offset: timedelta) -> None:
    """Also after the clock of this machine was corrected."""
    for _call in range(3):
        ask = begin(warehouse, NOW)
        warehouse.replace("wx1", Origin.WECHAT, replace(answer(offset), ask=ask))
    for now in (NOW, NOW + offset):
        with pytest.raises(BudgetError):
            begin(warehouse, now)


def begin(warehouse: Warehouse, now: datetime) -> int:
    return warehouse.begin_ask("wx1", Origin.WECHAT, SUMMARY, WEEK, now, sender="sync", limit=3)


@each_offset
def test_reading_as_of_a_moment_is_by_the_true_time(
    warehouse: Warehouse, offset: timedelta
) -> None:
    put(warehouse, answer(offset))
    second = timedelta(seconds=1)
    for moment, rows in ((NOW + offset - second, []), (NOW + offset, answer().rows)):
        assert warehouse.read("wx1", SUMMARY, WEEK, as_of=moment) == rows
