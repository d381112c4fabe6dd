"""A warehouse that lacks what was handed over: another one, or an older one put back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.builds import KEY, NOW, assert_equal, build, distinct
from support.event_folder import EventFolder
from support.events import crowded
from wxcube.outlets.cube_sink import WarehouseSink
from wxcube.sources.batch import to_batch
from wxcube.sources.engine import DuckDbEngine
from wxcube.sources.increment.behind import Behind, behind, taken_back
from wxcube.sources.increment.build import Build
from wxcube.sources.increment.days import QUIET
from wxcube.sources.increment.rows import Part
from wxcube.sources.inputs import day_numbered, number_of
from wxcube.warehouse.store import Warehouse


def happened_in_parts(seed: int, parts: int) -> tuple[list[list[Any]], date]:
    """Events in the order in which they come in, and a day after all of them."""
    events, through = crowded(seed, 200)
    happened = sorted(distinct(events), key=lambda event: event.at)
    size = len(happened) // parts + 1
    return [happened[n : n + size] for n in range(0, len(happened), size)], through


def lacked(
    folder: Path, events: EventFolder, engine: DuckDbEngine, last: date
) -> tuple[date, ...] | None:
    """Build, and say which rows were missing, and from when on they were computed again."""
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        with Build(events, folder / "facts", sink, engine=engine, budget_bytes=20_000) as one:
            one.run(None, number_of(last))
            return one.lacked and tuple(map(day_numbered, one.lacked))


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
        assert lacked(tmp_path, events, engine, through) == (first, first)
        assert_equal(tmp_path, happened, through, engine)
        assert lacked(tmp_path, events, engine, through) is None


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
    with DuckDbEngine(threads=1) as engine, Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: NOW)
        broken = BrokenOff(sink, after=30)
        with (
            Build(events, tmp_path / "facts", broken, engine=engine, budget_bytes=20_000) as one,
            pytest.raises(InterruptedError),
        ):
            one.run(None, number_of(through))
    with DuckDbEngine(threads=1) as engine:
        build(events, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


class BrokenOff:
    """A sink that takes so many parts and then no more."""

    def __init__(self, sink: WarehouseSink, after: int) -> None:
        self._sink, self._left = sink, after

    def replace(self, part: Part) -> None:
        self._left -= 1
        if self._left < 0:
            raise InterruptedError
        self._sink.replace(part)

    def last_days(self) -> Mapping[int, int] | None:
        return self._sink.last_days()


# --- which cells -------------------------------------------------------------------------------


def test_only_groups_that_lack_something_are_computed_again() -> None:
    through, first_days = {0: 20, 1: 20, 2: 20}, {0: 5, 3: 8, 1: 5, 2: 5, 5: 30}
    last_days = {0: 20, 3: 12, 1: 20, 2: 20}
    cells = [(day, group) for day in (5, 8, 12) for group in (0, 1, 2)]
    found = behind(through, first_days, last_days, cells, 3)
    assert found == {0: Behind(lacks=13, since=5)}


def test_what_came_from_events_that_are_gone_stays() -> None:
    """Retention removed the days before 10."""
    found = behind({0: 20}, {0: 1}, {0: 4}, [(10, 0), (12, 0)], 1)
    assert found == {0: Behind(lacks=5, since=10)}
    built = {(1, 0): 3, (9, 0): QUIET, (10, 0): 4, (11, 0): QUIET, (12, 0): 5, (12, 1): 5}
    assert taken_back(built, found) == ({(10, 0): 0, (12, 0): 0}, [(11, 0)])


def test_a_group_whose_events_are_all_gone_stays() -> None:
    assert behind({0: 20}, {0: 1}, {}, [], 1) == {}
