"""Values of figures as they appear in tables: names, codes in words, days and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from wxcube.contract.codes import TABLES
from wxcube.figures import numbers
from wxcube.figures.figure import Column, Figure
from wxcube.figures.rhythm import WEEKDAYS
from wxcube.figures.state import Mark
from wxcube.i18n import Listing, Meaning, Message, _, verbatim
from wxcube.warehouse.coverage import State
from wxcube.warehouse.explanation import STATE_LABELS, WHY_LABELS
from wxcube.warehouse.next_ask import Why

MOST_ROWS = 500
"""Rows of a table on a page; a longer one is a download."""
REVISED = _("revised")


_WORDS: dict[str, Callable[[Any], Message]] = {
    "weekday": lambda number: WEEKDAYS[number],
    "hour": lambda hour: verbatim(f"{hour:02}:00"),
    "state": lambda state: STATE_LABELS[State(state)],
    "why": lambda why: WHY_LABELS[Why(why)],
}
"""Columns of figures whose numbers and codes are words for people."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of a table."""

    text: Message | Meaning | str
    is_text: bool = False
    exact: Meaning | str = ""
    """The number with all its digits, where the text has fewer."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; `state` says what is odd about its day."""

    cells: tuple[Cell, ...]
    state: Listing
    is_moving: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A figure as a table; `more` rows are only in its files."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    has_states: bool
    more: int


def table_of(figure: Figure) -> Table:
    """The rows of a figure; without the account where there is only one."""
    shown = [
        place
        for place, column in enumerate(figure.columns)
        if column.name != "appid" or len(figure.accounts) > 1
    ]
    rows = tuple(_row(figure, row, shown) for row in figure.rows[:MOST_ROWS])
    return Table(
        columns=tuple(figure.columns[place] for place in shown),
        rows=rows,
        has_states=any(row.state for row in rows),
        more=max(len(figure.rows) - MOST_ROWS, 0),
    )


def is_in_words(column: Column) -> bool:
    """Whether numbers or codes of a column are shown as words."""
    return column.name in _WORDS or bool(column.codes)


def cell(value: Any, column: Column) -> Cell:
    """A value of a column."""
    if value is None:
        return Cell(numbers.MISSING)
    if column.name in _WORDS:
        return Cell(_WORDS[column.name](value), is_text=True)
    if column.codes in TABLES:
        return Cell(Meaning.of(TABLES[column.codes][value]), is_text=True)
    return _plain(value, column.unit)


def _plain(value: Any, unit: str) -> Cell:
    if isinstance(value, bool):
        return Cell(_("yes") if value else _("no"))
    if isinstance(value, int | float):
        return _number(value, unit)
    if isinstance(value, datetime):
        return Cell(f"{value:%Y-%m-%d %H:%M}")
    if isinstance(value, date):
        return Cell(f"{value:%Y-%m-%d}")
    return Cell(value if isinstance(value, Message | Meaning) else str(value), is_text=True)


def _number(value: float, unit: str) -> Cell:
    if unit in {"ms", "fraction", "minutes", "fen"}:
        return Cell(numbers.in_unit(value, unit), exact=numbers.exact_in_unit(value, unit))
    return Cell(numbers.exact(value))


def _row(figure: Figure, row: tuple[Any, ...], shown: list[int]) -> Row:
    mark = _mark(figure, row)
    cells = tuple(cell(row[place], figure.columns[place]) for place in shown)
    return Row(cells, state_of(figure, row), mark is not None and mark.is_moving)


def _mark(figure: Figure, row: tuple[Any, ...]) -> Mark | None:
    """The state of a row's day."""
    if not figure.marks:
        return None
    appid, day = row[0], next((one for one in row if isinstance(one, date)), None)
    return figure.marks.get((appid, day)) if day else None


def state_of(figure: Figure, row: tuple[Any, ...]) -> Listing:
    """What is odd about the day of a row, in words."""
    mark = _mark(figure, row)
    if mark is None:
        return Listing()
    words: list[Message] = []
    if mark.state is not State.FINAL:
        words.append(STATE_LABELS[mark.state])
    if 0 < mark.days < mark.of_days:
        words.append(verbatim(f"{mark.days}/{mark.of_days}"))
    if mark.revision:
        words.append(REVISED)
    return Listing(words)
