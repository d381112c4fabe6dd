"""The rules of the ledger, case by case."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.warehouse.coverage import (
    Asking,
    DayState,
    State,
    answered,
    erred,
    is_due,
    judge,
    refusal,
    shuts_endpoint,
    stretches,
)

DAY = named("getuserread")
WEEK = named("getupstreammsgweek")
MONTH = named("getupstreammsgmonth")
SEVEN = named("getarticletotal")
THIRTY = named("getarticletotaldetail")
MONDAY, FIRST = date(2026, 3, 2), date(2026, 2, 1)


def at(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BEIJING)


ROWS = {"has_rows": True, "is_delay": False}
NONE = {"has_rows": False, "is_delay": False}
DELAY = {"has_rows": True, "is_delay": True}
EMPTY_DELAY = {"has_rows": False, "is_delay": True}


@pytest.mark.parametrize(
    ("endpoint", "label", "gave", "asked", "state"),
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
def test_the_state_of_a_day_nothing_was_known_of(
    endpoint: object, label: date, gave: dict[str, bool], asked: datetime, state: State
) -> None:
    assert judge(endpoint, label, asked_at=asked, **gave) is state  # type: ignore[arg-type] # parametrized


def line(
    state: State, asked: datetime, fetched: datetime | None = None, code: int | None = None
) -> DayState:
    return DayState(state, asked, fetched, code)


EARLY, LATER, LATE = at(3, 3), at(3, 6), at(3, 20)
MOVING = line(State.MOVING, EARLY, EARLY)
FINAL = line(State.FINAL, LATE, LATE)
DELAYED = line(State.WAITING, EARLY, EARLY)
FAILED_LOADED = line(State.FAILED, LATER, EARLY)


@pytest.mark.parametrize(
    ("before", "gave", "asked", "state", "fetched", "replaces"),
    [
        # rows take the place of what was there
        (None, ROWS, EARLY, State.MOVING, EARLY, True),
        (MOVING, ROWS, LATE, State.FINAL, LATE, True),
        (line(State.WAITING, EARLY), ROWS, LATER, State.MOVING, LATER, True),
        (line(State.EMPTY, LATER), ROWS, LATE, State.FINAL, LATE, True),
        (line(State.REFUSED, EARLY, None, 48001), ROWS, LATER, State.MOVING, LATER, True),
        (FAILED_LOADED, ROWS, LATE, State.FINAL, LATE, True),
        (FINAL, ROWS, at(3, 25), State.FINAL, at(3, 25), True),
        # an empty answer never wipes a loaded day
        (MOVING, NONE, LATER, State.MOVING, EARLY, False),
        (MOVING, NONE, LATE, State.FINAL, EARLY, False),
        (FINAL, NONE, at(3, 25), State.FINAL, LATE, False),
        (DELAYED, NONE, LATER, State.WAITING, EARLY, False),
        (DELAYED, NONE, LATE, State.FINAL, EARLY, False),
        (FAILED_LOADED, NONE, at(3, 7), State.MOVING, EARLY, False),
        # a delayed answer is stored and its day waits, but a final day stays
        (None, DELAY, EARLY, State.WAITING, EARLY, True),
        (MOVING, DELAY, LATE, State.WAITING, LATE, True),
        (FINAL, DELAY, at(3, 25), State.FINAL, LATE, False),
        (MOVING, EMPTY_DELAY, LATE, State.WAITING, EARLY, False),
        # answers that come late do not win over newer ones
        (FINAL, ROWS, EARLY, State.FINAL, LATE, False),
        (line(State.EMPTY, LATE), NONE, EARLY, State.EMPTY, None, False),
        (line(State.WAITING, LATER), ROWS, EARLY, State.MOVING, EARLY, True),
    ],
)
def test_what_an_answer_does_to_a_day(
    before: DayState | None,
    gave: dict[str, bool],
    asked: datetime,
    state: State,
    fetched: datetime | None,
    replaces: bool,
) -> None:
    change = answered(SEVEN, MONDAY, before, asked_at=asked, **gave)
    assert (change.line.state, change.line.fetched_at, change.replaces) == (
        state,
        fetched,
        replaces,
    )


def test_a_kept_day_says_from_when_its_rows_are() -> None:
    change = answered(SEVEN, MONDAY, MOVING, asked_at=LATE, **NONE)
    assert (
        change.line.message
        == "nothing was answered on 2026-03-20; the rows of 2026-03-03 were kept"
    )
    assert change.line.asked_at == LATE


@pytest.mark.parametrize("before", [FINAL, line(State.EMPTY, LATE)])
def test_errors_do_not_touch_settled_days(before: DayState) -> None:
    assert erred(before, State.FAILED, at(3, 25), -1, "busy") is before


@pytest.mark.parametrize("state", [State.FAILED, State.REFUSED, State.WAITING])
def test_errors_keep_what_is_loaded(state: State) -> None:
    assert erred(MOVING, state, LATER, -1, "busy") == DayState(state, LATER, EARLY, -1, "busy")
    assert erred(None, state, LATER, -1, "busy") == DayState(state, LATER, None, -1, "busy")


def test_an_error_older_than_what_is_known_changes_nothing() -> None:
    newer = line(State.WAITING, LATER)
    assert erred(newer, State.FAILED, EARLY, -1, "busy") is newer


@pytest.mark.parametrize(
    ("known", "now", "due"),
    [
        (None, at(3, 3, 7, 59), False),
        (None, at(3, 3, 8), True),
        (line(State.MOVING, at(3, 3), at(3, 3)), at(3, 3, 20), False),
        (line(State.MOVING, at(3, 3), at(3, 3)), at(3, 4, 7, 59), False),
        (line(State.MOVING, at(3, 3), at(3, 3)), at(3, 4, 8), True),
        (line(State.MOVING, at(3, 3, 7), at(3, 3, 7)), at(3, 3, 8), True),
        (line(State.FINAL, at(3, 9)), at(4, 9), False),
        (line(State.EMPTY, at(3, 9)), at(4, 9), False),
        (line(State.WAITING, at(3, 9)), at(3, 9, 9, 1), True),
        (line(State.FAILED, at(3, 9)), at(3, 9, 9, 1), True),
        (line(State.REFUSED, at(3, 9), None, 48001), at(3, 16, 8), False),
        (line(State.REFUSED, at(3, 9), None, 48001), at(3, 16, 9), True),
        (line(State.REFUSED, at(3, 9), None, 47009), at(6, 16, 9), False),
        (line(State.NEVER, at(3, 9)), at(3, 9), True),
    ],
)
def test_which_days_are_asked_again(known: DayState | None, now: datetime, due: bool) -> None:
    assert is_due(SEVEN, MONDAY, known, Asking(now=now)) is due


def test_moving_and_refused_days_are_asked_again_when_told() -> None:
    now = at(3, 3, 9, 30)
    moving = line(State.MOVING, at(3, 3), at(3, 3))
    refused = line(State.REFUSED, at(3, 3), None, 47009)
    assert is_due(SEVEN, MONDAY, moving, Asking(now=now, refresh=True))
    assert is_due(SEVEN, MONDAY, refused, Asking(now=now, retry_refused=True))


@pytest.mark.parametrize(
    ("lines", "now", "stands"),
    [
        ([], at(3, 10), False),
        ([line(State.REFUSED, at(3, 9), None, 48001)], at(3, 10), True),
        ([line(State.REFUSED, at(3, 9), None, 48001)], at(3, 16, 9), False),
        ([line(State.REFUSED, at(3, 9), None, 47009)], at(9, 1), True),
        # dates or a body WeChat did not like say nothing of the endpoint
        ([line(State.REFUSED, at(3, 9), None, 61501)], at(3, 10), False),
        (
            [line(State.REFUSED, at(3, 9), None, 48001), line(State.FINAL, at(3, 8))],
            at(3, 10),
            True,
        ),
        (
            [line(State.REFUSED, at(3, 9), None, 48001), line(State.FINAL, at(3, 9, 12))],
            at(3, 10),
            False,
        ),
        (
            [
                line(State.REFUSED, at(3, 9), None, 48001),
                line(State.FAILED, at(3, 9, 12), None, -1),
            ],
            at(3, 10),
            True,
        ),
    ],
)
def test_when_a_refusal_shuts_an_endpoint(
    lines: list[DayState], now: datetime, stands: bool
) -> None:
    assert (refusal(lines, Asking(now=now)) is not None) is stands
    assert refusal(lines, Asking(now=now, retry_refused=True)) is None


@pytest.mark.parametrize(
    ("errcode", "shuts"),
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
def test_which_errcodes_speak_of_the_whole_endpoint(errcode: int | None, shuts: bool) -> None:
    assert shuts_endpoint(errcode) is shuts


def test_stretches_group_days_by_state_and_reason() -> None:
    days = [MONDAY + timedelta(days=n) for n in range(8)]
    lines = {
        days[0]: line(State.FINAL, LATE),
        days[1]: line(State.FINAL, LATE),
        days[2]: DayState(State.FAILED, LATE, None, -1, "first"),
        days[3]: DayState(State.FAILED, LATE, None, -1, "second"),
        days[4]: DayState(State.FAILED, LATE, None, None, "no answer"),
    }
    found = stretches(DAY, days, lines, now=at(3, 8, 9))
    assert [(s.state, len(s), s.errcode, s.message, s.is_ready) for s in found] == [
        (State.NEVER, 1, None, "", True),
        (State.NEVER, 2, None, "", False),
        (State.FINAL, 2, None, "", True),
        (State.FAILED, 2, -1, "second", True),
        (State.FAILED, 1, None, "no answer", True),
    ]
    assert str(found[1].window) == "2026-03-08..2026-03-09"
