"""When people are awake: hours of the day, days of the week, holidays."""

from __future__ import annotations

from datetime import date

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, day_number
from wxcube.events.arrays import np
from wxcube.simulator.dice import Keys, Whole, below, table

HOURS = (14, 7, 4, 3, 3, 6, 20, 46, 62, 50, 44, 46, 66, 54, 42, 40, 40, 46, 62, 60, 68, 84, 82, 42)
"""How much happens in each hour: breakfast, noon, the way home, and the evening."""
_WEEKDAYS = table((1030, 1040, 1020, 1010, 960, 880, 940))
"""Monday to Sunday, in thousandths of a usual day."""
_HOLIDAYS = (
    (date(2025, 1, 28), date(2025, 2, 4)),
    (date(2025, 10, 1), date(2025, 10, 8)),
    (date(2026, 2, 16), date(2026, 2, 23)),
    (date(2026, 10, 1), date(2026, 10, 7)),
    (date(2027, 2, 5), date(2027, 2, 12)),
    (date(2027, 10, 1), date(2027, 10, 7)),
)
_HOLIDAY_FACTOR = 560

_WEIGHTS = table(HOURS)
_MASS = np.concatenate([table((0,)), np.cumsum(_WEIGHTS * 3600)])
"""What has happened by the start of each hour, in parts of the whole day."""


def weekday(day: int) -> int:
    """0 for a Monday to 6 for a Sunday."""
    return (day + 3) % 7


def is_holiday(day: int) -> bool:
    """Whether most people are at home with their families."""
    return any(day_number(first) <= day <= day_number(last) for first, last in _HOLIDAYS)


def activity_of(days: Whole) -> Whole:
    """How busy each day is, in thousandths of a usual day."""
    usual = _WEEKDAYS[(days + 3) % 7]
    away = np.zeros(len(days), bool)
    for first, last in _HOLIDAYS:
        away |= (days >= day_number(first)) & (days <= day_number(last))
    busy: Whole = np.where(away, usual * _HOLIDAY_FACTOR // 1000, usual)
    return busy


def unix(days: Whole, seconds: Whole) -> Whole:
    """Unix seconds of a second of a Beijing day."""
    at: Whole = days * DAY_SECONDS + seconds - BEIJING_SECONDS
    return at


def moments(keys: Keys, purpose: str, not_before: Whole) -> Whole:
    """Seconds of the day that follow the day's rhythm, none before the given second."""
    done = _mass_before(not_before)
    mass = done + below(keys, purpose, _MASS[-1] - done)
    hour = np.searchsorted(_MASS, mass, side="right") - 1
    second: Whole = hour * 3600 + (mass - _MASS[hour]) // _WEIGHTS[hour]
    return second


def remaining(seconds: Whole) -> Whole:
    """How much of the day's activity is still to come at a second of the day, in thousandths."""
    left: Whole = 1000 - _mass_before(seconds) * 1000 // _MASS[-1]
    return left


def _mass_before(seconds: Whole) -> Whole:
    hour = seconds // 3600
    mass: Whole = _MASS[hour] + (seconds % 3600) * _WEIGHTS[hour]
    return mass
