"""A plan settles the wanted days with the fewest calls, and requests no day twice without need."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import ContractError
from wxcube.warehouse.coverage import DayState, State, can_be_empty
from wxcube.warehouse.next_ask import NOTHING_STANDING, NextAsk, Refusal, Standing, Why
from wxcube.warehouse.sync.plan import Choices, Plan, PlannedCall, SkipReason, plan
from wxcube.warehouse.sync.wanted import Params, WantedDays

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
FOUR_MONTHS = Window(date(2025, 11, 10), date(2026, 3, 9))
CARD = {"getcardmembercarddetail": {"card_id": "p1"}}
EVERYTHING = WantedDays("wx1", FOUR_MONTHS, params=CARD)
Ledger = Mapping[str, Mapping[date, DayState]]


class Known:
    """A ledger by endpoint name."""

    def __init__(
        self, entries: Ledger | None = None, standing: Standing = NOTHING_STANDING
    ) -> None:
        self.entries, self._standing = entries or {}, standing

    def coverage(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        *,
        params: Params | None = None,
        window: Window | None = None,
    ) -> Mapping[date, DayState]:
        entries = self.entries.get(endpoint.name, {})
        return {day: entry for day, entry in entries.items() if window is None or day in window}

    def standing(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        now: datetime,
        *,
        params: Params | None = None,
    ) -> Standing:
        return self._standing


def sync_plan_of(
    wanted: WantedDays = EVERYTHING,
    entries: Ledger | None = None,
    now: datetime = NOW,
    standing: Standing = NOTHING_STANDING,
    **more: Any,
) -> Plan:
    choices = Choices(**{"include_retired": True, **more})
    return plan([wanted], Known(entries, standing), now, choices)


def only(name: str, window: Window = FOUR_MONTHS) -> WantedDays:
    return WantedDays("wx1", window, [named(name)], CARD)


# --- the minimum, calculated independently -------------------------------------------------------

SPANS = {
    "getusersummary": 7,
    "getusercumulate": 7,
    "getarticlesummary": 1,
    "getarticletotal": 1,
    "getuserread": 3,
    "getuserreadhour": 1,
    "getusershare": 7,
    "getusersharehour": 1,
    "getarticleread": 1,
    "getarticleshare": 1,
    "getbizsummary": 30,
    "getarticletotaldetail": 1,
    "getupstreammsg": 7,
    "getupstreammsghour": 1,
    "getupstreammsgdist": 15,
    "getinterfacesummary": 30,
    "getinterfacesummaryhour": 1,
    "getcardbizuininfo": 62,
    "getcardcardinfo": 62,
    "getcardmembercardinfo": 62,
    "getcardmembercarddetail": 62,
}
"""As the documents have them, not the contract."""
WEEKS = {"getupstreammsgweek", "getupstreammsgdistweek"}
MONTHS = {"getupstreammsgmonth", "getupstreammsgdistmonth"}


def fewest(days: list[date], span: int) -> int:
    """The fewest windows of `span` days over days, by trying every first window."""
    chosen = tuple(sorted(days))

    @cache
    def rest(start: int) -> int:
        if start == len(chosen):
            return 0
        ends = [n for n in range(start, len(chosen)) if (chosen[n] - chosen[start]).days < span]
        return 1 + min(rest(end + 1) for end in ends)

    return rest(0)


def weeks(window: Window) -> int:
    """Weeks with a day in a window that are over by its end."""
    last_days = {d.isocalendar()[:2]: d for d in window}
    return sum(d.isoweekday() == 7 for d in last_days.values())


def months(window: Window) -> int:
    """Months with a day in a window that are over by its end."""
    last_days = {(d.year, d.month): d for d in window}
    return sum((d + timedelta(days=1)).day == 1 for d in last_days.values())


def test_a_first_sync_makes_the_fewest_calls_the_spans_permit() -> None:
    expected = {
        **{name: fewest(list(FOUR_MONTHS), span) for name, span in SPANS.items()},
        **dict.fromkeys(WEEKS, weeks(FOUR_MONTHS)),
        **dict.fromkeys(MONTHS, months(FOUR_MONTHS)),
    }
    calls = {name: cost.calls for (_, name), cost in sync_plan_of().cost.items()}
    assert calls == expected
    assert sum(calls.values()) == sum(expected.values())


@given(
    st.sampled_from([name for name, span in SPANS.items() if span < 62]),
    st.sets(st.dates(date(2026, 1, 1), date(2026, 2, 20)), min_size=1, max_size=25),
)
def test_holes_are_filled_with_the_fewest_calls(name: str, holes: set[date]) -> None:
    endpoint, window = named(name), Window(date(2026, 1, 1), date(2026, 2, 20))
    final = DayState(State.FINAL, NOW, NOW)
    entries = {name: {day: final for day in window if day not in holes}}
    calls = sync_plan_of(only(name, window), entries).calls
    assert len(calls) == fewest(sorted(holes), SPANS[name])
    assert sorted(day for call in calls for day in call.labels) == sorted(holes)
    assert all(len(call.window) <= endpoint.span_days for call in calls)
    assert all(day in call.window for call in calls for day in call.labels)


# --- order, cost, skipped --------------------------------------------------------------------------


def test_every_wanted_day_is_planned_once_and_newest_first() -> None:
    sync_plan = sync_plan_of()
    newest = [call.window.last for call in sync_plan.calls]
    assert newest == sorted(newest, reverse=True)
    assert {call.endpoint.name for call in sync_plan.calls[:10]} > {
        "getusersummary",
        "getarticleread",
    }
    for endpoint in ENDPOINTS:
        days = sorted(
            d for call in sync_plan.calls if call.endpoint is endpoint for d in call.labels
        )
        ready = [d for d in endpoint.labels_over(FOUR_MONTHS) if endpoint.ready_at(d) <= NOW]
        assert days == ready
    assert sync_plan.days == sum(cost.days for cost in sync_plan.cost.values())


def test_nothing_that_is_not_ready_is_planned() -> None:
    early = datetime(2026, 3, 10, 7, 59, tzinfo=BEIJING)
    for call in sync_plan_of(now=early).calls:
        assert call.window.last < date(2026, 3, 9)
    until_today = WantedDays("wx1", Window(date(2026, 3, 1), date(2026, 3, 20)), params=CARD)
    assert max(call.window.last for call in sync_plan_of(until_today).calls) == date(2026, 3, 9)


def test_weeks_and_months_that_began_before_the_window_are_planned() -> None:
    window = Window.parse("2026-02-20..2026-03-09")
    week, month = (
        sync_plan_of(only("getupstreammsgweek", window)),
        sync_plan_of(only("getupstreammsgmonth", window)),
    )
    assert [str(call.window) for call in week.calls] == ["2026-03-02", "2026-02-23", "2026-02-16"]
    assert [str(call.window) for call in month.calls] == ["2026-02-01"]


def test_several_accounts_share_a_plan() -> None:
    wanted = [
        WantedDays(appid, Window.day(date(2026, 3, 9)), [named("getuserread")])
        for appid in ("wx1", "wx2")
    ]
    sync_plan = plan(wanted, Known(), NOW, Choices(include_retired=True))
    assert [(call.appid, str(call.window)) for call in sync_plan.calls] == [
        ("wx1", "2026-03-09"),
        ("wx2", "2026-03-09"),
    ]


def test_params_go_with_the_calls() -> None:
    [call] = sync_plan_of(only("getcardmembercarddetail", Window.day(date(2026, 3, 9)))).calls
    assert call == PlannedCall(
        "wx1",
        named("getcardmembercarddetail"),
        Window.day(date(2026, 3, 9)),
        (date(2026, 3, 9),),
        {"card_id": "p1"},
    )


@pytest.mark.parametrize(
    ("name", "window", "reason", "detail"),
    [
        ("getuserread", FOUR_MONTHS, SkipReason.RETIRED, "2026"),
        ("getcardmembercarddetail", FOUR_MONTHS, SkipReason.NEEDS_PARAM, "card_id"),
        ("getarticleread", Window.parse("2025-01-01..2025-10-31"), SkipReason.OUTSIDE, ""),
        ("getupstreammsgmonth", Window.parse("2026-03-01..2026-03-09"), SkipReason.NOT_READY, ""),
        ("getusersummary", Window.parse("2026-03-10"), SkipReason.NOT_READY, ""),
    ],
)
def test_a_skipped_endpoint_has_a_reason(
    name: str, window: Window, reason: SkipReason, detail: str
) -> None:
    sync_plan = plan([WantedDays("wx1", window, [named(name)])], Known(), NOW)
    assert sync_plan.calls == ()
    assert [(s.appid, s.endpoint.name, s.reason, s.detail) for s in sync_plan.skipped] == [
        ("wx1", name, reason, detail)
    ]


def test_retired_endpoints_are_requested_only_if_included() -> None:
    retired = {e.name for e in ENDPOINTS if e.is_retired}
    sync_plan = plan([EVERYTHING], Known(), NOW)
    assert {s.endpoint.name for s in sync_plan.skipped} == retired
    assert len(retired) == 6
    assert sync_plan_of().skipped == ()


def test_wrong_params_are_an_error_of_the_plan() -> None:
    wanted = WantedDays(
        "wx1", FOUR_MONTHS, [named("getcardcardinfo")], {"getcardcardinfo": {"cardid": "p"}}
    )
    with pytest.raises(ContractError, match="has no parameter 'cardid'"):
        plan([wanted], Known(), NOW)


def test_a_refused_endpoint_is_skipped_until_the_refusal_is_old() -> None:
    refused = DayState(State.REFUSED, NOW - timedelta(days=1), None, 48001)
    entries = {"getusersummary": {date(2026, 3, 8): refused}}
    standing = Standing(refusal=Refusal(48001, refused.asked_at))
    sync_plan = sync_plan_of(only("getusersummary"), entries, standing=standing)
    until = NextAsk(NOW + timedelta(days=6), Why.REFUSED, errcode=48001)
    assert [(s.reason, s.next) for s in sync_plan.skipped] == [(SkipReason.REFUSED, until)]
    retried = sync_plan_of(only("getusersummary"), entries, standing=standing, retry_refused=True)
    assert retried.days == 120
    week_later = sync_plan_of(only("getusersummary"), entries, NOW + timedelta(days=6), standing)
    assert week_later.days == 120


def test_a_refused_day_does_not_hold_up_the_others() -> None:
    refused = DayState(State.REFUSED, NOW - timedelta(days=1), None, 47001)
    entries = {"getusersummary": {date(2026, 3, 8): refused}}
    days = {
        day for call in sync_plan_of(only("getusersummary"), entries).calls for day in call.labels
    }
    assert days == {*FOUR_MONTHS} - {date(2026, 3, 8)}


def test_an_exhausted_endpoint_is_skipped_until_midnight() -> None:
    standing = Standing(exhausted_on=NOW.date())
    late = NOW.replace(hour=23, minute=59)
    sync_plan = sync_plan_of(only("getusersummary"), now=late, standing=standing)
    assert [s.reason for s in sync_plan.skipped] == [SkipReason.QUOTA]
    midnight = sync_plan_of(
        only("getusersummary"), now=late + timedelta(minutes=1), standing=standing
    )
    assert midnight.days == 120


# --- the second sync ---------------------------------------------------------------------------------


def after(
    sync_plan: Plan, now: datetime, *, empty: frozenset[date] = frozenset()
) -> dict[str, dict[date, DayState]]:
    """The ledger after every call was answered, with rows for all days except the empty ones."""
    entries: dict[str, dict[date, DayState]] = {}
    for call in sync_plan.calls:
        for day in call.labels:
            has_rows = day not in empty
            state = state_of(call.endpoint, day, now, has_rows=has_rows)
            entry = DayState(state, now, now if has_rows else None)
            entries.setdefault(call.endpoint.name, {})[day] = entry
    return entries


def state_of(endpoint: Endpoint[Any], day: date, now: datetime, *, has_rows: bool) -> State:
    if has_rows:
        return State.FINAL if now >= endpoint.final_at(day) else State.MOVING
    return State.EMPTY if can_be_empty(endpoint, day, now) else State.WAITING


def test_a_second_sync_requests_only_days_that_can_still_change() -> None:
    recent = frozenset({date(2026, 3, 8), date(2026, 3, 9), date(2026, 1, 5)})
    entries = after(sync_plan_of(), NOW, empty=recent)
    second = sync_plan_of(entries=entries, now=NOW + timedelta(minutes=1))
    asked = {(call.endpoint.name, day) for call in second.calls for day in call.labels}
    states = {(name, day): e.state for name, days in entries.items() for day, e in days.items()}
    assert {states[key] for key in asked} == {State.WAITING}
    assert asked == {key for key, state in states.items() if state is State.WAITING}


def test_settled_days_are_requested_again_on_request_only() -> None:
    entries = after(sync_plan_of(only("getusersummary")), NOW, empty=frozenset({date(2026, 1, 5)}))
    again = Window(date(2026, 1, 3), date(2026, 1, 12))
    sync_plan = sync_plan_of(only("getusersummary"), entries, again=again)
    assert sorted(day for call in sync_plan.calls for day in call.labels) == [*again]
    assert len(sync_plan.calls) == fewest([*again], SPANS["getusersummary"])


def test_days_that_are_requested_again_include_those_that_move() -> None:
    entries = {"getarticletotal": {date(2026, 3, 9): DayState(State.MOVING, NOW, NOW)}}
    day = Window.day(date(2026, 3, 9))
    assert sync_plan_of(only("getarticletotal", day), entries).calls == ()
    assert sync_plan_of(only("getarticletotal", day), entries, again=day).days == 1


def test_entries_from_the_future_are_of_a_wrong_clock_and_count_as_none() -> None:
    ahead = NOW + timedelta(days=38)
    states = (State.FINAL, State.EMPTY, State.MOVING, State.REFUSED)
    days = Window(date(2026, 3, 1), date(2026, 3, 4))
    entries = {
        "getusersummary": {
            day: DayState(state, ahead, ahead) for day, state in zip(days, states, strict=True)
        }
    }
    sync_plan = sync_plan_of(only("getusersummary", days), entries)
    assert [call.labels for call in sync_plan.calls] == [(*days,)]


def test_moving_days_are_requested_again_once_data_for_a_newer_day_is_available() -> None:
    entries = after(sync_plan_of(only("getarticletotaldetail")), NOW)
    wanted = only("getarticletotaldetail", Window(FOUR_MONTHS.first, date(2026, 3, 10)))
    assert sync_plan_of(wanted, entries, NOW + timedelta(hours=22)).calls == ()
    tomorrow = sync_plan_of(wanted, entries, NOW + timedelta(hours=23))
    days = sorted(day for call in tomorrow.calls for day in call.labels)
    # the 29 days that were still moving, and the new one
    assert days == list(Window(date(2026, 2, 9), date(2026, 3, 10)))


def test_an_endpoint_without_due_days_is_skipped() -> None:
    entries = after(sync_plan_of(only("getusersummary")), NOW)
    sync_plan = sync_plan_of(only("getusersummary"), entries)
    assert [s.reason for s in sync_plan.skipped] == [SkipReason.NOTHING_DUE]
