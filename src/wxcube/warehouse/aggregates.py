"""Figures of days, added up by the database: for pages and reports of many days or accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.coverage import State
from wxcube.warehouse.tables import ROW_TABLES, RowTable, coverage

_RANK = {origin.value: number for number, origin in enumerate(Origin)}
_ORIGINS = {origin.value: origin for origin in Origin}
_STATES = {state.value: state for state in State}
_STEP = 500
"""Accounts per statement: databases limit the parameters of one."""


class Sums(NamedTuple):
    """The figures of one account, day and group, from the best origin of that day."""

    appid: str
    day: date
    origin: Origin
    group: tuple[Any, ...]
    values: tuple[Any, ...]


class RunningTotals(NamedTuple):
    """An article's running totals of one day."""

    appid: str
    published: date
    origin: Origin
    stat_date: date
    row: Mapping[str, Any]
    """Columns of the article, such as its title."""
    values: tuple[Any, ...]


def sums(  # noqa: PLR0913 - a selection has all of these
    connection: sa.Connection,
    appids: Sequence[str],
    endpoint: Endpoint[Any],
    window: Window,
    columns: Sequence[str],
    *,
    by: Sequence[str] = (),
    only: Mapping[str, Any] | None = None,
    part: str = "",
    is_disjoint: bool = False,
) -> list[Sums]:
    """Columns by account, day and the columns `by`, aggregated as the contract says.

    `only` limits the rows to values of columns; `part` names a nested list whose rows are meant.
    Of columns that are not to be added, such as users, a group should have one row: if it has
    several, the largest counts. `is_disjoint` says that nobody is in two rows of a day, so that
    users add up too. Withdrawn rows are left out.
    """
    table = _table(endpoint, part)
    column = table.table.c
    groups = [column[name] for name in ("appid", "ref_date", "origin", *by)]
    kinds = {one.name: one.column.kind.adding for one in table.columns}
    adding = {name: Adding.SUM if is_disjoint else kinds[name] for name in columns}
    values = [_aggregate(column[name], adding[name]) for name in columns]
    where = [column[name] == value for name, value in (only or {}).items()]
    width = 3 + len(by)
    found = [
        Sums(row[0], row[1], _ORIGINS[row[2]], row[3:width], row[width:])
        for some in _split(appids)
        for row in connection.execute(
            sa.select(*groups, *values)
            .where(*_scope(table.table, some, window), *where)
            .group_by(*groups)
            .order_by(*groups)
        ).all()
    ]
    return _of_best_origin(found)


def over_range(
    connection: sa.Connection,
    appids: Sequence[str],
    endpoint: Endpoint[Any],
    window: Window,
    columns: Sequence[str],
    by: Sequence[str],
) -> dict[tuple[str, tuple[Any, ...]], tuple[int, ...]]:
    """Sums of columns over all days of a window, by account and the columns `by`.

    The columns must be ones that may be added up. Each day is from its best origin; withdrawn rows
    are left out.
    """
    table, found = ROW_TABLES[endpoint.name].table, dict[Any, Any]()
    groups = [table.c[name] for name in ("appid", *by)]
    values = [sa.cast(sa.func.sum(table.c[name]), sa.BigInteger) for name in columns]
    several = _with_several_origins(connection, table, appids, window)
    # PERF: without a row per day, which is needed only where the best origin differs by day
    for some in _split([appid for appid in appids if appid not in several]):
        rows = sa.select(*groups, *values).where(*_scope(table, some, window)).group_by(*groups)
        for row in connection.execute(rows).all():
            found[row[0], row[1 : 1 + len(by)]] = row[1 + len(by) :]
    for one in sums(connection, several, endpoint, window, columns, by=by):
        known = found.get((one.appid, one.group), (0,) * len(columns))
        pairs = zip(known, one.values, strict=True)
        found[one.appid, one.group] = tuple(a + (b or 0) for a, b in pairs)
    return found


def _with_several_origins(
    connection: sa.Connection, table: sa.Table, appids: Sequence[str], window: Window
) -> list[str]:
    found: list[str] = []
    for some in _split(appids):
        counts = (
            sa.select(table.c.appid)
            .where(*_scope(table, some, window))
            .group_by(table.c.appid)
            .having(sa.func.count(sa.distinct(table.c.origin)) > 1)
        )
        found += connection.execute(counts).scalars().all()
    return found


