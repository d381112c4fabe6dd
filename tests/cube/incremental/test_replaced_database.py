"""A database that lacks written rows: replaced by another one, or restored from a backup."""

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
from wxcube.cube.incremental.rows import RowBatch
from wxcube.cube.incremental.schedule import NO_EVENTS
from wxcube.cube.incremental.watermark import (
    STORES_NOTHING,
    Watermark,
    first_days,
    has_lost_rows,
    is_current,
    through_before_rebuild,
    to_rebuild,
)
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse


def events_in_parts(seed: int, parts: int) -> tuple[list[list[Any]], date]:
    """Events in the order of their time, in parts, and a day after all of them."""
    events, through = crowded(seed, 200)
    ordered = sorted(distinct(events), key=lambda event: event.at)
    size = len(ordered) // parts + 1
    return [ordered[n : n + size] for n in range(0, len(ordered), size)], through


def rebuilt_from(
    folder: Path, events: EventFolder, engine: DuckDbEngine, last: date
) -> date | None:
    """Build, and return the day from which everything was rebuilt."""
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        with Build(events, folder / "facts", sink, engine=engine, chunk_bytes=20_000) as one:
            one.run(None, day_number(last))
            return one.rebuilt_from


def remove_warehouse(folder: Path) -> None:
    for path in folder.glob("wxcube.db*"):
        path.unlink()


