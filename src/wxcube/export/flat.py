"""Rows with nested parts as plain tables: one nested list expanded, the row's columns repeated.

A part is the path of a list inside the row, such as `details` or `detail_list.read_user_source`;
the empty part is the row itself. Columns have their wire names; a duplicate name is prefixed by the
name of its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import (
    Column,
    Nested,
    Row,
    columns,
    nested,
)
from wxcube.contract.withdrawn import withdrawn_at
from wxcube.errors import ContractError
from wxcube.export.table import Table
from wxcube.i18n import Listing, Meaning, _


def parts(endpoint: Endpoint[RowT]) -> list[str]:
    """Every part of the endpoint's rows, the row itself first."""
    return ["", *_lists(endpoint.row)]


def default_part(endpoint: Endpoint[RowT]) -> str:
    """The part of a table unless another one is requested: running totals if there are any."""
    return endpoint.running.name if endpoint.running else ""


def flatten(endpoint: Endpoint[RowT], rows: Iterable[RowT], part: str = "") -> Table:
    """A part of rows as a table.

    Raises:  ContractError if the rows have no such part.
    """
    known = parts(endpoint)
    if part not in known:
        raise ContractError(
            _("{endpoint} has no part {part!r}", endpoint=endpoint, part=part),
            hint=_("its parts: {names}", names=Listing(known[1:]))
            if known[1:]
            else _("it has no parts: leave --part out"),
        )
    path = part.split(".") if part else []
    of_part = _columns(endpoint.row, path)
    names = _unique([column.name for column in of_part], path)
    values = (of_row for row in rows for of_row in _values(row, path))
    title = Meaning(endpoint.name, endpoint.subject_zh)
    a_row = Meaning(endpoint.row_en, endpoint.row_zh)
    return Table(names, tuple(of_part), values, title, (a_row, *endpoint.notes))


def withdrawal_times(rows: Iterable[Row], part: str = "") -> Iterator[datetime | None]:
    """For each row of the table of a part, when it was withdrawn; None if it was not."""
    path = part.split(".") if part else []
    return (time for row in rows for time in _withdrawal_times(row, path))


def _withdrawal_times(row: Row, path: list[str]) -> Iterator[datetime | None]:
    own = withdrawn_at(row)
    if not path:
        yield own
        return
    for element in _elements(row, path[0]):
        for inner in _withdrawal_times(element, path[1:]):
            yield min(filter(None, (own, inner)), default=None)


def _lists(row: type[Row], before: str = "") -> Iterator[str]:
    for inner in nested(row):
        name = f"{before}{inner.name}"
        if inner.many:
            yield name
        yield from _lists(inner.row, f"{name}.")


def _columns(row: type[Row], path: list[str]) -> list[Column]:
    own = list(columns(row))
    for inner in nested(row):
        if not inner.many and (not path or path[0] != inner.name):
            own += _columns(inner.row, [])
    return own + (_columns(_inner(row, path[0]).row, path[1:]) if path else [])


def _values(row: Row, path: list[str]) -> Iterator[tuple[Any, ...]]:
    struct = type(row)
    own = tuple(getattr(row, column.name) for column in columns(struct))
    for inner in nested(struct):
        if not inner.many and (not path or path[0] != inner.name):
            value = getattr(row, inner.name)
            own += _no_values(inner.row) if value is None else next(_values(value, []))
    if not path:
        yield own
        return
    for element in _elements(row, path[0]):
        for rest in _values(element, path[1:]):
            yield own + rest


def _elements(row: Row, name: str) -> Iterable[Row]:
    """The rows of a nested part, none if the row lacks it."""
    value: Any = getattr(row, name)
    if value is None:
        return ()
    return value if _inner(type(row), name).many else [value]


def _no_values(row: type[Row]) -> tuple[None, ...]:
    """The values of a part that a row lacks."""
    return (None,) * len(_columns(row, []))


def _inner(row: type[Row], name: str) -> Nested:
    return next(inner for inner in nested(row) if inner.name == name)


def _unique(names: list[str], path: list[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    unique = []
    for name in names:
        unique.append(f"{path[-1]}.{name}" if name in seen else name)
        seen.add(name)
    return tuple(unique)
