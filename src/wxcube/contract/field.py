"""Kinds of columns: each kind has a meaning, a unit and a rule for aggregation.

A row struct annotates each column with a kind: type checkers see `int`, `str` or `date`, while tables,
pages, exports, the cube and the reference read the kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import msgspec

from wxcube.i18n import Meaning

Status = Literal["official", "sdk", "reported", "uncertain"]
"""Source of a fact: WeChat's own text, the source of an SDK, a user's report, or inference."""
UNDOCUMENTED_ZH = "（未公开）"
"""Chinese meaning of a column that WeChat's documents do not describe."""
UNITS = {
    "day": Meaning("day", "日"),
    "hour": Meaning("hour", "时"),
    "people": Meaning("people", "人"),
    "times": Meaning("times", "次"),
    "ms": Meaning("ms", "毫秒"),
    "fraction": Meaning("fraction", "比例"),
    "minutes": Meaning("minutes", "分钟"),
    "fen": Meaning("fen", "分"),
}
"""Names of the units."""


class Adding(StrEnum):
    """How figures of a column are aggregated over days, hours or channels."""

    NONE = "none"
    """Not a figure, or never aggregated."""
    SUM = "sum"
    """Add them up."""
    DISTINCT = "distinct"
    """Distinct users: never add them, only count them again from the source."""
    LAST = "last"
    """A running total or snapshot: take the newest."""
    MAX = "max"
    """Take the largest."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Meaning of a column in Chinese and English, and the status of that fact."""

    adding: ClassVar[Adding] = Adding.NONE
    default_unit: ClassVar[str] = ""

    zh: str
    en: str
    status: Status = field(default="official", kw_only=True)
    note: str = field(default="", kw_only=True)

    @property
    def unit(self) -> str:
        """Unit of the figures; empty if there is none."""
        return self.default_unit


@dataclass(frozen=True, slots=True)
class Day(Kind):
    """A Beijing day."""

    default_unit: ClassVar[str] = "day"


@dataclass(frozen=True, slots=True)
class Hour(Kind):
    """An hour of the day as WeChat writes it: 0, 100 … 2300."""

    default_unit: ClassVar[str] = "hour"


@dataclass(frozen=True, slots=True)
class Code(Kind):
    """A number with meanings in a code table; unknown numbers are allowed."""

    table: str = ""


@dataclass(frozen=True, slots=True)
class Label(Kind):
    """A text: an id, a title, a link, or a label from a code table."""

    table: str = ""


@dataclass(frozen=True, slots=True)
class Users(Kind):
    """Distinct users for the key of the row."""

    adding: ClassVar[Adding] = Adding.DISTINCT
    default_unit: ClassVar[str] = "people"


@dataclass(frozen=True, slots=True)
class Moves(Kind):
    """Follows or unfollows: each is one change, so they add up over days and channels."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "people"


@dataclass(frozen=True, slots=True)
class Times(Kind):
    """Number of times something happened."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "times"


@dataclass(frozen=True, slots=True)
class Millis(Kind):
    """Total milliseconds."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "ms"


@dataclass(frozen=True, slots=True)
class Peak(Kind):
    """Maximum of milliseconds."""

    adding: ClassVar[Adding] = Adding.MAX
    default_unit: ClassVar[str] = "ms"


@dataclass(frozen=True, slots=True)
class Snapshot(Kind):
    """Number of users at the end of the day."""

    adding: ClassVar[Adding] = Adding.LAST
    default_unit: ClassVar[str] = "people"


@dataclass(frozen=True, slots=True)
class Running(Kind):
    """A running total of users, times or money; with `may_fall`, users can undo what it counts."""

    adding: ClassVar[Adding] = Adding.LAST
    of: str = "people"
    may_fall: bool = field(default=False, kw_only=True)

    @property
    def unit(self) -> str:
        """Unit of the running total."""
        return self.of


@dataclass(frozen=True, slots=True)
class Rate(Kind):
    """A fraction from 0 to 1."""

    default_unit: ClassVar[str] = "fraction"


@dataclass(frozen=True, slots=True)
class Minutes(Kind):
    """An average in minutes."""

    default_unit: ClassVar[str] = "minutes"


@dataclass(frozen=True, slots=True)
class Fen(Kind):
    """An amount of money in fen (0.01 CNY)."""

    adding: ClassVar[Adding] = Adding.SUM
    default_unit: ClassVar[str] = "fen"


# PERF: rows form no cycles, so the garbage collector need not visit them
class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A row, or a nested part of one, with WeChat's names in WeChat's order.

    Members have the types that WeChat documents. An answer may lack any member that is not part of a
    key, or have null there; such a member is None whatever its type, in tables null, and absent when
    the row is encoded (`docs/adr/0010-missing-members.md`).
    """


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a row: wire name, Python type and kind."""

    name: str
    type: type
    kind: Kind
    optional: bool


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested part of a row: a struct (`many` False) or a list of structs (`many` True)."""

    name: str
    row: type[Row]
    many: bool
    optional: bool


@cache
def members(row: type[Row]) -> tuple[Column | Nested, ...]:
    """Columns and nested parts of a row struct, in wire order.

    The mark of a withdrawn row is neither.
    """
    row = getattr(row, "unmarked", row)
    hints = get_type_hints(row, include_extras=True)
    required = {f.name for f in msgspec.structs.fields(row) if f.required}
    return tuple(_member(n, hints[n], optional=n not in required) for n in row.__struct_fields__)


@cache
def columns(row: type[Row]) -> tuple[Column, ...]:
    """The columns of a row struct outside its nested parts, in wire order."""
    return tuple(m for m in members(row) if isinstance(m, Column))


@cache
def nested(row: type[Row]) -> tuple[Nested, ...]:
    """The nested parts of a row struct."""
    return tuple(m for m in members(row) if isinstance(m, Nested))


def leaves(row: type[Row], path: str = "") -> Iterator[tuple[str, Column]]:
    """Every column of a row and of its nested parts with its path, such as `details[].stat_date`."""
    for member in members(row):
        if isinstance(member, Column):
            yield path + member.name, member
        else:
            yield from leaves(member.row, f"{path}{member.name}{'[]' if member.many else ''}.")


def element_key(row: type[Row]) -> tuple[str, ...]:
    """Columns that identify an element of a nested list: its day, hour, code or label."""
    identifying = Day | Hour | Code | Label
    return tuple(c.name for c in columns(row) if isinstance(c.kind, identifying) and not c.optional)


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
