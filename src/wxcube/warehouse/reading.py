"""Records of a window, read from the tables of an endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from operator import itemgetter

import sqlalchemy as sa

from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.rows import Record, key_reader
from wxcube.warehouse.statements import Connected, Statement
from wxcube.warehouse.tables import PLACE, RowTable

Scope = Mapping[str, Sequence[str]]
"""The values that each column wxcube adds may have."""
_RANK = {origin.value: number for number, origin in enumerate(Origin)}


def records(
    connection: Connected,
    table: RowTable,
    scope: Scope,
    window: Window,
    *,
    with_withdrawn: bool = True,
) -> list[list[Record]]:
    """The records of a window, one list per table of `table.walk()`.

    They are in the order of their days and lists, withdrawn ones last; each day is of the best
    origin that has any: wechat, import, cube, derived.
    """
    found = [
        statement.execute(connection, values).fetchall()
        for statement, values in selects(table, scope, window)
    ]
    return chosen(table, scope, found, with_withdrawn=with_withdrawn)


def selects(
    table: RowTable, scope: Scope, window: Window
) -> list[tuple[Statement, Sequence[object]]]:
    """The statements of `records`, each with its values, and without the choice of origins."""
    sizes = tuple(len(values) for values in scope.values())
    values = [value for of_column in scope.values() for value in of_column]
    ends = (window.first.isoformat(), window.last.isoformat())
    return [(_select(one, tuple(scope), sizes), (*values, *ends)) for one in table.walk()]


def chosen(
    table: RowTable, scope: Scope, found: list[list[Record]], *, with_withdrawn: bool
) -> list[list[Record]]:
    """The records of the best origin of each day, with or without withdrawn ones."""
    if not with_withdrawn:
        found = [[record for record in of_table if not record[-1]] for of_table in found]
    return of_best_origin(table, found) if len(scope["origin"]) > 1 else found


@cache
def _select(table: RowTable, names: tuple[str, ...], sizes: tuple[int, ...]) -> Statement:
    column, where, keys = table.table.c, list[sa.ColumnElement[bool]](), list[str]()
    for name, size in zip(names, sizes, strict=True):
        own = [f"b_{name}_{number}" for number in range(size)]
        keys += own
        where.append(sa.or_(*(column[name] == sa.bindparam(key) for key in own)))
    within = column.ref_date.between(sa.bindparam("b_first"), sa.bindparam("b_last"))
    # the key, because withdrawn rows may have the place of another one
    rest = [column[name] for name in table.key if name != "ref_date"]
    order = (column.ref_date, column[WITHDRAWN_AT].is_not(None), column[PLACE], *rest)
    return Statement(
        sa.select(table.table).where(*where, within).order_by(*order), *keys, "b_first", "b_last"
    )


def of_best_origin(table: RowTable, found: list[list[Record]]) -> list[list[Record]]:
    """The records without those of the first table that are not of the best origin of their day."""
    rows, *nested = found
    day, origin = day_and_origin(table)
    if len(set(map(itemgetter(origin), rows))) <= 1:
        return found
    best: dict[str, int] = {}
    for record in rows:
        best[record[day]] = min(best.get(record[day], len(_RANK)), _RANK[record[origin]])
    return [[record for record in rows if _RANK[record[origin]] == best[record[day]]], *nested]


@cache
def day_and_origin(table: RowTable) -> tuple[int, int]:
    """The places of day and origin in a record."""
    names = [column.name for column in table.table.columns]
    return names.index("ref_date"), names.index("origin")


def in_order(table: RowTable, found: list[Record]) -> list[Record]:
    """The records of a table in the order in which they are read."""
    names = [column.name for column in table.table.columns]
    day, place, mark = (names.index(name) for name in ("ref_date", PLACE, WITHDRAWN_AT))
    key_of = key_reader(table)
    return sorted(found, key=lambda r: (r[day], r[mark] is not None, r[place], key_of(r)))


def extent(
    connection: Connected, table: RowTable, appid: str, origins: Sequence[Origin]
) -> Window | None:
    """From the oldest to the newest day that has rows, or None."""
    ends = [_ends(connection, table, appid, origin) for origin in origins]
    known = [window for window in ends if window]
    if not known:
        return None
    return Window(min(w.first for w in known), max(w.last for w in known))


def _ends(connection: Connected, table: RowTable, appid: str, origin: Origin) -> Window | None:
    key = (appid, origin.value)
    # PERF: two steps into the primary key; both in one statement would read the whole series
    (first,) = _end(table, is_last=False).execute(connection, key).fetchone()
    (last,) = _end(table, is_last=True).execute(connection, key).fetchone()
    return Window(date.fromisoformat(first), date.fromisoformat(last)) if first else None


@cache
def _end(table: RowTable, *, is_last: bool) -> Statement:
    column = table.table.c
    end = sa.func.max(column.ref_date) if is_last else sa.func.min(column.ref_date)
    of_series = [column[name] == sa.bindparam(f"b_{name}") for name in ("appid", "origin")]
    return Statement(sa.select(end).where(*of_series), "b_appid", "b_origin")
