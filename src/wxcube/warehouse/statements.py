"""Statements of the hot paths: compiled once for a database, and executed by its driver.

PERF: of the time that SQLAlchemy needs for a statement of one row, the driver needs a thirtieth.
Parameters and results are the driver's values: days are ISO text, times are text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from wxcube.warehouse.row_text import Values, copy_lines, mysql_tuples

_BATCH = 2000
"""Rows that are sent together."""
_LONGEST = 1_000_000
"""Characters of a statement; servers accept 16 MB."""


class Connected(Protocol):
    """A connection of SQLAlchemy, or one that goes to the driver without it."""

    @property
    def dialect(self) -> sa.Dialect:
        """The dialect of the database."""
        ...

    @property
    def connection(self) -> Any:
        """The connection of the driver."""
        ...


@dataclass(frozen=True, slots=True)
class DriverConnection:
    """A connection of the driver, without SQLAlchemy's transactions around it."""

    dialect: sa.Dialect
    connection: Any


Clause = sa.ClauseElement | Callable[[sa.Dialect], sa.ClauseElement]
"""A statement, or what makes it for a database."""


class Statement:
    """A statement, and the names of its parameters in the order in which callers give them."""

    def __init__(self, clause: Clause, *names: str) -> None:
        self._clause = clause
        self._names = names
        self._compiled: dict[str, tuple[str, Callable[[Values], Values] | None]] = {}

    def execute(self, connection: Connected, values: Values = ()) -> Any:
        """Execute it, and return the driver's cursor."""
        text, arrange = self._on(connection.dialect)
        cursor = cursor_of(connection)
        cursor.execute(text, arrange(values) if arrange else values)
        return cursor

    def execute_many(self, connection: Connected, rows: Iterable[Values]) -> None:
        """Execute it for each of several rows of parameters."""
        text, arrange = self._on(connection.dialect)
        cursor_of(connection).executemany(text, map(arrange, rows) if arrange else rows)

    @property
    def places(self) -> int:
        """The number of its parameters."""
        return len(self._names)

    @property
    def columns(self) -> list[str]:
        """The names of the columns that a SELECT gives."""
        clause: Any = self._clause
        return [column.name for column in clause.selected_columns]

    def on(self, dialect: sa.Dialect, values: Values) -> tuple[str, Values]:
        """Its text for a database, and the values in the order of their places in it."""
        text, arrange = self._on(dialect)
        return text, arrange(values) if arrange else values

    def _on(self, dialect: sa.Dialect) -> tuple[str, Callable[[Values], Values] | None]:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = self._compile(dialect)
        return known

    def _compile(self, dialect: sa.Dialect) -> tuple[str, Callable[[Values], Values] | None]:
        clause = (
            self._clause if isinstance(self._clause, sa.ClauseElement) else self._clause(dialect)
        )
        keys = list(self._names) if isinstance(clause, sa.Insert) else None
        compiled: Any = clause.compile(dialect=dialect, column_keys=keys)
        wanted = list(compiled.positiontup or ())
        if wanted == list(self._names):
            return str(compiled), None
        places = [self._names.index(name) for name in wanted]
        if len(places) == 1:
            only = places[0]
            return str(compiled), lambda values: (values[only],)
        return str(compiled), itemgetter(*places)


def cursor_of(connection: Connected) -> Any:
    """A cursor of the driver on a connection."""
    return connection.connection.cursor()


# --- inserts that databases write differently ----------------------------------------------------


def numbered(table: sa.Table) -> Callable[[sa.Dialect], sa.Insert]:
    """Insert a row, whose number `new_number` then has."""

    def insert(dialect: sa.Dialect) -> sa.Insert:
        (number,) = table.primary_key
        return table.insert().returning(number) if _is_postgresql(dialect) else table.insert()

    return insert


def new_number(cursor: Any) -> int:
    """The number that the database gave to the row of a `numbered` insert."""
    (number,) = cursor.fetchone() if cursor.description else (cursor.lastrowid,)
    return int(number)


def continue_numbers(connection: sa.Connection, table: sa.Table) -> None:
    """Give new rows numbers beyond those of rows that came with their own."""
    if _is_postgresql(connection.dialect):
        (number,) = table.primary_key
        sequence = sa.func.pg_get_serial_sequence(table.name, number.name)
        last = sa.select(sa.func.max(number)).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sequence, last)))


def skipping(table: sa.Table) -> Callable[[sa.Dialect], sa.Insert]:
    """Insert rows, unless there are rows with their keys."""

    def insert(dialect: sa.Dialect) -> sa.Insert:
        if _is_mysql(dialect):
            # IGNORE would ignore other errors too
            into, (first, *_rest) = mysql.insert(table), table.primary_key
            return into.on_duplicate_key_update({first.name: first})
        return _with_conflicts(table, dialect).on_conflict_do_nothing()

    return insert


def replacing(table: sa.Table) -> Callable[[sa.Dialect], sa.Insert]:
    """Insert rows, in place of those with their keys; all columns must be given."""
    return updating(table, [c.name for c in table.columns if not c.primary_key])


