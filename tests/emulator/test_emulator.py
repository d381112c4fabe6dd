"""The emulator's rows and when they appear: complete, consistent, and never from the future."""

from __future__ import annotations

import re
import socket
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.emulated import YESTERDAY, Caller, params_of, small_emulator
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cli import demo
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.answer_order import in_answer_order
from wxcube.contract.article import LATER_COLUMNS
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.errors import SettingsError
from wxcube.server.http import RunningServer
from wxcube.server.protocol import Era
from wxcube.warehouse.store import Warehouse

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BEIJING)


def fetched(caller: Caller, endpoint: Endpoint[Any]) -> list[dict[str, Any]]:
    """All rows of an endpoint, fetched by successive calls."""
    emulator = caller.emulator
    first = max(endpoint.label(emulator.simulation.first_day), endpoint.first_date)
    windows = reversed(Window(first, YESTERDAY).split(endpoint.span_days))
    rows: list[dict[str, Any]] = []
    for window in windows:
        params = params_of(emulator, endpoint)
        rows[:0] = caller.fetch(endpoint.name, window.first, window.last, params)["list"]
    return rows


@every_endpoint
def test_calls_return_all_rows_of_the_emulator(endpoint: Endpoint[Any]) -> None:
    emulator = small_emulator()
    caller = Caller(emulator)
    rows = emulator.rows(caller.app.appid, endpoint, params_of(emulator, endpoint))
    expected = in_answer_order(endpoint, rows)
    assert expected
    assert fetched(caller, endpoint) == msgspec.to_builtins(expected)


@every_endpoint
def test_rows_match_the_contract_and_keys_are_unique(endpoint: Endpoint[Any]) -> None:
    emulator = small_emulator()
    caller = Caller(emulator)
    rows = [
        msgspec.convert(row, endpoint.row)  # strict: no conversion between types
        for row in caller.fetch(
            endpoint.name,
            YESTERDAY - timedelta(days=endpoint.span_days - 1),
            YESTERDAY,
            params_of(emulator, endpoint),
        )["list"]
    ]
    keys = [tuple(getattr(row, name) for name in endpoint.key) for row in rows]
    assert len(set(keys)) == len(keys)


DAILY = [e for e in ENDPOINTS if e.grain in {Grain.DAY, Grain.HOUR}]


@pytest.mark.parametrize("endpoint", DAILY, ids=str)
def test_the_figures_of_yesterday_appear_at_eight(endpoint: Endpoint[Any]) -> None:
    emulator = small_emulator(now=at(date(2026, 3, 10), 7, 59))
    caller, params = Caller(emulator), params_of(small_emulator(), endpoint)
    assert caller.fetch(endpoint.name, YESTERDAY, params=params)["list"] == []
    emulator.clock.advance(timedelta(minutes=1))
    shown = caller.fetch(endpoint.name, YESTERDAY, params=params)["list"]
    assert [row["ref_date"] for row in shown][:1] == ["2026-03-09"]


@pytest.mark.parametrize(
    ("name", "label", "ready"),
    [
        ("getupstreammsgweek", date(2026, 3, 2), date(2026, 3, 9)),
        ("getupstreammsgdistweek", date(2026, 3, 2), date(2026, 3, 9)),
        ("getupstreammsgmonth", date(2026, 2, 1), date(2026, 3, 1)),
        ("getupstreammsgdistmonth", date(2026, 2, 1), date(2026, 3, 1)),
    ],
)
def test_weeks_and_months_appear_after_they_end(name: str, label: date, ready: date) -> None:
    clock = ManualClock(at(date(2026, 3, 10), 9))
    emulator = small_emulator(clock=clock)
    clock.set(at(ready, 7, 59))
    caller = Caller(emulator)
    assert caller.fetch(name, label)["list"] == []
    clock.set(at(ready, 8))
    assert {row["ref_date"] for row in caller.fetch(name, label)["list"]} == {str(label)}


@pytest.mark.parametrize(
    ("name", "part", "most"),
    [("getarticletotal", "details", 7), ("getarticletotaldetail", "detail_list", 30)],
)
def test_running_totals_end_at_the_newest_day(name: str, part: str, most: int) -> None:
    emulator = small_emulator()
    caller = Caller(emulator)
    sent = emulator.rows(caller.app.appid, named(name))[0].ref_date
    for days in range(1, 35):
        emulator.clock.set(at(sent + timedelta(days=days), 7, 59))
        caller.token = caller.new_token()
        rows = caller.fetch(name, sent)["list"]
        if days == 1:
            assert rows == []
            continue
        expected = [str(sent + timedelta(days=n)) for n in range(min(days - 1, most))]
        assert [stat["stat_date"] for stat in rows[0][part]] == expected


