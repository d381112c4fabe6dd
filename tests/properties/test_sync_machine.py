"""Syncs at any time, under any mix of faults, settle nothing wrongly and end with the emulator's rows.

Faults that lack something (no rows, no newest running totals, unreadable rows) last until the end of
their Beijing day, and the next one begins when no day is in doubt any more: what lacks in late
answers of two Beijing days is believed. Longer runs: --hypothesis-profile=long.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace as replaced
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from support.daily_sync import FIRST_SYNC, DailySync, Ledger, WrongClock
from support.database import empty
from support.expected_calls import DAY, EMPTY_DAYS, ExpectedCalls
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.contract.endpoint import Endpoint
from wxcube.emulator.faults import Fault
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

NAMES = (
    "getusersummary",
    "getusercumulate",
    "getarticletotal",
    "getarticleread",
    "getbizsummary",
    "getupstreammsgweek",
    "getinterfacesummaryhour",
    "getinterfacesummary",
)
"""Every kind: several days per call or one, running totals, is_delay, weeks, hours and their day."""
ENDPOINTS = tuple(named(name) for name in NAMES)
LAST_START = FIRST_SYNC + 30 * DAY
"""The latest time of a rule; the emulator's rows are computed until two weeks later."""
RECOVERY = 8 * DAY
"""A refusal of an endpoint ends after 7 days."""
LAST_SYNCS = 4
"""Daily syncs at the end: two late answers, on two days, for a day without rows."""

paths = st.sampled_from([*NAMES, "*", "get*", "getuser*", "getarticle*", "getinterface*"])
days = st.none() | st.dates(FIRST_SYNC.date() - 10 * DAY, FIRST_SYNC.date() + 30 * DAY)
some = st.sampled_from(ENDPOINTS)
lacking = st.sampled_from([{"empty": True}, {"partial": True}, {"unreadable": True}])
DATES = {"clock", "no_date"}
"""Effects on the date of the server; the clock of the machine is right meanwhile."""
failing: list[dict[str, Any]] = [
    *({"errcode": code} for code in (-1, 61503, 61501, 45009, 45011, 48001, 40001)),
    {"errcode": 99999, "forced": True},
    {"is_delay": True},
    {"extra_rows": True},
    {"slow_seconds": 60.0},
    {"reset": True},
    {"cut": 0.5},
    {"broken": True},
    {"status": 503},
    {"clock": 7200.0},
    {"clock": -300_000.0},
    {"no_date": True},
]
faults = st.builds(
    lambda path, effect, day, after, times: Fault(
        path=path, day=day, after=after, times=times, **effect
    ),
    paths,
    st.sampled_from(failing),
    days,
    st.integers(0, 5),
    st.none() | st.integers(1, 9),
) | st.builds(lambda times: Fault(expire_tokens=True, times=times), st.integers(1, 9))
hours = st.sampled_from([0, 1, 12, 24, 24, 24, 48, 72, 168])


