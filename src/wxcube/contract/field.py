"""What a column means: its kind carries the unit and how its figures may be added.

A row struct annotates each column with one kind, so that type checkers see plain `int`, `str` or
`date`, and everything else (tables, pages, exports, the cube, the reference) reads the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import msgspec

Status = Literal["official", "sdk", "reported", "uncertain"]
"""How a fact is known: WeChat's own text, an SDK's source, a user's answer, or inferred."""


class Adding(StrEnum):
    """How figures of a column combine over days, hours or channels."""

    NONE = "none"
    """Not a figure, or never to be combined."""
    SUM = "sum"
    """May be added up."""
    DISTINCT = "distinct"
    """Distinct people: never added, only counted anew."""
    LAST = "last"
    """A running total or snapshot: take the newest."""
    MAX = "max"
    """Take the largest."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Meaning of a column, in Chinese and English, and how it is known."""

    adding: ClassVar[Adding] = Adding.NONE
    default_unit: ClassVar[str] = ""

    zh: str
    en: str
    status: Status = field(default="official", kw_only=True)
    note: str = field(default="", kw_only=True)

    @property
    def unit(self) -> str:
        """Unit of the figures, empty where there is none."""
        return self.default_unit


@dataclass(frozen=True, slots=True)
class Day(Kind):
    """A Beijing day."""

    default_unit: ClassVar[str] = "day"


@dataclass(frozen=True, slots=True)
class Hour(Kind):
    """An hour of the day in wire form: 0, 100 … 2300."""

    default_unit: ClassVar[str] = "hour"


@dataclass(frozen=True, slots=True)
class Code(Kind):
    """A number whose meanings stand in a code table; unknown numbers pass."""

    table: str = ""


@dataclass(frozen=True, slots=True)
class Label(Kind):
    """Text: an id, a title, a link, or a label from a table."""

    table: str = ""


@dataclass(frozen=True, slots=True)
class Users(Kind):
    """Distinct people, counted anew for the row's own key."""

    adding: ClassVar[Adding] = Adding.DISTINCT
    default_unit: ClassVar[str] = "people"


@dataclass(frozen=True, slots=True)
class Moves(Kind):
    """People who came or went: each is one change, so they add up over days and channels."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "people"


@dataclass(frozen=True, slots=True)
class Times(Kind):
    """How often something happened."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "times"


@dataclass(frozen=True, slots=True)
class Millis(Kind):
    """Milliseconds in sum."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "ms"


@dataclass(frozen=True, slots=True)
class Peak(Kind):
    """The largest number of milliseconds."""

    adding: ClassVar[Adding] = Adding.MAX
    default_unit: ClassVar[str] = "ms"


@dataclass(frozen=True, slots=True)
class Snapshot(Kind):
    """People at the day's end."""

    adding: ClassVar[Adding] = Adding.LAST
    default_unit: ClassVar[str] = "people"


@dataclass(frozen=True, slots=True)
class Running(Kind):
    """A total so far, of people, times or money."""

    adding: ClassVar[Adding] = Adding.LAST
    of: str = "people"

    @property
    def unit(self) -> str:
        """What is counted so far."""
        return self.of


@dataclass(frozen=True, slots=True)
class Rate(Kind):
    """A fraction from 0 to 1."""

    default_unit: ClassVar[str] = "fraction"


@dataclass(frozen=True, slots=True)
class Minutes(Kind):
    """Minutes on average."""

    default_unit: ClassVar[str] = "minutes"


@dataclass(frozen=True, slots=True)
class Fen(Kind):
    """Money in fen, 0.01 CNY."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "fen"


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row, or a part of one, in WeChat's own words and order."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a row: wire name, Python type and meaning."""

    name: str
    type: type
    kind: Kind
    optional: bool


@dataclass(frozen=True, slots=True)
class Nested:
    """A part of a row that is a struct (`many` False) or a list of structs (`many` True)."""

    name: str
    row: type[Row]
    many: bool
    optional: bool


@cache
def members(row: type[Row]) -> tuple[Column | Nested, ...]:
    """Columns and nested parts of a row struct, in wire order."""
    hints = get_type_hints(row, include_extras=True)
    required = {f.name for f in msgspec.structs.fields(row) if f.required}
    return tuple(_member(n, hints[n], optional=n not in required) for n in row.__struct_fields__)


def columns(row: type[Row]) -> tuple[Column, ...]:
    """The plain columns of a row struct, in wire order, without its nested parts."""
    return tuple(m for m in members(row) if isinstance(m, Column))


def nested(row: type[Row]) -> tuple[Nested, ...]:
    """The nested parts of a row struct."""
    return tuple(m for m in members(row) if isinstance(m, Nested))


def leaves(row: type[Row], path: str = "") -> Iterator[tuple[str, Column]]:
    """Every plain column of a row and its nested parts with its path, such as `details[].stat_date`."""
    for member in members(row):
        if isinstance(member, Column):
            yield path + member.name, member
        else:
            yield from leaves(member.row, f"{path}{member.name}{'[]' if member.many else ''}.")


def _member(name: str, hint: Any, *, optional: bool) -> Column | Nested:
    if get_origin(hint) is not Annotated:
        return _nested(name, hint, optional=optional)
    base, kind, *_ = get_args(hint)
    plain = next((t for t in get_args(base) if t is not type(None)), base)
    return Column(name, plain, kind, optional)


def _nested(name: str, hint: Any, *, optional: bool) -> Nested:
    parts = [t for t in get_args(hint) or (hint,) if t is not type(None)]
    part = parts[0]
    if get_origin(hint) is list:
        return Nested(name, part, many=True, optional=optional)
    if get_origin(part) is list:
        return Nested(name, get_args(part)[0], many=True, optional=optional)
    return Nested(name, part, many=False, optional=optional)
