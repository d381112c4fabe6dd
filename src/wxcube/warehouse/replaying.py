"""Asks and replies applied once more, in their order: the days of an account at any moment.

It is for reading as of a moment, and for rebuilding tables when the contract has a new column, or
can read a reply that it could not read before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from wxcube.contract import named
from wxcube.contract.window import Window
from wxcube.warehouse import replies
from wxcube.warehouse.asks import Ask, Outcome
from wxcube.warehouse.clock_check import AskedAt
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.days import Days
from wxcube.warehouse.failures import state_after
from wxcube.warehouse.records import store_answer, store_error
from wxcube.warehouse.rows import Records
from wxcube.warehouse.series import SERIES, SeriesKey
from wxcube.warehouse.stored_answer import stored_answer
from wxcube.warehouse.tables import ROW_TABLES

Key = tuple[object, ...]
"""Values of a series key."""


@dataclass(slots=True)
class MemoryDays:
    """The days of an account in memory."""

    entries_by_series: dict[Key, dict[date, DayState]] = field(default_factory=dict)
    records_by_series: dict[Key, dict[date, Records]] = field(default_factory=dict)

    def entries(self, series: SeriesKey, window: Window) -> dict[date, DayState]:
        """The entries of a window by day."""
        return _in_window(self.entries_by_series.get(key_of(series), {}), window)

    def records(self, series: SeriesKey, window: Window) -> dict[date, Records]:
        """The records of the days of a window that have any."""
        return _in_window(self.records_by_series.get(key_of(series), {}), window)

    def numbers(self, series: SeriesKey, column: str, window: Window) -> dict[date, int]:
        """A column of the days of a window; of several rows of a day, one."""
        table = ROW_TABLES[str(series["endpoint"])].table
        place = [c.name for c in table.columns].index(column)
        by_day = self.records(series, window)
        return {day: records[0][-1][place] for day, records in by_day.items() if records[0]}

    def first_day(self, series: SeriesKey) -> date | None:
        """The oldest day with records."""
        return min(self.records_by_series.get(key_of(series), {}), default=None)

    def write(
        self, series: SeriesKey, entries: Mapping[date, DayState], records: Mapping[date, Records]
    ) -> None:
        """Write entries, and replace the records of days."""
        self.entries_by_series.setdefault(key_of(series), {}).update(entries)
        self.records_by_series.setdefault(key_of(series), {}).update(records)


def key_of(series: SeriesKey) -> Key:
    """The values of a series key, in the order of `SERIES`."""
    return tuple(series[name] for name in SERIES)


def _in_window(by_day: Mapping[date, Any], window: Window) -> dict[date, Any]:
    if len(by_day) < len(window):
        return {day: value for day, value in by_day.items() if day in window}
    return {day: by_day[day] for day in window if day in by_day}


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Number of replies decoded, of their rows, and of replies that cannot be decoded."""

    replies: int = 0
    rows: int = 0
    unreadable: int = 0

    def __add__(self, other: ReplayResult) -> ReplayResult:
        return ReplayResult(
            self.replies + other.replies,
            self.rows + other.rows,
            self.unreadable + other.unreadable,
        )


def replay(connection: sa.Connection, asks: Iterable[Ask], days: Days) -> ReplayResult:
    """Apply asks to days."""
    total = ReplayResult()
    for ask in asks:
        total += _apply(connection, ask, days)
    return total


def _apply(connection: sa.Connection, ask: Ask, days: Days) -> ReplayResult:
    endpoint, window = named(str(ask.series["endpoint"])), ask.window
    if window is None:
        return ReplayResult()
    asked_at = AskedAt(ask.asked_at.replace(microsecond=0), can_settle=not ask.clock_offset)
    body = replies.body_of(connection, ask.sha256) if ask.sha256 else b""
    answer = stored_answer(ask, body)
    if answer is not None:
        replacement = store_answer(days, ask.series, answer, asked_at)
        return ReplayResult(replies=1, rows=replacement.rows)
    unreadable = ReplayResult(unreadable=1 if ask.sha256 else 0)
    if ask.outcome is Outcome.ANSWERED:
        # its reply was not stored, or cannot be read today: that is no error of the day
        return unreadable
    state = state_after(ask.outcome, ask.errcode)
    if state is not None:
        store_error(days, ask.series, endpoint, window, state, asked_at, ask.errcode, ask.message)
    return unreadable
