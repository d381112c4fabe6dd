"""The interface of a strategy: it computes the parts of a build that count distinct users."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, Protocol, TypeVar

from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.rollup_steps import EndpointTables
from wxcube.cube.incremental.schedule import Chunk
from wxcube.events.columns import Columns

Unit = TypeVar("Unit")
Result = TypeVar("Result")


MakeRows = Callable[[], Columns]
"""Computes an endpoint's rows, ordered by account and key."""


class DayTables(NamedTuple):
    """The tables from which the rows of some days are computed."""

    names: tuple[str, ...]
    """The tables in the engine."""
    finished: Mapping[str, MakeRows]
    """Endpoints whose rows are computed without the engine, by name."""


class Strategy(Protocol):
    """Computes the parts of a build that count distinct users."""

    account_tables: ClassVar[tuple[str, ...]]
    """Tables made by `make_day_tables` that together have every account and day with events."""
    article_table: ClassVar[str]
    """A table made by `make_day_tables` that has every article with events."""

    def prefetch(self, chunk: Chunk) -> None:
        """Start to compute the next chunk in the background, where the strategy can do that."""
        ...

    def make_day_tables(self, chunk: Chunk) -> DayTables:
        """Make the tables from which a chunk's rows are computed, and save its facts."""
        ...

    def periods(self, groups: Sequence[int], weeks: set[int], months: set[int]) -> EndpointTables:
        """The rows of complete weeks and months."""
        ...

    def save_first_people(self, articles: Articles, chunk: Chunk) -> None:
        """Save the number of users who did something with an article for the first time."""
        ...

    def read_fact(self, fact: str, days: Iterable[int], group: int) -> Columns:
        """The rows of a fact, of some days of a group."""
        ...

    def has_fact(self, fact: str, day: int, group: int) -> bool:
        """Whether a fact has rows of a day of a group."""
        ...

    def replace_fact(self, fact: str, columns: Columns, day: int, group: int) -> None:
        """Save a fact of a day of a group, and delete it of the group's other days."""
        ...

    def parallel_map(
        self, work: Callable[[Unit], Result], units: Iterable[Unit], ahead: int | None = None
    ) -> Iterator[Result]:
        """The results for all units, in order, computed in parallel where that is faster.

        At most `ahead` results, if given, are computed before the caller takes them.
        """
        ...

    def close(self) -> None:
        """Stop all work that was started."""
        ...
