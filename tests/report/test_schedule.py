"""Scheduled reports: of which period, and when they are due."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract.window import Window
from wxcube.report.schedule import Period, is_due, last_period

WEEK = Window.parse("2026-03-02..2026-03-08")


@pytest.mark.parametrize(
    ("yesterday", "period", "expected"),
    [
        (date(2026, 3, 7), Period.WEEK, "2026-02-23..2026-03-01"),
        (date(2026, 3, 8), Period.WEEK, "2026-03-02..2026-03-08"),
        (date(2026, 3, 14), Period.WEEK, "2026-03-02..2026-03-08"),
        (date(2026, 3, 30), Period.MONTH, "2026-02-01..2026-02-28"),
        (date(2026, 3, 31), Period.MONTH, "2026-03-01..2026-03-31"),
        (date(2025, 12, 31), Period.MONTH, "2025-12-01..2025-12-31"),
    ],
)
def test_the_last_whole_period(yesterday: date, period: Period, expected: str) -> None:
    assert str(last_period(yesterday, period)) == expected


@pytest.mark.parametrize(
    ("day", "hour", "minute", "is_complete", "expected"),
    [
        (9, 7, 59, True, False),  # the figures of its last day are not out
        (9, 8, 10, True, True),
        (9, 8, 10, False, False),  # it waits for late ones
        (9, 11, 59, False, False),
        (9, 12, 10, False, True),  # but not for ever
        (15, 23, 59, True, True),
        (16, 8, 10, True, False),  # a week later the next one is due
    ],
)
def test_when_a_report_is_due(
    day: int, hour: int, minute: int, *, is_complete: bool, expected: bool
) -> None:
    now = datetime(2026, 3, day, hour, minute, tzinfo=BEIJING)
    assert is_due(WEEK, now, is_complete=is_complete) is expected
