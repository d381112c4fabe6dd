"""A warehouse that lacks what was handed over: another one, or an older one put back."""

from __future__ import annotations

import shutil
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
from wxcube.sources.increment.behind import (
    Behind,
    Kept,
    Remembered,
    behind,
    taken_back,
    taken_back_through,
)
from wxcube.sources.increment.build import Build
from wxcube.sources.increment.days import QUIET, Hanging
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


@pytest.mark.parametrize("after", [5, 27, 30, 33])
def test_an_account_that_a_build_which_was_broken_off_came_to_know_is_no_loss(
    tmp_path: Path, after: int
) -> None:
    [happened], through = happened_in_parts(3, 1)
    late = [event for event in happened if event.account == "wxdemo-d"]
    events = EventFolder(tmp_path, group_count=1)
    with DuckDbEngine(threads=1) as engine:
        events.add(to_batch([event for event in happened if event not in late], KEY))
        build(events, tmp_path, engine, through)
        events.add(to_batch(late, KEY))
        break_off(tmp_path, events, through, after)
        assert lacked(tmp_path, events, engine, through) is None
        assert_equal(tmp_path, happened, through, engine)


def break_off(folder: Path, events: EventFolder, last: date, after: int) -> None:
    """A build that hands over so many parts and then no more."""
    with DuckDbEngine(threads=1) as engine, Warehouse.open(folder / "wxcube.db") as warehouse:
        broken = BrokenOff(WarehouseSink(warehouse, events.accounts(), lambda: NOW), after)
        with (
            Build(events, folder / "facts", broken, engine=engine, budget_bytes=20_000) as one,
            pytest.raises(InterruptedError),
        ):
            one.run(None, number_of(last))


class BrokenOff:
    """A sink that takes so many parts and then no more."""

    def __init__(self, sink: WarehouseSink, after: int) -> None:
        self._sink, self._left = sink, after

    def replace(self, part: Part) -> None:
        self._left -= 1
        if self._left < 0:
            raise InterruptedError
        self._sink.replace(part)

    def kept(self) -> Kept:
        return self._sink.kept()


# --- which cells -------------------------------------------------------------------------------


def remembered(through: int, first_days: dict[int, int], **more: Any) -> Remembered:
    groups = {account % 3 for account in first_days}
    ends: dict[int, tuple[int | None, int]] = dict.fromkeys(groups, (through, through))
    return Remembered(**{"built": {}, "through": ends, "pending": {}} | more, first_days=first_days)


def test_only_groups_that_lack_something_are_computed_again() -> None:
    first_days = {0: 5, 3: 8, 1: 5, 2: 5, 5: 30}
    kept = Kept({}, {0: 20, 3: 12, 1: 20, 2: 20})
    revisions = {(day, group): 1 for day in (5, 8, 12) for group in (0, 1, 2)}
    found = behind(remembered(20, first_days), kept, revisions, 3)
    assert found == {0: Behind(lacks=13, since=5)}


def test_rows_of_single_days_are_missed_before_there_are_others() -> None:
    built = {(5, 0): 1, (6, 0): QUIET, (7, 0): 2, (8, 0): 0}
    known = Remembered(built, {0: (None, 9)}, {}, {0: 5})
    revisions = {(5, 0): 1, (7, 0): 2, (8, 0): 1}
    assert behind(known, Kept({0: 7}, {}), revisions, 1) == {}
    assert behind(known, Kept({0: 6}, {}), revisions, 1) == {0: Behind(lacks=7, since=5)}
    # the next build changes day 7 anyway
    assert behind(known, Kept({0: 6}, {}), revisions | {(7, 0): 3}, 1) == {}


def test_followers_that_are_left_to_compute_are_not_missed() -> None:
    known = remembered(20, {0: 5}, pending={0: {Hanging.FOLLOWERS: {9, 12}}})
    revisions = {(5, 0): 1}
    assert behind(known, Kept({}, {0: 8}), revisions, 3) == {}
    assert behind(known, Kept({}, {0: 7}), revisions, 3) == {0: Behind(lacks=8, since=5)}


def test_what_came_from_events_that_are_gone_stays() -> None:
    """Retention removed the days before 10."""
    known = remembered(20, {0: 1})
    found = behind(known, Kept({}, {0: 4}), {(10, 0): 1, (12, 0): 1}, 3)
    assert found == {0: Behind(lacks=5, since=10)}
    built = {(1, 0): 3, (9, 0): QUIET, (10, 0): 4, (11, 0): QUIET, (12, 0): 5, (12, 1): 5}
    assert taken_back(built, found) == ({(10, 0): 0, (12, 0): 0}, [(11, 0)])
    assert taken_back_through(known, found) == {0: 9}


def test_days_that_were_never_built_are_not_taken_for_built() -> None:
    """Retention removed the days before 25; builds had come to 20."""
    built = {(20, 0): 1, (26, 0): 1}
    known = Remembered(built, {0: (20, 26)}, {}, {0: 1})
    found = behind(known, Kept({}, {}), {(25, 0): 1, (26, 0): 1}, 1)
    assert found == {0: Behind(lacks=1, since=25)}
    assert taken_back_through(known, found) == {0: 20}


def test_what_cannot_be_computed_is_not_taken_back_at_every_build() -> None:
    """Of a new database, a build broken off before it had anything of the days since 10."""
    known = Remembered({(4, 0): 1, (10, 0): 0}, {0: (9, 20)}, {}, {0: 1})
    assert behind(known, Kept({}, {}), {(10, 0): 1}, 1) == {}


def test_a_group_whose_events_are_all_gone_stays() -> None:
    assert behind(remembered(20, {0: 1}), Kept({}, {}), {}, 3) == {}
