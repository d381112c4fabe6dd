"""Dates and times in SQL: the same expressions on SQLite, PostgreSQL and MySQL or MariaDB."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

HOUR_STEP = 100
"""WeChat writes hours as 0, 100 … 2300."""


class beijing_time(GenericFunction[datetime]):  # noqa: N801 - SQL functions are in lower case
    """The beginning of a day, or of an hour as WeChat writes it, as a timestamp without a zone.

    SQLite has no such type: there it is the text `2026-03-10 09:00:00`.
    """

    type = sa.DateTime()
    inherit_cache = True


class days_between(GenericFunction[int]):  # noqa: N801
    """The number of days from one day to another."""

    type = sa.Integer()
    inherit_cache = True


def day_literal(day: date) -> sa.ColumnElement[date]:
    """A day as a constant of a view."""
    return sa.type_coerce(sa.literal_column(f"'{day.isoformat()}'"), sa.Date())


@compiles(beijing_time, "sqlite")
def _sqlite_time(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    day, hour = _operands(element, compiler, options)
    return f"datetime({day}, ({hour} / {HOUR_STEP}) || ' hours')" if hour else f"datetime({day})"


@compiles(beijing_time, "postgresql")
def _postgresql_time(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    day, hour = _operands(element, compiler, options)
    start = f"CAST({day} AS TIMESTAMP)"
    return f"({start} + ({hour} / {HOUR_STEP}) * INTERVAL '1 hour')" if hour else start


@compiles(beijing_time, "mysql", "mariadb")
def _mysql_time(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    day, hour = _operands(element, compiler, options)
    start = f"CAST({day} AS DATETIME)"
    return f"({start} + INTERVAL ({hour} DIV {HOUR_STEP}) HOUR)" if hour else start


@compiles(days_between, "sqlite")
def _sqlite_days(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    first, last = _operands(element, compiler, options)
    return f"CAST(julianday({last}) - julianday({first}) AS INTEGER)"


@compiles(days_between, "postgresql")
def _postgresql_days(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    first, last = _operands(element, compiler, options)
    return f"({last} - {first})"


@compiles(days_between, "mysql", "mariadb")
def _mysql_days(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    first, last = _operands(element, compiler, options)
    return f"DATEDIFF({last}, {first})"


def _operands(element: Any, compiler: SQLCompiler, options: dict[str, Any]) -> tuple[str, str]:
    """The SQL of the two arguments; the second is empty if there is only one."""
    first, *rest = (compiler.process(clause, **options) for clause in element.clauses)
    return first, rest[0] if rest else ""
