"""Rows as a fault alters them: fewer, irregular, or with other figures; nothing is random.

A figure is the last integer column of a row that its documents always list; if a row has none, that
of its nested part, or of each element of its list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding, Nested, Row, columns, nested
from wxcube.contract.window import Window

NOT_A_NUMBER = "many"
"""The value of a figure that cannot be read."""
# with a space, because the encoder leaves out members without a value
_NULL = msgspec.Raw(b" null")

Rows = Sequence[Any]
Alter = Callable[[Endpoint[Any], Window, Rows], Rows]


def without_rows(_endpoint: Endpoint[Any], _window: Window, _rows: Rows) -> Rows:
    """No rows."""
    return ()


def without_newest_totals(endpoint: Endpoint[Any], _window: Window, rows: Rows) -> Rows:
    """Running totals that lack their newest stat_date."""
    if endpoint.running is None:
        return rows
    name = endpoint.running.name
    return [_with(row, name, (getattr(row, name) or [])[:-1]) for row in rows]


def without_last_rows(_endpoint: Endpoint[Any], _window: Window, rows: Rows) -> Rows:
    """Each day without its last row, unless that is its only one."""
    days = (list(of_day) for _day, of_day in groupby(rows, key=attrgetter("ref_date")))
    return [row for of_day in days for row in (of_day[:-1] or of_day)]


def with_unreadable_row(endpoint: Endpoint[Any], _window: Window, rows: Rows) -> Rows:
    """The first row has a text as a figure."""
    return [*(_with_figure(endpoint.row, row, _as_text) for row in rows[:1]), *rows[1:]]


def with_extra_row(endpoint: Endpoint[Any], window: Window, rows: Rows) -> Rows:
    """The first row again, for the day, week or month before the window."""
    label = endpoint.label(endpoint.label(window.first) - timedelta(days=1))
    return [*rows, *(_with(row, "ref_date", label) for row in rows[:1])]


def with_revised_figures(by: int, endpoint: Endpoint[Any], _window: Window, rows: Rows) -> Rows:
    """A figure of every row is higher by a number."""
    return [_with_figure(endpoint.row, row, partial(_higher, by)) for row in rows]


def with_missing_figures(endpoint: Endpoint[Any], _window: Window, rows: Rows) -> Rows:
    """A figure of every row is left out."""
    return [_with_figure(endpoint.row, row, lambda _value: None) for row in rows]


def with_null_figures(endpoint: Endpoint[Any], _window: Window, rows: Rows) -> Rows:
    """A figure of every row is null."""
    return [_with_figure(endpoint.row, row, lambda _value: _NULL) for row in rows]


def _as_text(_value: Any) -> Any:
    return NOT_A_NUMBER


def _higher(by: int, value: Any) -> Any:
    return value + by if isinstance(value, int) else value


def _with_figure(kind: type[Row], row: Any, change: Callable[[Any], Any]) -> Any:
    """The row with a changed figure."""
    name = _figure(kind)
    if name:
        return _with(row, name, change(getattr(row, name)))
    for part in nested(kind):
        value = getattr(row, part.name)
        if value is not None:
            return _with(row, part.name, _changed_part(part, value, change))
    return row


def _changed_part(part: Nested, value: Any, change: Callable[[Any], Any]) -> Any:
    if part.many:
        return [_with_figure(part.row, element, change) for element in value]
    return _with_figure(part.row, value, change)


@cache
def _figure(kind: type[Row]) -> str:
    """The name of the last documented integer column; empty if there is none."""
    figures = (
        column.name
        for column in reversed(columns(kind))
        if column.type is int and column.kind.adding is not Adding.NONE and not column.optional
    )
    return next(figures, "")


def _with(row: Any, name: str, value: Any) -> Any:
    return msgspec.structs.replace(row, **{name: value})
