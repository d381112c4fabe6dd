"""The calendar of the data: a row for each endpoint, and a mark for the state of each day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from wxcube import contract
from wxcube.figures.figure import Figure
from wxcube.i18n import Message, _
from wxcube.pages.view import address
from wxcube.warehouse.coverage import State
from wxcube.warehouse.explanation import STATE_LABELS
from wxcube.warehouse.next_ask import Why

MARKS = {
    State.FINAL: "●",
    State.MOVING: "◐",
    State.WAITING: "○",
    State.EMPTY: "∅",
    State.REFUSED: "✕",
    State.FAILED: "!",
    State.NEVER: "·",
}
"""Marks that differ without colours too."""
UNPUBLISHED = "◌"
"""The mark of a day of articles that had none, until another answer confirms it."""
_UNPUBLISHED = _("nothing was published that day (to be confirmed)")


@dataclass(frozen=True, slots=True)
class DayMark:
    """The state of a day, and the address of its page unless it is settled."""

    day: date
    state: State
    mark: str
    title: Message
    href: str
    is_unpublished: bool
    """Whether it waits for a second answer that says again that nothing was published."""


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """An endpoint, with a mark for each day that it has a label for."""

    name: str
    endpoint: str
    days: tuple[DayMark | None, ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of the columns, the rows, and what the marks mean."""

    days: tuple[date, ...]
    rows: tuple[CalendarRow, ...]
    legend: tuple[tuple[str, State, Message], ...]
    has_unpublished: bool


def calendar(figure: Figure, account: str) -> Calendar:
    """The states of a figure, by endpoint and day."""
    days = tuple(figure.window)
    by_name: dict[str, dict[date, DayMark]] = {}
    for name, day, state, why, next_ask, _revision in figure.rows:
        mark = _mark(account, name, day, State(state), Why(why), next_ask)
        by_name.setdefault(name, {})[day] = mark
    rows = tuple(
        CalendarRow(name, _endpoint(name), tuple(of_days.get(day) for day in days))
        for name, of_days in by_name.items()
    )
    legend = tuple((mark, state, STATE_LABELS[state]) for state, mark in MARKS.items())
    marks = [mark for of_days in by_name.values() for mark in of_days.values()]
    return Calendar(days, rows, legend, any(mark.is_unpublished for mark in marks))


def _mark(
    account: str, name: str, day: date, state: State, why: Why, next_ask: datetime | None
) -> DayMark:
    is_unpublished = _is_unpublished(name, state, why)
    words = _UNPUBLISHED if is_unpublished else STATE_LABELS[state]
    title = _("{day}: {state}", day=day, state=words)
    if next_ask:
        title = _(
            "{day}: {state}; requested again from {time}",
            day=day,
            state=words,
            time=f"{next_ask:%Y-%m-%d %H:%M}",
        )
    query = {"account": account, "endpoint": _endpoint(name), "day": day.isoformat()}
    href = "" if why is Why.SETTLED else address("/data/day", "", **query)
    mark = UNPUBLISHED if is_unpublished else MARKS[state]
    return DayMark(day, state, mark, title, href, is_unpublished)


def _is_unpublished(name: str, state: State, why: Why) -> bool:
    """Whether an answer about the articles of a day had none when they had to be there.

    A day that was not asked yet, or that WeChat calls delayed, is not meant: it says nothing.
    """
    is_empty = state is State.WAITING and why is Why.CONFIRMING
    return is_empty and contract.named(_endpoint(name)).is_cumulative


def _endpoint(name: str) -> str:
    """The endpoint of a row, whose name may have the parameters of its calls too."""
    return name.partition(" ")[0]
