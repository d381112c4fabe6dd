"""The rules of coverage, case by case."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import UnreadableRow
from wxcube.i18n import verbatim
from wxcube.warehouse.coverage import (
    DayAnswer,
    DayState,
    Proof,
    State,
    after_answer,
    after_error,
    awaits_second_look,
    computed_state,
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
    ("endpoint", "label", "over", "is_over"),
    [
        (DAY, MONDAY, date(2026, 3, 1), False),
        (DAY, MONDAY, date(2026, 3, 2), True),
        (WEEK, MONDAY, date(2026, 3, 7), False),
        (WEEK, MONDAY, date(2026, 3, 8), True),
        (MONTH, FIRST, date(2026, 2, 27), False),
        (MONTH, FIRST, date(2026, 2, 28), True),
        (SEVEN, MONDAY, date(2026, 3, 7), False),
        (SEVEN, MONDAY, date(2026, 3, 8), True),
        (THIRTY, MONDAY, date(2026, 3, 30), False),
        (THIRTY, MONDAY, date(2026, 3, 31), True),
    ],
)
def test_computed_days_move_until_their_last_day_is_over(
    endpoint: Endpoint[Any], label: date, over: date, *, is_over: bool
) -> None:
    with_rows = computed_state(endpoint, label, over, has_rows=True)
    without = computed_state(endpoint, label, over, has_rows=False)
    expected = (State.FINAL, State.EMPTY) if is_over else (State.MOVING, State.WAITING)
    assert (with_rows, without) == expected


BUSY = verbatim("busy")


def entry(
    state: State,
    asked: datetime,
    fetched: datetime | None = None,
    code: int | None = None,
    doubts: int = 0,
) -> DayState:
    return DayState(state, asked, fetched, code, doubts=doubts)


LOST: dict[str, Any] = {"has_rows": True, "lost_rows": 1}
LACKS_NEWEST: dict[str, Any] = {"has_rows": True, "lacks_newest": True}
UNREADABLE: dict[str, Any] = {
    "has_rows": True,
    "unreadable": (UnreadableRow(0, MONDAY, verbatim("no key")),),
}
NONE_READABLE = {**UNREADABLE, "has_rows": False}
OTHER_CLOCK: dict[str, Any] = {"can_settle": False}
PROVED = {**NONE, "proof": Proof.COMPUTED}
CONTRADICTED = {**NONE, "proof": Proof.CONTRADICTED}
EARLY, LATER, LATE = at(3, 3), at(3, 6), at(3, 20)
MOVING = entry(State.MOVING, EARLY, EARLY)
FINAL = entry(State.FINAL, LATE, LATE)
DELAYED = entry(State.WAITING, EARLY, EARLY)
LOOKED = entry(State.WAITING, at(3, 19), doubts=1)
DOUBTED = entry(State.MOVING, at(3, 19), at(3, 19), doubts=1)
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
        (LOOKED, NONE, LATE, State.EMPTY, None, False),
        (LOOKED, NONE, at(3, 19, 23), State.WAITING, None, False),
        (entry(State.WAITING, at(3, 19), None, 61503), NONE, LATE, State.WAITING, None, False),
        (entry(State.FAILED, at(3, 19), None, -1), NONE, LATE, State.WAITING, None, False),
        (entry(State.FAILED, at(3, 20, 8), None, -1, 1), NONE, LATE, State.WAITING, None, False),
        (entry(State.FAILED, at(3, 19), None, -1, 1), NONE, LATE, State.EMPTY, None, False),
        (entry(State.EMPTY, at(3, 19)), NONE, LATE, State.EMPTY, None, False),
        (entry(State.EMPTY, at(3, 19)), EMPTY_DELAY, LATE, State.EMPTY, None, False),
        (entry(State.EMPTY, at(3, 19)), {**NONE, **OTHER_CLOCK}, EARLY, State.EMPTY, None, False),
        # or one answer and a proof, unless other figures contradict
        (None, PROVED, LATE, State.EMPTY, None, False),
        (None, PROVED, EARLY, State.WAITING, None, False),
        (LOOKED, CONTRADICTED, LATE, State.WAITING, None, False),
        (entry(State.EMPTY, at(3, 19)), CONTRADICTED, LATE, State.WAITING, None, False),
        (MOVING, PROVED, LATE, State.MOVING, EARLY, False),
        (FAILED_LOADED, NONE, at(3, 7), State.MOVING, EARLY, False),
        # a delayed answer is stored and its day is waiting, but a final day does not change
        (None, DELAY, EARLY, State.WAITING, EARLY, True),
        (MOVING, DELAY, LATE, State.WAITING, LATE, True),
        (FINAL, DELAY, at(3, 25), State.FINAL, LATE, False),
        (MOVING, EMPTY_DELAY, LATE, State.WAITING, EARLY, False),
        # what a late answer lacks must be lacking on two days
        (MOVING, LOST, LATE, State.MOVING, LATE, True),
        (DOUBTED, LOST, at(3, 20), State.FINAL, at(3, 20), True),
        (DOUBTED, LOST, at(3, 19, 23), State.MOVING, at(3, 19, 23), True),
        (DOUBTED, ROWS, at(3, 19, 23), State.FINAL, at(3, 19, 23), True),
        (None, LACKS_NEWEST, LATE, State.MOVING, LATE, True),
        (DOUBTED, LACKS_NEWEST, at(3, 20), State.FINAL, at(3, 20), True),
        (None, UNREADABLE, LATE, State.MOVING, LATE, True),
        (DOUBTED, UNREADABLE, at(3, 20), State.FINAL, at(3, 20), True),
        (FINAL, LOST, at(3, 25), State.MOVING, at(3, 25), True),
        # an answer that cannot be read whole does not change a final day
        (FINAL, UNREADABLE, at(3, 25), State.FINAL, LATE, False),
        (None, NONE_READABLE, LATE, State.FAILED, None, False),
        (MOVING, NONE_READABLE, LATE, State.FAILED, EARLY, False),
        (FINAL, NONE_READABLE, at(3, 25), State.FINAL, LATE, False),
        # if the clocks differ, nothing is settled, and nothing that is settled is reopened
        (None, {**ROWS, **OTHER_CLOCK}, LATE, State.MOVING, LATE, True),
        (DOUBTED, {**LOST, **OTHER_CLOCK}, at(3, 20), State.MOVING, at(3, 20), True),
        (FINAL, {**ROWS, **OTHER_CLOCK}, at(3, 25), State.FINAL, at(3, 25), True),
        (LOOKED, {**NONE, **OTHER_CLOCK}, LATE, State.WAITING, None, False),
        (None, {**PROVED, **OTHER_CLOCK}, LATE, State.WAITING, None, False),
        # answers that arrive in another order do not replace newer ones
        (FINAL, ROWS, at(3, 19, 10), State.FINAL, LATE, False),
        (entry(State.EMPTY, LATE), NONE, at(3, 19, 10), State.EMPTY, None, False),
        # but an entry of another clock, days ahead, holds up nothing
        (entry(State.WAITING, at(4, 28), at(4, 28)), ROWS, LATE, State.FINAL, LATE, True),
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
    change = after_answer(SEVEN, MONDAY, before, DayAnswer(asked_at=asked, **answer))
    assert (change.entry.state, change.entry.fetched_at, change.writes_rows) == (
        state,
        fetched,
        replaces,
    )


def test_a_delayed_answer_is_no_first_look() -> None:
    change = after_answer(SEVEN, MONDAY, None, DayAnswer(asked_at=LATE, **EMPTY_DELAY))
    assert change.entry.state is State.WAITING
    assert change.entry.message
    assert not awaits_second_look(change.entry)
    again = after_answer(SEVEN, MONDAY, change.entry, DayAnswer(asked_at=at(3, 21), **NONE))
    assert again.entry.state is State.WAITING
    assert awaits_second_look(again.entry)


def test_the_message_of_retained_rows_names_their_date() -> None:
    change = after_answer(SEVEN, MONDAY, MOVING, DayAnswer(asked_at=LATE, has_rows=False))
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
    assert after_error(newer, State.FAILED, LATER - timedelta(hours=1), -1, BUSY) is newer


# --- revisions and doubts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "answer", "revision"),
    [
        (FINAL, {"is_changed": True}, 1),
        (FINAL, {"is_changed": False}, 0),
        (entry(State.EMPTY, LATE), {"is_changed": True}, 1),
        (DayState(State.FINAL, LATE, LATE, revision=4), {"is_changed": True}, 5),
        (None, {"is_changed": True}, 0),
        (MOVING, {"is_changed": True}, 0),
        (DELAYED, {"is_changed": True}, 0),
        (FAILED_LOADED, {"is_changed": True}, 0),
        (FINAL, {"is_changed": True, "can_settle": False}, 1),
        (FINAL, {"is_changed": True, "is_delay": True}, 0),
        (FINAL, {"is_changed": True, "unreadable": UNREADABLE["unreadable"]}, 0),
    ],
)
def test_only_changed_figures_of_settled_days_are_revisions(
    before: DayState | None, answer: dict[str, Any], revision: int
) -> None:
    asked = at(3, 25)
    changed = after_answer(SEVEN, MONDAY, before, DayAnswer(asked_at=asked, **answer)).entry
    assert changed.revision == revision
    is_revised = revision > (before.revision if before else 0)
    assert changed.revised_at == (asked if is_revised else None)


def test_a_revision_is_remembered() -> None:
    revised = DayState(State.FINAL, LATE, LATE, revision=1, revised_at=LATE)
    same = after_answer(SEVEN, MONDAY, revised, DayAnswer(asked_at=at(3, 25))).entry
    assert (same.revision, same.revised_at) == (1, LATE)


def test_doubts_are_counted_once_per_day_until_an_answer_is_complete() -> None:
    entry_of_day, counted = None, list[tuple[int, State]]()
    days = [(20, LOST), (20, LOST), (21, NONE), (22, LOST), (23, ROWS), (24, LOST)]
    for day, answer in days:
        one = DayAnswer(asked_at=at(3, day), **answer)
        entry_of_day = after_answer(SEVEN, MONDAY, entry_of_day, one).entry
        counted.append((entry_of_day.doubts, entry_of_day.state))
    assert counted == [
        (1, State.MOVING),
        (1, State.MOVING),
        (2, State.MOVING),  # an answer without rows settles no rows
        (3, State.FINAL),
        (0, State.FINAL),
        (1, State.MOVING),
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (LOST, "the answer lacks 1 row of an earlier one"),
        (LACKS_NEWEST, "the answer lacks the newest running totals"),
        (UNREADABLE, "1 row of the answer cannot be read: no key"),
        (ROWS, ""),
    ],
)
def test_the_message_names_what_is_lacking(answer: dict[str, Any], message: str) -> None:
    assert after_answer(SEVEN, MONDAY, None, DayAnswer(asked_at=LATE, **answer)).entry.message == (
        message
    )
