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
from wxcube.contract.window import Window
from wxcube.errors import BudgetError
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

PROCESSES, ROUNDS, LIMIT = 8, 30, 200


def test_writers_of_one_account_wait_for_each_other(warehouse: Warehouse, url: str) -> None:
    """8 processes try 30 calls each, store their answers, and keep to one budget of 200."""
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
