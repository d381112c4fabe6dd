"""A build: from changed events to the rows of all endpoints, in steps that may be interrupted.

The order in which a build changes the ledger, the facts and the sink ensures that, wherever it is
interrupted, either a partition remains to be built or rows remain pending. Repeating either gives
the same rows.
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
from wxcube.cube.incremental import article_registry, schedule, watermark
from wxcube.cube.incremental.context import BuildContext
from wxcube.cube.incremental.daily import DailyBuild
from wxcube.cube.incremental.events import Events, Partition
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.numpy_strategy import NumpyStrategy
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.rollups import RollupBuild
from wxcube.cube.incremental.row_writer import RowWriter
from wxcube.cube.incremental.rows import Sink
from wxcube.cube.incremental.schedule import NO_EVENTS, NumberedPartition
from wxcube.cube.incremental.sql_strategy import SqlStrategy
from wxcube.cube.incremental.strategy import Strategy
from wxcube.cube.incremental.watermark import STORES_NOTHING, Watermark

LONGEST_SILENCE = 62
"""Days without events after an account's first day that are not reported."""


class Build:
    """One build of some groups: reads events, and updates the ledger, the facts and a sink."""

    def __init__(  # noqa: PLR0913 - the inputs, outputs and options of a build
        self,
        events: Events,
        folder: Path,
        sink: Sink,
        *,
        engine: OpenEngine,
        chunk_bytes: int,
        over: int | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        use_numpy: bool = True,
    ) -> None:
        """A build with the ledger and facts in a folder.

        Days after `over` are still running: they are computed whenever their events changed, and
        once more when they are over. Without it, all days are over.

        `use_numpy` lets DuckDB in this process use the numpy strategy for the slowest steps.

        Raises:  EngineError if another build is running.
        """
        with ExitStack() as stack:
            ledger = stack.enter_context(Ledger(folder))
            facts = Facts(folder, events.group_count, ledger.fact_files())
            sql: Strategy = SqlStrategy(engine, events, facts)
            preferred = sql
            if use_numpy and isinstance(engine, DuckDbEngine):
                preferred = NumpyStrategy(engine, events, facts, chunk_bytes)
                stack.callback(preferred.close)
            self._context = BuildContext(
                events=events,
                ledger=ledger,
                facts=facts,
                engine=engine,
                writer=RowWriter(sink, events.group_count),
                sql=sql,
                preferred=preferred,
                chunk_bytes=chunk_bytes,
                over=over,
                on_progress=on_progress,
            )
            self._resources = stack.pop_all()
        self._daily = DailyBuild(self._context)
        self.rebuilt_from: date | None = None
        """The day from which everything is rebuilt, if the sink was replaced or restored."""
        self.has_lost_rows = False
        """Whether such a sink lacks rows of earlier days, whose events were removed."""

    def close(self) -> None:
        """Release the ledger."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, first: int | None, last: int, groups: Collection[int] | None = None) -> None:
        """Build the changed days from `first` to `last`, and all rows that depend on them.

        Raises:  EngineError if events or facts cannot be read, or rows cannot be computed; what
            is `built` by then stays built.
        """
        self._context.facts.remove_orphans()
        self._check_watermark()
        changed = self.changed(first, last, groups)
        through = self._through(changed, last, groups)
        self._daily.prefetch(changed)
        self._update_articles(changed, through)
        self._daily.build(self.changed(first, last, groups), through)
        RollupBuild(self._context).build(through, len(self._daily.built))

    @property
    def built(self) -> dict[Partition, int]:
        """The partitions with events that this build has built, and their revisions."""
        built = self._daily.built.items()
        return {(day_of_number(day), group): r for (day, group), r in built if r != NO_EVENTS}

    @property
    def early_starts(self) -> dict[int, tuple[date, date]]:
        """Accounts of which one day of events is long before all others: that day and the next.

        Every day between them gets rows, so that an event with a wrong time costs many.
        """
        two_days = {account: days for account, days in self._daily.starts.items() if len(days) > 1}
        return {
            account: (day_of_number(first), day_of_number(second))
            for account, (first, second) in two_days.items()
            if second - first > LONGEST_SILENCE
        }

    def changed(
        self, first: int | None, last: int, groups: Collection[int] | None = None
    ) -> dict[NumberedPartition, int]:
        """The partitions whose events changed since they were built, with their revisions."""
        revisions = {
            (day_number(day), group): r
            for (day, group), r in self._context.events.revisions().items()
        }
        ledger = self._context.ledger
        changed = schedule.changed(revisions, ledger.built(), last, first=first, groups=groups)
        running = ledger.running()
        is_over = self._context.is_over
        return {p: r for p, r in changed.items() if is_over(p[0]) or running.get(p) != r}

    def _check_watermark(self) -> None:
        """If the sink lacks what the ledger recorded, mark everything for rebuild."""
        ledger, writer = self._context.ledger, self._context.writer
        if writer.watermark == STORES_NOTHING:
            return
        recorded = ledger.watermarks()
        if not watermark.is_current(recorded, writer.watermark):
            self._mark_for_rebuild()
        batches = max((one.batches for one in recorded), default=0)
        new = Watermark(token_hex(8), batches + 1)
        with ledger.transaction():
            ledger.set_watermarks(*recorded, new)
        writer.set_watermark(new)
        with ledger.transaction():
            ledger.set_watermarks(writer.watermark)

    def _mark_for_rebuild(self) -> None:
        ledger, events = self._context.ledger, self._context.events
        since = watermark.first_days((day_number(day), group) for day, group in events.revisions())
        if not since:
            return
        through = {group: day for group, (day, _) in ledger.through().items() if day is not None}
        rebuilt, without_events = watermark.to_rebuild(ledger.built(), since)
        with ledger.transaction():
            ledger.set_built(rebuilt)
            ledger.delete_built(without_events)
            ledger.delete_running()
            for group, day in watermark.through_before_rebuild(through, since).items():
                ledger.set_through([group], day)
        self.rebuilt_from = day_of_number(min(since.values()))
        self.has_lost_rows = watermark.has_lost_rows(
            ledger.first_days(through), self._context.writer.last_days, since, events.group_count
        )

    def _through(
        self, changed: Iterable[NumberedPartition], last: int, groups: Collection[int] | None
    ) -> dict[int, int]:
        """The last day of which each group has all rows when this build has ended."""
        # groups without changes too: an interrupted build may have left rows pending
        through = {group: last for _, group in (*changed, *self._context.ledger.built())}
        for group, (complete, started) in self._context.ledger.through().items():
            through[group] = max(last, complete or started)
        return {group: end for group, end in through.items() if groups is None or group in groups}

    def _update_articles(
        self, changed: Iterable[NumberedPartition], through: Mapping[int, int]
    ) -> None:
        by_end: dict[int, set[NumberedPartition]] = defaultdict(set)
        for day, group in changed:
            by_end[through[group]].add((day, group))
        for end, partitions in by_end.items():
            article_registry.update(
                self._context.engine,
                self._context.ledger,
                self._context.events,
                partitions,
                end,
            )
