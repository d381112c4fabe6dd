"""Withdrawn rows: rows that a later answer lacked. They stay, marked with the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from wxcube.contract.field import Row, nested

WITHDRAWN_AT = "withdrawn_at"
"""The member of a withdrawn row with the time of the first answer that lacked it."""
RowT = TypeVar("RowT", bound=Row)


def withdrawn(row: RowT, at: datetime) -> RowT:
    """The row with the mark: of a subclass with the further member `withdrawn_at`, also encoded."""
    marked = _class_of(type(row))
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    return cast("RowT", marked(**values, withdrawn_at=at))


def withdrawn_at(row: Row) -> datetime | None:
    """The time of the first answer that lacked a row; None if the last answer has it."""
    at: datetime | None = getattr(row, WITHDRAWN_AT, None)
    return at


def without_withdrawn(rows: Iterable[RowT]) -> Iterator[RowT]:
    """The rows as the last answers had them: without withdrawn rows and nested rows."""
    return (_unwithdrawn(row) for row in rows if withdrawn_at(row) is None)


def count_withdrawn(row: Row) -> int:
    """The number of withdrawn rows among a row and its nested rows.

    Nested rows of a withdrawn row are part of it.
    """
    if withdrawn_at(row) is not None:
        return 1
    return sum(count_withdrawn(inner) for _name, part in _parts(row) for inner in _rows_of(part))


def _unwithdrawn(row: RowT) -> RowT:
    if not count_withdrawn(row):
        return row
    changed = {name: list(without_withdrawn(part)) if isinstance(part, list) else _unwithdrawn(part) for name, part in _parts(row)}
    return msgspec.structs.replace(row, **changed)


def _parts(row: Row) -> Iterator[tuple[str, Any]]:
    """Names and values of the nested parts that a row has."""
    parts = ((part.name, getattr(row, part.name)) for part in nested(type(row)))
    return ((name, value) for name, value in parts if value is not None)


def _rows_of(part: Any) -> list[Any]:
    return part if isinstance(part, list) else [part]


@cache
def _class_of(row: type[Row]) -> Any:
    return msgspec.defstruct(
        row.__name__,
        [(WITHDRAWN_AT, datetime)],
        bases=(row,),
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        namespace={"__doc__": row.__doc__, "unmarked": row},
    )
