"""Events in any batches, in any order, with a build after each, give the rows of all at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.event_folder import EventFolder
from support.events import crowded, histories, moment
from wxcube import beijing
from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.outlets.cube_sink import WarehouseSink
from wxcube.sources import event as ev
from wxcube.sources.batch import to_batch
from wxcube.sources.cube import CUBE_ENDPOINTS, compute
from wxcube.sources.engine import DuckDbEngine
from wxcube.sources.increment.build import Build
from wxcube.sources.inputs import number_of
from wxcube.warehouse.store import Warehouse

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NOW = datetime(2030, 1, 1, 9, tzinfo=BEIJING)
KEY = b"key"


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


@pytest.fixture(scope="module")
def file_engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


def build(
    events: EventFolder,
    folder: Path,
    engine: DuckDbEngine,
    last: date,
    budget: int = 20_000,
    *,
    by_sorting: bool = True,
) -> None:
    """A build into the folder's warehouse."""
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        with Build(
            events,
            folder / "facts",
            sink,
            engine=engine,
            budget_bytes=budget,
            by_sorting=by_sorting,
        ) as one:
            one.run(None, number_of(last))


def assert_equal(
    folder: Path, happened: list[Any], through: date, engine: DuckDbEngine, word: str = ""
) -> None:
    """The warehouse has the rows of one computation of everything, and no others."""
    batch = to_batch(happened, KEY)
    expected = compute(batch, through, engine=engine)
    first_days: dict[str, date] = {}
    for event in happened:
        day = beijing.day_of(datetime.fromtimestamp(event.at, BEIJING))
        first_days[event.account] = min(day, first_days.get(event.account, day))
    with Warehouse.open(folder / "wxcube.db", read_only=True) as warehouse:
        for account in batch.accounts:
            for endpoint in CUBE_ENDPOINTS:
                found = warehouse.read(
                    account, endpoint, Window(date(2010, 1, 1), date(2040, 1, 1)), Origin.CUBE
                )
                assert found == expected.rows(account, endpoint), (word, account, endpoint.name)
                known = warehouse.coverage(account, endpoint, Origin.CUBE)
                lacking = _labels(endpoint, first_days[account], through) - known.keys()
                assert not lacking, (word, account, endpoint.name)


def _labels(endpoint: Endpoint[Any], first: date, through: date) -> set[date]:
    """The days, weeks and months that are over and of which something must be known."""
    days = [first + timedelta(days=n) for n in range((through - first).days + 1)]
    ends = {
        beijing.monday(day) + timedelta(days=6): beijing.monday(day)
        for day in days
        if endpoint.has_labels and "week" in endpoint.name
    } or {
        beijing.month_end(day): beijing.month_start(day)
        for day in days
        if endpoint.has_labels and "month" in endpoint.name
    }
    labels = {label for end, label in ends.items() if end <= through and label >= first}
    return {day for day in (labels if ends else days) if day >= endpoint.first_date}


def distinct(events: list[Any]) -> list[Any]:
    return list({(e.account, e.id): e for e in reversed(events)}.values())


def check(events: list[Any], through: date, seed: int, engines: tuple[Any, Any]) -> None:
    """Deal events out into batches and build after each, up to a day that advances."""
    engine, file_engine = engines
    dice = Random(seed)
    happened = distinct(events)
    dice.shuffle(happened)
    cuts = sorted(dice.randint(0, len(happened)) for _ in range(dice.randint(0, 3)))
    bounds = [0, *cuts, len(happened)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored = EventFolder(folder / "events", group_count=dice.choice([1, 2, 3]))
        last = through - timedelta(days=dice.choice([0, 0, 1, 5, 31]))
        for begin, end in pairwise(bounds):
            stored.add(to_batch(happened[begin:end], KEY))
            last = min(through, last + timedelta(days=dice.choice([0, 1, 3, 40])))
            if dice.random() < 0.2:
                shutil.rmtree(folder / "facts", ignore_errors=True)
            budget = dice.choice([10_000, 50_000, 10**9])
            way = dice.choice([True, True, False])
            build(stored, folder, file_engine, last, budget, by_sorting=way)
        build(stored, folder, file_engine, through)
        assert_equal(folder, happened, through, engine)


@given(history=histories(), seed=st.integers(0, 2**32))
@settings(FEW, max_examples=8)
def test_events_in_any_batches_and_order_give_the_same_rows(
    engine: DuckDbEngine, file_engine: DuckDbEngine, history: tuple[list[Any], date], seed: int
) -> None:
    check(*history, seed, (engine, file_engine))


@given(seed=st.integers(0, 2**32))
@settings(FEW, max_examples=4)
def test_crowded_days_in_any_batches_and_order_give_the_same_rows(
    engine: DuckDbEngine, file_engine: DuckDbEngine, seed: int
) -> None:
    check(*crowded(seed, 600), seed, (engine, file_engine))


def test_of_an_account_that_comes_late_with_old_events_every_day_since_is_known(
    engine: DuckDbEngine, file_engine: DuckDbEngine, tmp_path: Path
) -> None:
    first = date(2026, 1, 5)

    def sent(account: str, day: int) -> ev.Message:
        at = moment(first + timedelta(days=day))
        return ev.Message(id=f"{account}{day}", account=account, at=at, user="o", msg_type=1)

    through = first + timedelta(days=80)
    stored = EventFolder(tmp_path / "events", group_count=1)
    happened: list[Any] = []
    early = [sent("early", day) for day in range(0, 70, 3)]
    for more in (early, [sent("late", 30)], [sent("late", 4), sent("late", 50)]):
        stored.add(to_batch(more, KEY))
        happened += more
        build(stored, tmp_path, file_engine, through)
        assert_equal(tmp_path, happened, through, engine)
