"""Figures of days, added up by the database: for pages and reports of many days or accounts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.coverage import State
from wxcube.warehouse.sql_dates import days_between
from wxcube.warehouse.tables import ROW_TABLES, RowTable, accounts, coverage

_RANK = {origin.value: number for number, origin in enumerate(Origin)}
_ORIGINS = {origin.value: origin for origin in Origin}
_STATES = {state.value: state for state in State}
_day = date.fromisoformat
_STEP = 500
"""Accounts per statement: databases limit the parameters of one."""


Some = Callable[[sa.ColumnElement[str]], sa.ColumnElement[bool]]
"""The condition that a column has one of some accounts."""
Appids = Sequence[str] | None
"""AppIDs of accounts; None: all accounts."""


class Entry(NamedTuple):
    """What the ledger says of a day of one origin."""

    origin: Origin
    state: State
    revision: int
    """How often its figures changed after they were final."""


Entries = tuple[Entry, ...]


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


class TotalOfDay(NamedTuple):
    """One column of an article's running totals of one day."""

    appid: str
    published: date
    msgid: str
    stat_date: date
    value: Any

    @property
    def age(self) -> int:
        """Days since publishing that it covers, with the day of publishing."""
        return (self.stat_date - self.published).days + 1


@dataclass(frozen=True, slots=True)
class Selection:
    """Columns of an endpoint in a window, aggregated by account, day and the columns `by`.

    `only` limits the rows to values of columns; `part` names a nested list whose rows are meant.
    Of columns that are not to be added, such as users, a group should have one row: if it has
    several, the largest counts. `is_disjoint` says that nobody is in two rows of a day, so that
    users add up too.
    """

    endpoint: Endpoint[Any]
    window: Window
    columns: tuple[str, ...]
    by: tuple[str, ...] = ()
    only: tuple[tuple[str, Any], ...] = ()
    part: str = ""
    is_disjoint: bool = False

    @property
    def table(self) -> RowTable:
        """The table of the rows."""
        table = ROW_TABLES[self.endpoint.name]
        return next(t for t in table.walk() if t.path.endswith(self.part)) if self.part else table

    def where(self, table: sa.Table, some: Some) -> list[sa.ColumnElement[bool]]:
        """The rows of some accounts that are meant; withdrawn ones are not."""
        return [*self.within(table, some), table.c[WITHDRAWN_AT].is_(None)]

    def within(self, table: sa.Table, some: Some) -> list[sa.ColumnElement[bool]]:
        """The rows of some accounts that are meant, withdrawn or not."""
        return [
            some(table.c.appid),
            table.c.origin.in_([origin.value for origin in Origin]),
            table.c.ref_date.between(self.window.first, self.window.last),
            *(table.c[name] == value for name, value in self.only),
        ]


def sums(connection: sa.Connection, appids: Appids, selection: Selection) -> list[Sums]:
    """The figures of a selection, each day from its best origin."""
    table = selection.table
    column = table.table.c
    # PERF: in the order of the primary key, which needs no sorting
    groups = [column.appid, column.origin, column.ref_date, *(column[n] for n in selection.by)]
    kinds = {one.name: one.column.kind.adding for one in table.columns}
    values = [
        _aggregate(column[name], Adding.SUM if selection.is_disjoint else kinds[name])
        for name in selection.columns
    ]
    found = [
        Sums(row[0], _day(row[2]), _ORIGINS[row[1]], row[3 : len(groups)], row[len(groups) :])
        for some in _split(appids)
        for row in connection.execute(
            sa.select(column.appid, column.origin, _text(column.ref_date), *groups[3:], *values)
            .where(*selection.where(table.table, some))
            .group_by(*groups)
            .order_by(*groups)
        ).all()
    ]
    return _of_best_origin(found)


def over_range(
    connection: sa.Connection, appids: Sequence[str], selection: Selection
) -> dict[tuple[str, tuple[Any, ...]], tuple[int, ...]]:
    """Sums over all days of a selection, by account and its columns `by`.

    Its columns must be ones that may be added up. Each day is from its best origin.
    """
    table, found = selection.table.table, dict[Any, Any]()
    groups = [table.c[name] for name in ("appid", *selection.by)]
    values = [sa.cast(sa.func.sum(table.c[name]), sa.BigInteger) for name in selection.columns]
    several = _with_several_origins(connection, table, appids, selection)
    # PERF: without a row per day, which is needed only where the best origin differs by day
    for some in _split([appid for appid in appids if appid not in several]):
        rows = sa.select(*groups, *values).where(*selection.where(table, some)).group_by(*groups)
        for row in connection.execute(rows).all():
            found[row[0], row[1 : len(groups)]] = row[len(groups) :]
    for one in sums(connection, several, selection):
        known = found.get((one.appid, one.group), (0,) * len(values))
        pairs = zip(known, one.values, strict=True)
        found[one.appid, one.group] = tuple(a + (b or 0) for a, b in pairs)
    return found


def _with_several_origins(
    connection: sa.Connection, table: sa.Table, appids: Sequence[str], selection: Selection
) -> list[str]:
    found: list[str] = []
    for some in _split(appids):
        counts = (
            sa.select(table.c.appid)
            .where(*selection.where(table, some))
            .group_by(table.c.appid)
            .having(sa.func.count(sa.distinct(table.c.origin)) > 1)
        )
        found += connection.execute(counts).scalars().all()
    return found


