"""Days of series in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from itertools import chain

import sqlalchemy as sa

from wxcube.contract.window import Window, runs
from wxcube.warehouse import ledger
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.rows import Record, Records
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.statements import Statement, insert_many
from wxcube.warehouse.tables import ROW_TABLES, RowTable


class StoredDays:
    """The days in a database, within a transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def entries(self, series: SeriesKey, window: Window) -> dict[date, DayState]:
        """The entries of a window by day."""
        return ledger.entries(self._connection, series, window)

    def records(self, series: SeriesKey, window: Window) -> dict[date, Records]:
        """The records of the days of a window that have any."""
        table = ROW_TABLES[str(series["endpoint"])]
        values = (*scope_in(table, series), window.first.isoformat(), window.last.isoformat())
        by_day: dict[str, Records] = {}
        tables = list(table.walk())
        for number, one in enumerate(tables):
            day = [column.name for column in one.table.columns].index("ref_date")
            for record in _select(one).execute(self._connection, values):
                if record[day] not in by_day:
                    by_day[record[day]] = [[] for _table in tables]
                by_day[record[day]][number].append(record)
        return {date.fromisoformat(day): records for day, records in by_day.items()}

    def numbers(self, series: SeriesKey, column: str, window: Window) -> dict[date, int]:
        """A column of the days of a window; of several rows of a day, one."""
        table = ROW_TABLES[str(series["endpoint"])]
        values = (*scope_in(table, series), window.first.isoformat(), window.last.isoformat())
        cursor = _select_column(table, column).execute(self._connection, values)
        return {date.fromisoformat(day): number for day, number in cursor}

    def first_day(self, series: SeriesKey) -> date | None:
        """The oldest day with records."""
        table = ROW_TABLES[str(series["endpoint"])]
        cursor = _select_first(table).execute(self._connection, scope_in(table, series))
        (day,) = cursor.fetchone()
        return date.fromisoformat(day) if day else None

    def write(
        self, series: SeriesKey, entries: Mapping[date, DayState], records: Mapping[date, Records]
    ) -> None:
        """Write entries, and replace the records of days."""
        ledger.write(self._connection, series, entries)
        if not records:
            return
        table = ROW_TABLES[str(series["endpoint"])]
        delete(self._connection, table, series, records)
        for one, of_days in zip(table.walk(), zip(*records.values(), strict=True), strict=True):
            if of_table := list(chain.from_iterable(of_days)):
                insert_many(self._connection, one.table, one.table.columns.keys(), of_table)


def delete(
    connection: sa.Connection, table: RowTable, series: SeriesKey, days: Iterable[date]
) -> None:
    """Delete the records of days, nested ones first."""
    scope = scope_in(table, series)
    ends = [(run.first.isoformat(), run.last.isoformat()) for run in runs(sorted(days))]
    for one in reversed(list(table.walk())):
        _delete(one).execute_many(connection, [(*scope, *run) for run in ends])


def scope_in(table: RowTable, series: SeriesKey) -> Record:
    """The values of a series key that are columns of a table."""
    return tuple(series[name] for name in scope_names(table))


def scope_names(table: RowTable) -> tuple[str, ...]:
    """The columns of a series key that a table has."""
    return tuple(name for name in ("appid", "origin", "params") if name in table.table.c)


def _scoped(table: RowTable) -> list[sa.ColumnElement[bool]]:
    return [table.table.c[name] == sa.bindparam(f"b_{name}") for name in scope_names(table)]


def _in_window(table: RowTable) -> list[sa.ColumnElement[bool]]:
    day = table.table.c.ref_date
    return [*_scoped(table), day.between(sa.bindparam("b_first"), sa.bindparam("b_last"))]


def _names(table: RowTable, *more: str) -> tuple[str, ...]:
    return (*(f"b_{name}" for name in scope_names(table)), *more)


@cache
def _select(table: RowTable) -> Statement:
    names = _names(table, "b_first", "b_last")
    return Statement(sa.select(table.table).where(*_in_window(table)), *names)


@cache
def _select_column(table: RowTable, column: str) -> Statement:
    columns = (table.table.c.ref_date, table.table.c[column])
    names = _names(table, "b_first", "b_last")
    return Statement(sa.select(*columns).where(*_in_window(table)), *names)


@cache
def _select_first(table: RowTable) -> Statement:
    oldest = sa.select(sa.func.min(table.table.c.ref_date)).where(*_scoped(table))
    return Statement(oldest, *_names(table))


@cache
def _delete(table: RowTable) -> Statement:
    names = _names(table, "b_first", "b_last")
    return Statement(table.table.delete().where(*_in_window(table)), *names)
