"""A warehouse that lacks what was handed over: another one, or an older one put back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.builds import KEY, NOW, assert_equal, build, distinct
from support.event_folder import EventFolder
from support.events import crowded
from wxcube.beijing import day_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.cube.incremental.rows import Part
from wxcube.cube.incremental.schedule import QUIET
from wxcube.cube.incremental.watermark import (
    KEEPS_NOTHING,
    Watermark,
    first_days,
    is_as_left,
    lost,
    taken_back,
    taken_back_through,
)
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse


def happened_in_parts(seed: int, parts: int) -> tuple[list[list[Any]], date]:
    """Events in the order in which they come in, and a day after all of them."""
    events, through = crowded(seed, 200)
    happened = sorted(distinct(events), key=lambda event: event.at)
    size = len(happened) // parts + 1
    return [happened[n : n + size] for n in range(0, len(happened), size)], through


def again(folder: Path, events: EventFolder, engine: DuckDbEngine, last: date) -> date | None:
    """Build, and say from which day on everything was built again."""
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        with Build(events, folder / "facts", sink, engine=engine, budget_bytes=20_000) as one:
            one.run(None, day_number(last))
            return one.again


def remove_warehouse(folder: Path) -> None:
    for path in folder.glob("wxcube.db*"):
        path.unlink()


@pytest.mark.parametrize("seed", range(3))
def test_an_empty_warehouse_gets_all_rows(tmp_path: Path, seed: int) -> None:
    [happened], through = happened_in_parts(seed, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(happened, KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        remove_warehouse(tmp_path)
        first = min(day for day, _ in events.revisions())
        assert again(tmp_path, events, engine, through) == first
        assert_equal(tmp_path, happened, through, engine)
        assert again(tmp_path, events, engine, through) is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by_sorting", [True, False])
def test_an_older_warehouse_gets_what_it_lacks_and_what_changed_since(
    tmp_path: Path, seed: int, *, by_sorting: bool
) -> None:
    parts, through = happened_in_parts(seed, 3)
    events, backup = EventFolder(tmp_path), tmp_path / "backup.db"
    early = through - timedelta(days=Random(seed).randint(1, 40))
    with DuckDbEngine(threads=1) as engine:
        events.add(to_batch(parts[0], KEY))
        build(events, tmp_path, engine, early, by_sorting=by_sorting)
        shutil.copy(tmp_path / "wxcube.db", backup)
        events.add(to_batch(parts[1], KEY))
        build(events, tmp_path, engine, through, by_sorting=by_sorting)
        remove_warehouse(tmp_path)
        shutil.copy(backup, tmp_path / "wxcube.db")
        events.add(to_batch(parts[2], KEY))
        build(events, tmp_path, engine, through, by_sorting=by_sorting)
        assert_equal(tmp_path, [one for part in parts for one in part], through, engine)


def test_a_build_of_what_is_lacking_may_be_broken_off(tmp_path: Path) -> None:
    [happened], through = happened_in_parts(5, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(happened, KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        remove_warehouse(tmp_path)
    break_off(tmp_path, events, through, after=30)
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


@pytest.mark.parametrize("after", [5, 30, 60])
def test_what_a_build_that_was_broken_off_had_handed_over_is_lost_with_the_warehouse(
    tmp_path: Path, after: int
) -> None:
    [happened], through = happened_in_parts(3, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(happened, KEY))
    break_off(tmp_path, events, through, after)
    remove_warehouse(tmp_path)
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


@pytest.mark.parametrize("after", [5, 13])
def test_a_warehouse_from_before_a_build_that_was_broken_off_gets_all_rows(
    tmp_path: Path, after: int
) -> None:
    [happened], through = happened_in_parts(3, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(happened, KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through - timedelta(days=3))
        shutil.copy(tmp_path / "wxcube.db", tmp_path / "backup.db")
        break_off(tmp_path, events, through, after)
        remove_warehouse(tmp_path)
        shutil.copy(tmp_path / "backup.db", tmp_path / "wxcube.db")
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


@pytest.mark.parametrize("at", [1, 5, 20, 40, 60, 80])
@pytest.mark.parametrize("is_broken_off", [True, False])
def test_a_copy_made_while_a_build_ran_is_told(
    tmp_path: Path, at: int, *, is_broken_off: bool
) -> None:
    [happened], through = happened_in_parts(3, 1)
    events, copy = EventFolder(tmp_path), tmp_path / "copy.db"
    events.add(to_batch(happened, KEY))
    with DuckDbEngine(threads=1) as engine, Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        inner = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        sink = Copying(inner, at, lambda: copied(tmp_path / "wxcube.db", copy))
        sink.left_after = 12 if is_broken_off else None
        with (
            Build(events, tmp_path / "facts", sink, engine=engine, budget_bytes=20_000) as one,
            suppress(InterruptedError),
        ):
            one.run(None, day_number(through))
    remove_warehouse(tmp_path)
    shutil.copy(copy, tmp_path / "wxcube.db")
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


@pytest.mark.parametrize("after", [5, 27, 30, 33])
def test_a_build_that_was_broken_off_is_no_loss(tmp_path: Path, after: int) -> None:
    [happened], through = happened_in_parts(3, 1)
    late = [event for event in happened if event.account == "wxdemo-d"]
    events = EventFolder(tmp_path, group_count=1)
    with DuckDbEngine(threads=1) as engine:
        events.add(to_batch([event for event in happened if event not in late], KEY))
        build(events, tmp_path, engine, through)
        events.add(to_batch(late, KEY))
        break_off(tmp_path, events, through, after)
        assert again(tmp_path, events, engine, through) is None
        assert_equal(tmp_path, happened, through, engine)


def break_off(folder: Path, events: EventFolder, last: date, after: int) -> None:
    """A build that hands over so many parts and then no more."""
    with DuckDbEngine(threads=1) as engine, Warehouse.open(folder / "wxcube.db") as warehouse:
        broken = BrokenOff(WarehouseSink(warehouse, events.accounts(), lambda: NOW), after)
        with (
            Build(events, folder / "facts", broken, engine=engine, budget_bytes=20_000) as one,
            pytest.raises(InterruptedError),
        ):
            one.run(None, day_number(last))


class BrokenOff:
    """A sink that takes so many parts and then no more."""

    def __init__(self, sink: WarehouseSink, after: int) -> None:
        self._sink, self._left = sink, after

    def replace(self, part: Part) -> None:
        self._left -= 1
        if self._left < 0:
            raise InterruptedError
        self._sink.replace(part)

    def last_days(self) -> Mapping[int, int]:
        return self._sink.last_days()

    def watermark(self) -> Watermark | None:
        return self._sink.watermark()

    def set_watermark(self, mark: Watermark) -> None:
        self._sink.set_watermark(mark)


def copied(database: Path, copy: Path) -> None:
    with closing(sqlite3.connect(database)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)


class Copying(BrokenOff):
    """A sink whose database is copied after so many parts; it takes some more, or all."""

    left_after: int | None = None

    def __init__(self, sink: WarehouseSink, at: int, copy: Callable[[], None]) -> None:
        super().__init__(sink, after=10**9)
        self._at, self._copy = at, copy

    def replace(self, part: Part) -> None:
        super().replace(part)
        self._at -= 1
        if self._at == 0:
            self._copy()
        if self.left_after is not None and self._at == -self.left_after:
            raise InterruptedError


def test_two_warehouses_in_turn_both_have_everything(tmp_path: Path) -> None:
    parts, through = happened_in_parts(7, 4)
    events, happened = EventFolder(tmp_path), []
    for place, part in enumerate(parts):
        events.add(to_batch(part, KEY))
        happened += part
        here, other = tmp_path / "wxcube.db", tmp_path / f"{(place + 1) % 2}.db"
        with DuckDbEngine(threads=1) as engine:
            build(events, tmp_path, engine, through)
            assert_equal(tmp_path, happened, through, engine, f"{place}")
        here.rename(tmp_path / f"{place % 2}.db")
        if other.exists():
            other.rename(here)


# --- marks ---------------------------------------------------------------------------------------


MARK = Watermark("a", 7)


@pytest.mark.parametrize(
    ("ledger", "sink", "is_so"),
    [
        (MARK, MARK, True),
        (MARK, Watermark("a", 90), True),
        (MARK, Watermark("a", 6), False),
        (MARK, Watermark("b", 7), False),
        (MARK, None, False),
        (MARK, KEEPS_NOTHING, True),
        (None, MARK, True),
        (None, None, True),
    ],
)
def test_a_sink_is_as_its_newest_build_left_it(
    ledger: Watermark | None, sink: Watermark | None, *, is_so: bool
) -> None:
    assert is_as_left(ledger, sink) is is_so


def test_days_before_the_first_events_stay() -> None:
    """Retention removed the days before 10."""
    since = first_days([(12, 0), (10, 0), (5, 1)])
    assert since == {0: 10, 1: 5}
    built = {(1, 0): 3, (9, 0): QUIET, (10, 0): 4, (11, 0): QUIET, (12, 0): 5, (12, 2): 5}
    assert taken_back(built, since) == ({(10, 0): 0, (12, 0): 0}, [(11, 0)])
    assert taken_back_through({0: 20, 1: 3, 2: 20}, since) == {0: 9, 1: 3}


@pytest.mark.parametrize(("newest", "is_so"), [(20, False), (9, False), (8, True), (None, True)])
def test_rows_of_days_whose_events_are_gone_are_lost(newest: int | None, *, is_so: bool) -> None:
    last_days = {} if newest is None else {0: newest}
    assert lost({0: 1, 1: 12, 2: 1}, last_days, {0: 10, 1: 12}, 3) is is_so