def running_totals(
    connection: sa.Connection,
    appids: Sequence[str],
    selection: Selection,
    *,
    is_newest_only: bool = False,
) -> list[RunningTotals]:
    """Running totals of articles published in the window of a selection, by stat_date.

    Its columns are those of the running totals, and `only` limits the articles. `is_newest_only`
    leaves out all but the newest totals of each article.
    """
    parent, running = selection.table, selection.endpoint.running
    child = next(t for t in parent.lists if running and t.path == running.name)
    above, below = parent.table, child.table
    of_row = [one.name for one in parent.columns if one.name != "ref_date"]
    rows = sa.select(
        above.c.appid,
        above.c.origin,
        *map(_text, (above.c.ref_date, below.c.stat_date)),
        *(above.c[name] for name in of_row),
        *(below.c[name] for name in selection.columns),
    ).join_from(above, below, sa.and_(*(above.c[name] == below.c[name] for name in parent.key)))
    if is_newest_only:
        rows = rows.where(below.c.stat_date == _newest(parent, below))
    width = 4 + len(of_row)
    order = (above.c.appid, above.c.ref_date, above.c.msgid, below.c.stat_date)
    found = [
        RunningTotals(
            row[0],
            _day(row[2]),
            _ORIGINS[row[1]],
            _day(row[3]),
            dict(zip(of_row, row[4:width], strict=True)),
            row[width:],
        )
        for some in _split(appids)
        for row in connection.execute(
            rows.where(*selection.where(above, some), below.c[WITHDRAWN_AT].is_(None)).order_by(
                *order
            )
        ).all()
    ]
    best = _best_origins((one.appid, one.published, one.origin) for one in found)
    return [one for one in found if best[one.appid, one.published] == one.origin]


def totals_of_days(
    connection: sa.Connection,
    appids: Sequence[str],
    selection: Selection,
    ages: Collection[int] | None = None,
) -> list[TotalOfDay]:
    """The first column of a selection of running totals, of every day, in any order.

    `ages` limits them to numbers of days since publishing; the day of publishing is 1.
    """
    parent, running = selection.table, selection.endpoint.running
    child = next(t for t in parent.lists if running and t.path == running.name)
    above, below = parent.table.c, child.table.c
    key = (below.appid, below.origin, _text(below.ref_date), below.msgid)
    rows = sa.select(*key, _text(below.stat_date), below[selection.columns[0]])
    gone = sa.select(above.appid, above.origin, _text(above.ref_date), above.msgid)
    if ages is not None:
        # which origin is the best is seen from all days
        several = _with_several_origins(connection, child.table, appids, selection)
        is_wanted = (days_between(below.ref_date, below.stat_date) + 1).in_(ages)
        rows = rows.where(sa.or_(is_wanted, below.appid.in_(several)))
    found, withdrawn = list[Any](), set[tuple[Any, ...]]()
    for some in _split(appids):
        # PERF: no join, and no wide column of the articles in an order that nobody needs
        found += connection.execute(rows.where(*selection.where(child.table, some))).all()
        of_articles = selection.within(parent.table, some)
        some_gone = connection.execute(gone.where(*of_articles, above[WITHDRAWN_AT].is_not(None)))
        withdrawn |= {tuple(row) for row in some_gone.all()}
    best = _best_origins((row[0], row[2], _ORIGINS[row[1]]) for row in found)
    totals = (
        TotalOfDay(row[0], _day(row[2]), str(row[3]), _day(row[4]), row[5])
        for row in found
        if best[row[0], row[2]] == _ORIGINS[row[1]]
        if not withdrawn or tuple(row[:4]) not in withdrawn
    )
    return [one for one in totals if ages is None or one.age in ages]


def states(
    connection: sa.Connection, appids: Appids, endpoint: Endpoint[Any], window: Window
) -> dict[tuple[str, date], Entries]:
    """The entries of the ledger by account and day, of every origin that has one."""
    column, found = coverage.c, dict[tuple[str, date], Entries]()
    for some in _split(appids):
        rows = connection.execute(
            sa.select(
                column.appid, _text(column.ref_date), column.origin, column.state, column.revision
            )
            .where(some(column.appid), column.origin.in_([o.value for o in Origin]))
            .where(column.endpoint == endpoint.name, column.params == "")
            .where(column.ref_date.between(window.first, window.last))
        ).all()
        for appid, day, origin, state, revision in rows:
            key, entry = (appid, _day(day)), _entry(origin, state, revision)
            found[key] = (*found[key], *entry) if key in found else entry
    return found


@cache
def _entry(origin: str, state: str, revision: int) -> Entries:
    return (Entry(_ORIGINS[origin], _STATES[state], revision),)


def _text(day: sa.ColumnElement[date]) -> sa.ColumnElement[str]:
    # PERF: a type of SQLAlchemy costs more for a day than the rest of its row
    return sa.type_coerce(day, sa.String)


def _aggregate(column: sa.ColumnElement[Any], adding: Adding) -> sa.ColumnElement[Any]:
    if adding is not Adding.SUM:
        return sa.func.max(column)
    return sa.cast(sa.func.sum(column), sa.BigInteger)  # some databases add up to decimals


def _newest(parent: RowTable, below: sa.Table) -> sa.ScalarSelect[Any]:
    other = below.alias("later")
    same = (other.c[name] == parent.table.c[name] for name in parent.key)
    newest = sa.select(sa.func.max(other.c.stat_date)).where(*same, other.c[WITHDRAWN_AT].is_(None))
    return newest.correlate(parent.table).scalar_subquery()


def _split(appids: Appids) -> Iterator[Some]:
    """Conditions that together select the accounts."""
    if appids is None:
        # PERF: a list of 200 parameters costs more than the rest of a statement
        yield lambda column: column.in_(sa.select(accounts.c.appid))
        return
    for start in range(0, len(appids), _STEP):
        some = appids[start : start + _STEP]
        yield partial(sa.ColumnElement.in_, other=some)


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
