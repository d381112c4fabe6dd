"""Rows by day: those of `read`, from one state of the database, a piece at a time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from support.rows import sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.warehouse import day_rows
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
LAST = date(2026, 3, 9)
WINDOW = Window(LAST - timedelta(days=69), LAST)
BY_CUBE = Window(LAST - timedelta(days=75), LAST - timedelta(days=30))
HOURS = named("getupstreammsghour")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield warehouse


def store(
    warehouse: Warehouse,
    endpoint: Endpoint[Any],
    window: Window,
    origin: Origin = Origin.WECHAT,
    seed: int = 1,
    params: dict[str, object] | None = None,
) -> None:
    answer = Answer(endpoint, window, sample_rows(endpoint, window, seed), b"", NOW)
    warehouse.replace("wx1", origin, answer, params)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
@pytest.mark.parametrize("records", [1, 5_000])
def test_they_are_the_rows_of_read(
    warehouse: Warehouse,
    endpoint: Endpoint[Any],
    records: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(day_rows, "RECORDS", records)
    cards: list[dict[str, object]] = [{"card_id": "p1"}, {"card_id": "p2"}]
    for seed, params in enumerate(cards if endpoint.params else [None]):
        store(warehouse, endpoint, WINDOW, seed=seed, params=params)
    store(warehouse, endpoint, BY_CUBE, Origin.CUBE, 7, cards[0] if endpoint.params else None)
    window = Window(BY_CUBE.first, WINDOW.last)
    for origin in (None, Origin.CUBE):
        for params in (None, cards[1] if endpoint.params else None):
            days = list(warehouse.day_rows("wx1", endpoint, window, origin, params=params))
            rows = list(chain.from_iterable(day.rows for day in days))
            assert rows == warehouse.read("wx1", endpoint, window, origin, params=params)
            for day in days:
                assert {row.ref_date for row in day.rows} == {day.day}
                assert day.entry
                assert day.entry.fetched_at == NOW
                assert bool(day.params) == bool(endpoint.params)


def test_all_pieces_are_of_one_state_of_the_database(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_rows, "RECORDS", 1)
    store(warehouse, HOURS, WINDOW)
    before = warehouse.read("wx1", HOURS, WINDOW)
    days = warehouse.day_rows("wx1", HOURS, WINDOW)
    first = next(days)
    store(warehouse, HOURS, WINDOW, seed=2)
    assert [*first.rows, *chain.from_iterable(day.rows for day in days)] == before
    assert warehouse.read("wx1", HOURS, WINDOW) != before


def test_a_long_history_is_never_in_memory_as_a_whole(warehouse: Warehouse) -> None:
    window = Window(LAST - timedelta(days=4 * 365), LAST)
    for part in window.split(365):
        store(warehouse, HOURS, part)

    def peak_of(read: Callable[[], object]) -> int:
        read()
        tracemalloc.start()
        read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    whole = peak_of(lambda: warehouse.read("wx1", HOURS, window))
    streamed = peak_of(lambda: sum(len(d.rows) for d in warehouse.day_rows("wx1", HOURS, window)))
    assert streamed < whole / 10
