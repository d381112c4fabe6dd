"""A window as a server answers it: rows of the best origins, and how far each of its days is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa

from wxcube.contract.answer_order import in_answer_order
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.warehouse import encoded_rows, reading
from wxcube.warehouse.coverage import SETTLED, State
from wxcube.warehouse.encoded_rows import EncodedDay, can_encode
from wxcube.warehouse.rows import Record
from wxcube.warehouse.series import params_text, scope_of
from wxcube.warehouse.statements import Connected, Statement, cursor_of
from wxcube.warehouse.tables import ROW_TABLES, RowTable, coverage
from wxcube.warehouse.unfinished import (
    finished_through,
    has_computed,
    is_finished,
    without_unfinished,
)
from wxcube.warehouse.wire_rows import to_wire

_ENTRIES = Statement(
    sa.select(
        coverage.c.ref_date,
        coverage.c.origin,
        coverage.c.state,
        coverage.c.fetched_at,
        coverage.c.errcode,
    ).where(
        coverage.c.appid == sa.bindparam("b_appid"),
        coverage.c.origin.in_([sa.literal_column(f"'{one.value}'") for one in Origin]),
        coverage.c.endpoint == sa.bindparam("b_endpoint"),
        coverage.c.params == sa.bindparam("b_params"),
        coverage.c.ref_date.between(sa.bindparam("b_first"), sa.bindparam("b_last")),
    ),
    "b_appid",
    "b_endpoint",
    "b_params",
    "b_first",
    "b_last",
)
_CURRENT = SETTLED | {State.MOVING}
"""States of days whose rows are what WeChat would answer now."""
_ORIGINS = [origin.value for origin in Origin]
_ANSWERED = (State.WAITING, State.MOVING)


@dataclass(frozen=True, slots=True, eq=False)
class ServedDay:
    """How far one day is, by the origin that its rows are from.

    PERF: there is one object of each kind, so that many are compared quickly.
    """

    state: State
    is_loaded: bool = True
    """Whether there are rows, or an answer without any."""
    origin: Origin | None = None
    """Where its rows are from; None if it has none."""

    @property
    def is_current(self) -> bool:
        """Whether nothing is missing today; figures of a moving day can still change."""
        return self.state in _CURRENT


_served = cache(ServedDay)
_Entry = tuple[str, str, bool, int | None]
"""Origin and state, whether it has rows, and errcode."""


@dataclass(frozen=True, slots=True)
class ServedWindow:
    """Rows as WeChat's JSON, and the days of the window."""

    rows: bytes
    """The list of an answer, encoded."""
    count: int
    """The number of rows."""
    days: tuple[ServedDay, ...]
    """One for each `ref_date` that the window can have, oldest first."""
    lacks_unfinished: bool = False
    """Whether computed rows were left out that WeChat would not answer yet."""


def served_window(  # noqa: PLR0913 - what is asked for, and how
    connection: Connected,
    appid: str,
    endpoint: Endpoint[Any],
    window: Window,
    params: Mapping[str, object],
    *,
    with_withdrawn: bool,
    answered_at: datetime | None = None,
) -> ServedWindow:
    """The rows of a window, each day from its best origin, and its days.

    `answered_at` leaves out computed rows that WeChat would not answer at that time.
    """
    key = (appid, endpoint.name, params_text(endpoint, params), *_ends(window))
    if can_encode(connection.dialect, endpoint):
        return _encoded_window(connection, endpoint, window, key, with_withdrawn, answered_at)
    table, scope = ROW_TABLES[endpoint.name], scope_of(appid, endpoint, None, params)
    read = _read_at_once if is_read_at_once(connection.dialect, endpoint) else _read
    found, known = read(connection, reading.selects(table, scope, window), key)
    found = shown = reading.chosen(table, scope, found, with_withdrawn=with_withdrawn)
    if answered_at and has_computed(table, found):
        shown = without_unfinished(endpoint, table, found, _computed_at(known), answered_at)
    rows = in_answer_order(endpoint, to_wire(table, shown))
    return ServedWindow(
        msgspec.json.encode(rows),
        len(rows),
        _days(endpoint, window, _origins(table, shown[0]), known),
        any(len(some) < len(every) for some, every in zip(shown, found, strict=True)),
    )


def _encoded_window(
    connection: Connected,
    endpoint: Endpoint[Any],
    window: Window,
    key: Sequence[str],
    with_withdrawn: bool,  # noqa: FBT001
    answered_at: datetime | None,
) -> ServedWindow:
    """The window, with rows that the database has written as JSON."""
    found, known = _read_encoded(connection, endpoint, key, with_withdrawn=with_withdrawn)
    days = shown = encoded_rows.of_best_origin(found)
    origins = {day: origin for day, origin, _places, _rows in days}
    if answered_at and Origin.CUBE.value in origins.values():
        ends = finished_through(endpoint, _computed_at(known), answered_at)
        shown = [one for one in days if is_finished(one.origin, one.day, one.day, ends)]
        origins = {one.day: one.origin for one in shown}
    rows, count = encoded_rows.encoded(endpoint, shown)
    states = _days(endpoint, window, origins, known)
    return ServedWindow(rows, count, states, len(shown) < len(days))


