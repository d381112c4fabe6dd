"""Events in any batches and any order, with a build after each, give the rows of one computation."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.builds import KEY, assert_equal, build, distinct
from support.event_folder import EventFolder
from support.events import crowded, histories, moment
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.events import kinds as ev
from wxcube.events.columns import to_batch

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


@pytest.fixture(scope="module")
def file_engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        yield engine


def check(events: list[Any], through: date, seed: int, engines: tuple[Any, Any]) -> None:
    """Split events into batches and build after each, up to a day that advances."""
    engine, file_engine = engines
    dice = Random(seed)
    sent_events = distinct(events)
    dice.shuffle(sent_events)
    cuts = sorted(dice.randint(0, len(sent_events)) for _ in range(dice.randint(0, 3)))
    bounds = [0, *cuts, len(sent_events)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored = EventFolder(folder / "events", group_count=dice.choice([1, 2, 3]))
        last = through - timedelta(days=dice.choice([0, 0, 1, 5, 31]))
        for begin, end in pairwise(bounds):
            stored.add(to_batch(sent_events[begin:end], KEY))
            last = min(through, last + timedelta(days=dice.choice([0, 1, 3, 40])))
            if dice.random() < 0.2:
                shutil.rmtree(folder / "facts", ignore_errors=True)
            chunk_bytes = dice.choice([10_000, 50_000, 10**9])
            use_numpy = dice.choice([True, True, False])
            build(stored, folder, file_engine, last, chunk_bytes, use_numpy=use_numpy)
        build(stored, folder, file_engine, through)
        assert_equal(folder, sent_events, through, engine)


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


@pytest.mark.parametrize("seed", range(4))
def test_removed_events_are_not_counted(
    tmp_path: Path, engine: DuckDbEngine, file_engine: DuckDbEngine, seed: int
) -> None:
    events, through = crowded(seed, 300)
    sent_events = distinct(events)
    first = {e.account: e.at for e in sorted(sent_events, key=lambda e: -e.at)}
    dice = Random(seed)
    lost = [e for e in sent_events if e.at > first[e.account] + 86_400 and dice.random() < 0.4]
    left = [e for e in sent_events if e not in lost]
    assert {type(e) for e in lost} >= {ev.Publish, ev.Follow, ev.Unfollow, ev.Read}
    stored = EventFolder(tmp_path / "events")
    for batch in (left, lost):
        stored.add(to_batch(batch, KEY))
        build(stored, tmp_path, file_engine, through)
    assert_equal(tmp_path, sent_events, through, engine, "all")
    stored.forget(2)
    build(stored, tmp_path, file_engine, through)
    assert_equal(tmp_path, left, through, engine, "left")


def test_an_article_with_an_earlier_publish_event_is_moved_even_without_facts(
    tmp_path: Path, engine: DuckDbEngine, file_engine: DuckDbEngine
) -> None:
    first = date(2026, 1, 1)
    through = first + timedelta(days=40)
    stored = EventFolder(tmp_path / "events", group_count=1)
    sent_events: list[Any] = []
    more: list[Any]
    for number, day in enumerate((10, 5)):
        at = moment(first + timedelta(days=day), 9)
        more = [
            ev.Publish(account="a", at=at, id=f"p{number}", msgid="2_1", target_user=7),
            ev.Read(account="a", at=at + 60, id=f"r{number}", user="u", msgid="2_1"),
        ]
        shutil.rmtree(tmp_path / "facts", ignore_errors=True)
        stored.add(to_batch(more, KEY))
        sent_events += more
        build(stored, tmp_path, file_engine, through)
    assert_equal(tmp_path, sent_events, through, engine)


def test_an_account_with_late_old_events_gets_every_day_since(
    engine: DuckDbEngine, file_engine: DuckDbEngine, tmp_path: Path
) -> None:
    first = date(2026, 1, 5)

    def sent(account: str, day: int) -> ev.Message:
        at = moment(first + timedelta(days=day))
        return ev.Message(id=f"{account}{day}", account=account, at=at, user="o", msg_type=1)

    through = first + timedelta(days=80)
    stored = EventFolder(tmp_path / "events", group_count=1)
    sent_events: list[Any] = []
    early = [sent("early", day) for day in range(0, 70, 3)]
    for more in (early, [sent("late", 30)], [sent("late", 4), sent("late", 50)]):
        stored.add(to_batch(more, KEY))
        sent_events += more
        build(stored, tmp_path, file_engine, through)
        assert_equal(tmp_path, sent_events, through, engine)
