"""What is usual for a number of a day, from the days before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from wxcube.figures.samples import DAYS_OF_BAND


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of some days, and how far half of them are away from it at most."""

    median: float
    spread: float
    days: int

    def band(self, times: float) -> tuple[float, float]:
        """The numbers that are at most so many spreads away from the middle."""
        return self.median - times * self.spread, self.median + times * self.spread


def usual(values: Iterable[float | None]) -> Usual | None:
    """The usual of the days with figures; None if they are too few.

    The spread is 1 at least, so that days which are all alike do not make the next one odd.

    >>> usual([10, 12, 11] * 5)
    Usual(median=11, spread=1, days=15)
    """
    known = [value for value in values if value is not None]
    if len(known) < DAYS_OF_BAND:
        return None
    middle = median(known)
    spread = median(abs(value - middle) for value in known)
    return Usual(middle, max(spread, 1), len(known))
