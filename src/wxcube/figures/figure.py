"""A figure: rows with all that a reader may ask about them, so that no page can leave it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import UNITS, Adding, leaves
from wxcube.contract.window import Window
from wxcube.figures.change import Change
from wxcube.figures.help import Help
from wxcube.figures.state import Coverage, Mark
from wxcube.i18n import NOTHING, Meaning, Message, plural

Text = Message | Meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a figure."""

    name: str
    title: Text
    unit: str = ""
    """A unit of the contract, such as `people`; empty for days, codes and texts."""
    adding: Adding = Adding.NONE
    is_key: bool = False
    """Whether it says what the row is about; the others are figures."""
    codes: str = ""
    """The contract's table of its codes."""

    @property
    def unit_title(self) -> Meaning | None:
        """The name of the unit."""
        return UNITS.get(self.unit)

    @classmethod
    def of(
        cls,
        endpoint: Endpoint[Any],
        name: str,
        title: Text | None = None,
        *,
        is_key: bool = False,
    ) -> Column:
        """A column of the contract; by default with its meaning as title."""
        kind = next(c.kind for _path, c in leaves(endpoint.row) if c.name == name)
        return cls(
            name=name,
            title=title or Meaning.of(kind),
            unit=kind.unit,
            adding=kind.adding,
            is_key=is_key,
            codes=getattr(kind, "table", ""),
        )


@dataclass(frozen=True, slots=True)
class Seam:
    """A day from which a series is measured in another way, or comes from elsewhere."""

    day: date
    text: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """One number for a whole range or day, such as the new followers of 30 days."""

    key: str
    title: Text
    value: float | None
    """None: it may not be added up, or days are missing."""
    unit: str
    coverage: Coverage
    changes: tuple[Change, ...] = ()
    note: Message = NOTHING
    """Why there is no number, or what kind of one it is, such as a median."""
    each: Message = NOTHING
    """The numbers of single accounts, where they may not be added up."""


class Counted(StrEnum):
    """What is behind a statement."""

    DAYS = "days"
    ARTICLES = "articles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The answer to one question.

    `key` is its address, such as `followers/daily`. Rows have one value per column; None is
    missing, never 0. `marks` has the state of every account and day (or week, or month) of the
    rows. `refusal` replaces a statement that the sample is too small for.
    """

    key: str
    title: Message
    window: Window
    accounts: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    marks: Mapping[tuple[str, date], Mark] = field(default_factory=dict)
    coverage: Coverage | None = None
    seams: tuple[Seam, ...] = ()
    totals: tuple[Total, ...] = ()
    help: tuple[Help, ...] = ()
    notes: tuple[Message, ...] = ()
    sentence: Message = NOTHING
    """The figure in one sentence with the numbers that matter."""
    n: int | None = None
    """Days, or articles, behind a statement."""
    counted: Counted = Counted.DAYS
    """What `n` counts."""
    refusal: Message = NOTHING
    versus: Figure | None = None
    """The same for the earlier days that it is compared with."""

    @property
    def sample(self) -> Message:
        """How many days or articles are behind the sentence; empty if that is not known."""
        if self.n is None:
            return NOTHING
        if self.counted is Counted.ARTICLES:
            return plural("from {n} article", "from {n} articles", n=self.n)
        return plural("from {n} day", "from {n} days", n=self.n)

    def place(self, name: str) -> int:
        """The position of a column in the rows."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def values(self, name: str) -> list[Any]:
        """The values of a column, row by row."""
        place = self.place(name)
        return [row[place] for row in self.rows]

    def column(self, name: str) -> Column:
        """The column with a name."""
        return self.columns[self.place(name)]
