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
    """Numbers of a unit."""

    of: str = ""

    @property
    def unit(self) -> str:
        """The unit of the numbers."""
        return self.of


def as_table(figure: Figure, language: Language) -> Table:
    """A figure as a table for files, with the state of its days."""
    shown = (*figure.columns, *([_STATE] if figure.marks else []))
    rows = [_row(figure, row, language) for row in figure.rows]
    return Table(
        names=tuple(column.name for column in shown),
        columns=tuple(
            field.Column(_NAME + column.name, _type(rows, place), _kind(column), optional=True)
            for place, column in enumerate(shown)
        ),
        rows=rows,
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
    types = {type(row[place]) for row in rows if row[place] is not None}
    return float if types == {int, float} else next(iter(types), str)


def _kind(column: Column) -> field.Kind:
    texts = column.title.in_language("zh"), str(column.title)
    if column.unit == "day":
        return field.Day(*texts)
    if column.unit == "fraction":
        return field.Rate(*texts)
    return _Figures(*texts, of="" if is_in_words(column) else column.unit)
