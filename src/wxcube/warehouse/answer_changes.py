"""What an answer changed against an earlier one for the same day: rows and figures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Column, Row, element_key, members

Figure = object
"""The value of a column; None: the answer lacked it."""


@dataclass(frozen=True, slots=True)
class RowName:
    """What identifies a row of a day, or a row of one of its lists."""

    values: tuple[tuple[str, object], ...]
    """Key columns with their values, those of the row that has the list first, without the day."""
    part: str = ""
    """The list, such as `details`; empty for a row itself."""

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in self.values)
        return " ".join(text for text in (self.part, named) if text)


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure that is another than before."""

    row: RowName
    column: str
    before: Figure
    after: Figure


@dataclass(frozen=True, slots=True)
class AnswerChanges:
    """What an answer changed; rows of a list whose row is new or missing are not listed."""

    added: tuple[RowName, ...] = ()
    missing: tuple[RowName, ...] = ()
    """Rows that the earlier answer had."""
    figures: tuple[FigureChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.figures)


def answer_changes(
    endpoint: Endpoint[Any], before: Sequence[Row], after: Sequence[Row]
) -> AnswerChanges:
    """What changed from the rows of a day in one answer to those in a later one."""
    old, new = _by_name(endpoint, before), _by_name(endpoint, after)
    return AnswerChanges(
        tuple(_topmost(new, old)),
        tuple(_topmost(old, new)),
        tuple(
            FigureChange(name, column, old[name].figures.get(column), figure)
            for name, row in new.items()
            if name in old
            for column, figure in row.figures.items()
            if figure != old[name].figures.get(column)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    parent: RowName | None
    figures: dict[str, Figure] = field(default_factory=dict)


def _topmost(rows: dict[RowName, _Figures], others: dict[RowName, _Figures]) -> Iterator[RowName]:
    """The rows that are not among others, without those whose parent is not either."""
    for name, row in rows.items():
        if name not in others and (row.parent is None or row.parent in others):
            yield name


def _by_name(endpoint: Endpoint[Any], rows: Sequence[Row]) -> dict[RowName, _Figures]:
    key = tuple(name for name in endpoint.key if name != "ref_date")
    found: dict[RowName, _Figures] = {}
    for row in rows:
        _add(found, row, RowName(_values(row, key)), None, ("ref_date", *key))
    return found


def _values(row: Row, key: Sequence[str]) -> tuple[tuple[str, object], ...]:
    return tuple((name, getattr(row, name)) for name in key)


def _add(
    found: dict[RowName, _Figures],
    row: Row,
    name: RowName,
    parent: RowName | None,
    key: Sequence[str],
) -> None:
    figures = found.setdefault(name, _Figures(parent)).figures
    for column, value in _cells(row):
        if isinstance(value, list):
            for element in value:
                own_key = element_key(type(element))
                own = RowName((*name.values, *_values(element, own_key)), column)
                _add(found, element, own, name, own_key)
        elif column not in key:
            figures[column] = value


def _cells(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The columns and lists of a row with their paths; a part that is missing has no columns."""
    for member in members(type(row)):
        value = getattr(row, member.name)
        if isinstance(member, Column):
            yield prefix + member.name, value
        elif member.many:
            yield prefix + member.name, value or []
        elif value is not None:
            yield from _cells(value, f"{prefix}{member.name}.")
