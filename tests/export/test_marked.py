"""Rows with their marks: where they come from, and whether they can still change."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from wxcube import contract
from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import count_withdrawn, withdrawn
from wxcube.export import text
from wxcube.export.flat import flatten, parts
from wxcube.export.marked import MARKS, DayMark, marked_json, marked_table, plain
from wxcube.export.remarks import OriginChange, Remarks
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.day_rows import DayRows

MARCH = Window.parse("2026-03-01..2026-03-31")
EVERY = pytest.mark.parametrize("endpoint", contract.ENDPOINTS, ids=str)
FETCHED = datetime(2026, 4, 10, 9, tzinfo=BEIJING)
LATER = FETCHED + timedelta(days=1)
FINAL = DayState(State.FINAL, LATER, FETCHED, revision=2)
TOTAL = contract.named("getarticletotaldetail")


def days_of(endpoint: Endpoint[Any], appid: str = "wx1", seed: int = 3) -> Iterator[DayRows[Any]]:
    params = "card_id=p1" if endpoint.params else ""
    by_day: dict[date, list[Any]] = {}
    for row in sample_rows(endpoint, MARCH, seed):
        by_day.setdefault(row.ref_date, []).append(row)
    for day, rows in sorted(by_day.items()):
        yield DayRows(appid, day, Origin.WECHAT, rows, FINAL, params)


def marked_element(day: DayRows[Any]) -> Any:
    """A row of the day, of which the last element of its list is withdrawn."""
    row = next(row for row in day.rows if row.detail_list)
    *others, last = row.detail_list
    return msgspec.structs.replace(row, detail_list=[*others, withdrawn(last, LATER)])


@EVERY
def test_the_marks_come_after_wechats_columns(endpoint: Endpoint[Any]) -> None:
    days = list(days_of(endpoint))
    rows = [row for day in days for row in day.rows]
    for part in parts(endpoint):
        table, of_wechat = marked_table(endpoint, days, part), flatten(endpoint, rows, part)
        width = len(of_wechat.names)
        added = (("params",) if endpoint.params else ()) + tuple(mark.name for mark in MARKS)
        assert table.names == (*of_wechat.names, *added)
        values = list(table.rows)
        assert [v[:width] for v in values] == list(of_wechat.rows)
        mark = ("card_id=p1",) if endpoint.params else ()
        assert {v[width:] for v in values} <= {(*mark, "wechat", "final", FETCHED, 2, None)}


@EVERY
def test_json_has_the_marks_as_further_members(endpoint: Endpoint[Any]) -> None:
    days = list(days_of(endpoint))
    mark: dict[str, object] = {"params": "card_id=p1"} if endpoint.params else {}
    mark |= {"origin": "wechat", "state": "final", "fetched_at": FETCHED.isoformat(), "revision": 2}
    objects = [msgspec.json.decode(raw) for raw in marked_json(endpoint, days)]
    rows = [msgspec.to_builtins(row) for day in days for row in day.rows]
    assert objects == [row | mark for row in rows]
    with_account = marked_json(endpoint, days, with_account=True, with_marks=False)
    objects = [msgspec.json.decode(raw) for raw in with_account]
    assert objects == [{"appid": "wx1"} | row for row in rows]


def test_rows_of_several_accounts_begin_with_the_appid() -> None:
    endpoint = contract.named("getusersummary")
    days = [*days_of(endpoint, "wx1"), *days_of(endpoint, "wx2", 4)]
    table = marked_table(endpoint, days, with_account=True, with_marks=False)
    assert table.names[:2] == ("appid", "ref_date")
    assert table.header("zh")[0] == "公众号 AppID"
    assert [appid for appid, *_ in table.rows] == [day.appid for day in days for _ in day.rows]


def test_a_day_without_an_entry_has_no_state() -> None:
    day = DayRows("wx1", MARCH.first, Origin.CUBE, list[Any](), None)
    assert DayMark.of(contract.named("getusersummary"), day).values == ("cube", None, None, None)


def test_a_withdrawn_row_has_its_mark_in_every_format() -> None:
    endpoint = contract.named("getusersummary")
    first, *_others = days_of(endpoint)
    row = first.rows[0]
    day = DayRows("wx1", first.day, Origin.WECHAT, [row, withdrawn(row, LATER)], FINAL)
    objects = [msgspec.json.decode(raw) for raw in marked_json(endpoint, [day])]
    assert [one.get("withdrawn_at") for one in objects] == [None, LATER.isoformat()]
    file = io.BytesIO()
    assert text.write_csv(file, marked_table(endpoint, [day])) == 2
    values = list(csv.DictReader(file.getvalue().decode().splitlines()))
    assert [one["withdrawn_at"] for one in values] == ["", LATER.isoformat()]
    assert [one["fetched_at"] for one in values] == [FETCHED.isoformat()] * 2


def test_a_nested_row_has_the_mark_of_its_own_or_of_its_row() -> None:
    day = next(day for day in days_of(TOTAL) if any(row.detail_list for row in day.rows))
    row = marked_element(day)
    gone = withdrawn(row, LATER + timedelta(days=1))
    day = DayRows("wx1", day.day, Origin.WECHAT, [row, gone], FINAL)
    marks = [values[-1] for values in marked_table(TOTAL, [day], "detail_list").rows]
    size = len(row.detail_list)
    after = LATER + timedelta(days=1)
    assert marks == [*[None] * (size - 1), LATER, *[after] * (size - 1), LATER]
    assert [count_withdrawn(row), count_withdrawn(gone)] == [1, 1]


def test_plain_rows_are_those_of_the_last_answers() -> None:
    day = next(day for day in days_of(TOTAL) if any(row.detail_list for row in day.rows))
    row = marked_element(day)
    gone = withdrawn(day.rows[0], LATER)
    [of_day] = plain([DayRows("wx1", day.day, Origin.WECHAT, [row, gone], FINAL)])
    assert of_day.rows == [msgspec.structs.replace(row, detail_list=row.detail_list[:-1])]
    assert list(plain([DayRows("wx1", day.day, Origin.WECHAT, [gone], FINAL)])) == []


def test_changes_of_origin_revised_days_and_withdrawn_rows_are_counted() -> None:
    first, second, third, *_others = days_of(contract.named("getusersummary"))
    row = second.rows[0]
    settled = DayState(State.FINAL, LATER, FETCHED)
    days = [
        DayRows("wx1", first.day, Origin.CUBE, first.rows, settled),
        DayRows("wx1", second.day, Origin.WECHAT, [row, withdrawn(row, LATER)], FINAL),
        DayRows("wx1", third.day, Origin.WECHAT, third.rows, settled),
        DayRows("wx2", first.day, Origin.CUBE, first.rows, settled),
    ]
    remarks = Remarks()
    assert list(remarks.watch(days)) == days
    change = OriginChange("wx1", "", second.day, Origin.CUBE, Origin.WECHAT)
    assert remarks.origin_changes == [change]
    assert (remarks.revised_days, remarks.withdrawn_rows) == (1, 1)
    assert [remarks.has_rows_of(appid) for appid in ("wx1", "wx2", "wx3")] == [True, True, False]
