"""Rows that a later answer lacks: marked, retained, and back again; revisions and doubts of days."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from support.written_source import everything
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.decoding import read
from wxcube.contract.encoding import encode_answer
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import withdrawn, withdrawn_at
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.records import Replacement
from wxcube.warehouse.store import Warehouse

TOTALS, BIZ, SUMMARY = (
    named("getarticletotaldetail"),
    named("getbizsummary"),
    named("getusersummary"),
)
DAY = Window.day(date(2026, 3, 2))
NOW = datetime(2026, 4, 10, 9, tzinfo=BEIJING)
"""Late enough for every endpoint."""
EARLY = datetime(2026, 3, 20, 9, tzinfo=BEIJING)
ONE_DAY = timedelta(days=1)
Rows = list[dict[str, Any]]


def answer(
    endpoint: Endpoint[Any], listed: Rows, asked: datetime = NOW, **more: Any
) -> Answer[Any]:
    body = json.dumps({"list": listed, **more}).encode()
    return read(endpoint, DAY, body, asked)


def put(warehouse: Warehouse, *answers: Answer[Any]) -> Replacement:
    replacement = None
    for one in answers:
        replacement = warehouse.replace("wx1", Origin.WECHAT, one)
    assert replacement
    return replacement


def entry(warehouse: Warehouse, endpoint: Endpoint[Any]) -> DayState:
    return warehouse.coverage("wx1", endpoint)[DAY.first]


def served(warehouse: Warehouse, endpoint: Endpoint[Any]) -> Any:
    """What readers get, withdrawn rows with their mark."""
    return json.loads(encode_answer(endpoint, warehouse.read("wx1", endpoint, DAY)))["list"]


def sent(endpoint: Endpoint[Any]) -> Rows:
    """A complete answer: an article, or the rows of a day, with two elements in each list."""
    if endpoint is SUMMARY:
        return [
            {"ref_date": "2026-03-02", "user_source": code, "new_user": 3, "cancel_user": 1}
            for code in (0, 1, 17)
        ]
    sources = [{"scene_desc": "全部", "user_count": 7}, {"scene_desc": "朋友圈", "user_count": 2}]
    row = json.loads(encode_answer(endpoint, sample_rows(endpoint, DAY, 3)[:1]))["list"][0]
    if endpoint is BIZ:
        row["detail"]["read_user_source"] = sources
        return [row]
    stat = row["detail_list"][0]
    stat |= {
        "read_user_source": sources,
        "read_jump_position": [{"position": n, "rate": 0.25} for n in (1, 2)],
    }
    row["detail_list"] = [
        {**stat, "stat_date": str(day)} for day in Window(DAY.first, DAY.first + 29 * ONE_DAY)
    ]
    return [row, {**row, "msgid": "9_9"}]


def copied(listed: Rows) -> Rows:
    again: Rows = json.loads(json.dumps(listed))
    return again


def without_row(listed: Rows) -> Any:
    return listed.pop()


def without_stat(listed: Rows) -> Any:
    return listed[0]["detail_list"].pop(3)


def without_source(listed: Rows) -> Any:
    return listed[0]["detail_list"][5]["read_user_source"].pop()


def without_position(listed: Rows) -> Any:
    return listed[1]["detail_list"][0]["read_jump_position"].pop()


def without_scene(listed: Rows) -> Any:
    return listed[0]["detail"]["read_user_source"].pop()


LEVELS = pytest.mark.parametrize(
    ("endpoint", "lose"),
    [
        (SUMMARY, without_row),
        (BIZ, without_scene),
        (TOTALS, without_row),
        (TOTALS, without_stat),
        (TOTALS, without_source),
        (TOTALS, without_position),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)


def marked(found: Any) -> list[Any]:
    """The parts of an answer that have a mark, at any depth."""
    if isinstance(found, list):
        return [part for one in found for part in marked(one)]
    if not isinstance(found, dict):
        return []
    own = [found] if "withdrawn_at" in found else []
    return [*own, *(part for value in found.values() for part in marked(value))]


def unmarked(found: Any) -> Any:
    """An answer without its marked parts."""
    if isinstance(found, list):
        return [
            unmarked(one) for one in found if not (isinstance(one, dict) and marked([one]) == [one])
        ]
    if isinstance(found, dict):
        return {name: unmarked(value) for name, value in found.items()}
    return found


@LEVELS
def test_what_an_answer_lacks_is_marked_and_retained(
    warehouse: Warehouse, endpoint: Endpoint[Any], lose: Callable[[Rows], Any]
) -> None:
    whole, later = sent(endpoint), NOW + ONE_DAY
    partial = copied(whole)
    lost = lose(partial)
    put(warehouse, answer(endpoint, whole))
    replacement = put(warehouse, answer(endpoint, partial, later))
    assert replacement.withdrawn == 1
    found = served(warehouse, endpoint)
    mark = {"withdrawn_at": later.isoformat()}
    assert [part["withdrawn_at"] for part in marked(found)] == [later.isoformat()]
    assert marked(found) == [lost | mark]
    assert unmarked(found) == partial


@LEVELS
def test_the_mark_goes_when_the_row_comes_back(
    warehouse: Warehouse, url: str, endpoint: Endpoint[Any], lose: Callable[[Rows], Any]
) -> None:
    whole = sent(endpoint)
    partial = copied(whole)
    lose(partial)
    put(warehouse, answer(endpoint, whole))
    before = everything(url, but=("asks", "replies", "coverage"))
    put(warehouse, answer(endpoint, partial, NOW + ONE_DAY))
    put(warehouse, answer(endpoint, partial, NOW + 2 * ONE_DAY))
    [part] = marked(served(warehouse, endpoint))
    assert part["withdrawn_at"] == (NOW + ONE_DAY).isoformat()
    put(warehouse, answer(endpoint, whole, NOW + 3 * ONE_DAY))
    assert marked(served(warehouse, endpoint)) == []
    assert everything(url, but=("asks", "replies", "coverage")) == before


@LEVELS
def test_answers_that_are_not_complete_by_their_own_word_mark_nothing(
    warehouse: Warehouse, endpoint: Endpoint[Any], lose: Callable[[Rows], Any]
) -> None:
    whole = sent(endpoint)
    partial = copied(whole)
    lose(partial)
    unreadable = {"ref_date": str(DAY.first), "msgid": 7}
    for incomplete in (
        answer(endpoint, partial, EARLY + ONE_DAY, is_delay=True),
        answer(endpoint, [*partial, unreadable], EARLY + 2 * ONE_DAY)
        if endpoint is not BIZ
        else answer(endpoint, partial, EARLY + 2 * ONE_DAY, is_delay=True),
    ):
        put(warehouse, answer(endpoint, whole, EARLY), incomplete)
        found = served(warehouse, endpoint)
        assert marked(found) == []
        assert len(json.dumps(found)) == len(json.dumps(whole))


@pytest.mark.parametrize("endpoint", [SUMMARY, BIZ, TOTALS], ids=str)
def test_an_answer_without_rows_marks_nothing(
    warehouse: Warehouse, endpoint: Endpoint[Any]
) -> None:
    put(warehouse, answer(endpoint, sent(endpoint)), answer(endpoint, [], NOW + ONE_DAY))
    assert marked(served(warehouse, endpoint)) == []
    assert unmarked(served(warehouse, endpoint)) == sent(endpoint)


def test_a_withdrawn_row_is_a_row_of_its_class_with_a_further_member(warehouse: Warehouse) -> None:
    whole, later = sent(SUMMARY), NOW + ONE_DAY
    put(warehouse, answer(SUMMARY, whole), answer(SUMMARY, whole[:2], later))
    *others, last = warehouse.read("wx1", SUMMARY, DAY)
    assert [withdrawn_at(row) for row in others] == [None, None]
    assert isinstance(last, SUMMARY.row)
    assert type(last) is not SUMMARY.row
    assert withdrawn_at(last) == later
    assert last == withdrawn(answer(SUMMARY, whole).rows[2], later)
    assert json.loads(msgspec.json.encode(last)) == whole[2] | {"withdrawn_at": later.isoformat()}
    query = warehouse.query("SELECT user_source, withdrawn_at FROM user_summary ORDER BY 1")
    assert query.rows == [(0, None), (1, None), (17, later.isoformat())]


def test_a_list_that_an_answer_lacks_is_there_with_its_withdrawn_rows(
    warehouse: Warehouse,
) -> None:
    whole, later = sent(BIZ), NOW + ONE_DAY
    partial = copied(whole)
    lost = partial[0].pop("detail")["read_user_source"]
    put(warehouse, answer(BIZ, whole), answer(BIZ, partial, later))
    [row] = warehouse.read("wx1", BIZ, DAY)
    assert [withdrawn_at(one) for one in row.detail.read_user_source] == [later, later]
    assert [one.user_count for one in row.detail.read_user_source] == [
        one["user_count"] for one in lost
    ]


# --- the state of the day -------------------------------------------------------------------------


def test_a_lost_row_is_believed_after_late_answers_on_two_days(warehouse: Warehouse) -> None:
    whole = sent(TOTALS)
    partial = copied(whole)
    lost = without_row(partial)
    put(warehouse, answer(TOTALS, whole, EARLY))
    states = []
    for hours in (0, 1, 24):
        put(warehouse, answer(TOTALS, partial, NOW + timedelta(hours=hours)))
        states.append((entry(warehouse, TOTALS).state, entry(warehouse, TOTALS).doubts))
    assert states == [(State.MOVING, 1), (State.MOVING, 1), (State.FINAL, 2)]
    assert marked(served(warehouse, TOTALS)) == [lost | {"withdrawn_at": NOW.isoformat()}]


def test_a_row_that_comes_back_on_the_second_day_settles_the_day(warehouse: Warehouse) -> None:
    whole = sent(TOTALS)
    partial = copied(whole)
    without_stat(partial)
    put(warehouse, answer(TOTALS, whole, EARLY), answer(TOTALS, partial))
    put(warehouse, answer(TOTALS, whole, NOW + ONE_DAY))
    assert (entry(warehouse, TOTALS).state, entry(warehouse, TOTALS).doubts) == (State.FINAL, 0)
    assert marked(served(warehouse, TOTALS)) == []


def test_rows_that_are_lost_while_a_day_moves_are_no_doubts(warehouse: Warehouse) -> None:
    whole = sent(TOTALS)
    put(warehouse, answer(TOTALS, whole, EARLY), answer(TOTALS, whole[:1], EARLY + ONE_DAY))
    assert entry(warehouse, TOTALS).doubts == 0
    put(warehouse, answer(TOTALS, whole[:1]))
    assert (entry(warehouse, TOTALS).state, entry(warehouse, TOTALS).doubts) == (State.FINAL, 0)


def test_totals_that_lack_the_newest_day_settle_after_two_days(warehouse: Warehouse) -> None:
    partial = sent(TOTALS)
    for row in partial:
        row["detail_list"].pop()
    put(warehouse, answer(TOTALS, partial))
    assert entry(warehouse, TOTALS).state is State.MOVING
    assert "newest running totals" in entry(warehouse, TOTALS).message
    put(warehouse, answer(TOTALS, partial, NOW + ONE_DAY))
    assert entry(warehouse, TOTALS).state is State.FINAL
    assert marked(served(warehouse, TOTALS)) == []


def test_a_partial_answer_on_the_day_that_settles_is_asked_again(warehouse: Warehouse) -> None:
    whole = sent(SUMMARY)
    unreadable = {"ref_date": str(DAY.first), "new_user": 5}
    put(warehouse, answer(SUMMARY, [*whole[:2], unreadable]))
    assert (entry(warehouse, SUMMARY).state, entry(warehouse, SUMMARY).doubts) == (State.MOVING, 1)
    put(warehouse, answer(SUMMARY, whole, NOW + ONE_DAY))
    assert (entry(warehouse, SUMMARY).state, entry(warehouse, SUMMARY).doubts) == (State.FINAL, 0)
    assert served(warehouse, SUMMARY) == whole


# --- revisions ------------------------------------------------------------------------------------


def corrected(endpoint: Endpoint[Any], listed: Rows) -> Rows:
    """Rows with another figure, deep inside where they have lists."""
    again = copied(listed)
    if endpoint is SUMMARY:
        again[1]["new_user"] += 1
    elif endpoint is BIZ:
        again[0]["detail"]["read_user_source"][1]["user_count"] += 1
    else:
        again[1]["detail_list"][7]["read_user_source"][0]["user_count"] += 1
    return again


@pytest.mark.parametrize("endpoint", [SUMMARY, BIZ, TOTALS], ids=str)
def test_changed_figures_of_a_final_day_are_a_revision(
    warehouse: Warehouse, endpoint: Endpoint[Any]
) -> None:
    whole, later = sent(endpoint), NOW + 9 * ONE_DAY
    put(warehouse, answer(endpoint, whole))
    assert put(warehouse, answer(endpoint, whole, later)).revised == ()
    replacement = put(warehouse, answer(endpoint, corrected(endpoint, whole), later + ONE_DAY))
    assert replacement.revised == (DAY.first,)
    assert (entry(warehouse, endpoint).revision, entry(warehouse, endpoint).revised_at) == (
        1,
        later + ONE_DAY,
    )
    assert entry(warehouse, endpoint).state is State.FINAL
    assert served(warehouse, endpoint) == corrected(endpoint, whole)


def test_changes_of_a_moving_day_are_none(warehouse: Warehouse) -> None:
    whole = sent(TOTALS)
    put(warehouse, answer(TOTALS, whole, EARLY))
    replacement = put(warehouse, answer(TOTALS, corrected(TOTALS, whole)))
    assert replacement.revised == ()
    assert (entry(warehouse, TOTALS).revision, entry(warehouse, TOTALS).state) == (0, State.FINAL)


def test_another_order_of_the_same_rows_is_no_revision(warehouse: Warehouse) -> None:
    whole = sent(SUMMARY)
    put(warehouse, answer(SUMMARY, whole))
    rows = answer(SUMMARY, whole).rows[::-1]
    turned = Answer(SUMMARY, DAY, rows, b"{}", NOW + ONE_DAY)
    assert put(warehouse, turned).revised == ()
    assert warehouse.read("wx1", SUMMARY, DAY) == rows


def test_rows_of_a_day_that_was_empty_are_a_revision(warehouse: Warehouse) -> None:
    put(warehouse, answer(SUMMARY, []), answer(SUMMARY, [], NOW + ONE_DAY))
    assert entry(warehouse, SUMMARY).state is State.EMPTY
    put(warehouse, answer(SUMMARY, sent(SUMMARY), NOW + 9 * ONE_DAY))
    assert (entry(warehouse, SUMMARY).state, entry(warehouse, SUMMARY).revision) == (State.FINAL, 1)
