"""What figures cannot be, derived from the kinds of their columns. Pure.

negative           a figure below 0
above_one          a share of users above 1
users_above_times  more users than times of what they did: msg_user above msg_count
part_above_whole   more users in one channel, hour or scene than in all together
hours_differ       the times of the hours do not add up to those of their day
falling            a running total below that of the day before
balance            a change of followers that differs from new less cancelled ones
no_rows            a final day without rows
no_entry           rows of a day without an entry in the ledger
withdrawn          rows that a later answer lacked
origins_differ     messages or replies that WeChat counts differently than your events
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from wxcube.contract import named
from wxcube.contract.codes import TABLES
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.field import (
    Adding,
    Code,
    Column,
    Day,
    Hour,
    Kind,
    Label,
    Rate,
    Running,
    Times,
    Users,
)
from wxcube.i18n import Message, _
from wxcube.warehouse.tables import ROW_TABLES, RowTable

_TIMES_ENDINGS = ("_count", "_cnt")
_USERS_ENDING = "_user"


class Rule(StrEnum):
    """A rule that figures break; the module describes them."""

    NEGATIVE = "negative"
    ABOVE_ONE = "above_one"
    USERS_ABOVE_TIMES = "users_above_times"
    PART_ABOVE_WHOLE = "part_above_whole"
    HOURS_DIFFER = "hours_differ"
    FALLING = "falling"
    BALANCE = "balance"
    NO_ROWS = "no_rows"
    NO_ENTRY = "no_entry"
    WITHDRAWN = "withdrawn"
    ORIGINS_DIFFER = "origins_differ"


NOTES = frozenset({Rule.BALANCE, Rule.WITHDRAWN, Rule.ORIGINS_DIFFER})
"""Rules that WeChat's figures may break without a mistake."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit inside one row: `lower` is not above `upper`; each is a column or a number."""

    rule: Rule
    column: str
    lower: str | int
    upper: str | int


@dataclass(frozen=True, slots=True)
class Whole:
    """A code whose row covers all rows that share the other keys; users are counted once in it."""

    column: str
    code: int | str
    users: tuple[str, ...]
    """Columns that are nowhere larger than in that row."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The endpoint of the days of an endpoint of hours, and how columns of both compare."""

    days: Endpoint[Any]
    key: tuple[str, ...]
    """The key that hours and days share, without the day."""
    columns: tuple[Column, ...]

    @property
    def added(self) -> tuple[str, ...]:
        """Columns that add up from the hours to the day."""
        return tuple(c.name for c in self.columns if c.kind.adding is Adding.SUM)

    @property
    def largest(self) -> tuple[str, ...]:
        """Columns that no hour has larger than the day."""
        return tuple(c.name for c in self.columns if c.kind.adding is not Adding.SUM)


@cache
def limits(part: RowTable) -> tuple[Limit, ...]:
    """The limits inside a row of a table."""
    return tuple(_limits([one.column for one in part.columns]))


def _limits(columns: list[Column]) -> Iterator[Limit]:
    by_name = {column.name: column for column in columns}
    for column in columns:
        name, kind = column.name, column.kind
        if not is_figure(kind):
            continue
        yield Limit(Rule.NEGATIVE, name, 0, name)
        if isinstance(kind, Rate):
            yield Limit(Rule.ABOVE_ONE, name, name, 1)
        if _counts(kind, Users, "people") and name.endswith(_USERS_ENDING):
            for ending in _TIMES_ENDINGS:
                times = by_name.get(name.removesuffix(_USERS_ENDING) + ending)
                if times and _counts(times.kind, Times, "times"):
                    yield Limit(Rule.USERS_ABOVE_TIMES, name, name, times.name)


def breaks(limit: Limit, row: Mapping[str, Any]) -> bool:
    """Whether a row breaks a limit; a missing figure breaks none."""
    lower = row[limit.lower] if isinstance(limit.lower, str) else limit.lower
    upper = row[limit.upper] if isinstance(limit.upper, str) else limit.upper
    return lower is not None and upper is not None and bool(lower > upper)


def explain_limit(limit: Limit, row: Mapping[str, Any]) -> Message:
    """How a row breaks a limit, with its values."""
    column, value = limit.column, row[limit.column]
    if limit.rule is Rule.NEGATIVE:
        return _("{column} is {value}, below 0", column=column, value=value)
    if limit.rule is Rule.ABOVE_ONE:
        return _("{column} is {value}, a share above 1", column=column, value=value)
    other = str(limit.upper)
    return _(
        "{column} is {value}, more than {other} with {most}",
        column=column,
        value=value,
        other=other,
        most=row[other],
    )


def is_figure(kind: Kind) -> bool:
    """Whether columns of a kind hold figures, not keys or texts."""
    return not isinstance(kind, Day | Hour | Code | Label)


def _counts(kind: Kind, plain: type[Kind], unit: str) -> bool:
    return isinstance(kind, plain) or (isinstance(kind, Running) and kind.of == unit)


@cache
def whole(part: RowTable) -> Whole | None:
    """The row of all channels or scenes among the rows of a table."""
    for one in part.columns:
        kind = one.column.kind
        table = TABLES.get(kind.table) if isinstance(kind, Code | Label) else None
        if table and table.whole is not None and one.name in part.key:
            users = [c.name for c in part.columns if isinstance(c.column.kind, Users)]
            return Whole(one.name, table.whole, tuple(users))
    return None


@cache
def hours(endpoint: Endpoint[Any]) -> Hours | None:
    """How the rows of an endpoint of hours compare with those of its days.

    Optional columns are left out: answers may have them for the day only.
    """
    if endpoint.grain is not Grain.HOUR:
        return None
    days = named(endpoint.part_of)
    of_day = {column.name for column in days.columns if not column.optional}
    compared = [
        c for c in endpoint.columns if c.name in of_day and not c.optional and is_figure(c.kind)
    ]
    return Hours(days, tuple(name for name in days.key if name != "ref_date"), tuple(compared))


@cache
def running_totals(endpoint: Endpoint[Any]) -> tuple[RowTable, dict[str, bool]] | None:
    """The table of running totals, and its columns, each with whether it may fall."""
    if endpoint.running is None:
        return None
    tables = ROW_TABLES[endpoint.name].lists
    table = next(table for table in tables if table.row is endpoint.running.row)
    kinds = {one.name: one.column.kind for one in table.columns}
    return table, {n: k.may_fall for n, k in kinds.items() if isinstance(k, Running)}
