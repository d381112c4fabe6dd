"""What the outside evidence says of days and calls, worked out without the package's own code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from math import ceil
from typing import Any

from support.evidence import facts

CHINA = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
EMPTY_DAYS = 3
"""An empty answer is believed when it was asked so long after the end of the day."""


@dataclass(frozen=True)
class Promised:
    """An endpoint as the evidence has it."""

    name: str

    @property
    def fact(self) -> dict[str, Any]:
        found: dict[str, Any] = facts()["endpoints"][self.name]
        return found

    @property
    def one_by_one(self) -> bool:
        """Weeks and months: the pages contradict each other about spans, only begin = end is safe."""
        return self.fact["grain"] in {"week", "month"}

    @property
    def span(self) -> int:
        return 1 if self.one_by_one else int(self.fact["span_days"])

    def labels(self, first: date, last: date) -> list[date]:
        """The ref_dates of every day, week or month that has a day in a window."""
        start = date.fromisoformat(self.fact["first_date"] or "2014-12-01")
        days = [first + DAY * n for n in range((last - first).days + 1)]
        return [d for d in dict.fromkeys(map(self._label, days)) if d >= start]

    def end(self, label: date) -> date:
        """The last day a ref_date counts."""
        if self.fact["grain"] == "week":
            return label + DAY * 6
        if self.fact["grain"] == "month":
            return (label.replace(day=28) + DAY * 4).replace(day=1) - DAY
        return label

    def ready(self, label: date) -> datetime:
        return _eight(self.end(label) + DAY)

    def final(self, label: date) -> datetime:
        """When the last of its figures is out: running totals go on for some stat_dates."""
        days = re.search(r"(\d+) stat_dates", self.fact["semantics"])
        return _eight(self.end(label) + DAY * int(days[1])) if days else self.ready(label)

    def fewest(self, labels: list[date]) -> int:
        """The fewest calls for some ref_dates, by going through them from the newest."""
        count, floor = 0, date.max
        for label in sorted(labels, reverse=True):
            if label < floor:
                count, floor = count + 1, label - DAY * (self.span - 1)
        return count

    def fewest_in_a_row(self, first: date, last: date) -> int:
        """The same for all days of a window, by division."""
        over = [d for d in self.labels(first, last) if self.end(d) <= last]
        return len(over) if self.one_by_one else ceil(len(over) / self.span)

    def _label(self, day: date) -> date:
        if self.fact["grain"] == "week":
            return day - DAY * day.weekday()
        return day.replace(day=1) if self.fact["grain"] == "month" else day


def _eight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=CHINA)