def updating(table: sa.Table, names: Sequence[str]) -> Callable[[sa.Dialect], sa.Insert]:
    """Insert rows; where there is one with the same key, change some of its columns."""

    def insert(dialect: sa.Dialect) -> sa.Insert:
        if _is_mysql(dialect):
            new = mysql.insert(table)
            return new.on_duplicate_key_update({name: new.inserted[name] for name in names})
        into = _with_conflicts(table, dialect)
        given = {name: into.excluded[name] for name in names}
        # PERF: a row that does not change is not written
        differs = sa.or_(*(table.c[name].is_distinct_from(one) for name, one in given.items()))
        key = list(table.primary_key)
        return into.on_conflict_do_update(index_elements=key, set_=given, where=differs)

    return insert


def insert_many(
    connection: Connected, table: sa.Table, names: Sequence[str], rows: Iterable[Values]
) -> None:
    """Insert rows of the named columns in the fastest way that a database has for many."""
    dialect = connection.dialect
    if _is_postgresql(dialect):
        with cursor_of(connection).copy(f"COPY {_into(dialect, table, names)} FROM STDIN") as copy:
            if _has_bytes(table):
                for row in rows:
                    copy.write_row(row)
            else:
                for batch in _batches(rows):
                    copy.write(copy_lines(batch))
    elif _is_mysql(dialect) and not _has_bytes(table):
        insert = f"INSERT INTO {_into(dialect, table, names)} VALUES "  # noqa: S608 - own names
        for batch in _batches(rows):
            _insert_tuples(connection, insert, batch)
    else:
        _insert(table, tuple(names)).execute_many(connection, rows)


def _into(dialect: sa.Dialect, table: sa.Table, names: Sequence[str]) -> str:
    quote = dialect.identifier_preparer.quote
    return f"{quote(table.name)} ({', '.join(map(quote, names))})"


def _has_bytes(table: sa.Table) -> bool:
    return any(isinstance(column.type, sa.LargeBinary) for column in table.columns)


def _batches(rows: Iterable[Values]) -> Iterator[Sequence[Values]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _insert_tuples(connection: Connected, insert: str, rows: Sequence[Values]) -> None:
    """Insert rows in one statement of MySQL, or in several if it would be very long."""
    tuples = mysql_tuples(rows)
    if len(tuples) > _LONGEST and len(rows) > 1:
        middle = len(rows) // 2
        _insert_tuples(connection, insert, rows[:middle])
        _insert_tuples(connection, insert, rows[middle:])
    else:
        cursor_of(connection).execute(insert + tuples)


def insert_pivoted(
    connection: Connected,
    table: sa.Table,
    names: Sequence[str],
    keys: Sequence[tuple[int, object]],
    rows: Iterable[Values],
) -> int:
    """Insert several rows for each tuple, and return their number.

    A tuple has the values of all `names` but the last three, which all its rows share, and then the
    values of its rows. `keys` are the places of these values among themselves, each with the key of
    its row. The last three names are the columns of this key, of the value and of its place. There
    is no row for a negative value.
    """
    shared = len(names) - 3
    if connection.dialect.name == "sqlite":
        # PERF: to bind the shared values once takes half the time
        cursor = cursor_of(connection)
        cursor.executemany(_pivoting(table, tuple(names), tuple(keys)), rows)
        return max(int(cursor.rowcount), 0)
    flat = [
        (*row[:shared], key, value, place)
        for row in rows
        for place, key in keys
        if (value := row[shared + place]) >= 0
    ]
    insert_many(connection, table, names, flat)
    return len(flat)


@cache
def _pivoting(table: sa.Table, names: tuple[str, ...], keys: tuple[tuple[int, object], ...]) -> str:
    """A statement of SQLite that inserts all rows of a tuple."""
    shared = [f"?{number}" for number in range(1, len(names) - 2)]
    selects = [
        f"SELECT {', '.join(shared)}, {_literal(key)}, ?{number}, {place} WHERE ?{number} >= 0"
        for place, key in keys
        for number in [len(shared) + 1 + place]
    ]
    into = f"{table.name} ({', '.join(names)})"
    return f"INSERT OR FAIL INTO {into} {' UNION ALL '.join(selects)}"


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


@cache
def _insert(table: sa.Table, names: tuple[str, ...]) -> Statement:
    # PERF: OR FAIL, because SQLite otherwise keeps a copy of the pages that a statement of several
    # rows changes, to undo that statement alone; here the whole transaction is rolled back
    return Statement(table.insert().prefix_with("OR FAIL", dialect="sqlite"), *names)


def _is_postgresql(dialect: sa.Dialect) -> bool:
    return dialect.name == "postgresql"


def _is_mysql(dialect: sa.Dialect) -> bool:
    return dialect.name in {"mysql", "mariadb"}


def _with_conflicts(table: sa.Table, dialect: sa.Dialect) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if _is_postgresql(dialect) else sqlite.insert(table)
