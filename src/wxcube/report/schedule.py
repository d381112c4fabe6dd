"""When a scheduled report is due: the last week or month, once its figures are there. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum

from wxcube.beijing import day_of, monday, month_start, ready_at
from wxcube.contract.window import Window

DUE_DAYS = 7
"""A report is due for so many days after its period."""
PATIENCE = timedelta(hours=4)
"""How long after 08:00 a report waits for figures of its last day."""


class Period(StrEnum):
    """A period that reports are made of."""

    WEEK = "week"
    MONTH = "month"


def last_period(yesterday: date, period: Period) -> Window:
    """The last whole week or month.

    >>> str(last_period(date(2026, 3, 9), Period.WEEK))
    '2026-03-02..2026-03-08'
    >>> str(last_period(date(2026, 3, 31), Period.MONTH))
    '2026-03-01..2026-03-31'
    """
    today = yesterday + timedelta(days=1)
    if period is Period.MONTH:
        last = month_start(today) - timedelta(days=1)
        return Window(month_start(last), last)
    first = monday(today) - timedelta(days=7)
    return Window(first, first + timedelta(days=6))


def is_due(window: Window, now: datetime, *, is_complete: bool) -> bool:
    """Whether the report of a period is to be sent now.

    `is_complete` says whether its last day has figures; without them it is sent some hours later.
    """
    if day_of(now) > window.last + timedelta(days=DUE_DAYS):
        return False
    return now >= ready_at(window.last) + (timedelta(0) if is_complete else PATIENCE)
