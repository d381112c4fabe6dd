"""Builds of some groups and days, interrupted anywhere, give the same rows in the end."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.builds import KEY, NOW, assert_equal, build, distinct
from support.event_folder import EventFolder
from support.events import crowded, moment
from wxcube.beijing import day_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.numpy_strategy import NumpyStrategy
from wxcube.cube.incremental.rollups import RollupBuild
from wxcube.cube.incremental.rows import RowBatch
from wxcube.cube.incremental.watermark import STORES_NOTHING, Watermark
from wxcube.events import kinds as ev
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse


class InterruptedBuildError(Exception):
    """The build is interrupted here."""


class Fuse:
    """Interrupts a build at one of its steps."""

    remaining: int | None = None

    def burn(self) -> None:
        if self.remaining is not None:
            self.remaining -= 1
            if self.remaining <= 0:
                self.remaining = None
                raise InterruptedBuildError


@pytest.fixture
def fuse(monkeypatch: pytest.MonkeyPatch) -> Fuse:
    one = Fuse()

    def around(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def outer(*arguments: Any, **named: Any) -> Any:
            one.burn()
            result = inner(*arguments, **named)
            one.burn()
            return result

        monkeypatch.setattr(owner, name, outer)

    for owner, names in (
        (Facts, ("commit", "add", "delete_other_days")),
        (Ledger, ("set_started", "set_follower_totals", "set_through")),
        (WarehouseSink, ("replace",)),
    ):
        for name in names:
            around(owner, name)
    return one


@pytest.mark.parametrize("seed", range(3))
def test_builds_interrupted_anywhere_give_the_same_rows(
    tmp_path: Path, fuse: Fuse, seed: int
) -> None:
    dice = Random(seed)
    events, through = crowded(seed, dice.choice([80, 250]))
    sent_events = distinct(events)
    dice.shuffle(sent_events)
    cuts = sorted(dice.randint(0, len(sent_events)) for _ in range(2))
    groups = dice.choice([1, 2, 3])
    stored = EventFolder(tmp_path / "events", group_count=groups)
    for begin, end in pairwise([0, *cuts, len(sent_events)]):
        stored.add(to_batch(sent_events[begin:end], KEY))
        last = day_number(through) - dice.choice([0, 1, 2, 5, 20])
        first = dice.choice([None, last, last - 5])
        chosen = dice.choice([None, {dice.randrange(groups)}])
        fuse.remaining = dice.choice([None, dice.randint(1, 60), dice.randint(1, 400)])
        try:
            some_days(tmp_path, stored, (first, last, chosen), use_numpy=dice.random() < 0.7)
        except InterruptedBuildError:
            continue
    fuse.remaining = None
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        build(stored, tmp_path, engine, through)
        assert_equal(tmp_path, sent_events, through, engine)


def some_days(folder: Path, stored: EventFolder, options: Any, *, use_numpy: bool) -> None:
    with (
        DuckDbEngine(threads=2, memory_limit="512MB") as engine,
        Warehouse.open(folder / "wxcube.db") as warehouse,
    ):
        sink = WarehouseSink(warehouse, stored.accounts(), lambda: NOW)
        with Build(
            stored,
            folder / "facts",
            sink,
            engine=engine,
            chunk_bytes=10_000,
            use_numpy=use_numpy,
        ) as one:
            one.run(*options)


def sent(number: int, day: date) -> ev.Message:
    return ev.Message(id=f"m{number}", account="wx1", at=moment(day), user="o", msg_type=1)


def test_an_event_older_than_all_of_its_group_gives_every_day_since(tmp_path: Path) -> None:
    first = date(2026, 1, 1)
    through = first + timedelta(days=70)
    sent_events: list[Any] = []
    stored = EventFolder(tmp_path / "events", group_count=1)
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        for number, day in enumerate((60, 3)):
            more = [sent(number, first + timedelta(days=day))]
            stored.add(to_batch(more, KEY))
            sent_events += more
            build(stored, tmp_path, engine, through)
        assert_equal(tmp_path, sent_events, through, engine)


def test_a_build_interrupted_before_the_rollups_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise InterruptedBuildError

    events, through = crowded(4, 200)
    sent_events = distinct(events)
    stored = EventFolder(tmp_path / "events", group_count=2)
    stored.add(to_batch(sent_events, KEY))
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        with monkeypatch.context() as patched:
            patched.setattr(RollupBuild, "build", interrupted)
            with pytest.raises(InterruptedBuildError):
                build(stored, tmp_path, engine, through)
        build(stored, tmp_path, engine, through)
        assert_equal(tmp_path, sent_events, through, engine)


def test_days_after_the_last_event_of_a_group_alone_can_be_built(tmp_path: Path) -> None:
    day = date(2026, 1, 1)
    stored = EventFolder(tmp_path / "events", group_count=1)
    stored.add(to_batch([sent(1, day)], KEY))
    batches: list[RowBatch] = []

    class Collecting:
        def replace(self, batch: RowBatch) -> None:
            batches.append(batch)

        def last_days(self) -> dict[int, int]:
            return {}

        def watermark(self) -> Watermark:
            return STORES_NOTHING

        def set_watermark(self, watermark: Watermark) -> None:
            """Nothing is stored."""

    with (
        DuckDbEngine(threads=1, memory_limit="512MB") as engine,
        Build(stored, tmp_path / "facts", Collecting(), engine=engine, chunk_bytes=10_000) as one,
    ):
        one.run(day_number(day) + 5, day_number(day) + 9)
        assert not one.built
    assert not any(len(batch.table["acct"]) for batch in batches)


def test_a_day_too_large_for_the_numpy_strategy_is_built_by_the_sql_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, read = NumpyStrategy._rows, []

    def rows(*arguments: Any) -> Any:
        result = inner(*arguments)
        read.append(len(result["d"]))
        return result

    monkeypatch.setattr(NumpyStrategy, "_rows", rows)
    events, through = crowded(4, 200)
    sent_events = distinct(events)
    stored = EventFolder(tmp_path / "events", group_count=1)
    stored.add(to_batch(sent_events, KEY))
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        build(stored, tmp_path, engine, through, chunk_bytes=1)
        assert_equal(tmp_path, sent_events, through, engine)
    assert not any(read)