class SyncMachine(RuleBasedStateMachine):
    """A warehouse, and the emulator that it is synced from."""

    url: ClassVar[str] = ""
    """A database on a server; by default it is a file."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        if self.url:
            empty(self.url)
        database = self.url or self.folder / "wxcube.db"
        self.life = DailySync(database, endpoints=ENDPOINTS, attempts=2)
        self.emulator = self.life.emulator

    def teardown(self) -> None:
        try:
            if hasattr(self, "life"):
                self.recover()
                self.check_the_end()
        finally:
            if hasattr(self, "folder"):
                shutil.rmtree(self.folder)

    @property
    def now(self) -> datetime:
        return self.emulator.clock.now()

    # --- rules -----------------------------------------------------------------------------------

    @rule(hours=hours, endpoints=st.just(ENDPOINTS) | st.lists(some, min_size=1, unique_by=str))
    def sync(self, hours: int, endpoints: Sequence[Endpoint[Any]]) -> None:
        """Some hours, or whole days, pass; then some endpoints are synced."""
        self.wait(hours)
        replaced(self.life, endpoints=endpoints).sync()
        self.check_settled_days()

    @rule(hours=hours, faults=st.lists(faults, min_size=1, max_size=3))
    def sync_with_faults(self, hours: int, faults: Sequence[Fault]) -> None:
        """Calls fail, or are answered with a wrong date, from now on."""
        for fault in faults:
            if not (fault.effect in DATES and self.life.clock):
                self.emulator.faults.add(fault)
        self.sync(hours, ENDPOINTS)

    @rule(hours=hours, path=paths, effect=lacking, times=st.none() | st.integers(1, 9))
    def sync_with_gaps(
        self, hours: int, path: str, effect: dict[str, Any], times: int | None
    ) -> None:
        """Answers lack something until the end of the Beijing day."""
        self.wait(hours)
        if not self.has_doubts():
            midnight = datetime.combine(self.now.date() + DAY, datetime.min.time(), BEIJING)
            self.emulator.faults.add(Fault(path=path, until=midnight, times=times, **effect))
        self.sync(0, ENDPOINTS)

    @rule(
        hours=hours,
        days=st.sampled_from([-20, -3, 0, 3, 20]),
        minutes=st.sampled_from([-60, 0, 3, 60]),
    )
    def sync_with_clock(self, hours: int, days: int, minutes: int) -> None:
        """The clock of the machine is wrong by some time, or right again."""
        error = timedelta(days=days, minutes=minutes)
        if not any(active.fault.effect in DATES for active in self.emulator.faults.active()):
            self.life.clock = WrongClock(self.emulator.clock, error) if error else None
        self.sync(hours, ENDPOINTS)

    @rule(hours=hours, answers=st.integers(1, 20))
    def cancel_sync(self, hours: int, answers: int) -> None:
        """A sync is stopped in the middle."""
        self.wait(hours)
        self.life.cancel_sync(answers)
        self.check_settled_days()

    @precondition(lambda self: self.has_tables)
    @rule()
    def rebuild(self) -> None:
        """Rows and states are computed again from asks and replies; they are the same."""
        before = self.life.ledger(), self.life.rows()
        with Warehouse.open(self.life.database) as warehouse:
            warehouse.rebuild()
        assert (self.life.ledger(), self.life.rows()) == before

    @precondition(lambda self: len(self.emulator.faults) > 0)
    @rule()
    def clear_faults(self) -> None:
        """Everything works again."""
        self.emulator.faults.clear()

    # --- checks ----------------------------------------------------------------------------------

    @property
    def has_tables(self) -> bool:
        return bool(self.url) or Path(self.life.database).exists()

    def wait(self, hours: int) -> None:
        if self.now < LAST_START:
            self.emulator.clock.advance(timedelta(hours=hours))

    def ledger(self) -> Ledger:
        return self.life.ledger() if self.has_tables else {}

    def has_doubts(self) -> bool:
        """Whether an answer lacked something that the next answer may lack too."""
        truth = self.life.truth()
        doubted = {
            (name, day)
            for name, entries in self.ledger().items()
            for day, entry in entries.items()
            if entry.doubts and not entry.is_settled
        }
        filled = {(name, row.ref_date) for name, rows in truth.items() for row in rows}
        is_active = any(active.fault.until for active in self.emulator.faults.active())
        return is_active or not doubted.isdisjoint(filled)

    def check_settled_days(self) -> None:
        """A settled day has the rows that the emulator has, a day that was loaded has rows."""
        stored, truth, ledger = self.life.rows(), self.life.truth(), self.ledger()
        for name in NAMES:
            of_day, expected = _by_day(stored[name]), _by_day(truth[name])
            for day, entry in ledger[name].items():
                if entry.is_settled:
                    assert of_day.get(day, []) == expected.get(day, []), (name, day, entry)
                assert bool(entry.fetched_at) == (day in of_day), (name, day, entry)

    def recover(self) -> None:
        """A week without faults passes, and then some days with a sync each."""
        self.emulator.faults.clear()
        self.life.clock = None
        nine = self.now.replace(hour=9, minute=0)
        self.emulator.clock.set(nine + RECOVERY)
        for _day in range(LAST_SYNCS):
            self.emulator.clock.advance(DAY)
            self.life.sync()

    def check_the_end(self) -> None:
        """Rows are those of the emulator, and states those that their dates alone decide."""
        truth = self.life.truth()
        assert self.life.rows() == truth
        for name, entries in self.ledger().items():
            filled = _by_day(truth[name])
            labels = ExpectedCalls(name).labels(
                self.emulator.simulation.first_day, self.now.date() - DAY
            )
            due = [label for label in labels if ExpectedCalls(name).ready_at(label) <= self.now]
            # a machine that was ahead has asked for further days, which were not over
            early = [entry for day, entry in entries.items() if day not in due]
            assert not any(entry.is_settled or entry.fetched_at for entry in early), name
            for day in due:
                entry = entries[day]
                states = expected_states(name, day, self.now, has_rows=day in filled)
                assert entry.state in states, (name, day, entry)
                assert not entry.revision, (name, day, entry)


def expected_states(name: str, label: date, now: datetime, *, has_rows: bool) -> set[State]:
    """The states that a day can have after daily syncs without faults."""
    expected = ExpectedCalls(name)
    if has_rows:
        return {State.FINAL if now >= expected.final_at(label) else State.MOVING}
    age = now.date() - expected.period_end(label)
    if age < EMPTY_DAYS * DAY:
        return {State.WAITING}
    # the first of two late answers, unless other figures prove it
    return {State.EMPTY, State.WAITING} if age == EMPTY_DAYS * DAY else {State.EMPTY}


def _by_day(rows: Sequence[Any]) -> dict[date, list[Any]]:
    by_day: dict[date, list[Any]] = {}
    for row in rows:
        by_day.setdefault(row.ref_date, []).append(row)
    return by_day


IS_LONG = settings.get_current_profile_name() == "long"
TestSync = SyncMachine.TestCase
TestSync.settings = settings(
    max_examples=1000 if IS_LONG else 15, stateful_step_count=40 if IS_LONG else 15
)
ON_SERVER = settings(max_examples=200 if IS_LONG else 2, stateful_step_count=40 if IS_LONG else 10)


@pytest.mark.xdist_group("fault matrix")
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_sync_on_a_server(kind: str, request: pytest.FixtureRequest) -> None:
    class OnServer(SyncMachine):
        url = request.getfixturevalue(kind)

    run_state_machine_as_test(OnServer, settings=ON_SERVER)