@every_endpoint
def test_a_later_clock_changes_no_final_figure(endpoint: Endpoint[Any]) -> None:
    emulator = small_emulator(days=41)
    appid, params = emulator.accounts[0].appid, params_of(small_emulator(), endpoint)
    before = emulator.rows(appid, endpoint, params)
    emulator.clock.advance(timedelta(days=40))
    after = {row.ref_date: row for row in emulator.rows(appid, endpoint, params)}
    later = emulator.rows(appid, endpoint, params)
    newest = {tuple(getattr(row, k) for k in endpoint.key): row for row in later}
    assert max(after) > YESTERDAY or endpoint.has_labels
    for row in before:
        now = newest[tuple(getattr(row, k) for k in endpoint.key)]
        if endpoint.running:
            name = endpoint.running.name
            assert getattr(now, name)[: len(getattr(row, name))] == getattr(row, name)
        else:
            assert now == row


def test_a_clock_that_is_moved_back_has_the_rows_of_that_time() -> None:
    emulator = small_emulator()
    appid, endpoint = emulator.accounts[0].appid, named("getusercumulate")
    assert emulator.rows(appid, endpoint)[-1].ref_date == YESTERDAY
    emulator.clock.set(at(date(2026, 2, 20), 9))
    assert emulator.rows(appid, endpoint)[-1].ref_date == date(2026, 2, 19)
    emulator.clock.set(at(date(2025, 1, 1), 9))
    assert all(emulator.rows(appid, e, params_of(emulator, e)) == [] for e in ENDPOINTS)


def test_the_same_seed_gives_the_same_accounts_and_rows() -> None:
    one, two = small_emulator(seed=11), small_emulator(seed=11)
    other = small_emulator(seed=12)
    endpoint = named("getusersummary")
    assert one.accounts == two.accounts
    assert one.accounts != other.accounts
    appid, other_appid = one.accounts[0].appid, other.accounts[0].appid
    assert one.rows(appid, endpoint) == two.rows(appid, endpoint)
    assert one.rows(appid, endpoint) != other.rows(other_appid, endpoint)


def test_emulators_share_only_rows() -> None:
    one, two = small_emulator(), small_emulator()
    caller = Caller(one)
    assert one.simulation is two.simulation
    assert len(one.journal) == 1
    assert len(two.journal) == 0
    two_line = Caller(two)
    two_line.token = caller.token
    assert two_line.code() == 40001


def test_accounts_have_demo_appids_and_different_permissions() -> None:
    emulator = Emulator(accounts=3, days=1)
    assert all(app.appid.startswith("wxdemo") and len(app.appid) == 18 for app in emulator.accounts)
    assert len({app.permission_sets for app in emulator.accounts}) > 1
    assert all(emulator.name(app.appid) for app in emulator.accounts)


def test_an_endpoint_without_permission_has_no_rows() -> None:
    emulator = small_emulator()
    caller = Caller(emulator)
    emulator.set_permissions(caller.app.appid, frozenset({2}))
    assert caller.code("getupstreammsg") == 48001
    assert emulator.rows(caller.app.appid, named("getupstreammsg")) == []
    assert caller.code("getusersummary") == 0


def test_the_current_era_has_no_rows_of_retired_endpoints() -> None:
    emulator = small_emulator(era="current")
    assert emulator.era is Era.CURRENT
    assert emulator.rows(emulator.accounts[0].appid, named("getuserread")) == []
    assert Caller(emulator).code("getuserread") == 47009


@pytest.mark.parametrize("settings", [{"accounts": 0}, {"days": 0}, {"accounts": -1}])
def test_invalid_sizes_are_reported(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="are too few"):
        Emulator(**settings)


def test_the_emulator_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    emulator = small_emulator(seed=13, days=10)
    caller = Caller(emulator)
    for endpoint in ENDPOINTS:
        assert "list" in caller.fetch(endpoint.name, params=params_of(emulator, endpoint))


def test_prepare_computes_the_rows_of_the_first_call() -> None:
    emulator = Emulator(seed=14, accounts=1, days=5)
    emulator.prepare()
    assert emulator.simulation.compute(emulator.last_day) is emulator.simulation.compute(
        emulator.last_day
    )


def test_content_that_is_not_ready_is_delayed() -> None:
    emulator = small_emulator(now=at(date(2026, 3, 10), 7, 59))
    caller = Caller(emulator)
    assert caller.fetch("getbizsummary") == {"list": [], "is_delay": True}
    assert caller.fetch("getbizsummary", date(2026, 3, 8))["is_delay"] is False
    assert caller.fetch("getusersummary") == {"list": []}
    emulator.clock.advance(timedelta(minutes=1))
    assert caller.fetch("getbizsummary")["is_delay"] is False


