"""Figures of a range that ends today show today's figures, marked as moving."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from support.built_store import GROUPS, built
from support.event_files import open_store, store_events
from support.events import moment
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.window import Window
from wxcube.events import kinds as ev
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.warehouse.store import Warehouse

ACCOUNT, TODAY = "wxown", date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=BEIJING)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    events: list[ev.AnyEvent] = []
    for day in (YESTERDAY, TODAY):
        head = {"account": ACCOUNT, "at": moment(day, 3_600), "user": f"o{day.day}"}
        events += [
            ev.Follow(id=f"f{day.day}", **head),  # type: ignore[arg-type] # as the kind has them
            ev.Message(id=f"m{day.day}", msg_type=1, **head),  # type: ignore[arg-type]
        ]
    with open_store(tmp_path / "events", clock=ManualClock(NOON), groups=GROUPS) as store:
        store_events(store, events)
    built(tmp_path, NOON, through_now=True)
    return Warehouse.open(tmp_path / "wxcube.db", read_only=True)


@pytest.mark.parametrize(
    ("key", "column"), [("followers/daily", "new_user"), ("messages/volume", "msg_count")]
)
def test_today_is_moving_where_the_range_includes_it(
    warehouse: Warehouse, key: str, column: str
) -> None:
    with warehouse:
        of = Filter(accounts=(ACCOUNT,), range=Window(YESTERDAY, TODAY))
        figure = FIGURES[key](Reader(warehouse, NOON), of)
    assert {day: mark.is_moving for (_, day), mark in figure.marks.items()} == {
        YESTERDAY: False,
        TODAY: True,
    }
    assert figure.values(column) == [1, 1]
    assert figure.coverage
    assert not figure.coverage.is_whole
