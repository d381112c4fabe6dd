"""Samples of final days: a few calls a week, and never more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from wxcube.beijing import BEIJING, day_of, monday
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.next_ask import NOTHING_STANDING, Standing
from wxcube.warehouse.sync.plan import Choices, PlannedCall, plan
from wxcube.warehouse.sync.samples import sampled_windows, start_of_week
from wxcube.warehouse.sync.wanted import Params, WantedDays

LAST_DAY = date(2026, 2, 27)
ACTIVE = [e for e in ENDPOINTS if not (e.is_retired or e.name == "getcardmembercarddetail")]
LONG_AGO = datetime(2026, 2, 28, 9, tzinfo=BEIJING)
"""A Saturday: the simulated days begin with the week after it."""


class AllSettled:
    """A ledger in which every day is settled, some of them without rows."""

    def __init__(self, state: State = State.FINAL) -> None:
        self._state = state
        self._asked: dict[tuple[str, str, date], datetime] = {}

    def coverage(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        *,
        params: Params | None = None,
        window: Window | None = None,
    ) -> Mapping[date, DayState]:
        assert window
        return {
            day: DayState(self._state, self._asked.get((appid, endpoint.name, day), LONG_AGO))
            for day in endpoint.labels(window)
        }

    def standing(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        now: datetime,
        *,
        params: Params | None = None,
    ) -> Standing:
        return NOTHING_STANDING

    def answer(self, call: PlannedCall, now: datetime) -> None:
        for day in call.endpoint.labels(call.window):
            self._asked[call.appid, call.endpoint.name, day] = now


def month_of_plans(
    ledger: AllSettled, samples: int, appid: str, window: Window
) -> dict[date, list[PlannedCall]]:
    """The calls of four weeks with a plan a day, by week."""
    by_week: dict[date, list[PlannedCall]] = {}
    for hours in range(0, 28 * 24, 24):
        now = datetime(2026, 3, 2, 9, tzinfo=BEIJING) + timedelta(hours=hours)
        wanted = [WantedDays(appid, window, ACTIVE)]
        calls = plan(wanted, ledger, now, Choices(samples=samples)).calls
        by_week.setdefault(monday(day_of(now)), []).extend(calls)
        for call in calls:
            ledger.answer(call, now)
    return by_week


@pytest.mark.parametrize("samples", [1, 5])
@pytest.mark.parametrize("days", [40, 90, 180])
def test_a_week_has_at_most_the_number_of_calls(samples: int, days: int) -> None:
    window = Window(LAST_DAY - timedelta(days=days), LAST_DAY)
    made = 0
    for number in range(4):
        by_week = month_of_plans(AllSettled(), samples, f"wx{number}", window)
        assert len(by_week) == 4
        for calls in by_week.values():
            assert len(calls) <= samples
            made += len(calls)
            assert all(call.endpoint.span_days >= len(call.window) for call in calls)
    # two samples of a week can be the same days, or a label before the window
    assert made > samples * 4 * 4 / 2


def test_samples_reach_every_endpoint_and_all_ages() -> None:
    window = Window(LAST_DAY - timedelta(days=180), LAST_DAY)
    wanted = [WantedDays(f"wx{number}", window, ACTIVE) for number in range(300)]
    chosen = sampled_windows(wanted, datetime(2026, 3, 2, 9, tzinfo=BEIJING), 4)
    assert {name for _appid, name in chosen} == {endpoint.name for endpoint in ACTIVE}
    months = Counter(one.last.month for windows in chosen.values() for one in windows)
    assert set(months) >= {9, 10, 11, 12, 1, 2}
    assert min(months[month] for month in (10, 11, 12, 1)) > 0.6 * months.most_common(1)[0][1]


@pytest.mark.parametrize("state", sorted(set(State) - {State.FINAL}))
def test_only_final_days_are_sampled(state: State) -> None:
    window = Window(LAST_DAY - timedelta(days=90), LAST_DAY)
    wanted, now = [WantedDays("wx1", window, ACTIVE)], datetime(2026, 3, 2, 9, tzinfo=BEIJING)
    with_samples = plan(wanted, AllSettled(state), now, Choices(samples=8))
    assert with_samples.calls == plan(wanted, AllSettled(state), now, Choices()).calls


def test_every_plan_of_a_week_means_the_same_days() -> None:
    wanted = [WantedDays("wx1", Window(date(2025, 6, 1), LAST_DAY), ACTIVE)]
    week = [datetime(2026, 3, 2, tzinfo=BEIJING) + timedelta(hours=h) for h in range(0, 168, 7)]
    first, *others = (sampled_windows(wanted, now, 3) for now in week)
    assert first
    assert all(other == first for other in others)
    assert {start_of_week(now) for now in week} == {week[0]}
    assert sampled_windows(wanted, week[0] + timedelta(days=7), 3) != first


def test_accounts_have_samples_of_their_own() -> None:
    now, window = datetime(2026, 3, 2, 9, tzinfo=BEIJING), Window(date(2025, 6, 1), LAST_DAY)
    chosen = sampled_windows([WantedDays(f"wx{n}", window, ACTIVE) for n in range(9)], now, 2)
    assert Counter(appid for appid, _name in chosen).keys() == {f"wx{n}" for n in range(9)}
    assert len({name for _appid, name in chosen}) > 3


def test_retired_endpoints_and_those_with_params_are_not_sampled() -> None:
    now, window = datetime(2026, 3, 2, 9, tzinfo=BEIJING), Window(date(2025, 6, 1), LAST_DAY)
    retired = [e for e in ENDPOINTS if e.is_retired]
    cards = {"getcardmembercarddetail": {"card_id": "p1"}}
    wanted = [WantedDays("wx1", window, [*retired, named("getcardmembercarddetail")], cards)]
    assert not sampled_windows(wanted, now, 9)
