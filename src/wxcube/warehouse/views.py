"""Views: one per table of rows, with the meaning of codes and the state of each row's day.

A view has the rows that `Warehouse.read` returns: each day's rows of the best origin that has any,
with withdrawn rows, which are marked. The tables have the rows of every origin. Rows of a nested
list also have the texts and codes of the row that the list is part of, such as an article's title.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateView

from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import VIEW_PREFIX, Endpoint
from wxcube.contract.field import UNITS, Code, Column, Label, columns
from wxcube.contract.source import Origin
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.i18n import Meaning
from wxcube.warehouse.contract_tables import codes
from wxcube.warehouse.tables import ROW_TABLES, TEXT_KEY, RowTable, coverage

_ADDED = {
    "appid": Meaning("account", "公众号"),
    "params": Meaning("parameters of the call besides the dates", "日期以外的调用参数"),
    "origin": Meaning(
        "where the row is from: wechat, import, cube or derived",
        "数据来源：wechat、import、cube 或 derived",
    ),
    "state": Meaning(
        "state of the row's day: final does not change any more, moving may still change",
        "该日的数据状态：final 已定稿，moving 变动中",
    ),
    "fetched_at": Meaning("time of the answer that the day's rows are from", "该日数据的获取时间"),
    "revision": Meaning(
        "how often figures of the day changed after they were final", "该日定稿后的修订次数"
    ),
    WITHDRAWN_AT: Meaning(
        "time of the first answer that lacked the row; null: the newest answer has it",
        "已撤下：首次缺少该行的返回时间；空值表示最近一次返回有该行",
    ),
}


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view; `column` is the one of the contract, if it is WeChat's."""

    name: str
    expression: sa.ColumnElement[Any]
    meaning: Meaning
    table: sa.Table | None = None
    column: Column | None = None
    added_unit: str = ""
    """Unit of a figure that is not WeChat's."""

    @property
    def unit(self) -> str:
        """Unit of the figures; empty if there is none."""
        return self.column.kind.unit if self.column else self.added_unit

    @property
    def unit_meaning(self) -> Meaning | None:
        """The unit in both languages."""
        return UNITS.get(self.unit)


@dataclass(frozen=True, slots=True)
class View:
    """A view of stored rows; `endpoint` is the one, or the main one, that they are from."""

    name: str
    title: Meaning
    endpoint: Endpoint[Any]
    columns: tuple[ViewColumn, ...]
    select: sa.Select[Any]

    @property
    def create(self) -> CreateView:
        """The statement that creates the view."""
        return CreateView(self.select, self.name)


@cache
def views() -> tuple[View, ...]:
    """The views of all endpoints, in the order of the contract."""
    return tuple(
        _view(endpoint, part) for endpoint in ENDPOINTS for part in ROW_TABLES[endpoint.name].walk()
    )


def column_records(of_views: Iterable[View]) -> list[dict[str, Any]]:
    """Rows of the table `columns` about the columns of views."""
    return [
        {
            "view_name": view.name,
            "name": one.name,
            "sort_order": order,
            "endpoint": view.endpoint.name,
            "table_name": one.table.name if one.table is not None else None,
            "zh": one.meaning.zh,
            "en": str(one.meaning),
            "kind": type(one.column.kind).__name__.lower() if one.column else "",
            "unit": one.unit,
            "adding": one.column.kind.adding.value if one.column else "none",
            "code_table": code_table(one.column) if one.column else "",
        }
        for view in of_views
        for order, one in enumerate(view.columns)
    ]


def code_table(column: Column) -> str:
    """Name of the table with the meanings of a column's codes; empty if there is none."""
    return column.kind.table if isinstance(column.kind, Code | Label) else ""


def _view(endpoint: Endpoint[Any], part: RowTable) -> View:
    root = ROW_TABLES[endpoint.name]
    of_columns = tuple(_columns(root, part))
    select = (
        sa.select(*(one.expression.label(one.name) for one in of_columns))
        .select_from(_joined(endpoint, root, part))
        .where(_has_best_origin(root, part.table))
    )
    title = Meaning(endpoint.row_en, endpoint.row_zh)
    return View(VIEW_PREFIX + part.table.name, title, endpoint, of_columns, select)


# --- columns -------------------------------------------------------------------------------------


def _columns(root: RowTable, part: RowTable) -> Iterator[ViewColumn]:
    rows = part.table
    for name in ("appid", "params"):
        if name in rows.c:
            yield _added(rows.c[name], rows)
    for table, column in _wechat_columns(root, part):
        meaning = Meaning.of(column.kind)
        yield ViewColumn(column.name, table.c[column.name], meaning, table, column)
        if code_table(column):
            yield from _labels(table, column)
    yield _added(rows.c.origin, rows)
    yield from (_added(coverage.c[name]) for name in ("state", "fetched_at", "revision"))
    marks = [one.table.c[WITHDRAWN_AT] for one in (part, *_parents(root, part))]
    mark = marks[0] if part is root else sa.func.coalesce(*marks)
    yield ViewColumn(WITHDRAWN_AT, mark, _ADDED[WITHDRAWN_AT], rows)


