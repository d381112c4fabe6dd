"""The SQL strategy: the steps as they are written, on any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar

from wxcube.cube.engines.choice import OpenEngine
from wxcube.cube.incremental import daily_steps, rollup_steps, running_totals
from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.events import Events
from wxcube.cube.incremental.fact_files import Facts
from wxcube.cube.incremental.rollup_steps import Found
from wxcube.cube.incremental.schedule import Chunk
from wxcube.cube.incremental.strategy import Made, Unit
from wxcube.events.columns import Columns


class SqlStrategy:
    """The steps as they are written, on any engine."""

    seen: ClassVar[tuple[str, ...]] = daily_steps.LOADED
    touched: ClassVar[str] = "touched"

    def __init__(self, engine: OpenEngine, events: Events, facts: Facts) -> None:
        self._engine = engine
        self._events = events
        self._facts = facts

    def begin(self, chunk: Chunk) -> None:
        """Nothing: the engine does one thing at a time."""

    def day_tables(self, chunk: Chunk) -> tuple[str, ...]:
        """Run the steps to the facts, and save these."""
        daily_steps.load(self._engine, self._events, chunk)
        daily_steps.load_subscribed(self._engine)
        for step in daily_steps.run(self._engine, daily_steps.FACT_STEPS, kept=daily_steps.SAVED):
            if step.name in daily_steps.SAVED:
                self._facts.save(self._engine, step.name, chunk.days, chunk.groups)
        return (*daily_steps.LOADED, "subscribed", *daily_steps.SAVED)

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> Found:
        """Run the steps from message_day."""
        return rollup_steps.periods(self._engine, self._facts, groups, weeks, months)

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Run the steps from touched."""
        running_totals.save_first_people(self._engine, self._facts, articles, chunk)

    def fact(self, fact: str, days: Iterable[int], group: int) -> Columns:
        """The lines as the engine tells them."""
        self._facts.read(self._engine, fact, fact, days, [group])
        found = self._engine.ask(f"SELECT * FROM {fact}")  # noqa: S608 - own names
        self._engine.drop(fact)
        return found

    def has(self, fact: str, day: int, group: int) -> bool:
        """Whether there is a file."""
        return self._facts.has(fact, day, group)

    def keep(self, fact: str, columns: Columns, day: int, group: int) -> None:
        """Save by way of the engine."""
        self._engine.load(fact, columns)
        self._facts.save(self._engine, fact, [day], [group])
        self._engine.drop(fact)
        self._facts.drop(fact, group, but=day)

    def side_by_side(
        self,
        work: Callable[[Unit], Made],
        units: Iterable[Unit],
        ahead: int | None = None,  # noqa: ARG002 - nothing is made before it is asked for
    ) -> Iterator[Made]:
        """One after the other: the engine has the machine."""
        return map(work, units)

    def close(self) -> None:
        """Nothing was begun."""
