"""Records of days in the tables: replaced, and fetched again."""

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
from wxcube.warehouse.coverage import Change, State, answered
from wxcube.warehouse.rows import spread
from wxcube.warehouse.series import Keys
from wxcube.warehouse.tables import PARTS, PLACE, Part


@dataclass(frozen=True, slots=True)
class Replaced:
    """What an answer changed: the state of each of its days, and how many rows were written."""

    states: Mapping[date, State]
    rows: int


def store(
    connection: sa.Connection, keys: Keys, answer: Answer[Any], asked_at: datetime
) -> Replaced:
    """Put an answer's rows in the place of its days', and its days into the ledger."""
    by_day = _by_day(answer)
    changes = _changes(connection, keys, answer, by_day, asked_at)
    replaced = [day for day, change in changes.items() if change.replaces]
    part = PARTS[answer.endpoint.name]
    scope = {name: keys[name] for name in ("appid", "origin", "params") if name in part.table.c}
    _put(connection, part, scope, {day: by_day[day] for day in replaced})
    ledger.write(connection, keys, {day: change.line for day, change in changes.items()})
    rows = sum(len(by_day[day]) for day in replaced)
    return Replaced({day: change.line.state for day, change in changes.items()}, rows)


def _by_day(answer: Answer[Any]) -> dict[date, list[Any]]:
    by_day: dict[date, list[Any]] = {day: [] for day in answer.endpoint.labels(answer.window)}
    for row in answer.rows:
        # a row of another day would take the place of that day's rows
        if row.ref_date in answer.window:
            by_day.setdefault(row.ref_date, []).append(row)
    return by_day


def _changes(
    connection: sa.Connection,
    keys: Keys,
    answer: Answer[Any],
    by_day: Mapping[date, list[Any]],
    asked_at: datetime,
) -> dict[date, Change]:
    before = ledger.lines(connection, keys, answer.window)
    return {
        day: answered(
            answer.endpoint,
            day,
            before.get(day),
            has_rows=bool(rows),
            is_delay=answer.is_delay,
            asked_at=asked_at,
        )
        for day, rows in by_day.items()
    }


def _put(
    connection: sa.Connection,
    part: Part,
    scope: Mapping[str, object],
    by_day: Mapping[date, list[Any]],
) -> None:
    if not by_day:
        return
    remove(connection, part, scope, by_day)
    # day by day, so that a row's place does not depend on the other days of the call
    records = [spread(part, scope, rows) for rows in by_day.values()]
    for below, of_days in zip(part.walk(), zip(*records, strict=True), strict=True):
        if found := list(chain.from_iterable(of_days)):
            connection.execute(below.table.insert(), found)


def remove(connection: sa.Connection, part: Part, scope: Keys, days: Iterable[date]) -> None:
    """Take away the rows of days, nested ones first."""
    values = {f"b_{name}": value for name, value in scope.items()}
    for below in reversed(list(part.walk())):
        statement = _removal(below.table, tuple(scope))
        connection.execute(statement, {**values, "b_days": list(days)})


@cache
def _removal(table: sa.Table, scope: tuple[str, ...]) -> sa.Delete:
    where = [table.c[name] == sa.bindparam(f"b_{name}") for name in scope]
    days = table.c.ref_date.in_(sa.bindparam("b_days", expanding=True))
    return table.delete().where(*where, days)


def fetch(
    connection: sa.Connection, part: Part, scope: Mapping[str, list[str]], window: Window
) -> list[Any]:
    """A table's records of a window, in the order of their days and lists."""
    table = part.table
    where = [table.c[name].in_(values) for name, values in scope.items()]
    found = (
        sa.select(table)
        .where(*where, table.c.ref_date.between(window.first, window.last))
        .order_by(table.c.ref_date, table.c[PLACE])
    )
    return list(connection.execute(found).all())


def best(part: Part, records: list[Any]) -> list[Any]:
    """Each day's records of the best origin that has any: wechat, import, cube, derived."""
    names = [column.name for column in part.table.columns]
    origin, day = names.index("origin"), names.index("ref_date")
    rank = {o.value: place for place, o in enumerate(Origin)}
    found: dict[date, int] = {}
    for record in records:
        found[record[day]] = min(found.get(record[day], len(rank)), rank[record[origin]])
    return [record for record in records if rank[record[origin]] == found[record[day]]]
