"""A build: from changed events to the rows of all endpoints, in steps that may be killed.

What a build does to the ledger, the facts and the sink it does in an order that leaves, wherever
it ends, either a day that is still to be built or rows that are still pending; doing either again
gives the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from secrets import token_hex
from typing import Self

from wxcube.beijing import day_number, day_of_number
from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental import article_registry, watermark
from wxcube.cube.incremental import schedule as calendar
from wxcube.cube.incremental.context import Kit
from wxcube.cube.incremental.daily import SingleDays
from wxcube.cube.incremental.events import Cell, Events
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.numpy_strategy import NumpyStrategy
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.rollups import SeveralDays
from wxcube.cube.incremental.row_writer import Handing
from wxcube.cube.incremental.rows import Sink
from wxcube.cube.incremental.schedule import QUIET, NumberedCell
from wxcube.cube.incremental.sql_strategy import SqlStrategy
from wxcube.cube.incremental.strategy import Strategy
from wxcube.cube.incremental.watermark import Watermark, is_as_left


class Build:
    """One build of some groups, from a ledger, facts and events to a sink."""

    def __init__(  # noqa: PLR0913 - what a build stands between, and what it is told
        self,
        events: Events,
        folder: Path,
        sink: Sink,
        *,
        engine: OpenEngine,
        budget_bytes: int,
        tell: Callable[[Progress], None] = lambda _: None,
        by_sorting: bool = True,
    ) -> None:
        """Between these; DuckDB in this process is helped by sorting, where that is wanted.

        Raises:  EngineError if another build is running.
        """
        with ExitStack() as opened:
            ledger = opened.enter_context(Ledger(folder))
            facts = Facts(folder, events.group_count, ledger.kept())
            steps: Strategy = SqlStrategy(engine, events, facts)
            fast = steps
            if by_sorting and isinstance(engine, DuckDbEngine):
                fast = NumpyStrategy(engine, events, facts, budget_bytes)
                opened.callback(fast.close)
            self._kit = Kit(
                events=events,
                ledger=ledger,
                facts=facts,
                engine=engine,
                handing=Handing(sink, events.group_count),
                steps=steps,
                fast=fast,
                budget=budget_bytes,
                tell=tell,
            )
            self._opened = opened.pop_all()
        self._single_days = SingleDays(self._kit)
        self.again: date | None = None
        """If the sink was not as the newest build left it: the day from which on all is built."""
        self.has_lost = False
        """Whether it then lacks rows of days before, whose events are gone."""

    def close(self) -> None:
        """Let go of the ledger."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, first: int | None, last: int, groups: Collection[int] | None = None) -> None:
        """Build the changed days from `first` to `last`, and what hangs on them.

        Raises:  EngineError if events or facts cannot be read, or rows not be computed; what is
            `built` by then stays so.
        """
        self._kit.facts.remove_strays()
        self._mark()
        dirty = self.changed(first, last, groups)
        through = self._through(dirty, last, groups)
        self._single_days.begin(dirty)
        self._register(dirty, through)
        self._single_days.build(self.changed(first, last, groups), through)
        SeveralDays(self._kit).build(through, len(self._single_days.built))

    @property
    def built(self) -> dict[Cell, int]:
        """The days and groups with events that this build has built, and their revisions."""
        found = self._single_days.built.items()
        return {(day_of_number(d), group): r for (d, group), r in found if r != QUIET}

    def changed(
        self, first: int | None, last: int, groups: Collection[int] | None = None
    ) -> dict[NumberedCell, int]:
        """The cells whose events changed since they were built, with their revisions."""
        cells = {(day_number(d), g): r for (d, g), r in self._kit.events.revisions().items()}
        built = self._kit.ledger.built()
        return calendar.changed(cells, built, last, first=first, groups=groups)

    def _mark(self) -> None:
        """See that the sink has what the ledger noted; if not, do again what can be done."""
        ledger, handing = self._kit.ledger, self._kit.handing
        noted = ledger.watermark()
        is_known = is_as_left(noted, handing.watermark)
        if not is_known:
            self._take_back()
        if not (noted and is_known):
            before = noted or Watermark(token_hex(8), 0)
            handing.set_watermark(before._replace(parts=before.parts + 1))
            with ledger.changing():
                ledger.set_watermark(handing.watermark)

    def _take_back(self) -> None:
        ledger, events = self._kit.ledger, self._kit.events
        since = watermark.first_days((day_number(day), group) for day, group in events.revisions())
        if not since:
            return
        done = {group: day for group, (day, _) in ledger.through().items() if day is not None}
        again, quiet = watermark.taken_back(ledger.built(), since)
        with ledger.changing():
            ledger.set_built(again)
            ledger.forget_built(quiet)
            for group, day in watermark.taken_back_through(done, since).items():
                ledger.set_through([group], day)
        self.again = day_of_number(min(since.values()))
        accounts = ledger.first_days(done)
        self.has_lost = watermark.lost(
            accounts, self._kit.handing.last_days, since, events.group_count
        )

    def _through(
        self, dirty: Iterable[NumberedCell], last: int, groups: Collection[int] | None
    ) -> dict[int, int]:
        """The last day of which each group has all rows when this build has ended."""
        # groups without changes too: a build may have ended between their days and the rest
        through = {group: last for _, group in (*dirty, *self._kit.ledger.built())}
        for group, (done, toward) in self._kit.ledger.through().items():
            through[group] = max(last, done or toward)
        return {g: end for g, end in through.items() if groups is None or g in groups}

    def _register(self, dirty: Iterable[NumberedCell], through: Mapping[int, int]) -> None:
        by_end: dict[int, set[NumberedCell]] = defaultdict(set)
        for day, group in dirty:
            by_end[through[group]].add((day, group))
        for end, cells in by_end.items():
            article_registry.update(
                self._kit.engine, self._kit.ledger, self._kit.events, cells, end
            )
