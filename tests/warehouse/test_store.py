"""Answers replace windows, lose no data, and change nothing when stored twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import withdrawn_at
from wxcube.errors import ShapeError, TransportError, WxcubeError
from wxcube.i18n import verbatim
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

SUMMARY = named("getusersummary")
TOTAL = named("getarticletotaldetail")
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WEEK = Window(date(2026, 3, 3), date(2026, 3, 9))


def answer(
    endpoint: Endpoint[Any],
    window: Window,
    rows: list[Any] | None = None,
    *,
    seed: int = 0,
    asked: datetime = NOW,
    is_delay: bool = False,
) -> Answer[Any]:
    actual = sample_rows(endpoint, window, seed) if rows is None else rows
    body = msgspec.json.encode({"list": actual, "is_delay": is_delay})
    return Answer(endpoint, window, actual, body, asked, is_delay)


def put(warehouse: Warehouse, *answers: Answer[Any], **more: Any) -> None:
    for one in answers:
        warehouse.replace("wx1", Origin.WECHAT, one, **more)


def of_last_answer(rows: list[Any]) -> list[Any]:
    """The rows without those that the last answer lacked."""
    return [row for row in rows if not withdrawn_at(row)]


def states(warehouse: Warehouse, endpoint: Endpoint[Any]) -> dict[date, State]:
    return {day: entry.state for day, entry in warehouse.coverage("wx1", endpoint).items()}


def test_an_answer_replaces_an_earlier_one_of_the_same_window(warehouse: Warehouse) -> None:
    old, later = answer(SUMMARY, WEEK), NOW + timedelta(hours=1)
    corrected = [msgspec.structs.replace(row, new_user=row.new_user + 1) for row in old.rows]
    put(warehouse, old, answer(SUMMARY, WEEK, corrected, asked=later))
    assert warehouse.read("wx1", SUMMARY, WEEK) == corrected
    assert set(states(warehouse, SUMMARY).values()) == {State.FINAL}


def test_nested_rows_are_replaced_with_their_parents(warehouse: Warehouse, url: str) -> None:
    day = Window.day(WEEK.first)
    put(warehouse, answer(TOTAL, day), answer(TOTAL, day, seed=1))
    rows = warehouse.read("wx1", TOTAL, day)
    assert of_last_answer(rows) == answer(TOTAL, day, seed=1).rows
    withdrawn_rows = [row for row in rows if withdrawn_at(row)]
    assert [row.msgid for row in withdrawn_rows] == [r.msgid for r in answer(TOTAL, day).rows]
    stats = [
        s for seed in (0, 1) for r in answer(TOTAL, day, seed=seed).rows for s in r.detail_list
    ]
    assert len(everything(url)["article_total_detail__detail_list"]) == len(stats)


def test_days_outside_the_window_and_other_accounts_do_not_change(warehouse: Warehouse) -> None:
    put(warehouse, answer(SUMMARY, WEEK))
    before = warehouse.read("wx1", SUMMARY, WEEK)
    put(warehouse, answer(SUMMARY, Window.day(WEEK.first), seed=1))
    warehouse.replace("wx2", Origin.WECHAT, answer(SUMMARY, WEEK, seed=2))
    warehouse.replace("wx1", Origin.CUBE, answer(SUMMARY, WEEK, seed=3))
    now = warehouse.read("wx1", SUMMARY, WEEK)
    assert [r for r in now if r.ref_date > WEEK.first] == [
        r for r in before if r.ref_date > WEEK.first
    ]
    assert [r for r in now if r.ref_date == WEEK.first] != [
        r for r in before if r.ref_date == WEEK.first
    ]


def test_writing_twice_changes_nothing(warehouse: Warehouse, url: str) -> None:
    answers = [answer(e, Window.day(WEEK.first)) for e in (SUMMARY, TOTAL)]
    put(warehouse, *answers)
    once = everything(url, but=("asks",))
    put(warehouse, *answers)
    assert everything(url, but=("asks",)) == once


def test_an_answer_without_rows_never_deletes_rows(warehouse: Warehouse) -> None:
    loaded = answer(SUMMARY, WEEK)
    put(warehouse, loaded, answer(SUMMARY, WEEK, [], asked=NOW + timedelta(days=9)))
    assert warehouse.read("wx1", SUMMARY, WEEK) == loaded.rows
    line = warehouse.coverage("wx1", SUMMARY)[WEEK.first]
    assert (line.state, line.fetched_at) == (State.FINAL, NOW)


def test_an_answer_without_rows_for_a_moving_day_is_recorded(warehouse: Warehouse) -> None:
    day = Window.day(WEEK.first)
    loaded, later = answer(TOTAL, day), NOW + timedelta(days=1)
    put(warehouse, loaded, answer(TOTAL, day, [], asked=later))
    line = warehouse.coverage("wx1", TOTAL)[day.first]
    assert (line.state, line.asked_at, line.fetched_at) == (State.MOVING, later, NOW)
    assert "2026-03-11" in line.message
    assert warehouse.read("wx1", TOTAL, day) == loaded.rows


def test_days_without_rows_are_empty_or_waiting(warehouse: Warehouse) -> None:
    rows = [row for row in sample_rows(SUMMARY, WEEK) if row.ref_date == date(2026, 3, 6)]
    put(warehouse, answer(SUMMARY, WEEK, rows))
    actual = states(warehouse, SUMMARY)
    assert [actual[day] for day in WEEK] == [
        *[State.EMPTY] * 3,
        State.FINAL,
        *[State.WAITING] * 3,  # the first of them until a second answer, on another day
    ]
    put(warehouse, answer(SUMMARY, WEEK, rows, asked=NOW + timedelta(days=1)))
    assert states(warehouse, SUMMARY)[date(2026, 3, 7)] is State.EMPTY


def test_weeks_and_months_have_entries_by_their_label(warehouse: Warehouse) -> None:
    week, month = named("getupstreammsgweek"), named("getupstreammsgmonth")
    put(warehouse, answer(week, Window(date(2026, 2, 16), date(2026, 3, 8))))
    put(warehouse, answer(month, Window(date(2026, 1, 1), date(2026, 2, 28))))
    assert states(warehouse, week) == dict.fromkeys(
        [date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2)], State.FINAL
    )
    assert states(warehouse, month) == dict.fromkeys(
        [date(2026, 1, 1), date(2026, 2, 1)], State.FINAL
    )


def test_a_delayed_answer_is_stored_and_its_days_are_waiting(warehouse: Warehouse) -> None:
    day = Window.day(WEEK.first)
    delayed = answer(TOTAL, day, is_delay=True)
    put(warehouse, delayed)
    assert warehouse.read("wx1", TOTAL, day) == delayed.rows
    assert states(warehouse, TOTAL) == {day.first: State.WAITING}


def test_a_delayed_answer_does_not_change_final_days(warehouse: Warehouse) -> None:
    final = answer(SUMMARY, WEEK)
    put(
        warehouse,
        final,
        answer(SUMMARY, WEEK, seed=1, is_delay=True, asked=NOW + timedelta(days=1)),
    )
    assert warehouse.read("wx1", SUMMARY, WEEK) == final.rows


def test_rows_outside_the_window_do_not_replace_other_days(warehouse: Warehouse) -> None:
    put(warehouse, answer(SUMMARY, WEEK))
    before = warehouse.read("wx1", SUMMARY, WEEK)
    stray = answer(SUMMARY, Window.day(WEEK.first), sample_rows(SUMMARY, WEEK, 1))
    put(warehouse, stray)
    now = warehouse.read("wx1", SUMMARY, WEEK)
    assert [r for r in now if r.ref_date > WEEK.first] == [
        r for r in before if r.ref_date > WEEK.first
    ]


@pytest.mark.parametrize(
    ("error", "state", "errcode"),
    [
        (reply_error(48001, "api unauthorized"), State.REFUSED, 48001),
        (reply_error(47009, "this api is offline"), State.REFUSED, 47009),
        (reply_error(47001, "data format error"), State.REFUSED, 47001),
        (reply_error(99999, "never seen"), State.REFUSED, 99999),
        (reply_error(61503, "data not ready"), State.WAITING, 61503),
        (reply_error(61501, "date range error"), State.FAILED, 61501),
        (reply_error(-1, "system error"), State.FAILED, -1),
        (reply_error(40001, "invalid credential"), State.FAILED, 40001),
        (reply_error(40164, "invalid ip"), State.FAILED, 40164),
        (TransportError(verbatim("no answer")), State.FAILED, None),
        (ShapeError(verbatim("no list"), body=b"{}"), State.FAILED, None),
    ],
    ids=str,
)
def test_errors_are_recorded_with_their_message(
    warehouse: Warehouse, error: WxcubeError, state: State, errcode: int | None
) -> None:
    recorded = warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, WEEK, error, NOW)
    assert recorded == dict.fromkeys(WEEK, state)
    lines = warehouse.coverage("wx1", SUMMARY)
    assert list(lines) == list(WEEK)
    assert {(d.state, d.errcode, d.message, d.asked_at) for d in lines.values()} == {
        (state, errcode, str(error), NOW)
    }
    assert warehouse.accounts() == {"wx1": NOW}


@pytest.mark.parametrize("errcode", [45009, 45011])
def test_a_limit_of_calls_changes_no_days(warehouse: Warehouse, errcode: int) -> None:
    error = reply_error(errcode, "limit")
    assert warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, WEEK, error, NOW) == {}
    assert warehouse.coverage("wx1", SUMMARY) == {}
    [ask] = warehouse.history("wx1", SUMMARY, WEEK)
    assert ask.errcode == errcode


def test_rows_remain_after_an_error(warehouse: Warehouse) -> None:
    day = Window.day(WEEK.first)
    loaded = answer(TOTAL, day)
    put(warehouse, loaded)
    busy, later = reply_error(-1, "busy"), NOW + timedelta(days=1)
    warehouse.record_error("wx1", Origin.WECHAT, TOTAL, day, busy, later)
    assert warehouse.read("wx1", TOTAL, day) == loaded.rows
    line = warehouse.coverage("wx1", TOTAL)[day.first]
    assert (line.state, line.fetched_at) == (State.FAILED, NOW)


def test_readers_get_the_best_origin_of_each_day(warehouse: Warehouse) -> None:
    by_origin = {origin: sample_rows(SUMMARY, WEEK, n) for n, origin in enumerate(Origin)}
    days = {
        Origin.DERIVED: list(WEEK),
        Origin.CUBE: list(WEEK)[:5],
        Origin.IMPORT: list(WEEK)[:3],
        Origin.WECHAT: [WEEK.first],
    }
    for origin, chosen in days.items():
        rows = [row for row in by_origin[origin] if row.ref_date in chosen]
        warehouse.replace("wx1", origin, answer(SUMMARY, WEEK, rows))
    actual = warehouse.read("wx1", SUMMARY, WEEK)
    best = [*[Origin.WECHAT], *[Origin.IMPORT] * 2, *[Origin.CUBE] * 2, *[Origin.DERIVED] * 2]
    expected = [
        row
        for day, origin in zip(WEEK, best, strict=True)
        for row in by_origin[origin]
        if row.ref_date == day
    ]
    assert actual == expected
    cube = [row for row in by_origin[Origin.CUBE] if row.ref_date in days[Origin.CUBE]]
    assert warehouse.read("wx1", SUMMARY, WEEK, Origin.CUBE) == cube


def test_nested_rows_come_from_the_chosen_origin(warehouse: Warehouse) -> None:
    day = Window.day(WEEK.first)
    mine, other = answer(TOTAL, day, seed=1), answer(TOTAL, day, seed=2)
    warehouse.replace("wx1", Origin.CUBE, other)
    warehouse.replace("wx1", Origin.WECHAT, mine)
    assert warehouse.read("wx1", TOTAL, day) == mine.rows
    assert warehouse.read("wx1", TOTAL, day, Origin.CUBE) == other.rows


def test_each_set_of_params_has_its_own_rows_and_days(warehouse: Warehouse) -> None:
    cards, coupons = named("getcardmembercarddetail"), named("getcardbizuininfo")
    first, second = (answer(cards, WEEK, seed=n) for n in (1, 2))
    put(warehouse, first, params={"card_id": "p1"})
    put(warehouse, second, params={"card_id": "p2"})
    assert warehouse.read("wx1", cards, WEEK, params={"card_id": "p1"}) == first.rows
    assert warehouse.read("wx1", cards, WEEK, params={"card_id": "p2"}) == second.rows
    assert len(warehouse.read("wx1", cards, WEEK)) == len(first.rows) + len(second.rows)
    assert len(warehouse.coverage("wx1", cards, params={"card_id": "p1"})) == 7
    assert warehouse.coverage("wx1", cards, params={"card_id": "p3"}) == {}
    console, api = (answer(coupons, WEEK, seed=n) for n in (3, 4))
    put(warehouse, console, params={"cond_source": 0})
    put(warehouse, api)
    assert warehouse.read("wx1", coupons, WEEK) == api.rows
    assert warehouse.read("wx1", coupons, WEEK, params={"cond_source": 0}) == console.rows


def test_replies_are_stored_as_they_came_and_once(warehouse: Warehouse, url: str) -> None:
    body = b'{"list": [ ],\r\n "is_delay": "false" }\xff'
    for day in list(WEEK)[:3]:
        put(warehouse, Answer(SUMMARY, Window.day(day), [], body, NOW))
        put(warehouse, Answer(SUMMARY, Window.day(day), [], body, NOW + timedelta(hours=1)))
    asked = warehouse.history("wx1", SUMMARY, WEEK)
    assert [(ask.window, warehouse.reply(ask), ask.asked_at) for ask in asked] == [
        (Window.day(day), body, NOW + timedelta(hours=hours))
        for day in list(WEEK)[:3]
        for hours in (0, 1)
    ]
    assert len(everything(url)["replies"]) == 1


def test_unreadable_bodies_are_stored(warehouse: Warehouse) -> None:
    body = b'{"list": "not a list"}'
    error = ShapeError(verbatim("no list"), body=body)
    warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, WEEK, error, NOW)
    [ask] = warehouse.history("wx1", SUMMARY, WEEK)
    assert (ask.window, warehouse.reply(ask)) == (WEEK, body)


def test_extent_and_accounts(warehouse: Warehouse) -> None:
    assert warehouse.extent("wx1", SUMMARY) is None
    put(warehouse, answer(SUMMARY, Window.day(WEEK.first)), answer(SUMMARY, Window.day(WEEK.last)))
    warehouse.replace("wx0", Origin.CUBE, answer(SUMMARY, WEEK, asked=NOW + timedelta(days=1)))
    assert warehouse.extent("wx1", SUMMARY) == WEEK
    assert warehouse.extent("wx1", SUMMARY, Origin.CUBE) is None
    assert warehouse.accounts() == {"wx0": NOW + timedelta(days=1), "wx1": NOW}


def test_times_are_stored_in_beijing_time_to_the_second(warehouse: Warehouse, url: str) -> None:
    asked = datetime.fromisoformat("2026-03-10T01:00:00.9+00:00")
    put(warehouse, answer(SUMMARY, Window.day(WEEK.first), asked=asked))
    assert everything(url)["accounts"] == [("wx1", "2026-03-10T09:00:00+08:00")]


def test_the_version_changes_when_answers_are_stored_and_not_otherwise(
    warehouse: Warehouse,
) -> None:
    empty = warehouse.version()
    assert warehouse.version() == empty
    ask = warehouse.begin_ask("wx1", Origin.WECHAT, SUMMARY, WEEK, NOW, sender="sync")
    begun = warehouse.version()
    put(warehouse, replace(answer(SUMMARY, WEEK), ask=ask))
    assert len({empty, begun, warehouse.version()}) == 3
