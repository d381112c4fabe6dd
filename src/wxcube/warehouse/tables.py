"""Tables of the warehouse: one per endpoint, one per nested list, and the ledger.

Everything about rows is derived from the contract. A nested struct (`detail`) lies flat in its
row's table; a nested list has a table of its own, named `<table>__<list>`. Columns keep WeChat's
names; the ones wxcube adds are `appid`, `origin`, `params` and `place`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from wxcube.beijing import in_beijing
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Code, Column, Day, Hour, Kind, Label, Nested, Row, members

REVISION = "0002"
"""The migration that makes these tables."""

METADATA = sa.MetaData()
PLACE = "place"
APPID, ORIGIN, PARAMS, TEXT_KEY = sa.String(64), sa.String(8), sa.String(128), sa.String(64)


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment, kept as Beijing time to the second: `2026-03-10T09:00:00+08:00`."""

    impl = sa.String(25)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> str | None:
        """The text that is stored."""
        return in_beijing(value).isoformat(timespec="seconds") if value else None

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> datetime | None:
        """The moment a stored text stands for."""
        return datetime.fromisoformat(value) if value else None


@dataclass(frozen=True, slots=True)
class Cell:
    """One plain column of a table and where its value stands in the row: `detail.read_user`."""

    name: str
    path: str
    column: Column


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A row struct, the table it rests in, and the tables of the lists below it."""

    row: type[Row]
    path: str
    """Where the list stands in the row above; empty for the endpoint's own rows."""
    table: sa.Table
    key: tuple[str, ...]
    """Primary key, with the columns inherited from above first."""
    cells: tuple[Cell, ...]
    lists: tuple[Part, ...]

    def walk(self) -> Iterator[Part]:
        """This part and all below it, the upper ones first."""
        yield self
        for part in self.lists:
            yield from part.walk()


@cache
def part_of(endpoint: Endpoint[Any]) -> Part:
    """The tables of an endpoint."""
    scope = {
        "appid": sa.Column("appid", APPID, comment="account / 公众号"),
        "origin": sa.Column("origin", ORIGIN, comment="where the row comes from / 来源"),
    }
    if endpoint.params:
        words = "members of the call beside the dates / 请求参数"
        scope["params"] = sa.Column("params", PARAMS, comment=words)
    title = f"{endpoint.title_zh} / {endpoint.title_en} ({endpoint.name})"
    return _part(endpoint.row, endpoint.table, endpoint.key, scope, title)


def _part(  # noqa: PLR0913, PLR0917 - a table is made of all of these
    row: type[Row],
    name: str,
    own_key: tuple[str, ...],
    above: Mapping[str, sa.Column[Any]],
    title: str,
    upper: sa.Table | None = None,
    path: str = "",
) -> Part:
    cells = tuple(_cells(row))
    key = (*above, *own_key)
    own = [_column(cell, is_key=cell.name in own_key) for cell in cells]
    place = sa.Column(PLACE, sa.Integer, nullable=False, comment="place in the list / 序号")
    table = sa.Table(
        name,
        METADATA,
        *(_copy(column) for column in above.values()),
        *own,
        place,
        sa.PrimaryKeyConstraint(*key),
        *([_belongs_to(upper)] if upper is not None else []),
        comment=title,
        sqlite_with_rowid=False,  # PERF: rows lie in key order once, not in a table and an index
    )
    below = {column.name: column for column in table.primary_key}
    lists = tuple(
        _part(
            nested.row, f"{name}__{nested.name}", key_of(nested.row), below, title, table, list_path
        )
        for list_path, nested in _lists(row)
    )
    return Part(row, path, table, key, cells, lists)


def key_of(row: type[Row]) -> tuple[str, ...]:
    """Columns that tell the elements of a nested list apart: its day, hour, code or label."""
    identifying = Day | Hour | Code | Label
    found = (m for m in members(row) if isinstance(m, Column))
    return tuple(c.name for c in found if isinstance(c.kind, identifying) and not c.optional)


def _cells(row: type[Row], prefix: str = "") -> Iterator[Cell]:
    for member in members(row):
        if isinstance(member, Column):
            yield Cell(member.name, prefix + member.name, member)
        elif not member.many:
            yield from _cells(member.row, f"{prefix}{member.name}.")


def _lists(row: type[Row], prefix: str = "") -> Iterator[tuple[str, Nested]]:
    for member in members(row):
        if isinstance(member, Nested) and member.many:
            yield prefix + member.name, member
        elif isinstance(member, Nested):
            yield from _lists(member.row, f"{prefix}{member.name}.")


