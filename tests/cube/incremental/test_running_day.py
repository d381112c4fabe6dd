"""Builds through a day that is still running: its rows move, and in the end are those of a late build."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.builds import EVER, KEY, build, distinct
from support.event_folder import EventFolder
from support.events import ACCOUNTS, crowded, histories, moment
from support.oracle import Oracle
from wxcube.beijing import BEIJING, DAY_SECONDS, day_of, yesterday
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.cube.compute import CUBE_ENDPOINTS
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.events import kinds as ev
from wxcube.events.columns import to_batch
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


def check(events: list[Any], through: date, seed: int, engine: DuckDbEngine) -> None:
    """Build at random times while events arrive, at times late, and compare after each build.

    At times the events that arrived last are removed again.
    """
    dice = Random(seed)
    arrivals = sorted((arrival(dice, event), n) for n, event in enumerate(distinct(events)))
    waiting = [(time, distinct(events)[n]) for time, n in arrivals]
    end = datetime.combine(through, datetime.min.time(), BEIJING) + timedelta(days=1, hours=1)
    # an event may arrive later, and a build of its day would go beyond the last one
    moments = build_times(dice, [time for time, _ in waiting], end - timedelta(hours=1, seconds=1))
    with tempfile.TemporaryDirectory() as name:
        folder, batches = Path(name), dict[int, list[Any]]()
        stored = EventFolder(folder / "events", dice.randint(1, 3))
        for now in [*moments, end]:
            arrived = [event for time, event in waiting if time <= now]
            waiting = [(time, event) for time, event in waiting if time > now]
            if arrived:
                stored.add(to_batch(arrived, KEY))
                batches[len(batches) + 1] = arrived
            elif batches and dice.random() < 0.5:
                newest = max(batches)
                stored.forget(newest)
                batches[newest] = []
            is_running = now < end and dice.random() < 0.8
            last = day_of(now) if is_running else yesterday(now)
            chunk_bytes, use_numpy = dice.choice([10_000, 10**9]), dice.random() < 0.7
            build(stored, folder, engine, last, chunk_bytes, use_numpy=use_numpy, now=now)
            if is_running or now == end:
                remaining = [event for batch in batches.values() for event in batch]
                assert_rows(folder, remaining, last, yesterday(now))
                assert_no_rows(folder, remaining)


def build_times(dice: Random, times: list[datetime], end: datetime) -> list[datetime]:
    """Some at or soon after arrivals, several of them on one day, and some twice."""
    day = day_of(dice.choice(times))
    of_day = [time for time in times if day_of(time) == day]
    chosen = [dice.choice(dice.choice([times, of_day])) for _ in range(dice.randint(1, 4))]
    pauses = [timedelta(seconds=dice.choice([0, 60, 9_000])) for _ in chosen]
    moments = [time + pause for time, pause in zip(chosen, pauses, strict=True)]
    again = [time + timedelta(seconds=1) for time in moments if dice.random() < 0.4]
    return sorted(min(time, end) for time in (*moments, *again))


def arrival(dice: Random, event: Any) -> datetime:
    """Mostly when it happens, at times some hours or days later."""
    late = dice.choice([0, 0, 0, dice.randrange(DAY_SECONDS), dice.randrange(5 * DAY_SECONDS)])
    return datetime.fromtimestamp(event.at + late, BEIJING)


def assert_rows(folder: Path, events: list[Any], last: date, over: date) -> None:
    """The rows of the oracle through `last`, weeks and months only if over; days after `over` move."""
    with Warehouse.open(folder / "wxcube.db", read_only=True) as warehouse:
        for account in {event.account for event in events}:
            # removed events may have been the account's first ones
            first = min(day_of_event(event) for event in events if event.account == account)
            oracles = {day: Oracle(events, account, day) for day in (last, over)}
            for endpoint in CUBE_ENDPOINTS:
                oracle = oracles[over if endpoint.has_labels else last]
                rows = warehouse.read(account, endpoint, EVER, Origin.CUBE)
                assert rows == oracle.rows(endpoint.name), (account, endpoint.name)
                entries = warehouse.coverage(account, endpoint, Origin.CUBE)
                states = {day: one.state for day, one in entries.items() if day >= first}
                assert states == expected_states(endpoint, rows, states, over), endpoint.name


def assert_no_rows(folder: Path, events: list[Any]) -> None:
    """Before an account's first event nothing has rows, nor if all its events are removed."""
    with Warehouse.open(folder / "wxcube.db", read_only=True) as warehouse:
        for account in ACCOUNTS:
            first = min((day_of_event(e) for e in events if e.account == account), default=date.max)
            for endpoint in CUBE_ENDPOINTS:
                ends = {
                    endpoint.period(day).last
                    for day, entry in warehouse.coverage(account, endpoint, Origin.CUBE).items()
                    if entry.state in (State.FINAL, State.MOVING)
                }
                rows = warehouse.read(account, endpoint, EVER, Origin.CUBE)
                ends |= {endpoint.period(row.ref_date).last for row in rows}
                assert min(ends, default=date.max) >= first, (account, endpoint.name)


