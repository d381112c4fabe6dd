"""Rows of days in the tables: written, deleted and selected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.warehouse import ledger
from wxcube.warehouse.coverage import Change, Proof, State, after_answer
from wxcube.warehouse.rows import to_records
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.tables import PLACE, ROW_TABLES, RowTable
from wxcube.warehouse.witnesses import proofs, settle_proved


@dataclass(frozen=True, slots=True)
class Replacement:
    """Effect of an answer: the state of each of its days, and the number of rows written."""

    states: Mapping[date, State]
    rows: int


def replace(
    connection: sa.Connection, key: SeriesKey, answer: Answer[Any], asked_at: datetime
) -> Replacement:
    """Replace the rows of an answer's days, and update their entries in the ledger."""
    by_day = _by_day(answer)
    changes = _changes(connection, key, answer, by_day, asked_at)
    replaced = [day for day, change in changes.items() if change.replaces_rows]
    table = ROW_TABLES[answer.endpoint.name]
    _insert(connection, table, scope_in(table, key), {day: by_day[day] for day in replaced})
    entries = {day: change.entry for day, change in changes.items()}
    ledger.write(connection, key, entries)
    settle_proved(connection, key, entries)
    rows = sum(len(by_day[day]) for day in replaced)
    return Replacement({day: change.entry.state for day, change in changes.items()}, rows)


def scope_in(table: RowTable, key: SeriesKey) -> dict[str, object]:
    """The members of a series key that are columns of a table."""
    return {name: key[name] for name in ("appid", "origin", "params") if name in table.table.c}


def _by_day(answer: Answer[Any]) -> dict[date, list[Any]]:
    by_day: dict[date, list[Any]] = {day: [] for day in answer.endpoint.labels(answer.window)}
    for row in answer.rows:
        # a row of another day would replace that day's rows
        if row.ref_date in answer.window:
            by_day.setdefault(row.ref_date, []).append(row)
    return by_day


def _changes(
    connection: sa.Connection,
    key: SeriesKey,
    answer: Answer[Any],
    by_day: Mapping[date, list[Any]],
    asked_at: datetime,
) -> dict[date, Change]:
    before = ledger.entries(connection, key, answer.window)
    filled = [day for day, rows in by_day.items() if rows]
    final = [d for d in filled if not answer.is_delay and asked_at >= answer.endpoint.final_at(d)]
    known = proofs(connection, key, answer.window, filled=filled, final=final)
    return {
        day: after_answer(
            answer.endpoint,
            day,
            before.get(day),
            has_rows=bool(rows),
            is_delay=answer.is_delay,
            asked_at=asked_at,
            unreadable=answer.unreadable_on(day),
            proof=known.get(day, Proof.NONE),
        )
        for day, rows in by_day.items()
    }


def _insert(
    connection: sa.Connection,
    table: RowTable,
    scope: Mapping[str, object],
    by_day: Mapping[date, list[Any]],
) -> None:
    if not by_day:
        return
    delete(connection, table, scope, by_day)
    # day by day, so that a row's place does not depend on the other days of the call
    records = [to_records(table, scope, rows) for rows in by_day.values()]
    for one, of_days in zip(table.walk(), zip(*records, strict=True), strict=True):
        if of_table := list(chain.from_iterable(of_days)):
            connection.execute(one.table.insert(), of_table)


def delete(
    connection: sa.Connection, table: RowTable, scope: SeriesKey, days: Iterable[date]
) -> None:
    """Delete the rows of days, nested ones first."""
    values = {f"b_{name}": value for name, value in scope.items()}
    for one in reversed(list(table.walk())):
        statement = _delete(one.table, tuple(scope))
        connection.execute(statement, {**values, "b_days": list(days)})


@cache
def _delete(table: sa.Table, scope: tuple[str, ...]) -> sa.Delete:
    where = [table.c[name] == sa.bindparam(f"b_{name}") for name in scope]
    days = table.c.ref_date.in_(sa.bindparam("b_days", expanding=True))
    return table.delete().where(*where, days)


def select(
    connection: sa.Connection, table: sa.Table, scope: Mapping[str, list[str]], window: Window
) -> list[Any]:
    """A table's records of a window, in the order of their days and lists."""
    where = [table.c[name].in_(values) for name, values in scope.items()]
    statement = (
        sa.select(table)
        .where(*where, table.c.ref_date.between(window.first, window.last))
        .order_by(table.c.ref_date, table.c[PLACE])
    )
    return list(connection.execute(statement).all())


def of_best_origin(table: sa.Table, records: list[Any]) -> list[Any]:
    """Each day's records of the best origin that has any: wechat, import, cube, derived."""
    names = [column.name for column in table.columns]
    origin, day = names.index("origin"), names.index("ref_date")
    rank = {o.value: number for number, o in enumerate(Origin)}
    best: dict[date, int] = {}
    for record in records:
        best[record[day]] = min(best.get(record[day], len(rank)), rank[record[origin]])
    return [record for record in records if rank[record[origin]] == best[record[day]]]
