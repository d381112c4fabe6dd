"""Activity of users by hour of the day, day of the week and holiday."""

from __future__ import annotations

from datetime import date

import numpy as np

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, day_number
from wxcube.simulator.dice import Integers, Keys, below, integers

HOURS = (14, 7, 4, 3, 3, 6, 20, 46, 62, 50, 44, 46, 66, 54, 42, 40, 40, 46, 62, 60, 68, 84, 82, 42)
"""Relative activity by hour, with peaks at breakfast, noon, the way home and in the evening."""
_WEEKDAYS = integers((1030, 1040, 1020, 1010, 960, 880, 940))
"""Activity from Monday to Sunday, in thousandths of an average day."""
_HOLIDAYS = (
    (date(2025, 1, 28), date(2025, 2, 4)),
    (date(2025, 10, 1), date(2025, 10, 8)),
    (date(2026, 2, 16), date(2026, 2, 23)),
    (date(2026, 10, 1), date(2026, 10, 7)),
    (date(2027, 2, 5), date(2027, 2, 12)),
    (date(2027, 10, 1), date(2027, 10, 7)),
)
_HOLIDAY_FACTOR = 560

_WEIGHTS = integers(HOURS)
_MASS = np.concatenate([integers((0,)), np.cumsum(_WEIGHTS * 3600)])
"""Cumulative activity at the start of each hour."""


def weekday(day: int) -> int:
    """Day of the week: 0 for Monday to 6 for Sunday."""
    return (day + 3) % 7


def is_holiday(day: int) -> bool:
    """Whether a day is in a public holiday."""
    return any(day_number(first) <= day <= day_number(last) for first, last in _HOLIDAYS)


def activity_of(days: Integers) -> Integers:
    """Activity of each day, in thousandths of an average day."""
    usual = _WEEKDAYS[(days + 3) % 7]
    away = np.zeros(len(days), bool)
    for first, last in _HOLIDAYS:
        away |= (days >= day_number(first)) & (days <= day_number(last))
    busy: Integers = np.where(away, usual * _HOLIDAY_FACTOR // 1000, usual)
    return busy


def unix(days: Integers, seconds: Integers) -> Integers:
    """Unix time of a second of a Beijing day."""
    at: Integers = days * DAY_SECONDS + seconds - BEIJING_SECONDS
    return at


def moments(keys: Keys, purpose: str, not_before: Integers) -> Integers:
    """Random seconds of the day, distributed by activity, from a given second on."""
    done = _mass_before(not_before)
    mass = done + below(keys, purpose, _MASS[-1] - done)
    hour = np.searchsorted(_MASS, mass, side="right") - 1
    second: Integers = hour * 3600 + (mass - _MASS[hour]) // _WEIGHTS[hour]
    return second


def remaining(seconds: Integers) -> Integers:
    """Share of the day's activity after a second of the day, in thousandths."""
    left: Integers = 1000 - _mass_before(seconds) * 1000 // _MASS[-1]
    return left


def _mass_before(seconds: Integers) -> Integers:
    hour = seconds // 3600
    mass: Integers = _MASS[hour] + (seconds % 3600) * _WEIGHTS[hour]
    return mass
