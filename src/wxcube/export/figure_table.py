"""A figure as a table for files: titles and codes in words, days and states as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from wxcube.contract import field
from wxcube.export.table import Table
from wxcube.figures.cells import cell, is_in_words, state_of
from wxcube.figures.figure import Column, Figure
from wxcube.i18n import Meaning, Message, _
from wxcube.i18n.language import Language

_NAME = "figure."
"""Before names of columns, which would else have the labels of WeChat's columns of that name."""
_STATE = Column(name="state", title=_("state"))


@dataclass(frozen=True, slots=True)
class _Figures(field.Kind):
    """Numbers of a unit, which are aggregated as the figure says."""

    of: str = ""
    by: field.Adding = field.Adding.NONE

    @property
    def unit(self) -> str:
        """The unit of the numbers."""
        return self.of

    @property
    def adding(self) -> field.Adding:  # type: ignore[override] # of the column, not of the kind
        """How the numbers are aggregated."""
        return self.by


def as_table(figure: Figure, language: Language) -> Table:
    """A figure as a table for files, with the state of its days."""
    shown = (*figure.columns, *([_STATE] if figure.marks else []))
    rows = [_row(figure, row, language) for row in figure.rows]
    types = [_type(rows, place) for place in range(len(shown))]
    return Table(
        names=tuple(column.name for column in shown),
        columns=tuple(
            field.Column(_NAME + column.name, of_type, _kind(column, of_type), optional=True)
            for of_type, column in zip(types, shown, strict=True)
        ),
        rows=[tuple(map(_as, types, row)) for row in rows],
        title=Meaning(str(figure.title), figure.title.in_language("zh")),
        notes=(figure.sentence, *(seam.text for seam in figure.seams), *figure.notes),
    )


def _row(figure: Figure, row: tuple[Any, ...], language: Language) -> tuple[Any, ...]:
    values = tuple(
        _value(value, column, language) for value, column in zip(row, figure.columns, strict=True)
    )
    return (*values, str(language(state_of(figure, row)))) if figure.marks else values


def _value(value: Any, column: Column, language: Language) -> Any:
    """A value of its own type; what is text on the page is text in the file."""
    if value is None or (isinstance(value, int | float | date) and not is_in_words(column)):
        return value
    text = cell(value, column).text
    return language(text) if isinstance(text, Message | Meaning) else text


def _type(rows: list[tuple[Any, ...]], place: int) -> type:
    """The type of a column; of numbers the one that has all of them, whole ones if they are."""
    values = [row[place] for row in rows if row[place] is not None]
    types = set(map(type, values))
    if types and types <= {int, float}:
        return int if all(value == int(value) for value in values) else float
    return next(iter(types), str)


def _as(of_type: type, value: Any) -> Any:
    """A value as all others of its column are written: no 489.0 beside 699."""
    is_number = isinstance(value, int | float) and of_type in {int, float}
    return of_type(value) if is_number else value


def _kind(column: Column, of_type: type) -> field.Kind:
    texts = column.title.in_language("zh"), str(column.title)
    if column.unit == "day":
        return field.Day(*texts)
    if column.unit == "fraction":
        return field.Rate(*texts)
    is_figure = of_type in {int, float} and not column.is_key and not is_in_words(column)
    if not is_figure:
        return field.Label(*texts)
    return _Figures(*texts, of=column.unit, by=column.adding)
