"""WeChat's calendar: Beijing days, weeks from Monday, and when the data for a day is available.

Every day in wxcube is a Beijing day. China has used UTC+8 without daylight saving time since 1991,
so the time zone is a fixed offset and needs no time zone database.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Protocol

from wxcube.i18n import _

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The time zone of WeChat's days and hours."""

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
BEIJING_SECONDS = 8 * HOUR_SECONDS
"""The offset of Beijing from UTC."""
HOURS = DAY_SECONDS // HOUR_SECONDS
"""The hours of a day."""
EPOCH = date(1970, 1, 1)
"""The day with number 0."""

READY_AT = time(8, 0)
"""The time from which the figures of the previous day are available."""


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> datetime:
        """The current time, with a time zone."""
        ...


class SystemClock:
    """The clock of this machine, in Beijing time."""

    def now(self) -> datetime:
        """The current time in Beijing."""
        return datetime.now(BEIJING)


class ManualClock:
    """A clock that starts at a given time and can be set.

    By default it shows the same time until it is set; with `running=True` it runs in real time.
    """

    def __init__(self, start: datetime, *, running: bool = False) -> None:
        self._running = running
        self._started_at = SystemClock().now()
        self._start = in_beijing(start)

    def now(self) -> datetime:
        """The time this clock shows."""
        elapsed = SystemClock().now() - self._started_at if self._running else timedelta()
        return self._start + elapsed

    def set(self, timestamp: datetime) -> None:
        """Set the clock to a time."""
        self._started_at = SystemClock().now()
        self._start = in_beijing(timestamp)

    def advance(self, step: timedelta) -> None:
        """Set the clock forward, or back with a negative step."""
        self.set(self.now() + step)


def in_beijing(timestamp: datetime) -> datetime:
    """A timestamp in Beijing time; one without a time zone is in Beijing time already."""
    if timestamp.tzinfo is None:
        return timestamp.replace(tzinfo=BEIJING)
    return timestamp.astimezone(BEIJING)


def day_of(timestamp: datetime) -> date:
    """The Beijing day of a timestamp."""
    return in_beijing(timestamp).date()


def yesterday(now: datetime) -> date:
    """The Beijing day before the day of `now`."""
    return day_of(now) - timedelta(days=1)


def latest_ready_day(now: datetime) -> date:
    """The last day with figures: yesterday from 08:00 on, and the day before it until then."""
    ready = in_beijing(now).time() >= READY_AT
    return yesterday(now) - timedelta(days=0 if ready else 1)


def ready_at(day: date, days_later: int = 1) -> datetime:
    """08:00 in Beijing, a number of days after a day."""
    return datetime.combine(day + timedelta(days=days_later), READY_AT, BEIJING)


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def month_start(day: date) -> date:
    """The 1st of a day's month."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """The last day of a day's month."""
    following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return following - timedelta(days=1)


def day_number(day: date) -> int:
    """The number of days from 1970-01-01 to a day."""
    return (day - EPOCH).days


def day_of_number(number: int) -> date:
    """The day with a number of days since 1970-01-01."""
    return EPOCH + timedelta(days=number)


def parse_timestamp(text: str) -> datetime:
    """The timestamp in a text such as 2026-03-10T09:00, in Beijing time unless it has a time zone.

    >>> parse_timestamp("2026-03-10T09:00").isoformat()
    '2026-03-10T09:00:00+08:00'
    >>> parse_timestamp("2026-03-10T01:00Z").hour
    9

    Raises:  ValueError if the text is not a timestamp.
    """
    try:
        return in_beijing(datetime.fromisoformat(text))
    except OverflowError:
        raise ValueError(_("{text!r} is outside the calendar", text=text)) from None
