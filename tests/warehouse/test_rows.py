"""Rows come back from the database as they went in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.rows import recent_window, rows_strategy, sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import ShapeError
from wxcube.warehouse.store import Warehouse

ASKED = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
NEW = count()
DOCUMENTED = Path(__file__).parents[1] / "evidence" / "documented"
PARAMS = {"getcardmembercarddetail": {"card_id": "p1"}}
each_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def answer(endpoint: Endpoint[Any], window: Window, rows: list[Any]) -> Answer[Any]:
    return Answer(endpoint, window, rows, msgspec.json.encode({"list": rows}), ASKED)


@pytest.fixture(scope="module")
def shared(
    copy_to: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Warehouse]:
    folder = tmp_path_factory.mktemp("rows")

    @cache
    def opened(name: str) -> Warehouse:
        return Warehouse.open(copy_to(folder / f"{name}.db"))

    return opened


@each_endpoint
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(given=st.data(), chance=st.randoms(use_true_random=False))
def test_rows_round_trip(
    endpoint: Endpoint[Any],
    shared: Callable[[str], Warehouse],
    given: st.DataObject,
    chance: Random,
) -> None:
    window = recent_window(endpoint)
    rows = given.draw(rows_strategy(endpoint, window))
    chance.shuffle(rows)
    warehouse, appid = shared(endpoint.name), f"wx{next(NEW)}"
    warehouse.replace(
        appid, Origin.WECHAT, answer(endpoint, window, rows), PARAMS.get(endpoint.name)
    )
    by_day = sorted(rows, key=lambda row: row.ref_date)
    assert warehouse.read(appid, endpoint, window) == by_day
    assert msgspec.json.encode(warehouse.read(appid, endpoint, window)) == msgspec.json.encode(
        by_day
    )


@each_endpoint
def test_documented_rows_round_trip(endpoint: Endpoint[Any], warehouse: Warehouse) -> None:
    body = (DOCUMENTED / f"{endpoint.name}.json").read_bytes()
    rows = msgspec.convert(msgspec.json.decode(body)["list"], list[endpoint.row], strict=False)  # type: ignore[name-defined] # at run time
    days = [row.ref_date for row in rows]
    window = Window(min(days), max(days))
    warehouse.replace(
        "wx1", Origin.WECHAT, answer(endpoint, window, rows), PARAMS.get(endpoint.name)
    )
    assert rows
    assert warehouse.read("wx1", endpoint, window) == sorted(rows, key=lambda r: r.ref_date)


def test_of_two_elements_with_the_same_key_the_first_is_stored(warehouse: Warehouse) -> None:
    endpoint = named("getbizsummary")
    window = recent_window(endpoint, 1)
    row = sample_rows(endpoint, window)[0]
    source = row.detail.read_user_source[0]
    twice = msgspec.structs.replace(source, user_count=source.user_count + 1)
    detail = msgspec.structs.replace(row.detail, read_user_source=[source, twice])
    doubled = msgspec.structs.replace(row, detail=detail)
    warehouse.replace("wx1", Origin.WECHAT, answer(endpoint, window, [doubled, row]))
    [found] = warehouse.read("wx1", endpoint, window)
    assert found.detail.read_user_source == [source]


def test_lone_surrogates_become_replacement_characters(warehouse: Warehouse) -> None:
    endpoint = named("getarticlesummary")
    window = recent_window(endpoint, 1)
    row = msgspec.structs.replace(
        sample_rows(endpoint, window)[0], title="a\ud83d\x00b\ud83d\ude00"
    )
    answered = Answer(endpoint, window, [row], b"{}", ASKED)
    warehouse.replace("wx1", Origin.WECHAT, answered)
    assert warehouse.read("wx1", endpoint, window)[0].title == "a�\x00b😀"


def test_a_number_beyond_64_bits_is_refused_and_changes_nothing(warehouse: Warehouse) -> None:
    endpoint = named("getusercumulate")
    window = Window.day(date(2026, 3, 1))
    [row] = sample_rows(endpoint, window)[:1]
    warehouse.replace("wx1", Origin.WECHAT, answer(endpoint, window, [row]))
    large = msgspec.structs.replace(row, cumulate_user=2**63)
    with pytest.raises(ShapeError, match="cumulate_user is 9223372036854775808"):
        warehouse.replace("wx1", Origin.WECHAT, answer(endpoint, window, [large]))
    assert warehouse.read("wx1", endpoint, window) == [row]
