"""Measured replies replace the simulated ones, day after day; each day is handed over once."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, day_number
from wxcube.contract.interface import getinterfacesummary
from wxcube.contract.window import Window
from wxcube.emulator.simulation import Simulation

FIRST_DAY = date(2026, 3, 1)


def measured(appid: str, day: date, number: int) -> Any:
    """Replies of a day, the last of which is after its end."""
    start = day_number(day) * DAY_SECONDS - BEIJING_SECONDS
    return SimpleNamespace(
        appid=[appid] * number,
        at=[start + second for second in range(number - 1)] + [start + DAY_SECONDS],
        ms=[7] * number,
        ok=[True] * number,
    )


def test_each_day_adds_to_the_earlier_ones() -> None:
    simulation = Simulation(3, 1, FIRST_DAY)
    (appid,) = simulation.accounts
    days = [FIRST_DAY + timedelta(days=number) for number in range(3)]
    for number, day in enumerate(days, 1):
        simulation.use_replies(measured(appid, day, 10 * number), day)
    window = Window(days[0], days[-1])
    rows = simulation.rows(appid, getinterfacesummary, window, days[-1], {})
    assert [row.callback_count for row in rows] == [9, 1 + 19, 1 + 29]
    assert {row.max_time_cost for row in rows} == {7}
