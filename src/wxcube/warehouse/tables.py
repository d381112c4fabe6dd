"""Tables of the warehouse: one per endpoint, one per nested list, and the ledger.

The tables of rows are derived from the contract. The columns of a nested struct (`detail`) are
columns of its row's table; a nested list has a table of its own, named `<table>__<list>`. Columns
have WeChat's names; wxcube adds the columns `appid`, `origin`, `params`, `place`
and `absent`. Every column that is not part of a key may be null.
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
from wxcube.contract.endpoint import Endpoint, ImpliedKey
from wxcube.contract.field import Column, Kind, Nested, Row, element_key, members, nested

REVISION = "0004"
"""The migration that creates these tables."""

METADATA = sa.MetaData()
PLACE = "place"
"""Column with the position of a row in WeChat's list, from 0: sorting by it restores the order."""
ABSENT = "absent"
"""Column with the parts, lists and implied key that a row came without: their paths, or null."""
APPID, ORIGIN, PARAMS, TEXT_KEY = sa.String(64), sa.String(8), sa.String(128), sa.String(64)


class Timestamp(sa.types.TypeDecorator[datetime]):
    """A time, stored as Beijing time to the second: `2026-03-10T09:00:00+08:00`."""

    impl = sa.String(25)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> str | None:
        """The stored text of a time."""
        return in_beijing(value).isoformat(timespec="seconds") if value else None

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> datetime | None:
        """The time of a stored text."""
        return datetime.fromisoformat(value) if value else None


@dataclass(frozen=True, slots=True)
class RowColumn:
    """A column of a table, and the path of its value in the row struct: `detail.read_user`."""

    name: str
    path: str
    column: Column


@dataclass(frozen=True, slots=True, eq=False)
class RowTable:
    """The table of a row struct, and the tables of its nested lists."""

    row: type[Row]
    path: str
    """Path of the list in the parent row; empty for the rows of an endpoint."""
    table: sa.Table
    key: tuple[str, ...]
    """Primary key, the columns of the parent table first."""
    columns: tuple[RowColumn, ...]
    """Columns of the row struct; the table has others too."""
    lists: tuple[RowTable, ...]
    implied_key: ImpliedKey | None = None
    """A key column that some answers leave out; in their rows `absent` names it."""

    def walk(self) -> Iterator[RowTable]:
        """This table and all tables of its nested lists, parents first."""
        yield self
        for child in self.lists:
            yield from child.walk()


@cache
def row_table(endpoint: Endpoint[Any]) -> RowTable:
    """The table of an endpoint, with those of its nested lists."""
    scope = {
        "appid": sa.Column("appid", APPID, comment="account / 公众号"),
        "origin": sa.Column("origin", ORIGIN, comment="where the row comes from / 来源"),
    }
    if endpoint.params:
        comment = "members of the call beside the dates / 请求参数"
        scope["params"] = sa.Column("params", PARAMS, comment=comment)
    title = f"{endpoint.title_zh} / {endpoint.title_en} ({endpoint.name})"
    implied = endpoint.implied_key
    return _row_table(endpoint.row, endpoint.table, endpoint.key, scope, title, implied=implied)


def _row_table(  # noqa: PLR0913, PLR0917 - a table needs all of these
    row: type[Row],
    name: str,
    own_key: tuple[str, ...],
    inherited: Mapping[str, sa.Column[Any]],
    title: str,
    parent: sa.Table | None = None,
    path: str = "",
    implied: ImpliedKey | None = None,
) -> RowTable:
    row_columns = tuple(_row_columns(row))
    key = (*inherited, *own_key)
    own = [_column(column, is_key=column.name in own_key) for column in row_columns]
    comment = "place in the list / 在微信返回列表中的位置，从 0 开始；按它排序即还原顺序"
    place = sa.Column(PLACE, sa.Integer, nullable=False, comment=comment)
    table = sa.Table(
        name,
        METADATA,
        *(_copy(column) for column in inherited.values()),
        *own,
        place,
        *([_absent()] if nested(row) or implied else []),
        sa.PrimaryKeyConstraint(*key),
        *([_foreign_key(parent)] if parent is not None else []),
        comment=title,
        sqlite_with_rowid=False,  # PERF: one B-tree in key order, no second index
    )
    key_columns = {column.name: column for column in table.primary_key}
    lists = tuple(
        _row_table(
            part.row,
            f"{name}__{part.name}",
            element_key(part.row),
            key_columns,
            title,
            table,
            list_path,
        )
        for list_path, part in _lists(row)
    )
    return RowTable(row, path, table, key, row_columns, lists, implied)


def _absent() -> sa.Column[Any]:
    comment = "parts the answer lacked / 返回结果中缺少的部分或列表，以空格分隔；空值表示不缺"
    return sa.Column(ABSENT, sa.Text, nullable=True, comment=comment)


def _row_columns(row: type[Row], prefix: str = "") -> Iterator[RowColumn]:
    for member in members(row):
        if isinstance(member, Column):
            yield RowColumn(member.name, prefix + member.name, member)
        elif not member.many:
            yield from _row_columns(member.row, f"{prefix}{member.name}.")


def _lists(row: type[Row], prefix: str = "") -> Iterator[tuple[str, Nested]]:
    for member in members(row):
        if isinstance(member, Nested) and member.many:
            yield prefix + member.name, member
        elif isinstance(member, Nested):
            yield from _lists(member.row, f"{prefix}{member.name}.")


def _column(row_column: RowColumn, *, is_key: bool) -> sa.Column[Any]:
    column = row_column.column
    return sa.Column(
        row_column.name,
        _type(column.type, is_key=is_key),
        nullable=not is_key,  # answers lack members
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


def _foreign_key(parent: sa.Table) -> sa.ForeignKeyConstraint:
    names = [column.name for column in parent.primary_key]
    targets = [f"{parent.name}.{name}" for name in names]
    return sa.ForeignKeyConstraint(names, targets, ondelete="CASCADE")


ROW_TABLES = {endpoint.name: row_table(endpoint) for endpoint in ENDPOINTS}
"""The tables of every endpoint, by its name."""


def _series_columns() -> list[sa.Column[Any]]:
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
    sa.Column(
        "first_seen", Timestamp, nullable=False, comment="first answer or refusal / 首次出现"
    ),
    comment="accounts the warehouse knows",
)
coverage = sa.Table(
    "coverage",
    METADATA,
    *_series_columns(),
    sa.Column("ref_date", sa.Date, nullable=False, comment="day, or label of the week or month"),
    sa.Column("state", sa.String(8), nullable=False, comment="see wxcube.warehouse.coverage"),
    sa.Column("asked_at", Timestamp, nullable=False, comment="when the day was last asked"),
    sa.Column("fetched_at", Timestamp, comment="when the rows that are here came; null: no rows"),
    sa.Column("errcode", sa.Integer, comment="errcode of the last answer, if it was one"),
    sa.Column("message", sa.Text, nullable=False, comment="the last error, or what is odd"),
    sa.Column(
        "message_data",
        sa.Text,
        comment="message as JSON, to show it in any language; null: only the English text is known",
    ),
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
    *_series_columns(),
    sa.Column("first_date", sa.Date, nullable=False),
    sa.Column("last_date", sa.Date, nullable=False),
    sa.Column("sha256", sa.String(64), sa.ForeignKey("replies.sha256"), nullable=False),
    sa.Column("asked_at", Timestamp, nullable=False, comment="when this body last came"),
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
