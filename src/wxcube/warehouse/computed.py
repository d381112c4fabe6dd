"""Rows that were computed in bulk: written column by column, many accounts and days at once.

Unlike an answer of WeChat, a computation knows what it replaces: where it has no rows of a day,
the rows that were there go. Rows, nested rows and ledger change in one transaction.

The connection does not check foreign keys here, which costs a look-up for every nested row. Rows
of a `Fan` are written together with the row above them; other nested rows only where theirs is.
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
from wxcube.warehouse.coverage import judge
from wxcube.warehouse.tables import PARTS, PLACE, Moment, Part, accounts, coverage

Lines = Iterable[tuple[Any, ...]]
_MOMENT = Moment()
LABELS_AT_ONCE = 100
"""Lines of the ledger that one statement writes."""
AT_ONCE = 10_000
"""Lines that are Python objects at the same time."""


@dataclass(frozen=True, slots=True)
class Fan:
    """Rows of a nested list, all those of one row above in one line; below them are no lists."""

    kind: str
    """The column that tells rows of one line apart."""
    kinds: tuple[str, ...] | tuple[int, ...]
    """Its values, in the order of the list."""
    column: str
    """The column with the rows' values, of which a line has one per kind; negative: no row."""
    lines: Lines


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table: names of columns, and lines in that order; other columns are null."""

    columns: tuple[str, ...]
    """With fans, those of the table's key come first."""
    lines: Lines
    fans: Mapping[str, Fan] = field(default_factory=dict)
    """Rows of tables below, by name: a line for each of these lines."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """Computed rows of an endpoint, and which accounts and days they replace."""

    endpoint: Endpoint[Any]
    origin: Origin
    windows: tuple[Window, ...]
    """The ref_dates replaced."""
    since: Mapping[str, date]
    """The accounts replaced, with the first day each can have rows of."""
    tables: Mapping[str, TableRows]
    """Rows by table name, without those of fans. Of running totals `ref_date` and `stat_date` are
    ISO text."""
    present: Mapping[str, AbstractSet[date]] = field(default_factory=dict)
    """The ref_dates that have rows, by account."""
    stats: Window | None = None
    """Running totals: only the lines of these stat_dates are replaced."""
    is_new: bool = False
    """Nothing of these accounts and days is there."""


def store(connection: sa.Connection, computed: Computed, asked_at: datetime) -> int:
    """Put computed rows in the place of what they replace; how many rows there are."""
    part = PARTS[computed.endpoint.name]
    if not computed.is_new:
        _remove(connection, part, computed)
    rows = _insert_all(connection, part, None, computed)
    if computed.stats and not computed.is_new:
        _remove_childless(connection, part, computed)
    _see(connection, computed, asked_at)
    _cover(connection, computed, asked_at)
    return rows


_SCOPE = "appid = ?1 AND origin = ?2 AND ref_date BETWEEN ?3 AND ?4"


def _scopes(computed: Computed) -> list[tuple[str, str, str, str]]:
    windows = [(w.first.isoformat(), w.last.isoformat()) for w in computed.windows]
    return [(appid, computed.origin.value, *w) for appid in computed.since for w in windows]


def _remove(connection: sa.Connection, part: Part, computed: Computed) -> None:
    """Take away the old rows, nested ones first; of running totals only their lines."""
    scopes = _scopes(computed)
    tables = [p.table for p in reversed(list(part.walk()))]
    if computed.stats:
        ends = (computed.stats.first.isoformat(), computed.stats.last.isoformat())
        for table in tables[:-1]:
            statement = _removal_of_lines(part, table)
            _each(connection, statement, ((*scope, *ends) for scope in scopes))
        return
    for table in tables:
        _each(connection, f"DELETE FROM {table.name} WHERE {_SCOPE}", scopes)  # noqa: S608 - own names


def _removal_of_lines(part: Part, table: sa.Table) -> str:
    # PERF: by key, because between the first and the last day lie the lines of all other stat_dates
    key = ", ".join(part.key)
    return f"""DELETE FROM {table.name} WHERE stat_date BETWEEN ?5 AND ?6
        AND ({key}) IN (SELECT {key} FROM {part.table.name} WHERE {_SCOPE})"""  # noqa: S608 - own names


def _remove_childless(connection: sa.Connection, part: Part, computed: Computed) -> None:
    """Take away rows of running totals that have no lines any more."""
    below = part.lists[0].table.name
    same = " AND ".join(f"b.{name} = {part.table.name}.{name}" for name in part.key)
    statement = f"""DELETE FROM {part.table.name} WHERE {_SCOPE}
        AND NOT EXISTS (SELECT 1 FROM {below} b WHERE {same})"""  # noqa: S608 - own names
    _each(connection, statement, _scopes(computed))


def _insert_all(
    connection: sa.Connection, part: Part, above: Part | None, computed: Computed
) -> int:
    """Write the rows of a table, then those of the lists below it; how many there are."""
    rows = computed.tables[part.table.name]
    statement = _statement(part, above, rows)
    if above is None and computed.stats:
        statement += _where_changed([n for n in rows.columns if n not in part.key])
    with _lone_rows_in_words(part):
        written = _insert(connection, part, statement, rows)
    others = [p for p in part.lists if p.table.name not in rows.fans]
    return written + sum(_insert_all(connection, p, part, computed) for p in others)


def _insert(connection: sa.Connection, part: Part, statement: str, rows: TableRows) -> int:
    """Write some rows, then the fans below just these, and so on."""
    width = len(part.key)
    if rows.fans and rows.columns[:width] != part.key:
        raise ValueError(f"{', '.join(rows.columns)} do not begin with {', '.join(part.key)}")
    fans = [
        (_fan(p, part, fan), iter(fan.lines))
        for p in part.lists
        if (fan := rows.fans.get(p.table.name))
    ]
    lines, written = iter(rows.lines), 0
    while some := list(islice(lines, AT_ONCE)):
        _each(connection, statement, some)
        # not the database's number, which leaves out rows that stay as they are
        written += len(some)
        for fanned, values in fans:
            pairs = zip(some, islice(values, len(some)), strict=True)
            written += _each(connection, fanned, (line[:width] + more for line, more in pairs))
    if any(next(values, None) for _, values in fans):
        raise ValueError(f"fans below {part.table.name} have more lines than it has rows")
    return written


@contextmanager
def _lone_rows_in_words(part: Part) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        if not str(error).endswith(f"{part.table.name}.{PLACE}"):
            raise
        raise WarehouseError(
            f"rows of {part.table.name} have no row above them",
            hint="nothing was changed; what computed them is wrong, please report it",
        ) from error


def _statement(part: Part, above: Part | None, rows: TableRows) -> str:
    """A statement that writes one row, below one that is there."""
    values = {name: f"?{n}" for n, name in enumerate(rows.columns, 1)}
    if above is not None:
        values[PLACE] = _if_there(above, values)
    return f"{_into(part, values)} VALUES ({', '.join(values.values())})"


def _into(part: Part, columns: Iterable[str]) -> str:
    # PERF: OR FAIL, because SQLite otherwise keeps the pages that a statement of several rows
    # changes, to take back that statement alone; here the whole transaction is taken back
    return f"INSERT OR FAIL INTO {part.table.name} ({', '.join(columns)})"


def _where_changed(names: Iterable[str]) -> str:
    changed = ", ".join(f"{n} = excluded.{n}" for n in names)
    differs = " OR ".join(f"{n} IS NOT excluded.{n}" for n in names)
    return f" ON CONFLICT DO UPDATE SET {changed} WHERE {differs}"


def _if_there(above: Part, values: Mapping[str, str]) -> str:
    """The place, or null, which no table takes, where the row above is not there."""
    key = " AND ".join(f"{name} = {values[name]}" for name in above.key)
    there = f"EXISTS (SELECT 1 FROM {above.table.name} WHERE {key})"  # noqa: S608 - own names
    return f"CASE WHEN {there} THEN {values[PLACE]} END"


def _fan(part: Part, above: Part, fan: Fan) -> str:
    """A statement that writes all rows of one line, in the order of the table's key."""
    key = [f"?{n}" for n in range(1, len(above.key) + 1)]
    marks = [f"?{n}" for n in range(len(key) + 1, len(key) + len(fan.kinds) + 1)]
    arms = [
        f"SELECT {', '.join(key)}, {_literal(kind)}, {marks[place]}, {place}"
        f" WHERE {marks[place]} >= 0"
        for place, kind in sorted(enumerate(fan.kinds), key=itemgetter(1))
    ]
    return f"{_into(part, (*above.key, fan.kind, fan.column, PLACE))} {' UNION ALL '.join(arms)}"


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _each(connection: sa.Connection, statement: str, lines: Lines) -> int:
    """Run a statement for every line, without one object per value; how many rows it changed."""
    cursor: Any = connection.connection.cursor()
    cursor.executemany(statement, lines)
    return max(int(cursor.rowcount), 0)


