"""What a strategy must do: compute the parts of a build that count distinct users."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Protocol, TypeVar

from wxcube.cube.incremental.articles import Articles
from wxcube.cube.incremental.rollup_steps import Found
from wxcube.cube.incremental.schedule import Chunk
from wxcube.events.columns import Columns

Unit = TypeVar("Unit")
Made = TypeVar("Made")


class Strategy(Protocol):
    """Computes the parts of a build that count distinct users."""

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