def day_of_event(event: Any) -> date:
    return day_of(datetime.fromtimestamp(event.at, BEIJING))


def expected_states(
    endpoint: Endpoint[Any], rows: list[Any], states: Mapping[date, State], over: date
) -> dict[date, State]:
    """Final or empty where the last day is over, else moving or waiting."""
    with_rows = {row.ref_date for row in rows}
    ends = {day: endpoint.last_stat_date(day) or endpoint.period(day).last for day in states}
    settled = {True: State.FINAL, False: State.EMPTY}
    moving = {True: State.MOVING, False: State.WAITING}
    return {day: (settled if ends[day] <= over else moving)[day in with_rows] for day in states}


@given(history=histories(), seed=st.integers(0, 2**32))
@settings(FEW, max_examples=6)
def test_rows_of_the_running_day_are_exact_and_moving(
    engine: DuckDbEngine, history: tuple[list[Any], date], seed: int
) -> None:
    check(*history, seed, engine)


@given(seed=st.integers(0, 2**32))
@settings(FEW, max_examples=3)
def test_rows_of_crowded_running_days_are_exact_and_moving(engine: DuckDbEngine, seed: int) -> None:
    check(*crowded(seed, 500), seed, engine)


class Day:
    """A running day of two accounts whose articles were published the day before."""

    day, noon = date(2026, 3, 10), datetime(2026, 3, 10, 12, tzinfo=BEIJING)

    def __init__(self, folder: Path, engine: DuckDbEngine) -> None:
        self.folder, self._engine = folder, engine
        self._stored = EventFolder(folder / "events", group_count=2)
        self._events: list[Any] = []

    def publish(self, number: int) -> int:
        msgids = [f"{n}_1" for n in range(1, number + 1)]
        at = moment(self.day, -80_000)
        return self.add(
            *(
                ev.Publish(id=f"p{one}", account=account, at=at, msgid=one)
                for one in msgids
                for account in ACCOUNTS[:2]
            )
        )

    def read(self, identity: str, msgid: str) -> int:
        at = moment(self.day, 60)
        return self.add(ev.Read(id=identity, account=ACCOUNTS[0], at=at, user="o1", msgid=msgid))

    def add(self, *events: Any) -> int:
        """Add events and build through the running day; the number of rows written."""
        self._events.extend(events)
        self._stored.add(to_batch(list(events), KEY))
        written = self.build()
        assert_rows(self.folder, self._events, self.day, yesterday(self.noon))
        return written

    def build(self, now: datetime = noon) -> int:
        return build(self._stored, self.folder, self._engine, self.day, now=now)

    def assert_over(self) -> None:
        """Build after the day, and compare."""
        self.build(self.noon + timedelta(days=1))
        assert_rows(self.folder, self._events, self.day, self.day)


def test_a_running_day_that_is_built_again_writes_what_can_have_changed(
    tmp_path: Path, engine: DuckDbEngine
) -> None:
    """Not the running totals of articles without events, nor groups without any."""
    running = Day(tmp_path, engine)
    first = running.publish(200)
    again = running.read("r1", "7_1")
    assert again * 10 < first
    assert running.build() == 0
    running.assert_over()


@pytest.mark.parametrize("fact", ["touched", "first_people", "article_times", "so_far"])
def test_a_damaged_fact_of_a_running_day_is_computed_anew(
    tmp_path: Path, engine: DuckDbEngine, fact: str
) -> None:
    running = Day(tmp_path, engine)
    running.publish(3)
    running.read("r1", "2_1")
    day = f"{running.day:%Y%m%d}"
    files = list((tmp_path / "facts" / fact).rglob(f"{day}-*.parquet"))
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
    assert bool(files) == (fact != "so_far")
    running.read("r2", "3_1")
    running.assert_over()