def _days(
    endpoint: Endpoint[Any],
    window: Window,
    origins: Mapping[str, str],
    known: Sequence[Sequence[Any]],
) -> tuple[ServedDay, ...]:
    """How far each day is, by the origins of its rows and the entries of the ledger."""
    kinds = {(origin, state, at is not None, errcode) for _day, origin, state, at, errcode in known}
    is_whole = len(known) == len(origins) == len(window)
    # PERF: nearly always all days are alike
    if is_whole and len(kinds) == 1 and len(by := set(origins.values())) == 1:
        return (_served_day(*by, tuple(kinds)),) * len(window)
    entries: dict[str, tuple[_Entry, ...]] = {}
    for day, origin, state, fetched_at, errcode in known:
        entry = (origin, state, fetched_at is not None, errcode)
        entries[day] = (*entries[day], entry) if day in entries else (entry,)
    days = map(date.isoformat, endpoint.labels(window))
    return tuple(_served_day(origins.get(day), entries.get(day, ())) for day in days)


@lru_cache(maxsize=4_096)
def _served_day(origin: str | None, entries: tuple[_Entry, ...]) -> ServedDay:
    """How far a day is. PERF: most days of a database are in the same few states."""
    states = {entry[0]: State(entry[1]) for entry in entries}
    if origin is not None:
        return _served(states.get(origin, State.MOVING), origin=Origin(origin))
    if not entries:
        return _served(State.NEVER, is_loaded=False)
    known = sorted(entries, key=_rank)
    for name, _state, has_rows, errcode in known:
        state = states[name]
        is_answered = state in _ANSWERED and errcode is None
        if has_rows or is_answered or state in SETTLED:
            return _served(state)
    return _served(states[known[0][0]], is_loaded=False)


def _rank(entry: _Entry) -> tuple[bool, int]:
    """Settled ones first, then the better origin."""
    return State(entry[1]) not in SETTLED, _ORIGINS.index(entry[0])


def _read_encoded(
    connection: Connected, endpoint: Endpoint[Any], key: Sequence[str], *, with_withdrawn: bool
) -> tuple[Sequence[EncodedDay], Sequence[Sequence[Any]]]:
    """The encoded days of a window, and the entries of the ledger.

    PERF: in one step of one statement; see `_read_at_once`.
    """
    appid, _endpoint, params, first, last = key
    select = _select_encoded(connection.dialect, endpoint, with_withdrawn)
    values = (appid, params, first, last, *key)
    days, known = cursor_of(connection).execute(select, values).fetchone()
    return encoded_rows.days_of(days), msgspec.json.decode(known)


@cache
def _select_encoded(dialect: sa.Dialect, endpoint: Endpoint[Any], with_withdrawn: bool) -> str:  # noqa: FBT001
    days = encoded_rows.select(dialect, endpoint, with_withdrawn=with_withdrawn)
    return f"SELECT ({days}), {_as_json(dialect, _ENTRIES)}"


_Selects = Sequence[tuple[Statement, Sequence[object]]]
_Found = tuple[list[list[Any]], Sequence[Sequence[Any]]]
"""The records of each table, and the entries of the ledger."""


def is_read_at_once(dialect: sa.Dialect, endpoint: Endpoint[Any]) -> bool:
    """Whether the database gives all of a window in one step of one statement.

    SQLite does; but its JSON has fewer digits than some fractions.
    """
    return dialect.name == "sqlite" and not _has_fractions(ROW_TABLES[endpoint.name])


@cache
def _has_fractions(table: RowTable) -> bool:
    return any(column.column.type is float for one in table.walk() for column in one.columns)


def _read_at_once(connection: Connected, selects: _Selects, key: Sequence[object]) -> _Found:
    """All records in one row of one statement.

    PERF: with one step per row, threads and the event loop would hand over the interpreter's lock
    at every row.
    """
    statements, values = [*selects, (_ENTRIES, key)], list[object]()
    for statement, own in statements:
        values += statement.on(connection.dialect, own)[1]
    text = _joined(connection.dialect, tuple(statement for statement, _own in statements))
    row = cursor_of(connection).execute(text, values).fetchone()
    *found, known = (msgspec.json.decode(text) for text in row)
    return found, known


@cache
def _joined(dialect: sa.Dialect, statements: tuple[Statement, ...]) -> str:
    return "SELECT " + ", ".join(_as_json(dialect, statement) for statement in statements)


def _as_json(dialect: sa.Dialect, statement: Statement) -> str:
    names = ", ".join(map(dialect.identifier_preparer.quote, statement.columns))
    select, _values = statement.on(dialect, [""] * statement.places)
    return f"(SELECT json_group_array(json_array({names})) FROM ({select}))"  # noqa: S608 - own names


def _read(connection: Connected, selects: _Selects, key: Sequence[object]) -> _Found:
    found = [statement.execute(connection, values).fetchall() for statement, values in selects]
    return found, _ENTRIES.execute(connection, key).fetchall()


def _ends(window: Window) -> tuple[str, str]:
    return window.first.isoformat(), window.last.isoformat()


def _computed_at(entries: Sequence[Sequence[Any]]) -> dict[date, datetime]:
    """When each day was computed from events."""
    return {
        date.fromisoformat(day): datetime.fromisoformat(fetched_at)
        for day, origin, _state, fetched_at, _errcode in entries
        if origin == Origin.CUBE.value and fetched_at
    }


def _origins(table: RowTable, records: Sequence[Record]) -> dict[str, str]:
    day, origin = reading.day_and_origin(table)
    return {record[day]: record[origin] for record in records}
