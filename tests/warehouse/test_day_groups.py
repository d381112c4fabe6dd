"""Days in groups by the reason and time of their next request."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.day_groups import day_groups
from wxcube.warehouse.next_ask import Refusal, Standing, Why

DAY, TOTAL = named("getuserread"), named("getarticletotal")
MONDAY, NOW = date(2026, 3, 2), datetime(2026, 3, 8, 9, tzinfo=BEIJING)
EARLIER = NOW - timedelta(hours=1)


def entry(state: State, errcode: int | None = None, *, doubts: int = 0) -> DayState:
    fetched_at = EARLIER if state in {State.FINAL, State.MOVING} else None
    return DayState(state, EARLIER, fetched_at, errcode, doubts=doubts)


def test_days_are_grouped_by_reason_errcode_and_state() -> None:
    states = [
        entry(State.FINAL),
        entry(State.EMPTY),
        entry(State.FAILED, -1),
        entry(State.FINAL),
        entry(State.FAILED),
        entry(State.WAITING, doubts=2),
        None,
        None,
    ]
    days = {MONDAY + timedelta(days=n): state for n, state in enumerate(states)}
    groups = day_groups(DAY, days, NOW)
    order = list(Why)
    assert [order.index(group.why) for group in groups] == sorted(
        order.index(group.why) for group in groups
    )
    midnight = datetime(2026, 3, 9, tzinfo=BEIJING)
    found = {(g.why, g.state, g.errcode, len(g), g.is_due, g.first_ask) for g in groups}
    assert found == {
        (Why.NOT_ASKED, State.NEVER, None, 2, False, midnight.replace(hour=8)),
        (Why.CONFIRMING, State.WAITING, None, 1, False, midnight),
        (Why.FAILED, State.FAILED, -1, 1, True, EARLIER),
        (Why.FAILED, State.FAILED, None, 1, True, EARLIER),
        (Why.SETTLED, State.FINAL, None, 2, False, None),
        (Why.SETTLED, State.EMPTY, None, 1, False, None),
    }


def test_moving_days_are_one_group_with_the_end_of_their_movement() -> None:
    days = {MONDAY + timedelta(days=n): entry(State.MOVING) for n in range(5)}
    [group] = day_groups(TOTAL, days, NOW)
    assert (group.why, group.has_rows, group.is_due) == (Why.MOVING, True, False)
    assert group.first_ask == group.last_ask == datetime(2026, 3, 9, 8, tzinfo=BEIJING)
    assert group.until == TOTAL.final_at(MONDAY + timedelta(days=4))
    assert str(group.window) == "2026-03-02..2026-03-06"


def test_what_stands_against_the_endpoint_is_the_reason_of_all_days_but_settled_ones() -> None:
    standing = Standing(refusal=Refusal(48001, EARLIER))
    days = {MONDAY: None, MONDAY + timedelta(days=1): entry(State.FINAL)}
    groups = day_groups(DAY, days, NOW, standing)
    assert [(group.why, group.errcode) for group in groups] == [
        (Why.REFUSED, 48001),
        (Why.SETTLED, None),
    ]


def test_an_entry_from_the_future_is_requested_now() -> None:
    ahead = DayState(State.FINAL, NOW + timedelta(days=38), NOW + timedelta(days=38))
    [group] = day_groups(DAY, {MONDAY: ahead}, NOW)
    assert (group.why, group.is_due, group.first_ask) == (Why.CLOCK, True, NOW)
