"""The context of a build: events, ledger, facts, engine, row writer and strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.ledger import Ledger
from wxcube.cube.incremental.progress import Progress
from wxcube.cube.incremental.row_writer import RowWriter
from wxcube.cube.incremental.strategy import Strategy


@dataclass(frozen=True)
class BuildContext:
    """The resources and options that all parts of one build share."""

    events: Events
    ledger: Ledger
    facts: Facts
    engine: OpenEngine
    writer: RowWriter
    sql: Strategy
    """The SQL steps, for input that is too large for the preferred strategy."""
    preferred: Strategy
    """The fastest strategy that the engine allows."""
    chunk_bytes: int
    """The approximate size of the files that are computed together."""
    over: int | None
    """The last day that is over; None if all are."""
    on_progress: Callable[[Progress], None]

    def is_over(self, day: int) -> bool:
        """Whether a day is over, so that only late events can change its rows."""
        return self.over is None or day <= self.over

    def last_over(self, day: int) -> int:
        """A day, or the last one before it that is over."""
        return day if self.over is None else min(day, self.over)

    def strategy_for(self, sizes: Iterable[int]) -> Strategy:
        """The preferred strategy if parts of these sizes fit into memory, else the SQL steps."""
        return self.preferred if max(sizes, default=0) <= self.chunk_bytes // 2 else self.sql

    def group_of(self, account: int) -> int:
        """The group of an account."""
        return account % self.events.group_count

    def commit_facts(self) -> None:
        """Make the fact files written so far valid.

        They need not be flushed to disk yet: the rows computed from them are pending until then.
        """
        with self.ledger.transaction():
            self.ledger.update_fact_files(self.facts.uncommitted())
        self.facts.commit()
