"""When a day is asked next, and why: every state and reason."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.warehouse.coverage import SETTLED, DayState, State
from wxcube.warehouse.next_ask import (
    ALARM_DOUBTS,
    NOTHING_STANDING,
    REFUSAL_LIFETIME,
    NextAsk,
    Refusal,
    Standing,
    Why,
    concerns_endpoint,
    next_ask,
)

SEVEN, WEEK = named("getarticletotal"), named("getupstreammsgweek")
MONDAY = date(2026, 3, 2)


def at(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BEIJING)


def entry(state: State, asked: datetime, code: int | None = None, doubts: int = 0) -> DayState:
    return DayState(state, asked, None, code, doubts=doubts)


@pytest.mark.parametrize(
    ("known", "moment", "why"),
    [
        (None, at(3, 3, 8), Why.NOT_ASKED),
        (entry(State.NEVER, at(3, 9)), at(3, 3, 8), Why.NOT_ASKED),
        (entry(State.MOVING, at(3, 3)), at(3, 4, 8), Why.MOVING),
        (entry(State.MOVING, at(3, 3, 23, 59)), at(3, 4, 8), Why.MOVING),
        (entry(State.MOVING, at(3, 3, 7, 59)), at(3, 3, 8), Why.MOVING),
        (entry(State.MOVING, at(3, 9), doubts=1), at(3, 10, 0), Why.CONFIRMING),
        (entry(State.WAITING, at(3, 9), doubts=1), at(3, 10, 0), Why.CONFIRMING),
        (
            entry(State.WAITING, at(3, 9), doubts=ALARM_DOUBTS - 1),
            at(3, 10, 0),
            Why.CONFIRMING,
        ),
        (entry(State.WAITING, at(3, 9), doubts=ALARM_DOUBTS), at(3, 16, 9), Why.CONTRADICTED),
        (entry(State.MOVING, at(3, 9), doubts=ALARM_DOUBTS), at(3, 16, 9), Why.CONTRADICTED),
        (entry(State.WAITING, at(3, 4)), at(3, 4, 9), Why.DELAYED),
        (entry(State.WAITING, at(3, 9), 61503), at(3, 9, 9), Why.DELAYED),
        (entry(State.FAILED, at(3, 9), -1), at(3, 9, 9), Why.FAILED),
        (entry(State.FAILED, at(3, 9), -1, ALARM_DOUBTS), at(3, 9, 9), Why.FAILED),
        (entry(State.REFUSED, at(3, 9), 48001), at(3, 16, 9), Why.REFUSED),
        (entry(State.REFUSED, at(3, 9), 47001), at(3, 16, 9), Why.REFUSED),
        (entry(State.REFUSED, at(3, 9), 47009), None, Why.RETIRED),
        (entry(State.FINAL, at(3, 9)), None, Why.SETTLED),
        (entry(State.EMPTY, at(3, 9)), None, Why.SETTLED),
    ],
)
def test_each_state_has_a_next_ask(
    known: DayState | None, moment: datetime | None, why: Why
) -> None:
    own = next_ask(SEVEN, MONDAY, known)
    assert (own.moment, own.why) == (moment, why)
    if moment:
        assert not own.is_due(moment - timedelta(seconds=1))
        assert own.is_due(moment)
    else:
        assert not own.is_due(at(12, 31))


def test_moving_days_name_the_end_of_their_movement() -> None:
    assert next_ask(SEVEN, MONDAY, entry(State.MOVING, at(3, 3))).until == at(3, 9, 8)


def test_a_week_is_asked_once_it_is_over() -> None:
    assert next_ask(WEEK, MONDAY, None) == NextAsk(at(3, 9, 8), Why.NOT_ASKED)


@pytest.mark.parametrize(
    ("standing", "moment", "why", "errcode"),
    [
        (Standing(refusal=Refusal(48001, at(3, 9))), at(3, 16, 9), Why.REFUSED, 48001),
        (Standing(refusal=Refusal(48001, at(2, 9))), at(3, 3, 8), Why.NOT_ASKED, None),
        (Standing(refusal=Refusal(47009, at(3, 9))), None, Why.RETIRED, 47009),
        (Standing(exhausted_on=date(2026, 3, 9)), at(3, 10, 0), Why.QUOTA, None),
        (Standing(exhausted_on=date(2026, 3, 1)), at(3, 3, 8), Why.NOT_ASKED, None),
        (Standing(is_switched_off=True), None, Why.RETIRED, None),
        (NOTHING_STANDING, at(3, 3, 8), Why.NOT_ASKED, None),
    ],
)
def test_what_stands_against_an_endpoint_stands_against_its_days(
    standing: Standing, moment: datetime | None, why: Why, errcode: int | None
) -> None:
    assert next_ask(SEVEN, MONDAY, None, standing) == NextAsk(moment, why, errcode=errcode)


@pytest.mark.parametrize("state", sorted(SETTLED))
def test_settled_days_stay_settled_whatever_stands_against_the_endpoint(state: State) -> None:
    standing = Standing(
        refusal=Refusal(48001, at(3, 9)), exhausted_on=date(2026, 3, 9), is_switched_off=True
    )
    settled = next_ask(SEVEN, MONDAY, entry(state, at(3, 9)), standing)
    assert settled == NextAsk(None, Why.SETTLED)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 6, 1)).map(
    lambda time: time.replace(tzinfo=BEIJING, microsecond=0)
)
CODES = st.sampled_from([None, -1, 47001, 47009, 48001, 61501, 61503, 99999])
STANDINGS = st.builds(
    Standing,
    refusal=st.none() | st.builds(Refusal, st.sampled_from([47009, 48001, 61007]), MOMENTS),
    exhausted_on=st.none() | MOMENTS.map(datetime.date),
    is_switched_off=st.booleans(),
)


@given(
    endpoint=st.sampled_from(ENDPOINTS),
    day=st.dates(date(2026, 1, 1), date(2026, 5, 1)),
    state=st.sampled_from(State),
    after=st.timedeltas(timedelta(0), timedelta(days=60)),
    code=CODES,
    doubts=st.integers(0, 9),
    standing=STANDINGS,
    is_asked=st.booleans(),
)
def test_no_day_is_due_before_it_is_ready_or_after_it_is_settled(  # noqa: PLR0917 - all that Hypothesis varies
    endpoint: Endpoint[Any],
    day: date,
    state: State,
    after: timedelta,
    code: int | None,
    doubts: int,
    standing: Standing,
    is_asked: bool,
) -> None:
    label = endpoint.label(day)
    ready_at = endpoint.ready_at(label)
    known = entry(state, ready_at + after, code, doubts) if is_asked else None
    own = next_ask(endpoint, label, known, standing)
    assert not own.is_due(ready_at - timedelta(seconds=1))
    if known and known.is_settled:
        assert own == NextAsk(None, Why.SETTLED)
    if own.moment is None:
        assert own.why in {Why.SETTLED, Why.RETIRED}
    elif known and state is not State.NEVER:
        assert own.moment >= known.asked_at
    if standing.refusal and own.moment:
        assert standing.refusal.ends_at
        assert own.moment >= standing.refusal.ends_at
    if own.why is Why.REFUSED and standing.refusal is None and known:
        assert own.moment == known.asked_at + REFUSAL_LIFETIME


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
