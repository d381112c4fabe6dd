"""Nested rows as plain tables: one list of the row spread out, with the row's own columns repeated.

A part is the dotted name of a list inside the row, as `details` or `detail_list.read_user_source`;
the empty part is the row itself. Columns keep their wire names, a repeated name takes its part's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import Column, Nested, Row, columns, nested
from wxcube.errors import ContractError

UNITS_ZH = {
    "day": "日",
    "hour": "时",
    "people": "人",
    "times": "次",
    "ms": "毫秒",
    "fraction": "比例",
    "minutes": "分钟",
    "fen": "分",
}
"""The contract's units in Chinese."""


@dataclass(frozen=True, slots=True)
class FlatTable:
    """Columns with their meaning, and the values, row by row."""

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: Iterable[tuple[Any, ...]]

    def header(self, language: str = "wire") -> list[str]:
        """Names of the columns: as on the wire, or in Chinese or English with their unit."""
        if language == "wire":
            return list(self.names)
        return [_title(column, language) for column in self.columns]


def parts(endpoint: Endpoint[RowT]) -> list[str]:
    """Every part of the endpoint's rows that can be spread out, the row itself first."""
    return ["", *_lists(endpoint.row)]


def default_part(endpoint: Endpoint[RowT]) -> str:
    """The part shown when none is asked for: running totals where there are some."""
    return endpoint.running.name if endpoint.running else ""


def flatten(endpoint: Endpoint[RowT], rows: Iterable[RowT], part: str = "") -> FlatTable:
    """A part of rows as a table.

    Raises:  ContractError if the rows have no such part.
    """
    if part not in parts(endpoint):
        raise ContractError(
            f"{endpoint} has no part {part!r}",
            hint=f"it has {', '.join(parts(endpoint)[1:]) or 'none: leave --part out'}",
        )
    path = part.split(".") if part else []
    found = _columns(endpoint.row, path)
    names = _unique([column.name for column in found], path)
    return FlatTable(names, tuple(found), (v for row in rows for v in _values(row, path)))


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
    kind = type(row)
    own = tuple(getattr(row, column.name) for column in columns(kind))
    for inner in nested(kind):
        if not inner.many and (not path or path[0] != inner.name):
            own += next(_values(getattr(row, inner.name), []))
    if not path:
        yield own
        return
    value = getattr(row, path[0])
    for element in value if _inner(kind, path[0]).many else [value]:
        for rest in _values(element, path[1:]):
            yield own + rest


def _inner(row: type[Row], name: str) -> Nested:
    return next(inner for inner in nested(row) if inner.name == name)


def _unique(names: list[str], path: list[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    unique = []
    for name in names:
        unique.append(f"{path[-1]}.{name}" if name in seen else name)
        seen.add(name)
    return tuple(unique)


def _title(column: Column, language: str) -> str:
    text = column.kind.zh if language == "zh" else column.kind.en
    unit = unit_in(language, column.kind.unit)
    return f"{text} ({unit})" if unit else text


def unit_in(language: str, unit: str) -> str:
    """A unit's name in a language."""
    return UNITS_ZH[unit] if unit and language == "zh" else unit