@pytest.mark.parametrize("seed", range(3))
def test_an_empty_warehouse_gets_all_rows(tmp_path: Path, seed: int) -> None:
    [all_events], through = events_in_parts(seed, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(all_events, KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        remove_warehouse(tmp_path)
        first = min(day for day, _ in events.revisions())
        assert rebuilt_from(tmp_path, events, engine, through) == first
        assert_equal(tmp_path, all_events, through, engine)
        assert rebuilt_from(tmp_path, events, engine, through) is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("use_numpy", [True, False])
def test_an_older_database_gets_missing_and_changed_rows(
    tmp_path: Path, seed: int, *, use_numpy: bool
) -> None:
    parts, through = events_in_parts(seed, 3)
    events, backup = EventFolder(tmp_path), tmp_path / "backup.db"
    early = through - timedelta(days=Random(seed).randint(1, 40))
    with DuckDbEngine(threads=1) as engine:
        events.add(to_batch(parts[0], KEY))
        build(events, tmp_path, engine, early, use_numpy=use_numpy)
        shutil.copy(tmp_path / "wxcube.db", backup)
        events.add(to_batch(parts[1], KEY))
        build(events, tmp_path, engine, through, use_numpy=use_numpy)
        remove_warehouse(tmp_path)
        shutil.copy(backup, tmp_path / "wxcube.db")
        events.add(to_batch(parts[2], KEY))
        build(events, tmp_path, engine, through, use_numpy=use_numpy)
        assert_equal(tmp_path, [one for part in parts for one in part], through, engine)


def test_a_rebuild_can_be_interrupted(tmp_path: Path) -> None:
    [all_events], through = events_in_parts(5, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(all_events, KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        remove_warehouse(tmp_path)
    interrupt(tmp_path, events, through, after=30)
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, all_events, through, engine)


@pytest.mark.parametrize("after", [5, 30, 60])
def test_rows_of_an_interrupted_build_are_lost_with_the_database(
    tmp_path: Path, after: int
) -> None:
    [all_events], through = events_in_parts(3, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(all_events, KEY))
    interrupt(tmp_path, events, through, after)
    remove_warehouse(tmp_path)
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, all_events, through, engine)


@pytest.mark.parametrize("after", [5, 13])
def test_a_database_from_before_an_interrupted_build_gets_all_rows(
    tmp_path: Path, after: int
) -> None:
    [all_events], through = events_in_parts(3, 1)
    events = EventFolder(tmp_path)
    events.add(to_batch(all_events, KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through - timedelta(days=3))
        shutil.copy(tmp_path / "wxcube.db", tmp_path / "backup.db")
        interrupt(tmp_path, events, through, after)
        remove_warehouse(tmp_path)
        shutil.copy(tmp_path / "backup.db", tmp_path / "wxcube.db")
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, all_events, through, engine)


@pytest.mark.parametrize("at", [1, 5, 20, 40, 60, 80])
@pytest.mark.parametrize("is_interrupted", [True, False])
def test_a_copy_made_during_a_build_gets_all_rows(
    tmp_path: Path, at: int, *, is_interrupted: bool
) -> None:
    [all_events], through = events_in_parts(3, 1)
    events, copy = EventFolder(tmp_path), tmp_path / "copy.db"
    events.add(to_batch(all_events, KEY))
    with DuckDbEngine(threads=1) as engine, Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        inner = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        sink = Copying(inner, at, lambda: copied(tmp_path / "wxcube.db", copy))
        sink.batches_after = 12 if is_interrupted else None
        with (
            Build(events, tmp_path / "facts", sink, engine=engine, chunk_bytes=20_000) as one,
            suppress(InterruptedError),
        ):
            one.run(None, day_number(through))
    remove_warehouse(tmp_path)
    shutil.copy(copy, tmp_path / "wxcube.db")
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, all_events, through, engine)


@pytest.mark.parametrize("after", [5, 27, 30, 33])
def test_after_an_interrupted_build_nothing_is_rebuilt(tmp_path: Path, after: int) -> None:
    [all_events], through = events_in_parts(3, 1)
    late = [event for event in all_events if event.account == "wxdemo-d"]
    events = EventFolder(tmp_path, group_count=1)
    with DuckDbEngine(threads=1) as engine:
        events.add(to_batch([event for event in all_events if event not in late], KEY))
        build(events, tmp_path, engine, through)
        events.add(to_batch(late, KEY))
        interrupt(tmp_path, events, through, after)
        assert rebuilt_from(tmp_path, events, engine, through) is None
        assert_equal(tmp_path, all_events, through, engine)


def interrupt(folder: Path, events: EventFolder, last: date, after: int) -> None:
    """Build, interrupted after a number of batches."""
    with DuckDbEngine(threads=1) as engine, Warehouse.open(folder / "wxcube.db") as warehouse:
        interrupted = Interrupted(WarehouseSink(warehouse, events.accounts(), lambda: NOW), after)
        with (
            Build(events, folder / "facts", interrupted, engine=engine, chunk_bytes=20_000) as one,
            pytest.raises(InterruptedError),
        ):
            one.run(None, day_number(last))


class Interrupted:
    """A sink that raises an error after a number of batches."""

    def __init__(self, sink: WarehouseSink, after: int) -> None:
        self._sink, self._remaining = sink, after

    def replace(self, batch: RowBatch) -> None:
        self._remaining -= 1
        if self._remaining < 0:
            raise InterruptedError
        self._sink.replace(batch)

    def last_days(self) -> Mapping[int, int]:
        return self._sink.last_days()

    def watermark(self) -> Watermark | None:
        return self._sink.watermark()

    def set_watermark(self, watermark: Watermark) -> None:
        self._sink.set_watermark(watermark)


def copied(database: Path, copy: Path) -> None:
    with closing(sqlite3.connect(database)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)


class Copying(Interrupted):
    """A sink whose database is copied after a number of batches; more batches may follow."""

    batches_after: int | None = None

    def __init__(self, sink: WarehouseSink, at: int, copy: Callable[[], None]) -> None:
        super().__init__(sink, after=10**9)
        self._at, self._copy = at, copy

    def replace(self, batch: RowBatch) -> None:
        super().replace(batch)
        self._at -= 1
        if self._at == 0:
            self._copy()
        if self.batches_after is not None and self._at == -self.batches_after:
            raise InterruptedError


def test_two_databases_used_in_turn_both_have_all_rows(tmp_path: Path) -> None:
    parts, through = events_in_parts(7, 4)
    events, all_events = EventFolder(tmp_path), []
    for place, part in enumerate(parts):
        events.add(to_batch(part, KEY))
        all_events += part
        here, other = tmp_path / "wxcube.db", tmp_path / f"{(place + 1) % 2}.db"
        with DuckDbEngine(threads=1) as engine:
            build(events, tmp_path, engine, through)
            assert_equal(tmp_path, all_events, through, engine, f"{place}")
        here.rename(tmp_path / f"{place % 2}.db")
        if other.exists():
            other.rename(here)


def test_a_database_of_a_copy_of_the_store_gets_all_rows(tmp_path: Path) -> None:
    parts, through = events_in_parts(7, 2)
    here, copy = tmp_path / "here", tmp_path / "copy"
    here.mkdir()
    events = EventFolder(here)
    events.add(to_batch(parts[0], KEY))
    with DuckDbEngine(threads=1) as engine:
        build(events, here, engine, through)
        shutil.copytree(here, copy)
        # both go on: the copy without the other events, and with as many builds
        for _ in range(3):
            build(events, copy, engine, through)
        events.add(to_batch(parts[1], KEY))
        build(events, here, engine, through)
        (copy / "wxcube.db").replace(here / "wxcube.db")
        assert rebuilt_from(here, events, engine, through) is not None
        assert_equal(here, parts[0] + parts[1], through, engine)
        assert rebuilt_from(here, events, engine, through) is None


# --- watermarks ----------------------------------------------------------------------------------


WATERMARK = Watermark("a", 7)


@pytest.mark.parametrize(
    ("ledger", "sink", "is_so"),
    [
        ([WATERMARK], WATERMARK, True),
        ([WATERMARK], Watermark("a", 90), True),
        ([WATERMARK], Watermark("a", 6), False),
        ([WATERMARK], Watermark("b", 7), False),
        ([WATERMARK, Watermark("b", 7)], Watermark("b", 7), True),
        ([WATERMARK], None, False),
        ([WATERMARK], STORES_NOTHING, True),
        ([], WATERMARK, True),
        ([], None, True),
    ],
)
def test_a_sink_is_current_if_it_has_all_recorded_batches(
    ledger: list[Watermark], sink: Watermark | None, *, is_so: bool
) -> None:
    assert is_current(ledger, sink) is is_so


def test_days_before_the_first_events_are_not_rebuilt() -> None:
    """Retention deleted the days before 10."""
    since = first_days([(12, 0), (10, 0), (5, 1)])
    assert since == {0: 10, 1: 5}
    built = {(1, 0): 3, (9, 0): NO_EVENTS, (10, 0): 4, (11, 0): NO_EVENTS, (12, 0): 5, (12, 2): 5}
    assert to_rebuild(built, since) == ({(10, 0): 0, (12, 0): 0}, [(11, 0)])
    assert through_before_rebuild({0: 20, 1: 3, 2: 20}, since) == {0: 9, 1: 3}


@pytest.mark.parametrize(("newest", "is_so"), [(20, False), (9, False), (8, True), (None, True)])
def test_missing_rows_of_deleted_events_are_lost(newest: int | None, *, is_so: bool) -> None:
    last_days = {} if newest is None else {0: newest}
    assert has_lost_rows({0: 1, 1: 12, 2: 1}, last_days, {0: 10, 1: 12}, 3) is is_so