def _see(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    seen = _MOMENT.process_bind_param(asked_at, connection.dialect)
    statement = f"""INSERT INTO {accounts.name} (appid, first_seen) VALUES (?, ?)
        ON CONFLICT DO NOTHING"""  # noqa: S608 - own names
    _each(connection, statement, ((appid, seen) for appid in computed.since))


def _cover(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    """Write the ledger's lines of every account and label."""
    moment = _MOMENT.process_bind_param(asked_at, connection.dialect) or ""
    labels = list(_labels(computed, asked_at).items())
    for begin in range(0, len(labels), LABELS_AT_ONCE):
        some = dict(labels[begin : begin + LABELS_AT_ONCE])
        days = [(label, end) for label, (end, *_) in some.items()]
        lines = (
            (appid, *_flags(days, computed.present.get(appid, frozenset()), since))
            for appid, since in computed.since.items()
        )
        _each(connection, _ledger_lines(computed, some, moment), lines)


def _flags(days: Iterable[tuple[date, date]], present: AbstractSet[date], since: date) -> list[int]:
    """Of each label whether there are rows, or -1 where the account was not there yet."""
    return [-1 if end < since else int(label in present) for label, end in days]


def _ledger_lines(computed: Computed, labels: _Labels, moment: str) -> str:
    """A statement that writes an account's lines: PERF, all in one, a ledger has many."""
    values = ", ".join(
        f"({_literal(text)}, {_literal(without)}, {_literal(having)}, ?{n})"
        for n, (_, text, without, having) in enumerate(labels.values(), 2)
    )
    same = ", ".join(map(_literal, (computed.origin.value, computed.endpoint.name, "")))
    return f"""INSERT OR REPLACE INTO {coverage.name} (appid, origin, endpoint, params,
        ref_date, state, asked_at, fetched_at, message)
        SELECT ?1, {same}, column1, iif(column4, column3, column2), {_literal(moment)},
            iif(column4, {_literal(moment)}, NULL), ''
        FROM (VALUES {values}) WHERE column4 >= 0"""  # noqa: S608 - own names


_Labels = dict[date, tuple[date, str, str, str]]
"""Each label's last day, text, and state without and with rows."""


def _labels(computed: Computed, asked_at: datetime) -> _Labels:
    endpoint = computed.endpoint
    labels = [label for window in computed.windows for label in endpoint.labels(window)]
    return {
        label: (
            endpoint.period(label).last,
            label.isoformat(),
            judge(endpoint, label, has_rows=False, is_delay=False, asked_at=asked_at).value,
            judge(endpoint, label, has_rows=True, is_delay=False, asked_at=asked_at).value,
        )
        for label in labels
    }
