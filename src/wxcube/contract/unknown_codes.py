"""Codes in rows that are missing in the code tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any

from wxcube.contract.codes import TABLES
from wxcube.contract.field import Code, Label, Row, columns, nested


def unknown_codes(row: type[Row], rows: Iterable[Row]) -> frozenset[str]:
    """Codes without a meaning, such as `user_source=18` or `detail.read_user_source.scene_desc=…`."""
    return frozenset(_unknown(row, list(rows), ""))


def _unknown(row: type[Row], rows: list[Any], path: str) -> Iterator[str]:
    for name, known in _coded(row):
        unknown = set(map(attrgetter(name), rows)) - known
        yield from (f"{path}{name}={code}" for code in unknown)
    for part in nested(row):
        values = [value for value in map(attrgetter(part.name), rows) if value]
        inner = [element for elements in values for element in elements] if part.many else values
        if inner:
            yield from _unknown(part.row, inner, f"{path}{part.name}.")


@cache
def _coded(row: type[Row]) -> tuple[tuple[str, frozenset[object]], ...]:
    """The columns of a row that have a code table, with their known codes."""
    return tuple(
        (column.name, frozenset({None, *(m.code for m in TABLES[column.kind.table].meanings)}))
        for column in columns(row)
        if isinstance(column.kind, Code | Label) and column.kind.table
    )
