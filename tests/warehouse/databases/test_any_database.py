"""What every database must do alike: values, keys, locks."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import cycle
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.user import UserSummary
from wxcube.contract.window import Window
from wxcube.errors import BudgetError
from wxcube.warehouse.aggregates import Entry, Selection
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

ARTICLES, SUMMARY = named("getarticlesummary"), named("getusersummary")
DETAIL = named("getarticletotaldetail")
DAY = date(2026, 3, 3)
NOW = datetime(2026, 3, 20, 9, tzinfo=BEIJING)


def answer(*rows: Any, body: bytes = b"{}") -> Answer[Any]:
    return Answer(ARTICLES, Window.day(DAY), list(rows), body, NOW)


TITLES = (
    "NUL \0 in the middle",
    "\0\x1a\x1a0\x1a1 \0",
    "beyond the basic plane: 😀𠮷",
    "  spaces at both ends  ",
    "back\\slash, 'quote', \"double\", %s %(x)s :name ?",
    "\\N",
    "\\.",
    "NULL",
    "\t\r\n\x7f",
    "",
    "长" * 70_000,
)
FIGURES = (0, 1, -1, 2**63 - 1, -(2**63) + 1, None)
RATES = (0.0, 0.1, 1 / 3, 1e-7, 1e22, 12.0, None)


@pytest.mark.parametrize("title", TITLES, ids=lambda title: ascii(title[:20]))
def test_a_text_comes_back_as_it_was(warehouse: Warehouse, title: str) -> None:
    (row, *_rest) = sample_rows(ARTICLES, Window.day(DAY))
    row = msgspec.structs.replace(row, title=title)
    warehouse.replace("wx1", Origin.WECHAT, answer(row))
    assert warehouse.read("wx1", ARTICLES, Window.day(DAY)) == [row]
    assert warehouse.query("SELECT title FROM article_summary").rows == [(title,)]
    (ours,) = warehouse.day_rows("wx1", ARTICLES, Window.day(DAY))
    assert ours.rows == [row]


def test_rows_written_together_come_back_as_they_were(warehouse: Warehouse) -> None:
    (example, *_rest) = sample_rows(DETAIL, Window.day(DAY))
    element = example.detail_list[0]
    choices = zip(range(3000), cycle((*TITLES[:-1], None)), cycle(FIGURES), cycle(RATES))
    rows = [
        msgspec.structs.replace(
            example,
            msgid=f"{number}_1",
            title=title,
            detail_list=[msgspec.structs.replace(element, read_user=figure, read_finish_rate=rate)],
        )
        for number, title, figure, rate in choices
    ]
    # one that is longer than a statement may be
    rows += [msgspec.structs.replace(example, msgid="3000_1", title="'长" * 700_000)]
    warehouse.replace("wx1", Origin.WECHAT, Answer(DETAIL, Window.day(DAY), rows, b"{}", NOW))
    assert warehouse.read("wx1", DETAIL, Window.day(DAY)) == rows


def test_keys_that_differ_in_case_accent_or_spaces_are_different(warehouse: Warehouse) -> None:
    (row, *_rest) = sample_rows(ARTICLES, Window.day(DAY))
    keys = ["1_1", "1_1 ", "a", "A", "á", "ａ", "\0"]
    rows = [msgspec.structs.replace(row, msgid=key) for key in keys]
    warehouse.replace("wx1", Origin.WECHAT, answer(*rows))
    assert warehouse.read("wx1", ARTICLES, Window.day(DAY)) == rows


def test_a_large_reply_comes_back_as_it_was(warehouse: Warehouse) -> None:
    body = os.urandom(1_000_000)
    warehouse.replace("wx1", Origin.WECHAT, answer(body=body))
    (ask,) = warehouse.history("wx1", ARTICLES, Window.day(DAY))
    assert warehouse.reply(ask) == body


def test_a_sum_is_a_whole_number(warehouse: Warehouse) -> None:
    rows = sample_rows(SUMMARY, Window.day(DAY))
    window = Window.day(DAY)
    warehouse.replace("wx1", Origin.WECHAT, Answer(SUMMARY, window, rows, b"", NOW))
    ((total,),) = warehouse.query("SELECT sum(new_user) FROM user_summary").rows
    assert total == sum(row.new_user for row in rows)
    assert type(total) is int


# --- several writers -----------------------------------------------------------------------------

PROCESSES, ROUNDS, LIMIT = 8, 31, 240


def test_writers_of_one_account_wait_for_each_other(warehouse: Warehouse, url: str) -> None:
    """8 processes try 31 calls each, store their answers, and keep to one budget of 240."""
    starts = multiprocessing.get_context("spawn")
    with starts.Pool(PROCESSES) as pool:
        made = pool.starmap(call_often, [(url, number) for number in range(PROCESSES)])
    assert sum(made) == LIMIT
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()).calls == LIMIT
    finished = warehouse.query("SELECT finished FROM asks ORDER BY finished").rows
    assert finished == [(number,) for number in range(1, LIMIT + 1)]


def call_often(url: str, process: int) -> int:
    """Store answers for the same days, and return the calls that the budget allowed."""
    made = 0
    with Warehouse.open(url) as warehouse, suppress(BudgetError):
        for number in range(ROUNDS):
            window = Window.day(DAY + timedelta(days=number % 7))
            ask = warehouse.begin_ask(
                "wx1", Origin.WECHAT, SUMMARY, window, NOW, sender="sync", limit=LIMIT
            )
            made += 1
            rows = sample_rows(SUMMARY, window, number + process)
            stored = Answer(SUMMARY, window, rows, repr(rows).encode(), NOW, ask=ask)
            warehouse.replace("wx1", Origin.WECHAT, stored)
    return made


def test_days_are_summed_for_some_accounts_or_for_all(warehouse: Warehouse) -> None:
    days = Window(DAY, DAY + timedelta(days=1))
    for appid, new in (("wx1", 3), ("wx2", 5)):
        rows = [
            UserSummary(ref_date=day, user_source=source, new_user=new, cancel_user=1)
            for day in days
            for source in (0, 30)
        ]
        warehouse.replace(appid, Origin.WECHAT, Answer(SUMMARY, days, rows, b"{}", NOW))
    selection = Selection(SUMMARY, days, ("new_user",), only=(("user_source", 30),))
    by_account = {("wx1", day): 3 for day in days} | {("wx2", day): 5 for day in days}
    for appids in (None, ["wx1", "wx2"]):
        found = warehouse.sums(appids, selection)
        assert {(one.appid, one.day): one.values[0] for one in found} == by_account
        assert {one.origin for one in found} == {Origin.WECHAT}
        states = warehouse.states(appids, SUMMARY, days)
        assert states.keys() == by_account.keys()
        assert set(states.values()) == {(Entry(Origin.WECHAT, State.FINAL, 0),)}
    by_source = Selection(SUMMARY, days, ("new_user",), by=("user_source",))
    totals = {("wx2", (source,)): (10,) for source in (0, 30)}
    assert warehouse.sums_over_range(["wx2"], by_source) == totals


def test_running_totals_have_days(warehouse: Warehouse) -> None:
    endpoint = named("getarticletotal")
    rows = [row for row in sample_rows(endpoint, Window.day(DAY)) if row.details]
    warehouse.replace("wx1", Origin.WECHAT, Answer(endpoint, Window.day(DAY), rows, b"{}", NOW))
    selection = Selection(endpoint, Window.day(DAY), ("int_page_read_user",))
    found = warehouse.running_totals(["wx1"], selection)
    assert found
    assert {one.published for one in found} == {DAY}
    stat_dates = {detail.stat_date for row in rows for detail in row.details}
    assert {one.stat_date for one in found} == stat_dates
    newest = warehouse.running_totals(["wx1"], selection, is_newest_only=True)
    assert {(one.row["msgid"], one.stat_date) for one in newest} == {
        (row.msgid, max(detail.stat_date for detail in row.details)) for row in rows
    }
    _equal_totals(warehouse, selection)
    later = Answer(endpoint, Window.day(DAY), rows[1:], b"{}", NOW + timedelta(days=1))
    warehouse.replace("wx1", Origin.WECHAT, later)
    assert len(warehouse.totals_of_days(["wx1"], selection)) < len(found)
    _equal_totals(warehouse, selection)


def test_totals_of_some_ages_are_those_of_the_best_origin(warehouse: Warehouse) -> None:
    endpoint, window = named("getarticletotal"), Window.day(DAY)
    rows = [row for row in sample_rows(endpoint, window) if len(row.details) > 1]
    selection = Selection(endpoint, window, ("int_page_read_user",))
    warehouse.replace("wx1", Origin.CUBE, Answer(endpoint, window, rows, b"{}", NOW))
    _equal_ages(warehouse, selection)
    first_days = [msgspec.structs.replace(row, details=row.details[:1]) for row in rows]
    warehouse.replace("wx1", Origin.WECHAT, Answer(endpoint, window, first_days, b"{}", NOW))
    _equal_ages(warehouse, selection)


def _equal_ages(warehouse: Warehouse, selection: Selection) -> None:
    every = warehouse.totals_of_days(["wx1"], selection)
    for ages in ({1}, {2}, {1, 2, 7}, set[int]()):
        some = warehouse.totals_of_days(["wx1"], selection, ages)
        assert sorted(some) == sorted(one for one in every if one.age in ages)


def _equal_totals(warehouse: Warehouse, selection: Selection) -> None:
    """One column of the totals is the same, without the articles around it."""
    assert sorted(warehouse.totals_of_days(["wx1"], selection)) == sorted(
        (one.appid, one.published, str(one.row["msgid"]), one.stat_date, one.values[0])
        for one in warehouse.running_totals(["wx1"], selection)
    )
