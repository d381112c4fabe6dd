"""Hours of the day: what figures by hour have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from wxcube.beijing import HOURS
from wxcube.contract.field import Adding
from wxcube.contract.window import Window
from wxcube.figures.figure import Column, Figure
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Days, Reader
from wxcube.figures.series import notes_on
from wxcube.i18n import Message, _

HOUR = Column(name="hour", title=_("hour"), unit="hour", is_key=True)
MOST_DAYS = 91
"""13 weeks: older days say little about the hours of today."""
_WIRE = 100
"""WeChat writes hours as 0, 100 … 2300."""


def hour_label(hour: int) -> str:
    """An hour as people read it.

    >>> hour_label(9)
    '09:00–10:00'
    """
    return f"{hour:02}:00–{hour + 1:02}:00"


def newest_days(window: Window) -> Window:
    """The newest days of a range, of which figures by hour are made."""
    first = window.last - timedelta(days=MOST_DAYS - 1)
    return Window(max(window.first, first), window.last)


def notes_on_days(window: Window) -> tuple[Message, ...]:
    """A sentence, if only the newest days of a range are shown."""
    if newest_days(window) == window:
        return ()
    return (_("Only the newest {days} days of the range are shown.", days=MOST_DAYS),)


def of_newest_days(
    reader: Reader, of: Filter, whole: Window, days: Days, *notes: Message, **rest: Any
) -> Figure:
    """A figure of the newest days of a range, with what is said of all such figures."""
    known = days.coverage()
    return Figure(
        window=newest_days(whole),
        accounts=days.accounts,
        coverage=known,
        n=max((days.coverage([appid]).days for appid in days.accounts), default=0),
        notes=(
            *reader.notes_on_accounts(of),
            *notes_on_days(whole),
            *notes_on(days.marks),
            *notes,
        ),
        **rest,
    )


def of_hour(days: Days, appid: str, hour: int, name: str) -> list[Any]:
    """The values of an hour, one for every day that has rows; 0 where the hour has none."""
    group = (hour * _WIRE,)
    known = (days.value(appid, day, name, group) for day in days.labels)
    return [value for value in known if value is not None]


def hourly(days: Days, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Account, hour, and the mean of each column over the days; its largest, if it is a peak."""
    return [
        (appid, hour, *(_over_days(days, appid, hour, name) for name in names))
        for appid in days.accounts
        for hour in range(HOURS)
    ]


def _over_days(days: Days, appid: str, hour: int, name: str) -> float | None:
    values: list[float] = of_hour(days, appid, hour, name)
    if not values:
        return None
    return max(values) if days.adding[name] is Adding.MAX else sum(values) / len(values)
