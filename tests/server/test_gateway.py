"""What a gateway answers: origins, states, days that were never loaded, and any span."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from support.gateway import GatewayCaller, gateway
from support.rows import sample_rows
from support.warehouses import NOW, YESTERDAY, new_followers, put
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.server.gateway import Missing
from wxcube.warehouse.store import Warehouse

SUMMARY, WEEK, BIZ = (named(n) for n in ("getusersummary", "getupstreammsgweek", "getbizsummary"))
EARLY = YESTERDAY - timedelta(days=5)
LATE = NOW - timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "wxcube.db"
    with Warehouse.open(path) as warehouse:
        new_followers(warehouse, [1, 2, 3])
    return path


@pytest.fixture
def caller(database: Path) -> Iterator[GatewayCaller]:
    with gateway(database) as caller:
        yield caller


def days_ago(days: int) -> date:
    return YESTERDAY - timedelta(days=days)


def test_headers_say_where_rows_are_from_and_how_far_days_are(
    caller: GatewayCaller, database: Path
) -> None:
    answered = caller.ask(SUMMARY, days_ago(2), YESTERDAY)
    assert [row["new_user"] for row in answered.content["list"]] == [1, 2, 3]
    assert answered.headers["x-wxcube-origin"] == "wechat"
    assert answered.headers["x-wxcube-coverage"] == "final=3"
    row = msgspec.structs.replace(sample_rows(SUMMARY, Window.day(EARLY))[0], new_user=77)
    with Warehouse.open(database) as warehouse:
        put(warehouse, SUMMARY, Window(days_ago(5), days_ago(3)), [row], Origin.CUBE)
        put(warehouse, SUMMARY, Window.day(YESTERDAY), [], Origin.CUBE, LATE)
    answered = caller.ask(SUMMARY, EARLY, YESTERDAY)
    assert [row["new_user"] for row in answered.content["list"]] == [77, 1, 2, 3]
    assert answered.headers["x-wxcube-origin"] == "wechat, cube"


def test_the_body_has_nothing_that_wechats_has_not(caller: GatewayCaller) -> None:
    assert caller.ask(SUMMARY, YESTERDAY).body == (
        b'{"list":[{"ref_date":"2026-03-09","user_source":30,"new_user":3,"cancel_user":1}]}'
    )


def test_a_day_that_was_never_loaded_is_61503_and_says_which(caller: GatewayCaller) -> None:
    answered = caller.ask(SUMMARY, days_ago(4), YESTERDAY)
    assert answered.errcode == 61503
    assert "2 of 5 days were never loaded (2026-03-05 to 2026-03-06)" in answered.content["errmsg"]
    assert " rid: " in answered.content["errmsg"]
    assert "2026-03-06 was never loaded; wxcube sync loads it" in str(
        caller.ask(SUMMARY, days_ago(3)).content
    )


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if not e.params], ids=str)
def test_no_endpoint_answers_an_empty_list_for_what_was_never_loaded(
    caller: GatewayCaller, endpoint: object
) -> None:
    for day in (date(2026, 2, 1), date(2026, 3, 2), days_ago(9)):
        if named(str(endpoint)).labels(Window.day(day)) and str(endpoint) != "getusersummary":
            assert caller.ask(endpoint, day).errcode == 61503


def test_with_missing_empty_it_is_wechats_habit(database: Path) -> None:
    with gateway(database, missing=Missing.EMPTY) as caller:
        assert caller.ask(SUMMARY, days_ago(3)).body == b'{"list":[]}'
        assert caller.ask(BIZ, YESTERDAY).body == b'{"list":[],"is_delay":true}'
        answered = caller.ask(SUMMARY, days_ago(3), YESTERDAY)
        assert len(answered.content["list"]) == 3
        assert answered.headers["x-wxcube-coverage"] == "never=1, final=3"


def test_an_answer_without_rows_is_loaded(caller: GatewayCaller, database: Path) -> None:
    with Warehouse.open(database) as warehouse:
        put(warehouse, SUMMARY, Window.day(days_ago(3)), [])
    answered = caller.ask(SUMMARY, days_ago(3))
    assert answered.body == b'{"list":[]}'
    assert "x-wxcube-origin" not in answered.headers


def test_a_week_that_is_not_over_is_not_missing(caller: GatewayCaller) -> None:
    # 2026-03-09 is a Monday
    assert caller.ask(WEEK, YESTERDAY).body == b'{"list":[]}'
    assert caller.ask(WEEK, "2026-03-02").errcode == 61503


@pytest.mark.parametrize("origin", [Origin.WECHAT, Origin.CUBE])
def test_is_delay_is_that_of_the_origin_of_the_rows(
    caller: GatewayCaller, database: Path, origin: Origin
) -> None:
    settled, waiting = days_ago(9), YESTERDAY
    rows = sample_rows(BIZ, Window.day(settled))
    with Warehouse.open(database) as warehouse:
        put(warehouse, BIZ, Window.day(settled), rows, origin)
        put(warehouse, BIZ, Window.day(waiting), [], origin)
    assert caller.ask(BIZ, settled).content["is_delay"] is False
    assert caller.ask(BIZ, waiting).content["is_delay"] is True


def test_any_span_only_where_it_is_allowed(caller: GatewayCaller, database: Path) -> None:
    window = (date(2020, 1, 1), YESTERDAY)
    assert caller.ask(SUMMARY, *window).errcode == 61501
    with gateway(database, any_span=True, missing=Missing.EMPTY) as wide:
        assert len(wide.ask(SUMMARY, *window).content["list"]) == 3
        assert wide.ask(SUMMARY, YESTERDAY, days_ago(1)).errcode == 61501


def test_long_bodies_are_compressed_for_those_who_accept_it(
    caller: GatewayCaller, database: Path
) -> None:
    window = Window(days_ago(6), YESTERDAY)
    with Warehouse.open(database) as warehouse:
        put(warehouse, named("getuserreadhour"), window, [])
        for day in window:
            rows = sample_rows(named("getuserreadhour"), Window.day(day))
            put(warehouse, named("getuserreadhour"), Window.day(day), rows * 1)
    accepts = {"accept-encoding": "deflate, gzip;q=0.8"}
    for endpoint in ("getuserreadhour", "getusersummary"):
        plain = caller.ask(endpoint, days_ago(0))
        packed = caller.ask(endpoint, days_ago(0), headers=accepts)
        is_long = len(plain.body) >= 1_400
        assert ("content-encoding" in packed.headers) == is_long
        assert (gzip.decompress(packed.body) if is_long else packed.body) == plain.body
    refuses = {"accept-encoding": "gzip;q=0, identity"}
    assert (
        "content-encoding" not in caller.ask("getuserreadhour", YESTERDAY, headers=refuses).headers
    )


def test_yesterday_before_its_time_is_not_ready(database: Path) -> None:
    from wxcube.beijing import ManualClock

    clock = ManualClock(datetime(2026, 3, 11, 7, 0, tzinfo=BEIJING))
    with gateway(database, clock=clock) as caller:
        assert caller.ask(SUMMARY, "2026-03-10").errcode == 61503