def test_the_row_of_all_channels_is_the_first_of_its_day_and_hour() -> None:
    caller = Caller(small_emulator())
    rows = caller.fetch("getuserread", date(2026, 3, 7), YESTERDAY)["list"]
    hours = caller.fetch("getuserreadhour")["list"]
    for name, answered in (("ref_date", rows), ("ref_hour", hours)):
        sources: dict[object, list[int]] = {}
        for row in answered:
            sources.setdefault(row[name], []).append(row["user_source"])
        assert list(sources) == sorted(sources)  # type: ignore[type-var]
        for of_group in sources.values():
            assert of_group[0] == 99999999
            assert of_group[1:] == sorted(of_group[1:])


@pytest.mark.parametrize("year", [2014, 2020])
def test_no_code_appears_before_its_time(year: int) -> None:
    emulator = Emulator(accounts=2, days=30, now=at(date(year, 12, 31), 9))
    rows = [
        row
        for app in emulator.accounts
        for row in emulator.rows(app.appid, named("getusersummary"))
    ]
    later = {100, 149, 161, 200, 201} if year == 2014 else {149, 200, 201}
    assert not {row.user_source for row in rows} & later
    assert {row.user_source for row in rows} >= {0, 1, 17, 30}


def test_the_first_years_have_one_row_for_all_channels_and_no_user_source() -> None:
    emulator = Emulator(accounts=1, days=20, now=at(date(2020, 3, 5), 9))
    caller = Caller(emulator)
    early = caller.fetch("getuserread", date(2020, 2, 26), date(2020, 2, 28))["list"]
    assert [row["ref_date"] for row in early[:3]] == ["2020-02-26", "2020-02-27", "2020-02-28"]
    assert ["user_source" in row for row in early[:3]] == [False, False, True]
    assert len(early) > 3
    hours = caller.fetch("getuserreadhour", date(2020, 2, 26))["list"]
    assert len({row["ref_hour"] for row in hours}) == len(hours)
    assert all("user_source" not in row for row in hours)


async def test_a_sync_stores_the_rows_of_the_first_years(tmp_path: Path) -> None:
    emulator = Emulator(accounts=1, days=20, now=at(date(2020, 3, 5), 9))
    with (
        Warehouse.open(tmp_path / "wxcube.db") as warehouse,
        RunningServer(emulator.asgi) as server,
    ):
        await demo.fill(emulator, server.url, warehouse, demo.next_plan(emulator, warehouse))
        assert demo.compare(emulator, warehouse).differing == ()


def test_the_first_day_with_statistics() -> None:
    emulator = Emulator(accounts=1, days=20, now=at(date(2014, 12, 2), 9))
    rows = emulator.rows(emulator.accounts[0].appid, named("getusercumulate"))
    assert [row.ref_date for row in rows] == [date(2014, 12, 1)]
    assert Caller(emulator).fetch("getusercumulate", date(2014, 12, 1))["list"]


@pytest.mark.parametrize(
    ("day", "mark"),
    [
        (date(2020, 7, 31), r"hint: \[[A-Za-z]{6}[0-9]{8}\]"),
        (date(2020, 8, 1), r"rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}"),
    ],
)
def test_errors_had_a_hint_before_they_had_a_rid(day: date, mark: str) -> None:
    caller = Caller(Emulator(accounts=1, days=5, now=at(day, 9)))
    assert re.fullmatch(f"date range error {mark}", caller.fetch("getusersummary", day)["errmsg"])


def test_the_era_of_the_last_documents_has_the_later_columns() -> None:
    captured, documented = small_emulator(), small_emulator(era="last-documented")
    day = captured.rows(captured.accounts[0].appid, named("getarticletotal"))[0].ref_date
    before = Caller(captured).fetch("getarticletotal", day)["list"][0]["details"]
    after = Caller(documented).fetch("getarticletotal", day)["list"][0]["details"]
    assert len(LATER_COLUMNS) == 4
    for less, more in zip(before, after, strict=True):
        assert more.keys() - less.keys() == set(LATER_COLUMNS)
        parts = (f"int_page_from_{p}_read_count" for p in ("other", "kanyikan", "souyisou"))
        assert sum(more[part] for part in parts) == less["int_page_from_other_read_count"]
    for one, following in pairwise(after):
        assert all(one[name] <= following[name] for name in LATER_COLUMNS)
    assert Caller(documented).code("getuserread") == 0


def test_the_front_page_says_what_this_is() -> None:
    reply = Caller(small_emulator()).get("/")
    text = reply.body.decode()
    assert (reply.status, reply.content_type) == (200, "text/plain; charset=utf-8")
    assert "emulator of WeChat's datacube API" in text
    assert "/_wxcube/state" in text
    assert "/docs" in text
    assert "/openapi.json" in text
