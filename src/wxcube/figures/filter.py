"""The filter of a page, report or file: which accounts and days, compared with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from wxcube.beijing import monday, month_start
from wxcube.contract.window import Window
from wxcube.i18n import Message, _

_DAY = timedelta(days=1)


class Rolling(StrEnum):
    """A range of days that ends yesterday, whenever it is opened.

    `last-week` and `last-month` are the last whole ones, and end before.
    """

    YESTERDAY = "yesterday"
    DAYS_7 = "7d"
    DAYS_14 = "14d"
    DAYS_30 = "30d"
    DAYS_90 = "90d"
    LAST_WEEK = "last-week"
    MONTH = "month"
    LAST_MONTH = "last-month"
    YEAR = "year"
    ALL = "all"


RANGE_TITLES: dict[Rolling, Message] = {
    Rolling.YESTERDAY: _("yesterday"),
    Rolling.DAYS_7: _("last 7 days"),
    Rolling.DAYS_14: _("last 14 days"),
    Rolling.DAYS_30: _("last 30 days"),
    Rolling.DAYS_90: _("last 90 days"),
    Rolling.LAST_WEEK: _("last week"),
    Rolling.MONTH: _("this month"),
    Rolling.LAST_MONTH: _("last month"),
    Rolling.YEAR: _("this year"),
    Rolling.ALL: _("all days"),
}
"""Names of the rolling ranges."""


class Versus(StrEnum):
    """The earlier days that a range is compared with."""

    PREVIOUS = "previous"
    """As many days, directly before."""
    YEAR = "year"
    """The same dates a year earlier."""


VERSUS_TITLES: dict[Versus, Message] = {
    Versus.PREVIOUS: _("the period before"),
    Versus.YEAR: _("the same dates of last year"),
}
"""Names of the comparisons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a figure is about; it does not depend on the reader's language.

    Without accounts, all are meant. `source` is a channel through which followers came, `article`
    an article's id, `sort` and `search` are for tables; `-` before a column sorts downwards.
    """

    accounts: tuple[str, ...] = ()
    range: Rolling | Window = Rolling.DAYS_30
    versus: Versus | None = None
    source: int | None = None
    article: str = ""
    sort: str = ""
    search: str = ""

    def window(self, yesterday: date, oldest: date) -> Window:
        """The days of the range; `oldest` is the first day of `all`."""
        if isinstance(self.range, Window):
            return self.range
        first, last = _ENDS[self.range](yesterday, oldest)
        return Window(min(first, last), last)


def earlier(window: Window, versus: Versus) -> Window:
    """The days that a window is compared with; 29 February is compared with the 28th.

    >>> earlier(Window(date(2026, 3, 1), date(2026, 3, 7)), Versus.PREVIOUS)
    Window(first=datetime.date(2026, 2, 22), last=datetime.date(2026, 2, 28))
    """
    if versus is Versus.PREVIOUS:
        length = timedelta(days=len(window))
        return Window(window.first - length, window.last - length)
    return Window(_year_before(window.first), _year_before(window.last))


def _year_before(day: date) -> date:
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


def _last_days(count: int) -> Callable[[date, date], tuple[date, date]]:
    return lambda yesterday, _oldest: (yesterday - (count - 1) * _DAY, yesterday)


def _last_week(yesterday: date, _oldest: date) -> tuple[date, date]:
    """Monday to Sunday: on a Monday, the week that ended yesterday."""
    end = monday(yesterday + _DAY) - _DAY
    return monday(end), end


def _last_month(yesterday: date, _oldest: date) -> tuple[date, date]:
    """On the 1st, the month that ended yesterday."""
    end = month_start(yesterday + _DAY) - _DAY
    return month_start(end), end


_ENDS: dict[Rolling, Callable[[date, date], tuple[date, date]]] = {
    Rolling.YESTERDAY: _last_days(1),
    Rolling.DAYS_7: _last_days(7),
    Rolling.DAYS_14: _last_days(14),
    Rolling.DAYS_30: _last_days(30),
    Rolling.DAYS_90: _last_days(90),
    Rolling.MONTH: lambda yesterday, _oldest: (month_start(yesterday), yesterday),
    Rolling.LAST_WEEK: _last_week,
    Rolling.LAST_MONTH: _last_month,
    Rolling.YEAR: lambda yesterday, _oldest: (yesterday.replace(month=1, day=1), yesterday),
    Rolling.ALL: lambda yesterday, oldest: (oldest, yesterday),
}
