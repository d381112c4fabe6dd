"""How the hot parts of a build are computed: by SQL steps on any engine, or by sorting here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Protocol, TypeVar

from wxcube.sources.batch import Columns
from wxcube.sources.engines import OpenEngine
from wxcube.sources.increment import hanging, one_day, running
from wxcube.sources.increment.articles import Articles
from wxcube.sources.increment.days import Chunk
from wxcube.sources.increment.events import Events
from wxcube.sources.increment.files import Facts
from wxcube.sources.increment.hanging import Found

Unit = TypeVar("Unit")
Made = TypeVar("Made")


class Way(Protocol):
    """The parts of a build that tell persons apart."""

    seen: ClassVar[tuple[str, ...]]
    """Tables of `day_tables` that together have every account and day with events."""
    touched: ClassVar[str]
    """A table of `day_tables` with every article to which something happened."""

    def begin(self, chunk: Chunk) -> None:
        """Begin with a chunk that comes next, where that can be done beside other things."""
        ...

    def day_tables(self, chunk: Chunk) -> tuple[str, ...]:
        """Make the tables from which the rows of a chunk's days follow; their names.

        The facts of the days are saved.
        """
        ...

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> Found:
        """Rows of weeks and months that are over."""
        ...

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Save who did something with an article for the first time on a chunk's days."""
        ...

    def fact(self, fact: str, days: Iterable[int], group: int) -> Columns:
        """The lines of a fact, of some days of a group."""
        ...

    def has(self, fact: str, day: int, group: int) -> bool:
        """Whether there are lines of a fact of a group's day."""
        ...

    def keep(self, fact: str, columns: Columns, day: int, group: int) -> None:
        """Save a fact of a group's day, and forget it of other days."""
        ...

    def side_by_side(
        self, work: Callable[[Unit], Made], units: Iterable[Unit], ahead: int | None = None
    ) -> Iterator[Made]:
        """What work makes of units, in their order; as many at once as that is good for.

        No more than `ahead` are made before they are asked for, where that is said.
        """
        ...

    def close(self) -> None:
        """End what was begun."""
        ...


class BySteps:
    """The steps as they are written, on any engine."""

    seen: ClassVar[tuple[str, ...]] = one_day.LOADED
    touched: ClassVar[str] = "touched"

    def __init__(self, engine: OpenEngine, events: Events, facts: Facts) -> None:
        self._engine = engine
        self._events = events
        self._facts = facts

    def begin(self, chunk: Chunk) -> None:
        """Nothing: the engine does one thing at a time."""

    def day_tables(self, chunk: Chunk) -> tuple[str, ...]:
        """Run the steps to the facts, and save these."""
        one_day.load(self._engine, self._events, chunk)
        one_day.load_subscribed(self._engine)
        for step in one_day.run(self._engine, one_day.FACT_STEPS, kept=one_day.SAVED):
            if step.name in one_day.SAVED:
                self._facts.save(self._engine, step.name, chunk.days, chunk.groups)
        return (*one_day.LOADED, "subscribed", *one_day.SAVED)

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> Found:
        """Run the steps from message_day."""
        return hanging.periods(self._engine, self._facts, groups, weeks, months)

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Run the steps from touched."""
        running.save_first_people(self._engine, self._facts, articles, chunk)

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
