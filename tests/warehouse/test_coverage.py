"""The rules of coverage, case by case."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.i18n import verbatim
from wxcube.warehouse.coverage import (
    DayState,
    Proof,
    RefetchPolicy,
    State,
    after_answer,
    after_error,
    concerns_endpoint,
    day_groups,
    initial_state,
    is_due,
    standing_refusal,
)

DAY = named("getuserread")
WEEK = named("getupstreammsgweek")
MONTH = named("getupstreammsgmonth")
SEVEN = named("getarticletotal")
THIRTY = named("getarticletotaldetail")
MONDAY, FIRST = date(2026, 3, 2), date(2026, 2, 1)


def at(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BEIJING)


ROWS: dict[str, Any] = {"has_rows": True, "is_delay": False}
NONE: dict[str, Any] = {"has_rows": False, "is_delay": False}
DELAY: dict[str, Any] = {"has_rows": True, "is_delay": True}
EMPTY_DELAY: dict[str, Any] = {"has_rows": False, "is_delay": True}


@pytest.mark.parametrize(
    ("endpoint", "label", "answer", "asked", "state"),
    [
        (DAY, MONDAY, ROWS, at(3, 3, 7, 59), State.MOVING),
        (DAY, MONDAY, ROWS, at(3, 3, 8), State.FINAL),
        (DAY, MONDAY, NONE, at(3, 3), State.WAITING),
        (DAY, MONDAY, NONE, at(3, 4, 23, 59), State.WAITING),
        (DAY, MONDAY, NONE, at(3, 5, 0), State.EMPTY),
        (DAY, MONDAY, DELAY, at(4, 5), State.WAITING),
        (DAY, MONDAY, EMPTY_DELAY, at(4, 5), State.WAITING),
        (WEEK, MONDAY, ROWS, at(3, 9, 7), State.MOVING),
        (WEEK, MONDAY, ROWS, at(3, 9, 8), State.FINAL),
        (WEEK, MONDAY, NONE, at(3, 10), State.WAITING),
        (WEEK, MONDAY, NONE, at(3, 11, 0), State.EMPTY),
        (MONTH, FIRST, ROWS, at(3, 1, 8), State.FINAL),
        (MONTH, FIRST, NONE, at(3, 2, 23), State.WAITING),
        (MONTH, FIRST, NONE, at(3, 3, 0), State.EMPTY),
        (SEVEN, MONDAY, ROWS, at(3, 9, 7, 59), State.MOVING),
        (SEVEN, MONDAY, ROWS, at(3, 9, 8), State.FINAL),
        (SEVEN, MONDAY, NONE, at(3, 5), State.EMPTY),
        (THIRTY, MONDAY, ROWS, at(4, 1, 7, 59), State.MOVING),
        (THIRTY, MONDAY, ROWS, at(4, 1, 8), State.FINAL),
        (THIRTY, MONDAY, NONE, at(3, 4), State.WAITING),
        (THIRTY, MONDAY, NONE, at(3, 5), State.EMPTY),
    ],
)
def test_the_state_after_the_first_answer(
    endpoint: object, label: date, answer: dict[str, bool], asked: datetime, state: State
) -> None:
    assert initial_state(endpoint, label, asked_at=asked, **answer) is state  # type: ignore[arg-type] # parametrized


BUSY = verbatim("busy")


def entry(
    state: State, asked: datetime, fetched: datetime | None = None, code: int | None = None
) -> DayState:
    return DayState(state, asked, fetched, code)


PROVED = {**NONE, "proof": Proof.COMPUTED}
CONTRADICTED = {**NONE, "proof": Proof.CONTRADICTED}
EARLY, LATER, LATE = at(3, 3), at(3, 6), at(3, 20)
MOVING = entry(State.MOVING, EARLY, EARLY)
FINAL = entry(State.FINAL, LATE, LATE)
DELAYED = entry(State.WAITING, EARLY, EARLY)
FAILED_LOADED = entry(State.FAILED, LATER, EARLY)


@pytest.mark.parametrize(
    ("before", "answer", "asked", "state", "fetched", "replaces"),
    [
        # rows replace earlier ones
        (None, ROWS, EARLY, State.MOVING, EARLY, True),
        (MOVING, ROWS, LATE, State.FINAL, LATE, True),
        (entry(State.WAITING, EARLY), ROWS, LATER, State.MOVING, LATER, True),
        (entry(State.EMPTY, LATER), ROWS, LATE, State.FINAL, LATE, True),
        (entry(State.REFUSED, EARLY, None, 48001), ROWS, LATER, State.MOVING, LATER, True),
        (FAILED_LOADED, ROWS, LATE, State.FINAL, LATE, True),
        (FINAL, ROWS, at(3, 25), State.FINAL, at(3, 25), True),
        # an answer without rows never deletes rows
        (MOVING, NONE, LATER, State.MOVING, EARLY, False),
        (MOVING, NONE, LATE, State.MOVING, EARLY, False),
        (FINAL, NONE, at(3, 25), State.FINAL, LATE, False),
        (DELAYED, NONE, LATER, State.WAITING, EARLY, False),
        (DELAYED, NONE, LATE, State.WAITING, EARLY, False),
        # two answers without rows on two days confirm that there are none
        (None, NONE, LATE, State.WAITING, None, False),
        (entry(State.WAITING, EARLY), NONE, LATE, State.WAITING, None, False),
        (entry(State.WAITING, at(3, 19)), NONE, LATE, State.EMPTY, None, False),
        (entry(State.WAITING, at(3, 20, 8)), NONE, at(3, 20, 23), State.WAITING, None, False),
        (entry(State.WAITING, at(3, 19), None, 61503), NONE, LATE, State.WAITING, None, False),
        (entry(State.FAILED, at(3, 19), None, -1), NONE, LATE, State.WAITING, None, False),
        (entry(State.EMPTY, at(3, 19)), NONE, LATE, State.EMPTY, None, False),
        # or one answer and a proof, unless other figures contradict
        (None, PROVED, LATE, State.EMPTY, None, False),
        (None, PROVED, EARLY, State.WAITING, None, False),
        (entry(State.WAITING, at(3, 19)), CONTRADICTED, LATE, State.WAITING, None, False),
        (entry(State.EMPTY, at(3, 19)), CONTRADICTED, LATE, State.WAITING, None, False),
        (MOVING, PROVED, LATE, State.MOVING, EARLY, False),
        (FAILED_LOADED, NONE, at(3, 7), State.MOVING, EARLY, False),
        # a delayed answer is stored and its day is waiting, but a final day does not change
        (None, DELAY, EARLY, State.WAITING, EARLY, True),
        (MOVING, DELAY, LATE, State.WAITING, LATE, True),
        (FINAL, DELAY, at(3, 25), State.FINAL, LATE, False),
        (MOVING, EMPTY_DELAY, LATE, State.WAITING, EARLY, False),
        # late answers do not replace newer ones
        (FINAL, ROWS, EARLY, State.FINAL, LATE, False),
        (entry(State.EMPTY, LATE), NONE, EARLY, State.EMPTY, None, False),
        (entry(State.WAITING, LATER), ROWS, EARLY, State.MOVING, EARLY, True),
    ],
)
def test_the_effect_of_an_answer(
    before: DayState | None,
    answer: dict[str, Any],
    asked: datetime,
    state: State,
    fetched: datetime | None,
    replaces: bool,
) -> None:
    change = after_answer(SEVEN, MONDAY, before, asked_at=asked, **answer)
    assert (change.entry.state, change.entry.fetched_at, change.replaces_rows) == (
        state,
        fetched,
        replaces,
    )


def test_a_delayed_answer_is_no_first_look() -> None:
    change = after_answer(SEVEN, MONDAY, None, asked_at=LATE, **EMPTY_DELAY)
    assert change.entry.state is State.WAITING
    assert change.entry.message
    assert is_due(SEVEN, MONDAY, change.entry, RefetchPolicy(now=at(3, 20, 9, 1)))
    again = after_answer(SEVEN, MONDAY, change.entry, asked_at=at(3, 21), **NONE)
    assert again.entry.state is State.WAITING


def test_the_message_of_retained_rows_names_their_date() -> None:
    change = after_answer(SEVEN, MONDAY, MOVING, asked_at=LATE, has_rows=False, is_delay=False)
    assert (
        change.entry.message
        == "the answer of 2026-03-20 had no rows; the rows of 2026-03-03 are retained"
    )
    assert change.entry.asked_at == LATE


@pytest.mark.parametrize("before", [FINAL, entry(State.EMPTY, LATE)])
def test_errors_do_not_change_settled_days(before: DayState) -> None:
    assert after_error(before, State.FAILED, at(3, 25), -1, BUSY) is before


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.WAITING])
def test_errors_retain_rows(state: State) -> None:
    assert after_error(MOVING, state, LATER, -1, BUSY) == DayState(state, LATER, EARLY, -1, BUSY)
    assert after_error(None, state, LATER, -1, BUSY) == DayState(state, LATER, None, -1, BUSY)


def test_an_error_older_than_the_entry_changes_nothing() -> None:
    newer = entry(State.WAITING, LATER)
    assert after_error(newer, State.FAILED, EARLY, -1, BUSY) is newer


@pytest.mark.parametrize(
    ("known", "now", "due"),
    [
        (None, at(3, 3, 7, 59), False),
        (None, at(3, 3, 8), True),
        (entry(State.MOVING, at(3, 3), at(3, 3)), at(3, 3, 20), False),
        (entry(State.MOVING, at(3, 3), at(3, 3)), at(3, 4, 7, 59), False),
        (entry(State.MOVING, at(3, 3), at(3, 3)), at(3, 4, 8), True),
        (entry(State.MOVING, at(3, 3, 7), at(3, 3, 7)), at(3, 3, 8), True),
        (entry(State.FINAL, at(3, 9)), at(4, 9), False),
        (entry(State.EMPTY, at(3, 9)), at(4, 9), False),
        (entry(State.WAITING, at(3, 4)), at(3, 4, 9, 1), True),
        (entry(State.WAITING, at(3, 9)), at(3, 9, 23), False),
        (entry(State.WAITING, at(3, 9)), at(3, 10, 0), True),
        (entry(State.WAITING, at(3, 9), None, 61503), at(3, 9, 9, 1), True),
        (entry(State.FAILED, at(3, 9)), at(3, 9, 9, 1), True),
        (entry(State.REFUSED, at(3, 9), None, 48001), at(3, 16, 8), False),
        (entry(State.REFUSED, at(3, 9), None, 48001), at(3, 16, 9), True),
        (entry(State.REFUSED, at(3, 9), None, 47009), at(6, 16, 9), False),
        (entry(State.NEVER, at(3, 9)), at(3, 9), True),
    ],
)
def test_which_days_are_due(known: DayState | None, now: datetime, due: bool) -> None:
    assert is_due(SEVEN, MONDAY, known, RefetchPolicy(now=now)) is due


def test_moving_and_refused_days_are_due_on_request() -> None:
    now = at(3, 3, 9, 30)
    moving = entry(State.MOVING, at(3, 3), at(3, 3))
    refused = entry(State.REFUSED, at(3, 3), None, 47009)
    assert is_due(SEVEN, MONDAY, moving, RefetchPolicy(now=now, refresh=True))
    assert is_due(SEVEN, MONDAY, refused, RefetchPolicy(now=now, retry_refused=True))


@pytest.mark.parametrize(
    ("entries", "now", "is_valid"),
    [
        ([], at(3, 10), False),
        ([entry(State.REFUSED, at(3, 9), None, 48001)], at(3, 10), True),
        ([entry(State.REFUSED, at(3, 9), None, 48001)], at(3, 16, 9), False),
        ([entry(State.REFUSED, at(3, 9), None, 47009)], at(9, 1), True),
        # refused dates or bodies do not concern the endpoint
        ([entry(State.REFUSED, at(3, 9), None, 61501)], at(3, 10), False),
        (
            [entry(State.REFUSED, at(3, 9), None, 48001), entry(State.FINAL, at(3, 8))],
            at(3, 10),
            True,
        ),
        (
            [entry(State.REFUSED, at(3, 9), None, 48001), entry(State.FINAL, at(3, 9, 12))],
            at(3, 10),
            False,
        ),
        (
            [
                entry(State.REFUSED, at(3, 9), None, 48001),
                entry(State.FAILED, at(3, 9, 12), None, -1),
            ],
            at(3, 10),
            True,
        ),
    ],
)
def test_how_long_a_refusal_of_an_endpoint_is_valid(
    entries: list[DayState], now: datetime, is_valid: bool
) -> None:
    assert (standing_refusal(entries, RefetchPolicy(now=now)) is not None) is is_valid
    assert standing_refusal(entries, RefetchPolicy(now=now, retry_refused=True)) is None


@pytest.mark.parametrize(
    ("errcode", "expected"),
    [
        (48001, True),
        (47009, True),
        (61007, True),
        (61501, False),
        (61503, False),
        (-1, False),
        (None, False),
        (12345, False),
    ],
)
def test_which_errcodes_concern_the_whole_endpoint(errcode: int | None, expected: bool) -> None:
    assert concerns_endpoint(errcode) is expected


def test_days_are_grouped_by_state_and_errcode() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(8)]
    entries = {
        days[0]: entry(State.FINAL, LATE),
        days[1]: entry(State.FINAL, LATE),
        days[2]: DayState(State.FAILED, LATE, None, -1, verbatim("first")),
        days[3]: DayState(State.FAILED, LATE, None, -1, verbatim("second")),
        days[4]: DayState(State.FAILED, LATE, None, None, verbatim("no answer")),
    }
    actual = day_groups(DAY, days, entries, now=at(3, 8, 9))
    assert [(s.state, len(s), s.errcode, s.message, s.is_ready) for s in actual] == [
        (State.NEVER, 1, None, "", True),
        (State.NEVER, 2, None, "", False),
        (State.FINAL, 2, None, "", True),
        (State.FAILED, 2, -1, verbatim("second"), True),
        (State.FAILED, 1, None, verbatim("no answer"), True),
    ]
    assert str(actual[1].window) == "2026-03-08..2026-03-09"
