"""Days, hours and clocks of Beijing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube import beijing

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        (datetime(2026, 3, 10, 7, 59, 59), date(2026, 3, 8)),
        (datetime(2026, 3, 10, 8, 0), date(2026, 3, 9)),
        (datetime(2026, 3, 10, 0, 0), date(2026, 3, 8)),
        (datetime(2026, 3, 1, 8, 0), date(2026, 2, 28)),
        (datetime(2026, 3, 9, 23, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 10, 0, 0, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 9, 19, 0, tzinfo=timezone(timedelta(hours=-5))), date(2026, 3, 9)),
    ],
)
def test_the_last_day_with_figures(now: datetime, newest: date) -> None:
    assert beijing.latest_ready_day(now) == newest


@given(st.datetimes(datetime(2014, 12, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_the_fixed_offset_is_correct_since_the_first_day(now: datetime) -> None:
    assert beijing.in_beijing(now).replace(tzinfo=None) == now.astimezone(SHANGHAI).replace(
        tzinfo=None
    )
    assert beijing.day_of(now) == now.astimezone(SHANGHAI).date()


def test_a_timestamp_without_time_zone_is_beijing_time() -> None:
    naive = datetime(2026, 3, 10, 9, 0)
    assert beijing.in_beijing(naive) == datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
    assert beijing.yesterday(naive) == date(2026, 3, 9)


@given(st.dates(date(2014, 12, 1), date(2035, 12, 30)))
def test_weeks_and_months(day: date) -> None:
    assert beijing.monday(day).isoweekday() == 1
    assert 0 <= (day - beijing.monday(day)).days < 7
    assert beijing.month_start(day).day == 1
    assert (beijing.month_end(day) + timedelta(1)).day == 1
    assert beijing.month_start(day) <= day <= beijing.month_end(day)
    assert beijing.month_end(day).month == day.month


@given(st.dates(date(2014, 12, 1), date(2035, 12, 30)), st.integers(1, 40))
def test_the_data_for_a_day_is_available_at_eight(day: date, later: int) -> None:
    ready = beijing.ready_at(day, later)
    assert beijing.latest_ready_day(ready) == day + timedelta(later - 1)
    assert beijing.latest_ready_day(ready - timedelta(seconds=1)) == day + timedelta(later - 2)


def test_a_manual_clock_does_not_run_until_it_is_set() -> None:
    clock = beijing.ManualClock(datetime(2026, 3, 10, 9, 0))
    assert clock.now() == clock.now() == datetime(2026, 3, 10, 9, 0, tzinfo=beijing.BEIJING)
    clock.advance(timedelta(hours=-2))
    assert clock.now().hour == 7
    clock.set(datetime(2026, 3, 11, tzinfo=UTC))
    assert clock.now() == datetime(2026, 3, 11, 8, 0, tzinfo=beijing.BEIJING)


def test_a_running_clock_starts_at_its_time() -> None:
    start = datetime(2026, 3, 10, 9, 0, tzinfo=beijing.BEIJING)
    clock = beijing.ManualClock(start, running=True)
    first = clock.now()
    assert start <= first <= clock.now() < start + timedelta(minutes=1)
    clock.advance(timedelta(days=1))
    assert start + timedelta(days=1) <= clock.now() < start + timedelta(days=1, minutes=1)


def test_the_system_clock_is_in_beijing_time() -> None:
    now = beijing.SystemClock().now()
    assert now.utcoffset() == timedelta(hours=8)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