def _added(column: sa.Column[Any], table: sa.Table | None = None) -> ViewColumn:
    return ViewColumn(column.name, column, _ADDED[column.name], table)


def _wechat_columns(root: RowTable, part: RowTable) -> Iterator[tuple[sa.Table, Column]]:
    """The columns of a part's rows: keys of its parents, texts and codes of its root, its own."""
    inherited = {one.name: one.column for above in _parents(root, part) for one in above.columns}
    for name in part.key:
        if name in inherited:
            yield part.table, inherited[name]
    if part is not root:
        yield from ((root.table, one) for one in columns(root.row) if _is_attribute(one, part))
    yield from ((part.table, one.column) for one in part.columns)


def _parents(root: RowTable, part: RowTable) -> list[RowTable]:
    """The tables above a nested one, the root first."""
    if part in root.lists or part is root:
        return [] if part is root else [root]
    below = next(one for one in root.lists if part in one.walk())
    return [root, *_parents(below, part)]


def _is_attribute(column: Column, part: RowTable) -> bool:
    """Whether a column of the root describes the rows of a part: a figure would be repeated."""
    is_text = isinstance(column.kind, Label) or bool(code_table(column))
    return is_text and column.name not in part.table.c


def _labels(table: sa.Table, column: Column) -> Iterator[ViewColumn]:
    """The meaning of a code in both languages; an unknown code is its own meaning."""
    known = _codes(column)
    code = as_text(table.c[column.name])
    of = Meaning.of(column.kind)
    for language in ("zh", "en"):
        meaning = Meaning(f"{of}, in words ({language})", f"{of.zh}，文字（{language}）")
        label = sa.func.coalesce(known.c[language], code)
        yield ViewColumn(f"{column.name}_{language}", label, meaning)


# --- tables --------------------------------------------------------------------------------------


def _joined(endpoint: Endpoint[Any], root: RowTable, part: RowTable) -> sa.FromClause:
    rows: sa.FromClause = part.table
    for above in _parents(root, part):
        rows = rows.join(above.table, _same(part.table, above.table, above.key))
    for table, column in _wechat_columns(root, part):
        if code_table(column):
            rows = rows.outerjoin(_codes(column), _is_meaning(table, column))
    return rows.outerjoin(coverage, _is_day(endpoint, part.table))


def _is_day(endpoint: Endpoint[Any], rows: sa.Table) -> sa.ColumnElement[bool]:
    """The entry of a row's day in the ledger."""
    params = rows.c.params if "params" in rows.c else sa.literal("")
    return sa.and_(
        _same(coverage, rows, ("appid", "origin")),
        coverage.c.endpoint == endpoint.name,
        coverage.c.params == params,
        coverage.c.ref_date == rows.c.ref_date,
    )


@cache
def _codes(column: Column) -> sa.FromClause:
    return codes.alias(f"{column.name}_codes")


def _is_meaning(table: sa.Table, column: Column) -> sa.ColumnElement[bool]:
    known = _codes(column)
    is_code = known.c.code == as_text(table.c[column.name])
    return sa.and_(known.c.code_table == code_table(column), is_code)


def as_text(code: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A code as text, as in the table `codes`."""
    return code if isinstance(code.type, sa.String) else _Text(code)


class _Text(sa.sql.functions.GenericFunction[str]):
    """A number as text."""

    type = TEXT_KEY
    inherit_cache = True


@compiles(_Text)
def _cast(function: _Text, compiler: Any, **options: Any) -> str:
    (number,) = function.clauses
    return str(compiler.process(sa.cast(number, TEXT_KEY), **options))


@compiles(_Text, "mysql", "mariadb")
def _concat(function: _Text, compiler: Any, **options: Any) -> str:
    # in a view of MariaDB, CAST gives text of the server's collation
    return str(compiler.process(sa.func.concat(*function.clauses), **options))


def _same(one: sa.FromClause, other: sa.FromClause, names: Iterable[str]) -> sa.ColumnElement[bool]:
    return sa.and_(*(one.c[name] == other.c[name] for name in names))


def _has_best_origin(root: RowTable, rows: sa.Table) -> sa.ColumnElement[bool]:
    """Whether no better origin has rows of the day, as `records.of_best_origin` has it."""
    better = root.table.alias("better")
    scope = [name for name in ("appid", "params", "ref_date") if name in rows.c]
    order = {origin.value: number for number, origin in enumerate(Origin)}
    is_better = sa.and_(
        _same(better, rows, scope),
        better.c.origin.in_(list(order)[:-1]),
        sa.case(order, value=better.c.origin) < sa.case(order, value=rows.c.origin),
    )
    # PERF: keys are of account, origin and day; with all origins named, days are found by key
    has_an_origin = rows.c.origin.in_(list(order))
    # PERF: most rows have the best origin of all, which needs no search
    is_best_of_all = rows.c.origin == Origin.WECHAT.value
    return sa.and_(has_an_origin, sa.or_(is_best_of_all, ~sa.exists().where(is_better)))
