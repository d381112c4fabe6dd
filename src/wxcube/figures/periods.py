"""Days, weeks or months of a range: as many points as a chart can show. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from wxcube.beijing import monday, month_end, month_start
from wxcube.contract.endpoint import Grain
from wxcube.contract.window import Window
from wxcube.figures.state import Mark, merged

MOST_DAYS = 120
"""A longer range is shown by weeks."""
MOST_DAYS_BY_WEEK = 800
"""A longer range is shown by months."""


@dataclass(frozen=True, slots=True)
class Period:
    """A point of a figure: its label, the days of it in the range, and all days that it has."""

    label: date
    days: tuple[date, ...]
    of_days: int


def grain_of(window: Window) -> Grain:
    """Whether a range is shown by days, weeks or months."""
    if len(window) <= MOST_DAYS:
        return Grain.DAY
    return Grain.WEEK if len(window) <= MOST_DAYS_BY_WEEK else Grain.MONTH


def periods(window: Window) -> list[Period]:
    """The points of a range.

    A week or month in which the range begins is left out; that in which it ends is there in part.
    """
    grain = grain_of(window)
    days: dict[date, list[date]] = {}
    for day in window:
        days.setdefault(_label(day, grain), []).append(day)
    found = [Period(label, tuple(some), _length(label, grain)) for label, some in days.items()]
    is_begun_before = found[0].days[0] != found[0].label
    return found[1:] if is_begun_before and len(found) > 1 else found


def merged_mark(marks: dict[date, Mark], period: Period) -> Mark:
    """The mark of a period from those of its days."""
    return merged([marks[day] for day in period.days if day in marks], period.of_days)


def _label(day: date, grain: Grain) -> date:
    if grain is Grain.WEEK:
        return monday(day)
    return month_start(day) if grain is Grain.MONTH else day


def _length(label: date, grain: Grain) -> int:
    if grain is Grain.WEEK:
        return 7
    return month_end(label).day if grain is Grain.MONTH else 1
