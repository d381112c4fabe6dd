"""Answers without rows that pass: nothing is settled wrongly, and what it costs in calls."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from support.command_line import MakeSite, Site
from wxcube.contract import ENDPOINTS
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator
from wxcube.warehouse.coverage import State, awaits_second_look
from wxcube.warehouse.store import Warehouse

DAY = timedelta(days=1)
FIRST_CALLS = 1471
SECOND_LOOKS = 54
"""Calls of a one-year back-fill of the demo account, and of its second look."""
States = dict[str, dict[str, str]]


def coverage(database: Path, appid: str) -> States:
    """The state of each day of each endpoint."""
    with Warehouse.open(database, read_only=True) as warehouse:
        return {
            endpoint.name: {
                str(day): entry.state.value
                for day, entry in warehouse.coverage(appid, endpoint).items()
            }
            for endpoint in ENDPOINTS
        }


def rows(database: Path, appid: str) -> dict[str, list[object]]:
    with Warehouse.open(database, read_only=True) as warehouse:
        extents = {e: warehouse.extent(appid, e) for e in ENDPOINTS}
        return {
            e.name: list(warehouse.read(appid, e, extent))
            for e, extent in extents.items()
            if extent
        }


def synced_daily(site: Site, running: RunningEmulator, days: int, *arguments: str) -> None:
    for _day in range(days):
        assert site.run("sync", "--quiet", *arguments).code == 0
        running.emulator.clock.advance(DAY)


@pytest.mark.parametrize("path", ["getuser*", "getupstreammsg*", "getinterface*", "*"])
def test_a_passing_empty_answer_leaves_no_trace(new_site: MakeSite, path: str) -> None:
    """As `transient_empty.sh`: 8 calls of a first sync are answered without rows."""
    found: list[tuple[States, dict[str, list[object]]]] = []
    for fault in (None, Fault(empty=True, path=path, times=8)):
        with RunningEmulator(days=40, accounts=1) as running:
            site = new_site(running)
            if fault:
                running.emulator.faults.add(fault)
            assert site.run("sync", "--quiet").code == 0
            if fault:
                assert running.emulator.faults.active()[0].hits == 8
                running.emulator.faults.clear()
            assert site.run("sync", "--quiet").code == 0
            running.emulator.clock.advance(DAY)
            synced_daily(site, running, 2)
            appid = running.account().appid
            found.append((coverage(site.database, appid), rows(site.database, appid)))
    assert found[0] == found[1]


def test_an_empty_answer_on_the_day_that_settles_is_asked_again(new_site: MakeSite) -> None:
    """The newest running totals are not lost if the last answer of their 30 days is empty."""
    with RunningEmulator(days=40, accounts=1) as running:
        site, appid = new_site(running), running.account().appid
        only = ("--only", "getarticletotaldetail")
        synced_daily(site, running, 1, *only)
        moving = {d for d, s in coverage(site.database, appid)[only[1]].items() if s == "moving"}
        running.emulator.clock.advance(40 * DAY)
        running.emulator.faults.add(Fault(empty=True))
        assert site.run("sync", "--quiet", *only).code == 0
        states = coverage(site.database, appid)[only[1]]
        assert {states[day] for day in moving} == {State.MOVING}
        running.emulator.faults.clear()
        running.emulator.clock.advance(DAY)
        synced_daily(site, running, 2, *only)
        states = coverage(site.database, appid)[only[1]]
        assert {states[day] for day in moving} == {State.FINAL}


def test_the_cost_of_the_second_look_for_a_year(new_site: MakeSite) -> None:
    """A back-fill of a year repeats a few days without publication on the next day, then none.

    All other days without rows are proved by the rows of their answer, or by a sibling endpoint.
    """
    with RunningEmulator(days=365, accounts=1) as running:
        site, journal = new_site(running), running.emulator.journal
        appid = running.account().appid
        second_looks, calls = list[Counter[str]](), list[int]()
        for _day in range(3):
            journal.clear()
            assert site.run("sync", "--quiet").code == 0
            calls.append(len(journal.calls("/datacube/*")))
            second_looks.append(_second_looks(site, appid))
            running.emulator.clock.advance(DAY)
    assert calls[0] == FIRST_CALLS
    assert second_looks[0] == {"getarticletotaldetail": SECOND_LOOKS}
    assert max([*second_looks[1].values(), *second_looks[2].values()], default=0) <= 1
    # the new day of each endpoint, the 30 days that move, and the second look
    assert calls[1] <= len(ENDPOINTS) + 30 + SECOND_LOOKS


def _second_looks(site: Site, appid: str) -> Counter[str]:
    """The number of days by endpoint that are requested once more, because they had no rows."""
    with Warehouse.open(site.database, read_only=True) as warehouse:
        return Counter(
            endpoint.name
            for endpoint in ENDPOINTS
            for entry in warehouse.coverage(appid, endpoint).values()
            if awaits_second_look(entry)
        )
