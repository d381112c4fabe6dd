"""The database as it was: each evening's exports come back from asks and replies, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from support.command_line import Site, site_of
from wxcube.beijing import day_of
from wxcube.contract import ENDPOINTS
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse

EVENINGS = 20
ONE_DAY = timedelta(days=1)
FAULTS = {
    2: Fault(vanish=True),
    4: Fault(revise=3),
    5: Fault(path="getuser*", empty=True),
    7: Fault(path="getarticletotal*", partial=True),
    9: Fault(vanish=True, path="getupstreammsg*"),
    10: Fault(unreadable=True, times=3),
    12: Fault(errcode=61503, path="getinterface*"),
    13: Fault(is_delay=True),
    15: Fault(broken=True, times=2),
    16: Fault(clock=7200, path="getuser*"),
}
"""What the emulator does wrong on some evenings."""
FETCHED_AGAIN = {
    11: ("getusercumulate", Fault(revise=50)),
    14: ("getupstreammsghour", Fault(vanish=True)),
}
"""Endpoints whose final days are fetched once more on some evenings."""
Exports = dict[str, bytes]


@dataclass
class Story:
    """A site after some evenings, and the exports of each of them."""

    site: Site
    kept: dict[date, Exports]


def exports(site: Site, *words: str) -> Exports:
    found = {}
    for endpoint in ENDPOINTS:
        result = site.run("export", endpoint.name, "--format", "jsonl", *words)
        assert result.code == 0, result.text
        found[endpoint.name] = result.raw
    return found


def told(folder: Path) -> Story:
    """The story of the evenings."""
    kept: dict[date, Exports] = {}
    with RunningEmulator(days=12, accounts=1) as running:
        clock, faults = running.emulator.clock, running.emulator.faults
        site = site_of(folder, running, sync="include_retired = true")
        for evening in range(EVENINGS):
            if evening in FAULTS:
                faults.add(FAULTS[evening])
            assert site.run("sync", "--quiet").code in {0, 3}
            faults.clear()
            if evening in FETCHED_AGAIN:
                name, fault = FETCHED_AGAIN[evening]
                faults.add(fault)
                assert site.run("fetch", name, "2026-03-05", "--save").code == 0
                faults.clear()
            kept[day_of(clock.now())] = exports(site)
            clock.advance(ONE_DAY)
    return Story(site, kept)


@pytest.mark.slow
def test_every_evening_comes_back_byte_for_byte(tmp_path: Path) -> None:
    story = told(tmp_path)
    site, now, kept = story.site, story.site.clock, list(story.kept.items())
    assert now
    assert b'"revision":1' in b"".join(kept[-1][1].values())
    assert any(b'"withdrawn_at"' in raw for _day, of_day in kept for raw in of_day.values())
    with Warehouse.open(site.database, read_only=True) as warehouse:
        for day, before in kept:
            past = tmp_path / f"{day}.db"
            moment = now.now().replace(year=day.year, month=day.month, day=day.day, hour=23)
            warehouse.write_past(past, moment, now.now())
            again = exports(site, "--database", str(past))
            assert [name for name in before if again[name] != before[name]] == [], day
    for day, before in (kept[0], kept[11]):
        again = exports(site, "--as-of", str(day))
        assert [name for name in before if again[name] != before[name]] == [], day
