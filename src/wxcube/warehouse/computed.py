"""Rows computed in bulk: written column by column, for many accounts and days in one transaction.

Unlike an answer of WeChat, a computation is complete: days of which it has no rows have none, so
their old rows are deleted. Rows, nested rows and ledger change in one transaction.

The database need not check foreign keys here, which would look up the parent of every nested row:
`PivotedRows` come with their parent row, and of other nested rows the parent must come before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window, runs
from wxcube.errors import WarehouseError
from wxcube.i18n import Message, _
from wxcube.warehouse.coverage import computed_state
from wxcube.warehouse.ledger_messages import to_columns
from wxcube.warehouse.series import SERIES
from wxcube.warehouse.statements import (
    Statement,
    insert_many,
    insert_pivoted,
    skipping,
    updating,
)
from wxcube.warehouse.tables import (
    PLACE,
    ROW_TABLES,
    RowTable,
    accounts,
    coverage,
    stored_time,
)

Tuples = Iterable[tuple[Any, ...]]
"""They are iterated again if a database repeats the write."""
Batch = Sequence[tuple[Any, ...]]
BATCH = 2_000
"""Rows that are Python objects at the same time: they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class PivotedRows:
    """Rows of a nested list in wide form: one tuple has the values of all rows of one parent row.

    The rows have no nested lists themselves.
    """

    key_column: str
    """The column that identifies the rows of one parent row."""
    keys: tuple[str, ...] | tuple[int, ...]
    """Its values, in the order of the list."""
    value_column: str
    """The column with the values, of which a tuple has one per key; negative: no row."""
    tuples: Tuples


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table as tuples of the named columns; other columns are null."""

    columns: tuple[str, ...]
    """With pivoted rows, those of the table's key come first."""
    tuples: Tuples
    pivoted: Mapping[str, PivotedRows] = field(default_factory=dict)
    """Rows of nested tables, by name: one tuple for each of these tuples."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """Computed rows of an endpoint, and the accounts and days whose rows they replace."""

    endpoint: Endpoint[Any]
    origin: Origin
    windows: tuple[Window, ...]
    """The ref_dates replaced."""
    over: date
    """The last day that is over: rows of later days are still moving."""
    since: Mapping[str, date]
    """The accounts replaced, each with the first day that it can have rows of."""
    tables: Mapping[str, TableRows]
    """Rows by table name, without pivoted ones. `ref_date` and `stat_date` of running totals are
    ISO text."""
    days_with_rows: Mapping[str, AbstractSet[date]] = field(default_factory=dict)
    """The ref_dates that have rows, by account."""
    stat_dates: Window | None = None
    """Running totals: only the rows of these stat_dates are replaced."""
    is_partial: bool = False
    """Running totals: only rows below those of the first table, which exist, are replaced."""
    is_new: bool = False
    """Whether the warehouse has no rows of these accounts and days yet."""
    marks: Mapping[tuple[str, date], Message] = field(default_factory=dict)
    """What is wrong with the rows of an account and day; its entry in the ledger says so."""


def store(connection: sa.Connection, computed: Computed, asked_at: datetime) -> int:
    """Replace rows by computed ones, and return the number of rows.

    Raises:  WarehouseError if nested rows have no parent row.
    """
    table = ROW_TABLES[computed.endpoint.name]
    if computed.is_partial:
        _delete_of_parents(connection, table, computed)
        return _insert_all(connection, table, computed)
    if not computed.is_new:
        _delete(connection, table, computed)
    rows = _insert_all(connection, table, computed)
    if computed.stat_dates and not computed.is_new:
        _delete_childless(table).execute_many(connection, _scopes(computed))
    seen = stored_time(asked_at)
    _ADD_ACCOUNT.execute_many(connection, [(appid, seen) for appid in computed.since])
    _write_ledger(connection, computed, asked_at)
    return rows


# --- old rows ------------------------------------------------------------------------------------

_SCOPE = ("b_appid", "b_origin", "b_first", "b_last")


def _scopes(computed: Computed) -> list[tuple[str, ...]]:
    windows = [(w.first.isoformat(), w.last.isoformat()) for w in computed.windows]
    return [(appid, computed.origin.value, *w) for appid in computed.since for w in windows]


def _delete(connection: sa.Connection, table: RowTable, computed: Computed) -> None:
    """Delete the old rows, nested ones first; of running totals only nested rows."""
    *nested, top = reversed(list(table.walk()))
    if computed.stat_dates:
        ends = (computed.stat_dates.first.isoformat(), computed.stat_dates.last.isoformat())
        for one in nested:
            scopes = [(*scope, *ends) for scope in _scopes(computed)]
            _delete_nested(table, one).execute_many(connection, scopes)
        return
    for one in (*nested, top):
        _delete_all(one).execute_many(connection, _scopes(computed))


def _delete_of_parents(connection: sa.Connection, table: RowTable, computed: Computed) -> None:
    """Delete the running totals of the rows of the first table."""
    top, window = computed.tables[table.table.name], computed.stat_dates
    if window is None:
        raise ValueError("only running totals can be replaced in part")
    key_of = itemgetter(*(top.columns.index(name) for name in table.key))
    ends = (window.first.isoformat(), window.last.isoformat())
    keys = [(*key_of(row), *ends) for row in top.tuples]
    *nested, _top = reversed(list(table.walk()))
    for one in nested:
        _delete_of_parent(table, one).execute_many(connection, keys)


@cache
def _delete_of_parent(parent: RowTable, table: RowTable) -> Statement:
    rows, key = table.table, [f"b_{name}" for name in parent.key]
    of_parent = (rows.c[n] == sa.bindparam(b) for n, b in zip(parent.key, key, strict=True))
    is_of_days = rows.c.stat_date.between(sa.bindparam("b_first_stat"), sa.bindparam("b_last_stat"))
    statement = rows.delete().where(*of_parent, is_of_days)
    return Statement(statement, *key, "b_first_stat", "b_last_stat")


def _in_scope(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [
        table.c.appid == sa.bindparam("b_appid"),
        table.c.origin == sa.bindparam("b_origin"),
        table.c.ref_date.between(sa.bindparam("b_first"), sa.bindparam("b_last")),
    ]


@cache
def _delete_all(table: RowTable) -> Statement:
    return Statement(table.table.delete().where(*_in_scope(table.table)), *_SCOPE)


@cache
def _delete_nested(parent: RowTable, table: RowTable) -> Statement:
    # PERF: by key, because the rows of other stat_dates are between the first and the last day
    rows, parents = table.table, parent.table
    keys = sa.select(*(parents.c[name] for name in parent.key)).where(*_in_scope(parents))
    is_nested = sa.tuple_(*(rows.c[name] for name in parent.key)).in_(keys)
    is_of_days = rows.c.stat_date.between(sa.bindparam("b_first_stat"), sa.bindparam("b_last_stat"))
    statement = rows.delete().where(is_nested, is_of_days)
    return Statement(statement, *_SCOPE, "b_first_stat", "b_last_stat")


@cache
def _delete_childless(table: RowTable) -> Statement:
    """Delete rows of running totals that have no nested rows left."""
    rows, child = table.table, table.lists[0].table
    has_child = sa.exists().where(*(child.c[name] == rows.c[name] for name in table.key))
    return Statement(rows.delete().where(*_in_scope(rows), ~has_child), *_SCOPE)


# --- new rows ------------------------------------------------------------------------------------


_Write = Callable[[sa.Connection, RowTable, tuple[str, ...], Batch], None]


def _insert_all(
    connection: sa.Connection, table: RowTable, computed: Computed, parents: _Parents | None = None
) -> int:
    """Write the rows of a table and of its nested lists, and return their number."""
    rows = computed.tables[table.table.name]
    write: _Write = _insert
    if parents is None and computed.stat_dates:
        write = _leave if computed.is_partial else _update
    others = [child for child in table.lists if child.table.name not in rows.pivoted]
    pivoted = [_Pivoted(table, child, rows) for child in table.lists if child not in others]
    own, tuples, written = _Parents(table), iter(rows.tuples), 0
    while batch := list(islice(tuples, BATCH)):
        if others:
            own.add(rows, batch)
        if parents:
            parents.check(table, rows, batch)
        write(connection, table, rows.columns, batch)
        written += len(batch)
        for one in pivoted:
            written += one.write(connection, batch)
    for one in pivoted:
        one.check_end()
    return written + sum(_insert_all(connection, child, computed, own) for child in others)


def _insert(
    connection: sa.Connection, table: RowTable, names: tuple[str, ...], rows: Batch
) -> None:
    insert_many(connection, table.table, names, rows)


def _update(
    connection: sa.Connection, table: RowTable, names: tuple[str, ...], rows: Batch
) -> None:
    _update_statement(table, names).execute_many(connection, rows)


def _leave(
    _connection: sa.Connection, _table: RowTable, _names: tuple[str, ...], _rows: Batch
) -> None:
    """Write nothing: the rows are there."""


@cache
def _update_statement(table: RowTable, names: tuple[str, ...]) -> Statement:
    changing = [name for name in names if name not in table.key]
    return Statement(updating(table.table, changing), *names)


@dataclass(slots=True)
class _Parents:
    """The keys of rows that may have nested rows."""

    table: RowTable
    keys: set[tuple[Any, ...]] = field(default_factory=set)

    def add(self, rows: TableRows, batch: Batch) -> None:
        """Add the keys of some rows."""
        self.keys.update(map(self._key_reader(rows), batch))

    def check(self, table: RowTable, rows: TableRows, batch: Batch) -> None:
        """Check that nested rows have a parent row.

        Raises:  WarehouseError if one has none.
        """
        if not self.keys.issuperset(map(self._key_reader(rows), batch)):
            raise WarehouseError(
                _("rows of {table} have no parent row", table=table.table.name),
                hint=_("nothing was changed; this is a bug of the computation, please report it"),
            )

    def _key_reader(self, rows: TableRows) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        return itemgetter(*(rows.columns.index(name) for name in self.table.key))


class _Pivoted:
    """Writes rows of a nested list that are in wide form, together with their parent rows."""

    def __init__(self, parent: RowTable, table: RowTable, parents: TableRows) -> None:
        self._rows = parents.pivoted[table.table.name]
        self._table, self._parent, self._width = table, parent, len(parent.key)
        self._tuples = iter(self._rows.tuples)
        # in the order of the table's key
        self._order = sorted(enumerate(self._rows.keys), key=itemgetter(1))
        if parents.columns[: self._width] != parent.key:
            names = ", ".join(parents.columns)
            raise ValueError(f"{names} do not begin with {', '.join(parent.key)}")

    def write(self, connection: sa.Connection, batch: Batch) -> int:
        """Write the rows of a batch of parent rows, and return their number."""
        columns = (*self._parent.key, self._rows.key_column, self._rows.value_column, PLACE)
        pairs = zip(batch, islice(self._tuples, len(batch)), strict=True)
        rows = (parent[: self._width] + values for parent, values in pairs)
        return insert_pivoted(connection, self._table.table, columns, self._order, rows)

    def check_end(self) -> None:
        """Check that there are no more tuples than parent rows."""
        if next(self._tuples, None) is not None:
            raise ValueError(f"there are more pivoted rows than rows of {self._parent.table.name}")


# --- ledger --------------------------------------------------------------------------------------

_ADD_ACCOUNT = Statement(skipping(accounts), "appid", "first_seen")
_ENTRY = (*SERIES, "ref_date", "state", "asked_at", "fetched_at", "message", "message_data")
_DELETE_ENTRIES = Statement(
    coverage.delete().where(
        *_in_scope(coverage),
        coverage.c.endpoint == sa.bindparam("b_endpoint"),
        coverage.c.params == sa.literal_column("''"),
    ),
    *_SCOPE,
    "b_endpoint",
)


def _write_ledger(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    """Replace the entries of every account and label; before its first day it has none."""
    labels = _labels(computed)
    days = _runs_of_days(label.day for label in labels)
    scopes = [
        (appid, computed.origin.value, *run, computed.endpoint.name)
        for appid in computed.since
        for run in days
    ]
    _DELETE_ENTRIES.execute_many(connection, scopes)
    insert_many(connection, coverage, _ENTRY, _entries(computed, labels, stored_time(asked_at)))


def _runs_of_days(days: Iterable[date]) -> list[tuple[str, str]]:
    return [(run.first.isoformat(), run.last.isoformat()) for run in runs(sorted(days))]


@dataclass(frozen=True, slots=True)
class _Label:
    """A label: its last day, and its stored day and state without and with rows."""

    day: date
    end: date
    stored_day: str
    empty: str
    filled: str


def _labels(computed: Computed) -> list[_Label]:
    endpoint = computed.endpoint
    return [
        _Label(
            label,
            endpoint.period(label).last,
            label.isoformat(),
            computed_state(endpoint, label, computed.over, has_rows=False).value,
            computed_state(endpoint, label, computed.over, has_rows=True).value,
        )
        for window in computed.windows
        for label in endpoint.labels(window)
    ]


def _entries(
    computed: Computed, labels: Sequence[_Label], asked_at: str
) -> Iterator[tuple[Any, ...]]:
    """The entries of each account, from the label with its first day on."""
    origin, name = computed.origin.value, computed.endpoint.name
    for appid, since in computed.since.items():
        days_with_rows = computed.days_with_rows.get(appid, frozenset())
        for label in labels:
            if label.end < since:
                continue
            filled = label.day in days_with_rows
            state = label.filled if filled else label.empty
            mark = computed.marks.get((appid, label.day))
            message = to_columns(mark) if mark else ("", None)
            fetched_at = asked_at if filled else None
            key = (appid, origin, name, "", label.stored_day)
            yield (*key, state, asked_at, fetched_at, *message)
