"""Statements of the hot paths: compiled once for a database, and executed by its driver.

PERF: of the time that SQLAlchemy needs for a statement of one row, the driver needs a thirtieth.
Parameters and results are the driver's values: days are ISO text in SQLite, times are text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

import sqlalchemy as sa

Values = Sequence[Any]


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


class Statement:
    """A statement, and the names of its parameters in the order in which callers give them."""

    def __init__(self, clause: sa.ClauseElement, *names: str) -> None:
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

    def _on(self, dialect: sa.Dialect) -> tuple[str, Callable[[Values], Values] | None]:
        known = self._compiled.get(dialect.name)
        if known is None:
            known = self._compiled[dialect.name] = self._compile(dialect)
        return known

    def _compile(self, dialect: sa.Dialect) -> tuple[str, Callable[[Values], Values] | None]:
        keys = list(self._names) if isinstance(self._clause, sa.Insert) else None
        compiled: Any = self._clause.compile(dialect=dialect, column_keys=keys)
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
