"""Windows of Beijing days, both ends included, as WeChat's begin_date and end_date are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from wxcube.errors import WindowError

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
                f"the window {self.first}..{self.last} ends before it begins",
                hint="give the earlier day first",
            )

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window written as `2026-03-01..2026-03-07`, or one day as `2026-03-01`.

        Raises:  WindowError if the text is anything else.
        """
        first, dots, last = text.partition("..")
        return cls(parse_day(first), parse_day(last if dots else first))

    @classmethod
    def day(cls, day: date) -> Window:
        """The window of one day."""
        return cls(day, day)

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + _DAY * n for n in range(len(self)))

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def split(self, span_days: int) -> list[Window]:
        """Windows of at most `span_days` days, oldest first, whose union is this one."""
        starts = [self.first + _DAY * n for n in range(0, len(self), span_days)]
        return [Window(s, min(s + _DAY * (span_days - 1), self.last)) for s in starts]

    def overlap(self, other: Window) -> Window | None:
        """The days both windows have, or None."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Window(first, last) if first <= last else None


def parse_day(text: str) -> date:
    """The day written as YYYY-MM-DD.

    Raises:  WindowError if the text is not such a day.
    """
    if _DATE.fullmatch(text.strip()):
        with suppress(ValueError):
            return date.fromisoformat(text.strip())
    raise WindowError(f"{text!r} is not a day", hint="write days as YYYY-MM-DD, windows as FIRST..LAST")


def runs(days: Iterable[date]) -> list[Window]:
    """The fewest windows that hold exactly these days, oldest first."""
    found: list[Window] = []
    for day in sorted(set(days)):
        if found and found[-1].last + _DAY == day:
            found[-1] = Window(found[-1].first, day)
        else:
            found.append(Window(day, day))
    return found


def cover(days: Iterable[date], span_days: int) -> list[Window]:
    """The fewest windows of at most `span_days` days that hold all these days, newest first.

    A window may run over days that were not asked for, where that saves a call.
    """
    found: list[Window] = []
    for day in sorted(set(days), reverse=True):
        if found and (found[-1].last - day).days < span_days:
            found[-1] = Window(day, found[-1].last)
        else:
            found.append(Window(day, day))
    return found
