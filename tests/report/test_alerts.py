"""Alerts: what each rule finds, and what it lets pass."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.warehouses import NOW, YESTERDAY, new_followers, put
from wxcube.beijing import BEIJING
from wxcube.contract.interface import InterfaceSummary, getinterfacesummary
from wxcube.contract.window import Window
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.report.alerts import RULES, Alert, alerts
from wxcube.settings import ALERT_RULES, AlertSettings
from wxcube.warehouse.store import Warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield warehouse


def found(
    warehouse: Warehouse, *, now: datetime = NOW, budget: int = 500, **limits: Any
) -> list[Alert]:
    rules = AlertSettings(**limits)
    return alerts(Reader(warehouse, now), Filter(), rules, {"wx1": "shop"}, budget)


def pushes(warehouse: Warehouse, failed: int, of: int) -> None:
    row = InterfaceSummary(
        ref_date=YESTERDAY,
        callback_count=of,
        fail_count=failed,
        total_time_cost=100,
        max_time_cost=50,
    )
    put(warehouse, getinterfacesummary, Window.day(YESTERDAY), [row])


def test_every_rule_of_the_settings_is_looked_at() -> None:
    assert tuple(RULES) == ALERT_RULES


def test_without_rules_there_is_nothing(warehouse: Warehouse) -> None:
    pushes(warehouse, 10, 10)
    assert not found(warehouse)
    assert not AlertSettings().has_rules


def test_failed_pushes(warehouse: Warehouse) -> None:
    pushes(warehouse, 6, 100)
    (alert,) = found(warehouse, failure_rate=0.05)
    assert alert.text == "shop: 6% of the pushes on 2026-03-09 failed; the limit is 5%."
    assert alert.key == "alert failure_rate wx1 2026-03-09"
    assert not found(warehouse, failure_rate=0.06)


def test_no_pushes_are_no_failure(warehouse: Warehouse) -> None:
    pushes(warehouse, 0, 0)
    assert not found(warehouse, failure_rate=0)


@pytest.mark.parametrize(
    ("counts", "is_unusual"),
    [
        ([10, 12, 11] * 9 + [11], False),
        ([10, 12, 11] * 9 + [30], True),
        ([10, 12, 11] * 9 + [0], True),
        ([10] * 20 + [12], False),  # days that are all alike do not make the next one odd
        ([10] * 5 + [500], False),  # too few days
    ],
)
def test_new_followers(warehouse: Warehouse, counts: list[int], is_unusual: bool) -> None:
    new_followers(warehouse, counts)
    assert bool(found(warehouse, new_followers_spread=3)) is is_unusual


def test_new_followers_of_a_missing_day_are_not_unusual(warehouse: Warehouse) -> None:
    new_followers(warehouse, [10] * 20)
    assert not found(warehouse, now=NOW + timedelta(days=1), new_followers_spread=1)


def test_an_article_far_above_the_median(stored: Warehouse) -> None:
    first = found(stored, article_times_median=2)
    assert first
    assert all(alert.rule == "article_times_median" for alert in first)
    assert "times the median" in first[0].text
    assert len(found(stored, article_times_median=100)) == 0


def test_late_figures(warehouse: Warehouse) -> None:
    new_followers(warehouse, [10, 10])
    today = YESTERDAY + timedelta(days=1)
    deadline = datetime(today.year, today.month, today.day + 1, 10, tzinfo=BEIJING)
    assert not found(warehouse, now=deadline - timedelta(minutes=1), late_hours=2)
    (alert,) = found(warehouse, now=deadline, late_hours=2)
    assert alert.text == "shop: figures of 2026-03-10 are missing from 1 endpoint: getusersummary."
    assert alert.lasts


def test_nothing_is_late_when_all_is_there(stored: Warehouse) -> None:
    assert not found(stored, late_hours=0)


def test_quota(warehouse: Warehouse) -> None:
    new_followers(warehouse, [10] * 10)
    assert not found(warehouse, quota_share=0.5)


def test_revised_days(warehouse: Warehouse) -> None:
    new_followers(warehouse, [10, 10])
    assert not found(warehouse, revised_days=0)
    new_followers(warehouse, [11, 12])
    (alert,) = found(warehouse, revised_days=1)
    assert alert.text == "shop: 2 days were revised today after they were final."
    assert not found(warehouse, revised_days=2)
    assert not found(warehouse, now=NOW + timedelta(days=1), revised_days=1), "it was yesterday"
