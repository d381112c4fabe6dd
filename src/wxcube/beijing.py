"""WeChat's calendar: Beijing days, weeks from Monday, and the hour a day is ready.

Every day in wxcube is a Beijing day. China has kept UTC+8 without summer time since 1991, so the
zone is a fixed offset and needs no time zone database.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Protocol

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The zone of every day and hour WeChat counts."""

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
BEIJING_SECONDS = 8 * HOUR_SECONDS
"""How far Beijing's clocks are ahead of UTC."""
HOURS = DAY_SECONDS // HOUR_SECONDS
"""Hours of a day."""
EPOCH = date(1970, 1, 1)
"""Day 0 of `day_number`."""

READY_AT = time(8, 0)
"""From this time on the figures of the day before can be asked."""


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """The time now, with a zone."""
        ...


class SystemClock:
    """The machine's clock, as Beijing time."""

    def now(self) -> datetime:
        """The time now in Beijing."""
        return datetime.now(BEIJING)


class ManualClock:
    """A clock that runs from a given moment and can be moved or held still.

    By default it stands still until moved; with `running=True` it also advances with real time.
    """

    def __init__(self, start: datetime, *, running: bool = False) -> None:
        self._running = running
        self._origin = SystemClock().now()
        self._start = in_beijing(start)

    def now(self) -> datetime:
        """The time this clock shows."""
        passed = SystemClock().now() - self._origin if self._running else timedelta()
        return self._start + passed

    def set(self, moment: datetime) -> None:
        """Move the clock to a moment."""
        self._origin = SystemClock().now()
        self._start = in_beijing(moment)

    def advance(self, step: timedelta) -> None:
        """Move the clock on (or back, with a negative step)."""
        self.set(self.now() + step)


def in_beijing(moment: datetime) -> datetime:
    """The same moment in Beijing; a moment without a zone is taken as Beijing time."""
    return moment.replace(tzinfo=BEIJING) if moment.tzinfo is None else moment.astimezone(BEIJING)


def day_of(moment: datetime) -> date:
    """The Beijing day of a moment."""
    return in_beijing(moment).date()


def yesterday(now: datetime) -> date:
    """The Beijing day before the day of `now`."""
    return day_of(now) - timedelta(days=1)


def latest_ready_day(now: datetime) -> date:
    """The newest day WeChat has figures for: yesterday from 08:00 on, the day before until then."""
    ready = in_beijing(now).time() >= READY_AT
    return yesterday(now) - timedelta(days=0 if ready else 1)


def ready_moment(day: date, days_later: int = 1) -> datetime:
    """08:00 Beijing, `days_later` days after a day."""
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
    """A day as days since 1970-01-01."""
    return (day - EPOCH).days


def day_of_number(number: int) -> date:
    """The day that is so many days after 1970-01-01."""
    return EPOCH + timedelta(days=number)


def moment_of(text: str) -> datetime:
    """The timestamp written as 2026-03-10T09:00: Beijing time unless a zone is named.

    >>> moment_of("2026-03-10T09:00").isoformat()
    '2026-03-10T09:00:00+08:00'
    >>> moment_of("2026-03-10T01:00Z").hour
    9

    Raises:  ValueError if the text is no timestamp.
    """
    try:
        return in_beijing(datetime.fromisoformat(text))
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the calendar") from None