def running_totals(  # noqa: PLR0913 - a selection has all of these
    connection: sa.Connection,
    appids: Sequence[str],
    endpoint: Endpoint[Any],
    window: Window,
    columns: Sequence[str],
    *,
    msgid: str = "",
    is_newest_only: bool = False,
) -> list[RunningTotals]:
    """Running totals of articles published in a window, by stat_date; or the newest of each.

    `msgid` limits them to one article.
    """
    parent = ROW_TABLES[endpoint.name]
    child = next(t for t in parent.lists if endpoint.running and t.path == endpoint.running.name)
    above, below = parent.table, child.table
    of_row = [one.name for one in parent.columns if one.name != "ref_date"]
    rows = sa.select(
        *(above.c[name] for name in ("appid", "ref_date", "origin")),
        below.c.stat_date,
        *(above.c[name] for name in of_row),
        *(below.c[name] for name in columns),
    ).join_from(above, below, sa.and_(*(above.c[name] == below.c[name] for name in parent.key)))
    if is_newest_only:
        rows = rows.where(below.c.stat_date == _newest(parent, below))
    if msgid:
        rows = rows.where(above.c.msgid == msgid)
    width = 4 + len(of_row)
    found = [
        RunningTotals(
            row[0],
            row[1],
            _ORIGINS[row[2]],
            row[3],
            dict(zip(of_row, row[4:width], strict=True)),
            row[width:],
        )
        for some in _split(appids)
        for row in connection.execute(
            rows.where(*_scope(above, some, window), below.c[WITHDRAWN_AT].is_(None)).order_by(
                above.c.appid, above.c.ref_date, above.c.msgid, below.c.stat_date
            )
        ).all()
    ]
    best = _best_origins((one.appid, one.published, one.origin) for one in found)
    return [one for one in found if best[one.appid, one.published] == one.origin]


def states(
    connection: sa.Connection, appids: Sequence[str], endpoint: Endpoint[Any], window: Window
) -> dict[tuple[str, date], dict[Origin, tuple[State, int]]]:
    """States and numbers of revisions by account and day, of every origin that has an entry."""
    column, found = coverage.c, dict[tuple[str, date], dict[Origin, tuple[State, int]]]()
    for some in _split(appids):
        rows = connection.execute(
            sa.select(column.appid, column.ref_date, column.origin, column.state, column.revision)
            .where(column.appid.in_(some), column.origin.in_([o.value for o in Origin]))
            .where(column.endpoint == endpoint.name, column.params == "")
            .where(column.ref_date.between(window.first, window.last))
        ).all()
        for appid, day, origin, state, revision in rows:
            found.setdefault((appid, day), {})[_ORIGINS[origin]] = (_STATES[state], revision)
    return found


def _table(endpoint: Endpoint[Any], part: str) -> RowTable:
    table = ROW_TABLES[endpoint.name]
    return next(t for t in table.walk() if t.path.endswith(part)) if part else table


def _scope(
    table: sa.Table, appids: Collection[str], window: Window
) -> list[sa.ColumnElement[bool]]:
    return [
        table.c.appid.in_(appids),
        table.c.origin.in_([origin.value for origin in Origin]),
        table.c.ref_date.between(window.first, window.last),
        table.c[WITHDRAWN_AT].is_(None),
    ]


def _aggregate(column: sa.ColumnElement[Any], adding: Adding) -> sa.ColumnElement[Any]:
    if adding is not Adding.SUM:
        return sa.func.max(column)
    return sa.cast(sa.func.sum(column), sa.BigInteger)  # some databases add up to decimals


def _newest(parent: RowTable, below: sa.Table) -> sa.ScalarSelect[Any]:
    other = below.alias("later")
    same = (other.c[name] == parent.table.c[name] for name in parent.key)
    newest = sa.select(sa.func.max(other.c.stat_date)).where(*same, other.c[WITHDRAWN_AT].is_(None))
    return newest.correlate(parent.table).scalar_subquery()


def _split(appids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (appids[start : start + _STEP] for start in range(0, len(appids), _STEP))


def _best_origins(
    found: Iterator[tuple[str, date, Origin]],
) -> dict[tuple[str, date], Origin]:
    best: dict[tuple[str, date], Origin] = {}
    for appid, day, origin in found:
        known = best.get((appid, day))
        if known is None or _RANK[origin] < _RANK[known]:
            best[appid, day] = origin
    return best


def _of_best_origin(found: list[Sums]) -> list[Sums]:
    if len({one.origin for one in found}) <= 1:
        return found
    best = _best_origins((one.appid, one.day, one.origin) for one in found)
    return [one for one in found if best[one.appid, one.day] == one.origin]
