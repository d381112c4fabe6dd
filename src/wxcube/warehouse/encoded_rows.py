"""Rows of an endpoint as WeChat's JSON, written by SQLite itself.

PERF: no row, member or value becomes an object of Python. What comes out is byte for byte the JSON
of `wire_rows` in the order of the contract's `in_answer_order`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from wxcube.contract.answer_order import whole_of
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.tables import ABSENT, PLACE, ROW_TABLES, RowTable

_DAY, _PART, _ROW = "\x1e", "\x1f", "\x1d"
"""Separators: no JSON has control characters."""
_PLACES = 1 << 32
"""More than a list has rows."""


class EncodedDay(NamedTuple):
    """The rows that a day has of one origin."""

    day: str
    origin: str
    places: str
    """For each row a number that its place in an answer follows, separated by spaces."""
    rows: str
    """The rows, with separators between them."""


@cache
def can_encode(dialect: sa.Dialect, endpoint: Endpoint[Any]) -> bool:
    """Whether the database can write the rows of an endpoint as JSON.

    SQLite can where a row has one level; but it writes some fractions with fewer digits.
    """
    table = ROW_TABLES[endpoint.name]
    columns = table.columns
    return (
        dialect.name == "sqlite"
        and not table.lists
        and all(one.path == one.name and one.column.type is not float for one in columns)
        and columns[0].name == "ref_date"
        and len(columns) > 1
        and "stat_date" not in table.table.c
    )


@cache
def select(dialect: sa.Dialect, endpoint: Endpoint[Any], *, with_withdrawn: bool) -> str:
    """A statement that gives all days of a window as one text, which `days_of` reads.

    Its parameters are ?1 the account, ?2 the params, ?3 and ?4 the first and the last day.
    """
    table = ROW_TABLES[endpoint.name]
    quote = dialect.identifier_preparer.quote
    origins = ", ".join(f"'{one.value}'" for one in Origin)
    where = ["appid = ?1", f"origin IN ({origins})", "ref_date BETWEEN ?3 AND ?4"]
    if "params" in table.table.c:
        where.append("params = ?2")
    if not with_withdrawn:
        where.append(f"{WITHDRAWN_AT} IS NULL")
    parts = (
        "ref_date",
        "origin",
        f"group_concat({_place(endpoint, table)}, ' ')",
        f"group_concat({_row(table, quote)}, '{_ROW}')",
    )
    of_day = f" || '{_PART}' || ".join(parts)
    return (
        f"SELECT group_concat(of_day, '{_DAY}') FROM (SELECT {of_day} AS of_day "  # noqa: S608 - own names
        f"FROM {quote(table.table.name)} WHERE {' AND '.join(where)} GROUP BY origin, ref_date)"
    )


def days_of(text: str | None) -> list[EncodedDay]:
    """The days in the text of a `select`, those of each origin one after the other."""
    return [EncodedDay._make(day.split(_PART)) for day in text.split(_DAY)] if text else []


def of_best_origin(days: Sequence[EncodedDay]) -> Sequence[EncodedDay]:
    """Each day of the best origin that has it, oldest first."""
    if not days or days[0].origin == days[-1].origin:
        return days
    best: dict[str, EncodedDay] = {}
    for origin in Origin:
        for one in days:
            if one.origin == origin.value:
                best.setdefault(one.day, one)
    return sorted(best.values(), key=lambda one: one.day)


def encoded(endpoint: Endpoint[Any], days: Sequence[EncodedDay]) -> tuple[bytes, int]:
    """The JSON list of all rows, and their number."""
    rows = _ROW.join([_in_order(places, rows) for _day, _origin, places, rows in days])
    count = rows.count(_ROW) + 1 if rows else 0
    rows = rows.replace(_ROW, ",")
    if ":null" in rows:
        for member in _nullable(endpoint):
            rows = rows.replace(member, "")
    return b"[%b]" % rows.encode(), count


def _in_order(places: str, rows: str) -> str:
    """The rows of a day in the order of an answer."""
    arranged = _arranging(places)
    return _ROW.join(arranged(rows.split(_ROW))) if arranged else rows


def _place(endpoint: Endpoint[Any], table: RowTable) -> str:
    """A number that orders the rows of a day; those that have the same one stay as they are."""
    first, code = whole_of(endpoint) or ("", None)
    withdrawn = f"CASE WHEN {WITHDRAWN_AT} IS NULL THEN {PLACE} ELSE {PLACE} + {_PLACES} END"
    if not first:
        return withdrawn
    is_other = f"{first} <> {code!r}"
    if table.implied_key:
        is_other = f"({ABSENT} IS NOT NULL OR {is_other})"
    group = [name for name in endpoint.key if name not in {first, "ref_date"}]
    return " + ".join(
        (withdrawn, f"{2 * _PLACES} * ({is_other})", *(f"{4 * _PLACES} * {name}" for name in group))
    )


def _row(table: RowTable, quote: Callable[[str], str]) -> str:
    """An expression with the JSON of a row; members without a value are null."""
    day, *columns = table.columns
    values = {one.name: _value(table, one.name, one.column.type, quote) for one in columns}
    names = ",".join([f'"{day.name}":"%s"', *(f'"{name}":%s' for name in values)])
    texts = ", ".join([quote(day.name), *values.values()])
    mark = f'"{WITHDRAWN_AT}":"%s"'
    return (
        f"CASE WHEN {WITHDRAWN_AT} IS NULL THEN printf('{{{names}}}', {texts}) "
        f"ELSE printf('{{{names},{mark}}}', {texts}, {WITHDRAWN_AT}) END"
    )


def _value(table: RowTable, name: str, kind: type, quote: Callable[[str], str]) -> str:
    column = quote(name)
    if kind is not int:
        return f"json_quote({column})"
    if table.implied_key and name == table.implied_key.column:
        return f"CASE WHEN {ABSENT} IS NULL THEN {column} ELSE 'null' END"
    return column if name in table.key else f"ifnull({column}, 'null')"


@cache
def _nullable(endpoint: Endpoint[Any]) -> list[str]:
    """How members without a value are written; no text contains that, its quotes are escaped."""
    table = ROW_TABLES[endpoint.name]
    implied = table.implied_key.column if table.implied_key else ""
    names = [one.name for one in table.columns if one.name == implied or one.name not in table.key]
    return [f',"{name}":null' for name in names]


@lru_cache(maxsize=1_024)
def _arranging(places: str) -> Callable[[Sequence[str]], Sequence[str]] | None:
    """What puts rows in the order of their places; None if they are.

    PERF: the rows of most days are in the same few orders.
    """
    numbers = [int(place) for place in places.split(" ")]
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    return None if order == list(range(len(numbers))) else itemgetter(*order)
