"""What WeChat promises of one endpoint: path, dates, rows, rights, and how long a day moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from wxcube import beijing
from wxcube.contract.field import Column, Nested, Row, Status, columns, nested
from wxcube.contract.window import Window, cover
from wxcube.errors import ContractError, WindowError

RowT = TypeVar("RowT", bound=Row)

EARLIEST = date(2014, 12, 1)
"""WeChat keeps no figures of earlier days."""
EARLIEST_CONTENT = date(2025, 11, 1)
"""The published-content endpoints keep no figures of earlier days."""


class Group(StrEnum):
    """The family an endpoint belongs to."""

    USER = "user"
    ARTICLE = "article"
    CONTENT = "content"
    MESSAGE = "message"
    INTERFACE = "interface"
    CARD = "card"


class Grain(StrEnum):
    """What a row's ref_date (and ref_hour) stand for."""

    DAY = "day"
    HOUR = "hour"
    WEEK = "week"
    MONTH = "month"
    CUMULATIVE = "cumulative"
    """ref_date is the day of sending; nested rows carry running totals by stat_date."""


class Life(StrEnum):
    """Whether WeChat still answers an endpoint."""

    ACTIVE = "active"
    RETIRED = "retired"
    LEGACY = "legacy"
    """Still answered, for a product that is no longer sold."""