def _column(cell: Cell, *, is_key: bool) -> sa.Column[Any]:
    column = cell.column
    return sa.Column(
        cell.name,
        _type(column.type, is_key=is_key),
        nullable=column.optional,
        comment=_comment(column.kind),
    )


def _type(kind: type, *, is_key: bool) -> sa.types.TypeEngine[Any]:
    if kind is str:
        return TEXT_KEY if is_key else sa.Text()
    types: dict[type, sa.types.TypeEngine[Any]] = {
        int: sa.BigInteger(),
        float: sa.Double(),
        date: sa.Date(),
    }
    return types[kind]


def _comment(kind: Kind) -> str:
    return f"{kind.zh} / {kind.en}" + (f" [{kind.unit}]" if kind.unit else "")


def _copy(column: sa.Column[Any]) -> sa.Column[Any]:
    return sa.Column(column.name, column.type, nullable=False, comment=column.comment)


def _belongs_to(upper: sa.Table) -> sa.ForeignKeyConstraint:
    names = [column.name for column in upper.primary_key]
    targets = [f"{upper.name}.{name}" for name in names]
    return sa.ForeignKeyConstraint(names, targets, ondelete="CASCADE")


PARTS = {endpoint.name: part_of(endpoint) for endpoint in ENDPOINTS}
"""The tables of every endpoint, by its name."""


def _series() -> list[sa.Column[Any]]:
    return [
        sa.Column("appid", APPID, nullable=False),
        sa.Column("origin", ORIGIN, nullable=False),
        sa.Column("endpoint", TEXT_KEY, nullable=False),
        sa.Column("params", PARAMS, nullable=False),
    ]


accounts = sa.Table(
    "accounts",
    METADATA,
    sa.Column("appid", APPID, primary_key=True),
    sa.Column("first_seen", Moment, nullable=False, comment="first answer or refusal / 首次出现"),
    comment="accounts the warehouse knows",
)
coverage = sa.Table(
    "coverage",
    METADATA,
    *_series(),
    sa.Column("ref_date", sa.Date, nullable=False, comment="day, or label of the week or month"),
    sa.Column("state", sa.String(8), nullable=False, comment="see wxcube.warehouse.coverage"),
    sa.Column("asked_at", Moment, nullable=False, comment="when the day was last asked"),
    sa.Column("fetched_at", Moment, comment="when the rows that are here came; null: no rows"),
    sa.Column("errcode", sa.Integer, comment="errcode of the last answer, if it was one"),
    sa.Column("message", sa.Text, nullable=False, comment="the last error, or what is odd"),
    sa.PrimaryKeyConstraint("appid", "origin", "endpoint", "params", "ref_date"),
    comment="ledger of days per account, origin and endpoint",
    sqlite_with_rowid=False,
)
replies = sa.Table(
    "replies",
    METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True, comment="of the body as it came"),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="as it came, compressed with zstd"),
    comment="answers as they came, each body once",
)
answers = sa.Table(
    "answers",
    METADATA,
    *_series(),
    sa.Column("first_date", sa.Date, nullable=False),
    sa.Column("last_date", sa.Date, nullable=False),
    sa.Column("sha256", sa.String(64), sa.ForeignKey("replies.sha256"), nullable=False),
    sa.Column("asked_at", Moment, nullable=False, comment="when this body last came"),
    sa.PrimaryKeyConstraint(
        "appid", "origin", "endpoint", "params", "first_date", "last_date", "sha256"
    ),
    comment="which reply answered which window",
    sqlite_with_rowid=False,
)
builds = sa.Table(
    "builds",
    METADATA,
    sa.Column("ledger", sa.String(64), primary_key=True, comment="name of the cube's ledger"),
    sa.Column("parts", sa.Integer, nullable=False, comment="parts of builds handed over so far"),
    comment="the cube whose rows are in this database, at most one",
)
calls = sa.Table(
    "calls",
    METADATA,
    sa.Column("appid", APPID, nullable=False),
    sa.Column("endpoint", TEXT_KEY, nullable=False),
    sa.Column("day", sa.Date, nullable=False, comment="Beijing day of the calls"),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("exhausted", sa.Boolean, nullable=False, comment="WeChat said 45009 on that day"),
    sa.PrimaryKeyConstraint("appid", "endpoint", "day"),
    comment="calls made per Beijing day",
    sqlite_with_rowid=False,
)
