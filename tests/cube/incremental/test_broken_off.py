"""Builds of some groups and days, back and forth, broken off anywhere, end in the same rows."""

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
from wxcube.cube.incremental.rollups import SeveralDays
from wxcube.cube.incremental.rows import Part
from wxcube.cube.incremental.watermark import KEEPS_NOTHING, Watermark
from wxcube.events import kinds as ev
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse


class BrokenOffError(Exception):
    """The build ends here."""


class Fuse:
    """Breaks a build off at one of its steps."""

    left: int | None = None

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.left = None
                raise BrokenOffError


@pytest.fixture
def fuse(monkeypatch: pytest.MonkeyPatch) -> Fuse:
    one = Fuse()

    def around(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def outer(*arguments: Any, **named: Any) -> Any:
            one.burn()
            found = inner(*arguments, **named)
            one.burn()
            return found

        monkeypatch.setattr(owner, name, outer)

    for owner, names in (
        (Facts, ("settled", "add", "drop")),
        (Ledger, ("set_toward", "set_standing", "set_through")),
        (WarehouseSink, ("replace",)),
    ):
        for name in names:
            around(owner, name)
    return one


@pytest.mark.parametrize("seed", range(3))
def test_builds_broken_off_anywhere_end_in_the_same_rows(
    tmp_path: Path, fuse: Fuse, seed: int
) -> None:
    dice = Random(seed)
    events, through = crowded(seed, dice.choice([80, 250]))
    happened = distinct(events)
    dice.shuffle(happened)
    cuts = sorted(dice.randint(0, len(happened)) for _ in range(2))
    groups = dice.choice([1, 2, 3])
    stored = EventFolder(tmp_path / "events", group_count=groups)
    for begin, end in pairwise([0, *cuts, len(happened)]):
        stored.add(to_batch(happened[begin:end], KEY))
        last = day_number(through) - dice.choice([0, 1, 2, 5, 20])
        first = dice.choice([None, last, last - 5])
        chosen = dice.choice([None, {dice.randrange(groups)}])
        fuse.left = dice.choice([None, dice.randint(1, 60), dice.randint(1, 400)])
        try:
            some_days(tmp_path, stored, (first, last, chosen), by_sorting=dice.random() < 0.7)
        except BrokenOffError:
            continue
    fuse.left = None
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        build(stored, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


def some_days(folder: Path, stored: EventFolder, asked: Any, *, by_sorting: bool) -> None:
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
            budget_bytes=10_000,
            by_sorting=by_sorting,
        ) as one:
            one.run(*asked)


def sent(number: int, day: date) -> ev.Message:
    return ev.Message(id=f"m{number}", account="wx1", at=moment(day), user="o", msg_type=1)


def test_an_event_older_than_all_of_its_group_makes_every_day_since_known(tmp_path: Path) -> None:
    first = date(2026, 1, 1)
    through = first + timedelta(days=70)
    happened: list[Any] = []
    stored = EventFolder(tmp_path / "events", group_count=1)
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        for number, day in enumerate((60, 3)):
            more = [sent(number, first + timedelta(days=day))]
            stored.add(to_batch(more, KEY))
            happened += more
            build(stored, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


def test_a_build_broken_off_before_what_hangs_on_several_days_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BrokenOffError

    events, through = crowded(4, 200)
    happened = distinct(events)
    stored = EventFolder(tmp_path / "events", group_count=2)
    stored.add(to_batch(happened, KEY))
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        with monkeypatch.context() as patched:
            patched.setattr(SeveralDays, "build", broken)
            with pytest.raises(BrokenOffError):
                build(stored, tmp_path, engine, through)
        build(stored, tmp_path, engine, through)
        assert_equal(tmp_path, happened, through, engine)


def test_days_after_the_last_event_of_a_group_alone_can_be_built(tmp_path: Path) -> None:
    day = date(2026, 1, 1)
    stored = EventFolder(tmp_path / "events", group_count=1)
    stored.add(to_batch([sent(1, day)], KEY))
    handed: list[Part] = []

    class Taking:
        def replace(self, part: Part) -> None:
            handed.append(part)

        def last_days(self) -> dict[int, int]:
            return {}

        def watermark(self) -> Watermark:
            return KEEPS_NOTHING

        def set_watermark(self, mark: Watermark) -> None:
            """Nothing is kept."""

    with (
        DuckDbEngine(threads=1, memory_limit="512MB") as engine,
        Build(stored, tmp_path / "facts", Taking(), engine=engine, budget_bytes=10_000) as one,
    ):
        one.run(day_number(day) + 5, day_number(day) + 9)
        assert not one.built
    assert not any(len(part.table["acct"]) for part in handed)


def test_a_day_too_large_to_be_sorted_within_the_memory_is_built_by_the_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, read = NumpyStrategy._rows, []

    def rows(*arguments: Any) -> Any:
        found = inner(*arguments)
        read.append(len(found["d"]))
        return found

    monkeypatch.setattr(NumpyStrategy, "_rows", rows)
    events, through = crowded(4, 200)
    happened = distinct(events)
    stored = EventFolder(tmp_path / "events", group_count=1)
    stored.add(to_batch(happened, KEY))
    with DuckDbEngine(threads=1, memory_limit="512MB") as engine:
        build(stored, tmp_path, engine, through, budget=1)
        assert_equal(tmp_path, happened, through, engine)
    assert not any(read)