@dataclass(frozen=True, slots=True)
class Param:
    """A member of the request beside begin_date and end_date."""

    name: str
    zh: str
    en: str
    type: type
    required: bool = False
    default: int | str | None = None
    codes: str = ""

    def check(self, value: object, endpoint: object) -> object:
        """The value, if this member of the endpoint's call may have it.

        Raises:  ContractError if it is missing or of the wrong type.
        """
        if value is None and not self.required:
            return None
        if value is None:
            raise ContractError(f"{endpoint} needs {self.name}", hint=f"give {self.name}: {self.en}")
        if not isinstance(value, self.type) or isinstance(value, bool):
            raise ContractError(
                f"{endpoint} takes {self.name} as {self.type.__name__}, not {value!r}",
                hint=f"{self.name} is: {self.en}",
            )
        return value


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where statements of the contract come from, and how sure they are.

    `source` is the title of a document, or who reported it; `note` is what it says, where that is
    more than the row, span and dates of the endpoint; `seen` is the day it was true, as far as known.
    """

    source: str
    url: str = ""
    status: Status = field(default="official", kw_only=True)
    note: str = field(default="", kw_only=True)
    seen: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint(Generic[RowT]):
    """One datacube call and everything wxcube knows of it.

    The row's docstring says in English what one row is, `row_zh` in Chinese. `span_days` is the most
    days one call may ask, both ends counted. `moves_days` is how many days after its period a row's
    figures can still change. `errcodes` are the ones WeChat's page of the endpoint lists.
    """

    row: type[RowT]
    name: str
    title_zh: str
    title_en: str
    row_zh: str
    group: Group
    grain: Grain
    span_days: int
    key: tuple[str, ...]
    permission_set: int
    first_date: date = EARLIEST
    moves_days: int = 1
    life: Life = Life.ACTIVE
    retired_since: str = ""
    successors: tuple[str, ...] = ()
    has_delay_flag: bool = False
    params: tuple[Param, ...] = ()
    errcodes: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Path of the call below the host."""
        return f"/datacube/{self.name}"

    @property
    def row_en(self) -> str:
        """What one row is, in English: the first line of the row's docstring."""
        return (self.row.__doc__ or "").partition("\n")[0]

    @property
    def table(self) -> str:
        """Name of the endpoint's table: the row's words in snake case."""
        words = (f"_{c.lower()}" if c.isupper() else c for c in self.row.__name__)
        return "".join(words).lstrip("_")

    @property
    def columns(self) -> tuple[Column, ...]:
        """The row's plain columns, in wire order."""
        return columns(self.row)

    @property
    def nested(self) -> tuple[Nested, ...]:
        """The row's nested parts."""
        return nested(self.row)

    @property
    def running(self) -> Nested | None:
        """The nested list of running totals by stat_date, where the endpoint has one."""
        return next((n for n in self.nested if n.many), None) if self.is_cumulative else None

    @property
    def is_cumulative(self) -> bool:
        """Whether rows hold running totals that grow for some days."""
        return self.grain is Grain.CUMULATIVE

    @property
    def is_retired(self) -> bool:
        """Whether WeChat answers 47009 today."""
        return self.life is Life.RETIRED

    @property
    def has_labels(self) -> bool:
        """Whether a row's ref_date is the label of a week or month."""
        return self.grain in {Grain.WEEK, Grain.MONTH}

    def label(self, day: date) -> date:
        """The ref_date of the row that counts a day: its Monday, its 1st, or the day itself."""
        if self.grain is Grain.WEEK:
            return beijing.monday(day)
        return beijing.month_start(day) if self.grain is Grain.MONTH else day

    def labels(self, window: Window) -> list[date]:
        """The ref_dates a window selects, oldest first."""
        return [day for day in window if self.label(day) == day]

    def labels_over(self, window: Window) -> list[date]:
        """The ref_dates whose period has a day in a window, oldest first.

        A month that began before the window is among them; days before the endpoint's first are
        not.
        """
        found = dict.fromkeys(self.label(day) for day in window)
        return [label for label in found if label >= self.first_date]

    def period(self, label: date) -> Window:
        """The days counted by rows with this ref_date (for running totals: the day of sending)."""
        if self.grain is Grain.WEEK:
            return Window(label, label + timedelta(days=6))
        if self.grain is Grain.MONTH:
            return Window(label, beijing.month_end(label))
        return Window.day(label)

    def ready_at(self, label: date) -> datetime:
        """When rows with this ref_date can first be asked."""
        return beijing.ready_moment(self.period(label).last)

    def final_at(self, label: date) -> datetime:
        """When rows with this ref_date stop moving."""
        return beijing.ready_moment(self.period(label).last, self.moves_days)

    def calls(self, labels: Iterable[date]) -> list[Window]:
        """The fewest calls that answer these ref_dates, newest first.

        Week and month endpoints are asked label by label, which every known variant of their
        span rule accepts.
        """
        return cover(labels, 1 if self.has_labels else self.span_days)

    def check(self, window: Window, now: datetime) -> None:
        """Refuse a window that WeChat would refuse.

        Raises:  WindowError that names the rule and says how to keep it.
        """
        if len(window) > self.span_days:
            raise WindowError(
                f"{self} was asked for {len(window)} days ({window}), WeChat allows {self.span_days} in one call",
                hint=f"split the window into calls of {self.span_days} days",
            )
        self.check_reach(window, now)

    def check_reach(self, window: Window, now: datetime) -> None:
        """Refuse days WeChat never has, whatever the number of calls.

        Raises:  WindowError that names the rule and says how to keep it.
        """
        if window.first < self.first_date:
            raise WindowError(
                f"{self} has no figures before {self.first_date}, asked was {window}",
                hint=f"begin at {self.first_date} or later",
            )
        newest = beijing.yesterday(now)
        if window.last > newest:
            raise WindowError(
                f"{self} has no figures after yesterday ({newest} in Beijing), asked was {window}",
                hint=f"end at {newest} or earlier",
            )

    def complete_params(self, given: Mapping[str, object]) -> dict[str, object]:
        """Members of a call beside the dates: the given ones, checked, over the defaults.

        Raises:  ContractError if one is unknown, missing or of the wrong type.
        """
        known = {param.name for param in self.params}
        for name in given.keys() - known:
            raise ContractError(
                f"{self} takes no {name!r}",
                hint=f"it takes {', '.join(sorted(known))}" if known else "it takes dates only",
            )
        values = {p.name: p.check(given.get(p.name, p.default), self) for p in self.params}
        return {name: value for name, value in values.items() if value is not None}
