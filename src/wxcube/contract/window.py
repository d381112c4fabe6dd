"""Windows of Beijing days, first and last day included, like WeChat's begin_date and end_date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from wxcube.errors import WindowError
from wxcube.i18n import _

_DAY = timedelta(days=1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The days from `first` to `last`, both included.

    >>> list(Window(date(2026, 3, 1), date(2026, 3, 2)))
    [datetime.date(2026, 3, 1), datetime.date(2026, 3, 2)]
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise WindowError(
                _("the window {first}..{last} ends before it begins", first=self.first, last=self.last),
                hint=_("give the earlier day first"),
            )

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window of a text such as `2026-03-01..2026-03-07`, or `2026-03-01` for one day.

        Raises:  WindowError if the text is not a window.
        """
        first, dots, last = text.partition("..")
        return cls(parse_day(first), parse_day(last if dots else first))

    @classmethod
    def day(cls, day: date) -> Window:
        """The window of one day."""
        return cls(day, day)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    @property
    def in_short(self) -> str:
        """The first and the last day for people; one day is written once.

        >>> Window.parse("2026-03-02..2026-03-08").in_short
        '2026-03-02 – 2026-03-08'
        """
        return f"{self.first}" if self.first == self.last else f"{self.first} – {self.last}"

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return map(date.fromordinal, range(self.first.toordinal(), self.last.toordinal() + 1))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def split(self, span_days: int) -> list[Window]:
        """Consecutive windows of at most `span_days` days that make up this one, oldest first."""
        starts = [self.first + _DAY * n for n in range(0, len(self), span_days)]
        return [Window(s, min(s + _DAY * (span_days - 1), self.last)) for s in starts]

    def overlap(self, other: Window) -> Window | None:
        """The days in both windows; None if there are none."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Window(first, last) if first <= last else None


def parse_day(text: str) -> date:
    """The day of a text such as `2026-03-01`.

    Raises:  WindowError if the text is not a day.
    """
    if _DATE.fullmatch(text.strip()):
        with suppress(ValueError):
            return date.fromisoformat(text.strip())
    raise WindowError(_("{text!r} is not a day", text=text), hint=_("write days as YYYY-MM-DD, windows as FIRST..LAST"))


def runs(days: Iterable[date]) -> list[Window]:
    """The fewest windows that contain exactly these days, oldest first."""
    windows: list[Window] = []
    for day in sorted(set(days)):
        if windows and windows[-1].last + _DAY == day:
            windows[-1] = Window(windows[-1].first, day)
        else:
            windows.append(Window(day, day))
    return windows


def cover(days: Iterable[date], span_days: int) -> list[Window]:
    """The fewest windows of at most `span_days` days that contain all these days, newest first.

    A window may include other days too, where that saves a call.
    """
    windows: list[Window] = []
    for day in sorted(set(days), reverse=True):
        if windows and (windows[-1].last - day).days < span_days:
            windows[-1] = Window(day, windows[-1].last)
        else:
            windows.append(Window(day, day))
    return windows
