"""Rows computed in bulk: written column by column, for many accounts and days in one transaction.

Unlike an answer of WeChat, a computation is complete: days of which it has no rows have none, so
their old rows are deleted. Rows, nested rows and ledger change in one transaction.

The connection does not check foreign keys here: the check would look up the parent of every nested
row. `PivotedRows` are written together with their parent row, other nested rows only if it exists.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.i18n import Message, _
from wxcube.warehouse.coverage import initial_state
from wxcube.warehouse.ledger_messages import to_columns
from wxcube.warehouse.tables import (
    PLACE,
    ROW_TABLES,
    RowTable,
    Timestamp,
    accounts,
    coverage,
)

Tuples = Iterable[tuple[Any, ...]]
_TIMESTAMP = Timestamp()
LABELS_PER_STATEMENT = 100
"""Entries of the ledger that one statement writes."""
BATCH = 10_000
"""Rows that are Python objects at the same time."""


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
    since: Mapping[str, date]
    """The accounts replaced, each with the first day that it can have rows of."""
    tables: Mapping[str, TableRows]
    """Rows by table name, without pivoted ones. `ref_date` and `stat_date` of running totals are
    ISO text."""
    days_with_rows: Mapping[str, AbstractSet[date]] = field(default_factory=dict)
    """The ref_dates that have rows, by account."""
    stat_dates: Window | None = None
    """Running totals: only the rows of these stat_dates are replaced."""
    is_new: bool = False
    """Whether the warehouse has no rows of these accounts and days yet."""
    marks: Mapping[tuple[str, date], Message] = field(default_factory=dict)
    """What is wrong with the rows of an account and day; its entry in the ledger says so."""


def store(connection: sa.Connection, computed: Computed, asked_at: datetime) -> int:
    """Replace rows by computed ones, and return the number of rows."""
    table = ROW_TABLES[computed.endpoint.name]
    if not computed.is_new:
        _delete(connection, table, computed)
    rows = _insert_all(connection, table, None, computed)
    if computed.stat_dates and not computed.is_new:
        _delete_childless(connection, table, computed)
    _add_accounts(connection, computed, asked_at)
    _write_ledger(connection, computed, asked_at)
    _write_marks(connection, computed)
    return rows


_SCOPE = "appid = ?1 AND origin = ?2 AND ref_date BETWEEN ?3 AND ?4"


def _scopes(computed: Computed) -> list[tuple[str, str, str, str]]:
    windows = [(w.first.isoformat(), w.last.isoformat()) for w in computed.windows]
    return [(appid, computed.origin.value, *w) for appid in computed.since for w in windows]


def _delete(connection: sa.Connection, table: RowTable, computed: Computed) -> None:
    """Delete the old rows, nested ones first; of running totals only nested rows."""
    scopes = _scopes(computed)
    *nested, top = (one.table.name for one in reversed(list(table.walk())))
    if computed.stat_dates:
        ends = (computed.stat_dates.first.isoformat(), computed.stat_dates.last.isoformat())
        for name in nested:
            statement = _delete_nested(table, name)
            _execute_many(connection, statement, ((*scope, *ends) for scope in scopes))
        return
    for name in (*nested, top):
        _execute_many(connection, f"DELETE FROM {name} WHERE {_SCOPE}", scopes)  # noqa: S608 - own names


def _delete_nested(parent: RowTable, name: str) -> str:
    # PERF: by key, because the rows of other stat_dates are between the first and the last day
    key = ", ".join(parent.key)
    return f"""DELETE FROM {name} WHERE stat_date BETWEEN ?5 AND ?6
        AND ({key}) IN (SELECT {key} FROM {parent.table.name} WHERE {_SCOPE})"""  # noqa: S608 - own names


def _delete_childless(connection: sa.Connection, table: RowTable, computed: Computed) -> None:
    """Delete rows of running totals that have no nested rows left."""
    child = table.lists[0].table.name
    same = " AND ".join(f"child.{name} = {table.table.name}.{name}" for name in table.key)
    statement = f"""DELETE FROM {table.table.name} WHERE {_SCOPE}
        AND NOT EXISTS (SELECT 1 FROM {child} child WHERE {same})"""  # noqa: S608 - own names
    _execute_many(connection, statement, _scopes(computed))


def _insert_all(
    connection: sa.Connection, table: RowTable, parent: RowTable | None, computed: Computed
) -> int:
    """Write the rows of a table and of its nested lists, and return their number."""
    rows = computed.tables[table.table.name]
    statement = _insert_statement(table, parent, rows)
    if parent is None and computed.stat_dates:
        statement += _update_if_changed([n for n in rows.columns if n not in table.key])
    with _orphan_error(table):
        written = _insert(connection, table, statement, rows)
    others = [child for child in table.lists if child.table.name not in rows.pivoted]
    return written + sum(_insert_all(connection, child, table, computed) for child in others)


def _insert(connection: sa.Connection, table: RowTable, statement: str, rows: TableRows) -> int:
    """Write rows in batches, each batch with its pivoted rows, and return their number."""
    width = len(table.key)
    if rows.pivoted and rows.columns[:width] != table.key:
        raise ValueError(f"{', '.join(rows.columns)} do not begin with {', '.join(table.key)}")
    nested = [
        (_insert_pivoted(child, table, pivoted), iter(pivoted.tuples))
        for child in table.lists
        if (pivoted := rows.pivoted.get(child.table.name))
    ]
    tuples, written = iter(rows.tuples), 0
    while batch := list(islice(tuples, BATCH)):
        _execute_many(connection, statement, batch)
        # not the database's row count, which omits unchanged rows
        written += len(batch)
        for insert_nested, wide in nested:
            pairs = zip(batch, islice(wide, len(batch)), strict=True)
            with_keys = (row[:width] + values for row, values in pairs)
            written += _execute_many(connection, insert_nested, with_keys)
    if any(next(wide, None) for _insert_nested, wide in nested):
        raise ValueError(f"there are more pivoted rows than rows of {table.table.name}")
    return written


@contextmanager
def _orphan_error(table: RowTable) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        if not str(error).endswith(f"{table.table.name}.{PLACE}"):
            raise
        raise WarehouseError(
            _("rows of {table} have no parent row", table=table.table.name),
            hint=_("nothing was changed; this is a bug of the computation, please report it"),
        ) from error


def _insert_statement(table: RowTable, parent: RowTable | None, rows: TableRows) -> str:
    """A statement that writes one row, if its parent row exists."""
    values = {name: f"?{n}" for n, name in enumerate(rows.columns, 1)}
    if parent is not None:
        values[PLACE] = _place_if_parent_exists(parent, values)
    return f"{_insert_into(table, values)} VALUES ({', '.join(values.values())})"


def _insert_into(table: RowTable, columns: Iterable[str]) -> str:
    # PERF: OR FAIL, because SQLite otherwise keeps a copy of the pages that a statement of several
    # rows changes, to undo that statement alone; here the whole transaction is rolled back
    return f"INSERT OR FAIL INTO {table.table.name} ({', '.join(columns)})"


def _update_if_changed(names: Iterable[str]) -> str:
    changed = ", ".join(f"{n} = excluded.{n}" for n in names)
    differs = " OR ".join(f"{n} IS NOT excluded.{n}" for n in names)
    return f" ON CONFLICT DO UPDATE SET {changed} WHERE {differs}"


def _place_if_parent_exists(parent: RowTable, values: Mapping[str, str]) -> str:
    """The place; null, which the column refuses, if there is no parent row."""
    key = " AND ".join(f"{name} = {values[name]}" for name in parent.key)
    exists = f"EXISTS (SELECT 1 FROM {parent.table.name} WHERE {key})"  # noqa: S608 - own names
    return f"CASE WHEN {exists} THEN {values[PLACE]} END"


def _insert_pivoted(table: RowTable, parent: RowTable, rows: PivotedRows) -> str:
    """A statement that writes all rows of one tuple, in the order of the table's key."""
    key = [f"?{n}" for n in range(1, len(parent.key) + 1)]
    values = [f"?{n}" for n in range(len(key) + 1, len(key) + len(rows.keys) + 1)]
    selects = [
        f"SELECT {', '.join(key)}, {_literal(own_key)}, {values[place]}, {place}"
        f" WHERE {values[place]} >= 0"
        for place, own_key in sorted(enumerate(rows.keys), key=itemgetter(1))
    ]
    columns = (*parent.key, rows.key_column, rows.value_column, PLACE)
    return f"{_insert_into(table, columns)} {' UNION ALL '.join(selects)}"


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _execute_many(connection: sa.Connection, statement: str, tuples: Tuples) -> int:
    """Execute a statement for every tuple, and return the number of rows changed."""
    # PERF: on the driver's cursor, without SQLAlchemy's objects for every value
    cursor: Any = connection.connection.cursor()
    cursor.executemany(statement, tuples)
    return max(int(cursor.rowcount), 0)


