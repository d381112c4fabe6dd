"""Tables of the warehouse: one per endpoint, one per nested list, and the ledger.

The tables of rows are derived from the contract. The columns of a nested struct (`detail`) are
columns of its row's table; a nested list has a table of its own, named `<table>__<list>`. Columns
have WeChat's names; wxcube adds the columns `appid`, `origin`, `params`, `place`, `absent` and
`withdrawn_at`. Every column that is not part of a key may be null.
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
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.column_types import Day, blob, long_text, short_text

REVISION = "0007"
"""The migration that creates these tables."""

METADATA = sa.MetaData()
PLACE = "place"
"""Column with the position of a row in WeChat's list, from 0: sorting by it restores the order."""
ABSENT = "absent"
"""Column with the parts, lists and implied key that a row came without: their paths, or null."""
APPID, ORIGIN, PARAMS, TEXT_KEY = short_text(64), short_text(8), short_text(128), short_text(64)


class Timestamp(sa.types.TypeDecorator[datetime]):
    """A time, stored as Beijing time to the second: `2026-03-10T09:00:00+08:00`."""

    impl = short_text(25)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> str | None:
        """The stored text of a time."""
        return stored_time(value) if value else None

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> datetime | None:
        """The time of a stored text."""
        return datetime.fromisoformat(value) if value else None


class Moment(sa.types.TypeDecorator[datetime]):
    """A time, stored as Beijing time to the millisecond: `2026-03-10T09:00:00.000+08:00`."""

    impl = short_text(29)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> str | None:
        """The stored text of a time."""
        return in_beijing(value).isoformat(timespec="milliseconds") if value else None

    def process_result_value(self, value: Any, _dialect: sa.Dialect) -> datetime | None:
        """The time of a stored text."""
        return datetime.fromisoformat(value) if value else None


def stored_time(time: datetime) -> str:
    """A time as `Timestamp` stores it."""
    return in_beijing(time).isoformat(timespec="seconds")


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


_IS_WITHDRAWN = sa.text(f"{WITHDRAWN_AT} IS NOT NULL")


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
        _withdrawn_at(),
        sa.PrimaryKeyConstraint(*key),
        # PERF: withdrawn rows are few; without it, counting them would read the whole table
        sa.Index(
            # PostgreSQL's names are shorter
            sa.schema.conv(f"{name}__withdrawn"),
            "appid",
            "origin",
            WITHDRAWN_AT,
            sqlite_where=_IS_WITHDRAWN,
            postgresql_where=_IS_WITHDRAWN,
        ),
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


def _withdrawn_at() -> sa.Column[Any]:
    comment = "first answer that lacked the row / 首次缺少该行的返回时间；空值表示仍有"
    return sa.Column(WITHDRAWN_AT, Timestamp, comment=comment)


def _absent() -> sa.Column[Any]:
    comment = "parts the answer lacked / 返回结果中缺少的部分或列表，以空格分隔；空值表示不缺"
    return sa.Column(ABSENT, long_text(), nullable=True, comment=comment)


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
        return TEXT_KEY if is_key else long_text()
    types: dict[type, sa.types.TypeEngine[Any]] = {
        int: sa.BigInteger(),
        float: sa.Double(),
        date: Day(),
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
        sa.Column("appid", APPID, nullable=False, comment="account / 公众号"),
        sa.Column("origin", ORIGIN, nullable=False, comment="where the rows come from / 来源"),
        sa.Column("endpoint", TEXT_KEY, nullable=False, comment="WeChat's name / 接口名"),
        sa.Column("params", PARAMS, nullable=False, comment="beside the dates / 请求参数"),
    ]


