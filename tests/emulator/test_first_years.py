"""Reading in the first years: every reader is counted once, whatever the channels."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from wxcube.beijing import BEIJING, day_number
from wxcube.contract.article import getuserread, getuserreadhour
from wxcube.contract.endpoint import Endpoint
from wxcube.cube.compute import compute
from wxcube.emulator.first_years import as_in_their_time, readers_by_hour_and_day
from wxcube.events.columns import Action
from wxcube.simulator.simulator import simulate, simulated_accounts

FIRST_DAY, LAST_DAY = date(2020, 2, 20), date(2020, 3, 1)
BATCH = simulate(simulated_accounts(7, 2, FIRST_DAY), LAST_DAY)


def test_readers_are_those_of_the_events() -> None:
    expected: dict[str, dict[tuple[int, ...], set[int]]] = {appid: {} for appid in BATCH.accounts}
    activity = BATCH.activity
    names = ("account", "at", "user", "action")
    for place, at, user, action in zip(*(activity[n].tolist() for n in names), strict=True):
        time = datetime.fromtimestamp(at, BEIJING)
        if action == Action.READ and time.date() < date(2020, 2, 28):
            day = day_number(time.date())
            for period in ((day,), (day, time.hour * 100)):
                expected[BATCH.accounts[place]].setdefault(period, set()).add(user)
    assert readers_by_hour_and_day(BATCH) == {
        appid: {period: len(users) for period, users in of_account.items()}
        for appid, of_account in expected.items()
    }


@pytest.mark.parametrize("endpoint", [getuserread, getuserreadhour], ids=str)
def test_other_figures_are_the_sums_of_the_channels(endpoint: Endpoint[Any]) -> None:
    appid, readers = BATCH.accounts[0], readers_by_hour_and_day(BATCH)
    rows = compute(BATCH, LAST_DAY).rows(appid, endpoint)
    changed = as_in_their_time(endpoint, rows, readers[appid])
    before, after = by_time(rows)
    early, late = by_time(changed)
    assert late == after
    assert endpoint.implied_key
    assert {type(row) for row in early} == {endpoint.implied_key.row}
    for name in ("int_page_read_count", "share_user", "add_to_fav_count"):
        assert sum(getattr(r, name) for r in early) == sum(getattr(r, name) for r in before)


def by_time(rows: list[Any]) -> tuple[list[Any], list[Any]]:
    """Rows before and since the day of the first row for all channels."""
    split = date(2020, 2, 28)
    return [r for r in rows if r.ref_date < split], [r for r in rows if r.ref_date >= split]
