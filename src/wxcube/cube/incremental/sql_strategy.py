"""The SQL strategy: runs the steps as they are written, on any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental import daily_steps, rollup_steps, running_totals
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.rollup_steps import EndpointTables
from wxcube.cube.incremental.schedule import Chunk
from wxcube.cube.incremental.strategy import DayTables, Result, Unit
from wxcube.events.columns import Columns


class SqlStrategy:
    """Runs the steps as they are written, on any engine."""

    account_tables: ClassVar[tuple[str, ...]] = daily_steps.EVENT_TABLES
    article_table: ClassVar[str] = "touched"

    def __init__(self, engine: OpenEngine, events: Events, facts: Facts) -> None:
        self._engine = engine
        self._events = events
        self._facts = facts

    def prefetch(self, chunk: Chunk) -> None:
        """Do nothing: the engine runs one step at a time."""

    def make_day_tables(self, chunk: Chunk) -> DayTables:
        """Run the steps up to the facts, and save these."""
        facts = daily_steps.FACT_TABLES
        daily_steps.load_events(self._engine, self._events, chunk)
        daily_steps.load_article_follows(self._engine)
        for step in daily_steps.run(self._engine, daily_steps.FACT_STEPS, keep=facts):
            if step.name in facts:
                self._facts.save(self._engine, step.name, chunk.days, chunk.groups)
        return DayTables((*daily_steps.EVENT_TABLES, "article_follow", *facts), {})

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> EndpointTables:
        """Run the steps that follow the fact message_day."""
        return rollup_steps.periods(self._engine, self._facts, groups, weeks, months)

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Run the steps that follow the fact touched."""
        running_totals.save_first_people(self._engine, self._facts, articles, chunk)

    def read_fact(self, fact: str, days: Iterable[int], group: int) -> Columns:
        """The rows as the engine returns them."""
        self._facts.read(self._engine, fact, fact, days, [group])
        rows = self._engine.query(f"SELECT * FROM {fact}")  # noqa: S608 - own names
        self._engine.drop(fact)
        return rows

    def has_fact(self, fact: str, day: int, group: int) -> bool:
        """Whether there is a file."""
        return self._facts.has(fact, day, group)

    def replace_fact(self, fact: str, columns: Columns, day: int, group: int) -> None:
        """Save the rows through the engine."""
        self._engine.load(fact, columns)
        self._facts.save(self._engine, fact, [day], [group])
        self._engine.drop(fact)
        self._facts.delete_other_days(fact, group, day)

    def parallel_map(
        self,
        work: Callable[[Unit], Result],
        units: Iterable[Unit],
        ahead: int | None = None,  # noqa: ARG002 - nothing is computed before it is taken
    ) -> Iterator[Result]:
        """The results one by one: the engine uses the processor's cores itself."""
        return map(work, units)

    def close(self) -> None:
        """Do nothing: no work was started."""
