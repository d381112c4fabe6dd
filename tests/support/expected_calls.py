"""Expected days and call counts, derived from the evidence without the package's own code."""

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
"""Days after which an empty reply for a day is final."""


@dataclass(frozen=True)
class ExpectedCalls:
    """The calls of an endpoint, according to the evidence."""

    name: str

    @property
    def fact(self) -> dict[str, Any]:
        endpoint: dict[str, Any] = facts()["endpoints"][self.name]
        return endpoint

    @property
    def has_one_label_per_call(self) -> bool:
        """Weeks and months: the documents contradict each other about spans, only begin = end is safe."""
        return self.fact["grain"] in {"week", "month"}

    @property
    def span(self) -> int:
        return 1 if self.has_one_label_per_call else int(self.fact["span_days"])

    def labels(self, first: date, last: date) -> list[date]:
        """The ref_dates of all days, weeks or months that overlap a window."""
        start = date.fromisoformat(self.fact["first_date"] or "2014-12-01")
        days = [first + DAY * n for n in range((last - first).days + 1)]
        return [d for d in dict.fromkeys(map(self._label, days)) if d >= start]

    def period_end(self, label: date) -> date:
        """The last day of a ref_date's period."""
        if self.fact["grain"] == "week":
            return label + DAY * 6
        if self.fact["grain"] == "month":
            return (label.replace(day=28) + DAY * 4).replace(day=1) - DAY
        return label

    def ready_at(self, label: date) -> datetime:
        return _eight(self.period_end(label) + DAY)

    def final_at(self, label: date) -> datetime:
        """The time from which the figures are final: running totals have further stat_dates."""
        days = re.search(r"(\d+) stat_dates", self.fact["semantics"])
        return _eight(self.period_end(label) + DAY * int(days[1])) if days else self.ready_at(label)

    def fewest_calls(self, labels: list[date]) -> int:
        """The fewest calls for some ref_dates, counted from the newest."""
        count, floor = 0, date.max
        for label in sorted(labels, reverse=True):
            if label < floor:
                count, floor = count + 1, label - DAY * (self.span - 1)
        return count

    def fewest_calls_of_window(self, first: date, last: date) -> int:
        """The fewest calls for all complete periods of a window, by division."""
        complete = [d for d in self.labels(first, last) if self.period_end(d) <= last]
        return len(complete) if self.has_one_label_per_call else ceil(len(complete) / self.span)

    def _label(self, day: date) -> date:
        if self.fact["grain"] == "week":
            return day - DAY * day.weekday()
        return day.replace(day=1) if self.fact["grain"] == "month" else day


def _eight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=CHINA)
