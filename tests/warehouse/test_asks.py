"""The log of asks: every attempt, what came of it, and the budgets that are counted from it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.rows import sample_rows
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.codes import reply_error
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import BudgetError, ShapeError, TransportError, WxcubeError
from wxcube.i18n import verbatim
from wxcube.warehouse.ask_log import Budgets, WarehouseAskLog
from wxcube.warehouse.asks import DayCount, Outcome
from wxcube.warehouse.next_ask import Refusal
from wxcube.warehouse.store import Warehouse

SUMMARY, TOTAL = named("getusersummary"), named("getarticletotaldetail")
CARDS = named("getcardmembercarddetail")
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WEEK = Window(date(2026, 3, 3), date(2026, 3, 9))
HOUR = timedelta(hours=1)


def begin(
    warehouse: Warehouse,
    *,
    appid: str = "wx1",
    endpoint: Endpoint[Any] = SUMMARY,
    at: datetime = NOW,
    limit: int | None = None,
    window: Window = WEEK,
) -> int:
    return warehouse.begin_ask(
        appid, Origin.WECHAT, endpoint, window, at, sender="sync", limit=limit
    )


def answer(window: Window = WEEK, *, ask: int | None = None, at: datetime = NOW) -> Answer[Any]:
    rows = sample_rows(SUMMARY, window)
    return Answer(SUMMARY, window, rows, msgspec.json.encode({"list": rows}), at, ask=ask)


def fail(
    warehouse: Warehouse, error: WxcubeError, *, at: datetime = NOW, ask: int | None = None
) -> None:
    warehouse.record_error("wx1", Origin.WECHAT, SUMMARY, WEEK, error, at, ask=ask)


# --- what is logged -------------------------------------------------------------------------------


def test_outcomes_are_in_the_order_in_which_they_came(warehouse: Warehouse) -> None:
    """Not in the order of sending: calls run in parallel."""
    first, second, third = (begin(warehouse, at=NOW + n * HOUR) for n in range(3))
    warehouse.replace("wx1", Origin.WECHAT, answer(ask=third, at=NOW + 3 * HOUR))
    fail(warehouse, reply_error(-1, "busy"), ask=first)
    warehouse.replace("wx1", Origin.WECHAT, answer(ask=second, at=NOW + HOUR))
    asked = warehouse.history("wx1", SUMMARY, WEEK)
    assert [ask.number for ask in asked] == [third, first, second]
    assert [ask.outcome for ask in asked] == [
        Outcome.ANSWERED,
        Outcome.REFUSED,
        Outcome.ANSWERED,
    ]
    assert [ask.asked_at for ask in asked] == [NOW + 2 * HOUR, NOW, NOW + HOUR]


@pytest.mark.parametrize(
    ("error", "outcome", "errcode", "body"),
    [
        (reply_error(48001, "api unauthorized"), Outcome.REFUSED, 48001, b""),
        (reply_error(45009, "reach max"), Outcome.REFUSED, 45009, b""),
        (TransportError(verbatim("no answer")), Outcome.UNANSWERED, None, b""),
        (ShapeError(verbatim("no list"), body=b"[]"), Outcome.UNREADABLE, None, b"[]"),
    ],
    ids=str,
)
def test_an_error_is_logged_with_its_reply(
    warehouse: Warehouse, error: WxcubeError, outcome: Outcome, errcode: int | None, body: bytes
) -> None:
    ask = begin(warehouse)
    fail(warehouse, error, ask=ask, at=NOW + HOUR)
    [logged] = warehouse.history("wx1", SUMMARY, WEEK)
    assert (logged.number, logged.outcome, logged.errcode) == (ask, outcome, errcode)
    assert (logged.asked_at, logged.window, logged.sender) == (NOW, WEEK, "sync")
    assert logged.message == error.as_message()
    assert warehouse.reply(logged) == body


def test_an_answer_is_logged_with_its_rows(warehouse: Warehouse) -> None:
    given = answer(ask=begin(warehouse))
    warehouse.replace("wx1", Origin.WECHAT, given)
    [logged] = warehouse.history("wx1", SUMMARY, WEEK)
    assert (logged.rows, logged.unreadable, logged.errcode) == (len(given.rows), 0, None)
    assert warehouse.reply(logged) == given.body


def test_an_outcome_is_added_once(warehouse: Warehouse) -> None:
    ask = begin(warehouse)
    warehouse.replace("wx1", Origin.WECHAT, answer(ask=ask))
    fail(warehouse, reply_error(-1, "busy"), ask=ask)
    assert [one.outcome for one in warehouse.history("wx1", SUMMARY, WEEK)] == [Outcome.ANSWERED]


def test_history_is_of_a_window_and_of_one_set_of_params(warehouse: Warehouse) -> None:
    for day in WEEK:
        warehouse.replace("wx1", Origin.WECHAT, answer(Window.day(day)))
    warehouse.replace("wx1", Origin.WECHAT, answer(Window(WEEK.first, WEEK.last)))
    two_days = Window(WEEK.first, date(2026, 3, 4))
    found = warehouse.history("wx1", SUMMARY, two_days)
    assert [ask.window for ask in found] == [
        Window.day(WEEK.first),
        Window.day(two_days.last),
        WEEK,
    ]
    for card in ("p1", "p2"):
        busy = reply_error(-1, "busy")
        warehouse.record_error(
            "wx1", Origin.WECHAT, CARDS, WEEK, busy, NOW, params={"card_id": card}
        )
    assert len(warehouse.history("wx1", CARDS, WEEK, params={"card_id": "p1"})) == 1


def test_an_ask_that_was_killed_is_counted_and_changes_nothing(
    warehouse: Warehouse, url: str
) -> None:
    warehouse.replace("wx1", Origin.WECHAT, answer(ask=begin(warehouse)))
    before = warehouse.coverage("wx1", SUMMARY)
    process = subprocess.run(
        [sys.executable, __file__, str(url)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert process.returncode == 9
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()) == DayCount(2, is_exhausted=False)
    assert len(warehouse.history("wx1", SUMMARY, WEEK)) == 1
    assert warehouse.coverage("wx1", SUMMARY) == before
    assert warehouse.standing("wx1", SUMMARY, NOW).refusal is None
    with pytest.raises(BudgetError):
        begin(warehouse, limit=2)
    rebuilt = warehouse.rebuild()
    assert (rebuilt.replies, rebuilt.unreadable) == (1, 0)
    assert warehouse.coverage("wx1", SUMMARY) == before


# --- budgets --------------------------------------------------------------------------------------


def test_calls_are_counted_per_account_endpoint_and_beijing_day(warehouse: Warehouse) -> None:
    midnight = datetime(2026, 3, 11, tzinfo=BEIJING)
    for _call in range(2):
        begin(warehouse, limit=2)
    with pytest.raises(BudgetError, match="the 2 calls of today are used up") as caught:
        begin(warehouse, limit=2, at=midnight - timedelta(milliseconds=1))
    assert not caught.value.is_quota
    begin(warehouse, limit=2, at=midnight)
    begin(warehouse, limit=2, appid="wx2")
    begin(warehouse, limit=2, endpoint=TOTAL)
    begin(warehouse)
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()).calls == 3
    assert warehouse.calls_of_day("wx1", SUMMARY, midnight.date()).calls == 1


def test_calls_with_different_params_share_a_budget(warehouse: Warehouse) -> None:
    for card, limit in (("p1", 2), ("p2", 2)):
        warehouse.begin_ask(
            "wx1",
            Origin.WECHAT,
            CARDS,
            WEEK,
            NOW,
            sender="sync",
            limit=limit,
            params={"card_id": card},
        )
    with pytest.raises(BudgetError):
        begin(warehouse, endpoint=CARDS, limit=2)


def test_failed_attempts_count(warehouse: Warehouse) -> None:
    for error in (TransportError(verbatim("no answer")), reply_error(-1, "busy")):
        fail(warehouse, error, ask=begin(warehouse, limit=2))
    with pytest.raises(BudgetError):
        begin(warehouse, limit=2)


def test_45009_allows_no_more_calls_until_midnight(warehouse: Warehouse) -> None:
    fail(warehouse, reply_error(45009, "reach max"), ask=begin(warehouse))
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()) == DayCount(1, is_exhausted=True)
    assert warehouse.standing("wx1", SUMMARY, NOW).exhausted_on == NOW.date()
    with pytest.raises(BudgetError, match="45009") as caught:
        begin(warehouse)
    assert caught.value.is_quota
    begin(warehouse, endpoint=TOTAL)
    begin(warehouse, at=NOW + timedelta(days=1))
    assert warehouse.standing("wx1", SUMMARY, NOW + timedelta(days=1)).exhausted_on is None


def test_two_programs_share_a_budget_to_the_call(warehouse: Warehouse, url: str) -> None:
    """Each has its own connection; they begin their calls at the same time."""
    with Warehouse.open(url) as other:

        def allowed(number: int) -> bool:
            try:
                begin((warehouse, other)[number % 2], limit=20)
            except BudgetError:
                return False
            return True

        with ThreadPoolExecutor(4) as threads:
            results = list(threads.map(allowed, range(40)))
    assert sum(results) == 20
    assert warehouse.calls_of_day("wx1", SUMMARY, NOW.date()).calls == 20


async def test_a_client_logs_in_the_warehouse(warehouse: Warehouse) -> None:
    clock = ManualClock(NOW)
    log = WarehouseAskLog(warehouse, "wx1", clock, "fetch", Budgets(5, {"getusersummary": 1}))
    ask = await log.begin(SUMMARY, WEEK, {})
    await log.fail(ask, SUMMARY, WEEK, {}, reply_error(61501, "date range error"))
    [logged] = warehouse.history("wx1", SUMMARY, WEEK)
    assert (logged.number, logged.sender, logged.errcode) == (ask, "fetch", 61501)
    with pytest.raises(BudgetError):
        await log.begin(SUMMARY, WEEK, {})
    await log.begin(TOTAL, Window.day(WEEK.first), {})


# --- standing refusals ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "errcode"),
    [
        ([], None),
        ([48001], 48001),
        ([47009], 47009),
        ([48001, 0], None),
        ([0, 48001], 48001),
        ([48001, 61007], 61007),
        # refused dates or bodies, failures and quotas say nothing about the permission
        ([61501], None),
        ([48001, 61501, 61503, -1, 45009, 47001], 48001),
        ([48001, None], 48001),
    ],
)
def test_the_last_answer_says_whether_the_endpoint_is_refused(
    warehouse: Warehouse, story: list[int | None], errcode: int | None
) -> None:
    for hours, code in enumerate(story):
        at = NOW + hours * HOUR
        if code == 0:
            warehouse.replace("wx1", Origin.WECHAT, answer(at=at))
        else:
            error = reply_error(code, "no") if code else TransportError(verbatim("no answer"))
            fail(warehouse, error, at=at)
    refusal = warehouse.standing("wx1", SUMMARY, NOW).refusal
    assert (refusal.errcode if refusal else None) == errcode
    if story == [48001]:
        assert refusal == Refusal(48001, NOW)
    assert warehouse.standing("wx2", SUMMARY, NOW).refusal is None
    assert warehouse.standing("wx1", TOTAL, NOW).refusal is None


def begin_and_die(path: str) -> None:
    """Log an attempt in a process that ends before its answer."""
    warehouse = Warehouse.open(path)
    begin(warehouse)
    os._exit(9)


if __name__ == "__main__":
    begin_and_die(sys.argv[1])