accounts = sa.Table(
    "accounts",
    METADATA,
    sa.Column("appid", APPID, primary_key=True, comment="account / 公众号"),
    sa.Column(
        "first_seen", Timestamp, nullable=False, comment="first answer or refusal / 首次出现"
    ),
    comment="accounts the warehouse knows / 已知的公众号",
)
coverage = sa.Table(
    "coverage",
    METADATA,
    *_series_columns(),
    sa.Column(
        "ref_date", Day(), nullable=False, comment="day, or label of the week or month / 日期"
    ),
    sa.Column(
        "state", short_text(8), nullable=False, comment="final, moving, waiting, … / 数据状态"
    ),
    sa.Column("asked_at", Timestamp, nullable=False, comment="last request / 最近一次请求时间"),
    sa.Column(
        "fetched_at",
        Timestamp,
        comment="when the stored rows were fetched; null: no rows / 数据的获取时间；空值表示无数据",
    ),
    sa.Column("errcode", sa.Integer, comment="errcode of the last answer / 最近一次返回的错误码"),
    sa.Column(
        "message", long_text(), nullable=False, comment="last error or remark / 最近的错误或说明"
    ),
    sa.Column(
        "message_data",
        long_text(),
        comment="message as JSON, for other languages / JSON 形式的说明，供其他语言使用",
    ),
    sa.Column(
        "revision",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="how often figures changed after they were final / 定稿后更正次数",
    ),
    sa.Column("revised_at", Timestamp, comment="last revision / 最近一次更正时间"),
    sa.Column(
        "doubts",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="days on which a late enough answer lacked something / 返回结果有缺失的天数",
    ),
    sa.PrimaryKeyConstraint("appid", "origin", "endpoint", "params", "ref_date"),
    comment="ledger of days per account, origin and endpoint / 每日数据状态",
    sqlite_with_rowid=False,
)
replies = sa.Table(
    "replies",
    METADATA,
    sa.Column("sha256", short_text(64), primary_key=True, comment="of the body / 内容的哈希"),
    sa.Column("body", blob(), nullable=False, comment="compressed with zstd / 以 zstd 压缩的内容"),
    comment="answers as they came, each body once / 原始返回结果，相同内容只存一份",
)
_NO_TEXT = sa.text("('')")
"""MySQL takes an expression only as the default of a long text."""
asks = sa.Table(
    "asks",
    METADATA,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        comment="in the order of sending / 按发送顺序的编号",
    ),
    *_series_columns(),
    sa.Column(
        "first_date",
        Day(),
        comment="first day of the window; null: not known / 请求的首日；空值表示未知",
    ),
    sa.Column("last_date", Day(), comment="last day of the window / 请求的末日"),
    sa.Column("sender", short_text(16), nullable=False, comment="sync, fetch, … / 发送者"),
    sa.Column("asked_at", Moment, nullable=False, comment="when it was sent / 请求时间"),
    sa.Column("outcome", short_text(10), nullable=False, comment="answered, refused, … / 结果"),
    sa.Column(
        "finished",
        sa.BigInteger,
        comment="order of the outcomes of an account, from 1 / 同一公众号的完成顺序，从 1 开始",
    ),
    sa.Column("server_date", Timestamp, comment="Date header of the answer / 服务器时间"),
    sa.Column("errcode", sa.Integer, comment="WeChat's error code / 错误码"),
    sa.Column("is_delay", sa.Boolean, comment="figures are still being computed / 数据有延迟"),
    sa.Column("rows", sa.Integer, comment="rows of the answer / 行数"),
    sa.Column("unreadable", sa.Integer, comment="rows that cannot be read / 无法读取的行数"),
    sa.Column(
        "sha256",
        short_text(64),
        sa.ForeignKey("replies.sha256"),
        comment="its reply / 对应的返回结果",
    ),
    sa.Column(
        "message", long_text(), nullable=False, server_default=_NO_TEXT, comment="error / 错误"
    ),
    sa.Column(
        "message_data", long_text(), comment="error as JSON, for other languages / JSON 形式的错误"
    ),
    sa.Column(
        "clock_offset",
        sa.Integer,
        comment="seconds the machine's clock was ahead / 本机时钟快的秒数；空值表示时钟无误",
    ),
    sa.Index("asks_of_day", "appid", "endpoint", "asked_at", "errcode"),
    sa.Index("asks_in_order", "appid", "finished"),
    comment="every attempt that was sent / 每一次请求",
)
leases = sa.Table(
    "leases",
    METADATA,
    sa.Column("appid", APPID, primary_key=True, comment="account / 公众号"),
    sa.Column("holder", short_text(64), nullable=False, comment="process, unique / 进程"),
    sa.Column("host", short_text(255), nullable=False, comment="machine / 主机"),
    sa.Column("pid", sa.Integer, nullable=False, comment="process id / 进程号"),
    sa.Column(
        "taken_at", Timestamp, nullable=False, comment="by the machine's clock / 本机时间的开始时间"
    ),
    sa.Column("expires_at", Timestamp, nullable=False, comment="unless renewed before / 到期时间"),
    comment="accounts that a process is synchronizing now / 正在同步的公众号",
)
builds = sa.Table(
    "builds",
    METADATA,
    sa.Column(
        "ledger",
        short_text(64),
        primary_key=True,
        comment="random token of the last build / 最近一次计算的随机标识",
    ),
    sa.Column(
        "parts",
        sa.Integer,
        nullable=False,
        comment="parts of builds stored so far / 已存入的部分数",
    ),
    comment="the cube whose rows are in this database, at most one / 计算结果的出处",
)