def _add_accounts(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    seen = _TIMESTAMP.process_bind_param(asked_at, connection.dialect)
    statement = f"""INSERT INTO {accounts.name} (appid, first_seen) VALUES (?, ?)
        ON CONFLICT DO NOTHING"""  # noqa: S608 - own names
    _execute_many(connection, statement, ((appid, seen) for appid in computed.since))


def _write_ledger(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    """Write the entries of every account and label."""
    timestamp = _TIMESTAMP.process_bind_param(asked_at, connection.dialect) or ""
    labels = list(_labels(computed, asked_at).items())
    for begin in range(0, len(labels), LABELS_PER_STATEMENT):
        batch = dict(labels[begin : begin + LABELS_PER_STATEMENT])
        days = [(label, end) for label, (end, *_states) in batch.items()]
        flags = (
            (appid, *_flags(days, computed.days_with_rows.get(appid, frozenset()), since))
            for appid, since in computed.since.items()
        )
        _execute_many(connection, _write_entries(computed, batch, timestamp), flags)


def _write_marks(connection: sa.Connection, computed: Computed) -> None:
    statement = f"""UPDATE {coverage.name} SET message = ?, message_data = ?
        WHERE appid = ? AND origin = ? AND endpoint = ? AND params = '' AND ref_date = ?"""  # noqa: S608 - own names
    same = (computed.origin.value, computed.endpoint.name)
    marks = (
        (*to_columns(message), appid, *same, day.isoformat())
        for (appid, day), message in computed.marks.items()
    )
    _execute_many(connection, statement, marks)


def _flags(
    days: Iterable[tuple[date, date]], days_with_rows: AbstractSet[date], since: date
) -> list[int]:
    """For each label 1 if it has rows, 0 if not, -1 if it is before the account's first day."""
    return [-1 if end < since else int(label in days_with_rows) for label, end in days]


def _write_entries(computed: Computed, labels: _Labels, timestamp: str) -> str:
    """A statement that writes all entries of an account (PERF: a ledger has many)."""
    values = ", ".join(
        f"({_literal(text)}, {_literal(empty)}, {_literal(with_rows)}, ?{n})"
        for n, (_end, text, empty, with_rows) in enumerate(labels.values(), 2)
    )
    same = ", ".join(map(_literal, (computed.origin.value, computed.endpoint.name, "")))
    return f"""INSERT OR REPLACE INTO {coverage.name} (appid, origin, endpoint, params,
        ref_date, state, asked_at, fetched_at, message)
        SELECT ?1, {same}, column1, iif(column4, column3, column2), {_literal(timestamp)},
            iif(column4, {_literal(timestamp)}, NULL), ''
        FROM (VALUES {values}) WHERE column4 >= 0"""  # noqa: S608 - own names


_Labels = dict[date, tuple[date, str, str, str]]
"""Each label's last day and text, and its state without and with rows."""


def _labels(computed: Computed, asked_at: datetime) -> _Labels:
    endpoint = computed.endpoint
    labels = [label for window in computed.windows for label in endpoint.labels(window)]
    return {
        label: (
            endpoint.period(label).last,
            label.isoformat(),
            initial_state(endpoint, label, has_rows=False, asked_at=asked_at).value,
            initial_state(endpoint, label, has_rows=True, asked_at=asked_at).value,
        )
        for label in labels
    }
