"""What the emulator shows, and when: nothing of the future, nothing that does not hold together."""

from __future__ import annotations

import socket
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.emulated import YESTERDAY, Line, params_of, small
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.errors import SettingsError
from wxcube.server.protocol import Era

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=BEIJING)


def fetched(line: Line, endpoint: Endpoint[Any]) -> list[dict[str, Any]]:
    """All rows a caller can get, call by call."""
    emulator = line.emulator
    first = max(endpoint.label(emulator.simulation.first_day), endpoint.first_date)
    windows = reversed(Window(first, YESTERDAY).split(endpoint.span_days))
    rows: list[dict[str, Any]] = []
    for window in windows:
        params = params_of(emulator, endpoint)
        rows[:0] = line.ask(endpoint.name, window.first, window.last, params)["list"]
    return rows


@every_endpoint
def test_calls_give_every_row_the_emulator_holds(endpoint: Endpoint[Any]) -> None:
    emulator = small()
    line = Line(emulator)
    held = emulator.rows(line.app.appid, endpoint, params_of(emulator, endpoint))
    assert held
    assert fetched(line, endpoint) == msgspec.to_builtins(held)


@every_endpoint
def test_rows_fit_the_contract_and_keys_are_unique(endpoint: Endpoint[Any]) -> None:
    emulator = small()
    line = Line(emulator)
    rows = [
        msgspec.convert(row, endpoint.row)  # strict: no unknown types
        for row in line.ask(
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
def test_yesterday_appears_at_eight(endpoint: Endpoint[Any]) -> None:
    emulator = small(now=at(date(2026, 3, 10), 7, 59))
    line, params = Line(emulator), params_of(small(), endpoint)
    assert line.ask(endpoint.name, YESTERDAY, params=params)["list"] == []
    emulator.clock.advance(timedelta(minutes=1))
    shown = line.ask(endpoint.name, YESTERDAY, params=params)["list"]
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
def test_weeks_and_months_appear_once_they_are_over(name: str, label: date, ready: date) -> None:
    clock = ManualClock(at(date(2026, 3, 10), 9))
    emulator = small(clock=clock)
    clock.set(at(ready, 7, 59))
    line = Line(emulator)
    assert line.ask(name, label)["list"] == []
    clock.set(at(ready, 8))
    assert {row["ref_date"] for row in line.ask(name, label)["list"]} == {str(label)}


@pytest.mark.parametrize(
    ("name", "part", "most"),
    [("getarticletotal", "details", 7), ("getarticletotaldetail", "detail_list", 30)],
)
def test_running_totals_end_at_the_newest_ready_day(name: str, part: str, most: int) -> None:
    emulator = small()
    line = Line(emulator)
    sent = emulator.rows(line.app.appid, named(name))[0].ref_date
    for days in range(1, 35):
        emulator.clock.set(at(sent + timedelta(days=days), 7, 59))
        line.token = line.new_token()
        rows = line.ask(name, sent)["list"]
        if days == 1:
            assert rows == []
            continue
        expected = [str(sent + timedelta(days=n)) for n in range(min(days - 1, most))]
        assert [stat["stat_date"] for stat in rows[0][part]] == expected


@every_endpoint
def test_going_on_in_time_changes_no_figure_that_was_final(endpoint: Endpoint[Any]) -> None:
    emulator = small(days=41)
    appid, params = emulator.accounts[0].appid, params_of(small(), endpoint)
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


def test_a_clock_moved_back_shows_what_was_known_then() -> None:
    emulator = small()
    appid, endpoint = emulator.accounts[0].appid, named("getusercumulate")
    assert emulator.rows(appid, endpoint)[-1].ref_date == YESTERDAY
    emulator.clock.set(at(date(2026, 2, 20), 9))
    assert emulator.rows(appid, endpoint)[-1].ref_date == date(2026, 2, 19)
    emulator.clock.set(at(date(2025, 1, 1), 9))
    assert all(emulator.rows(appid, e, params_of(emulator, e)) == [] for e in ENDPOINTS)


def test_the_same_seed_gives_the_same_accounts_and_rows() -> None:
    one, two = small(seed=11), small(seed=11)
    other = small(seed=12)
    endpoint = named("getusersummary")
    assert one.accounts == two.accounts
    assert one.accounts != other.accounts
    appid, strange = one.accounts[0].appid, other.accounts[0].appid
    assert one.rows(appid, endpoint) == two.rows(appid, endpoint)
    assert one.rows(appid, endpoint) != other.rows(strange, endpoint)


def test_emulators_share_rows_but_nothing_else() -> None:
    one, two = small(), small()
    line = Line(one)
    assert one.simulation is two.simulation
    assert len(one.journal) == 1
    assert len(two.journal) == 0
    two_line = Line(two)
    two_line.token = line.token
    assert two_line.code() == 40001


def test_accounts_are_demo_ones_and_differ_in_rights() -> None:
    emulator = Emulator(accounts=3, days=1)
    assert all(app.appid.startswith("wxdemo") and len(app.appid) == 18 for app in emulator.accounts)
    assert len({app.permission_sets for app in emulator.accounts}) > 1
    assert all(emulator.name(app.appid) for app in emulator.accounts)


def test_what_an_account_may_not_ask_is_not_among_its_rows() -> None:
    emulator = small()
    line = Line(emulator)
    emulator.grant(line.app.appid, frozenset({2}))
    assert line.code("getupstreammsg") == 48001
    assert emulator.rows(line.app.appid, named("getupstreammsg")) == []
    assert line.code("getusersummary") == 0


def test_the_current_era_has_no_rows_of_retired_endpoints() -> None:
    emulator = small(era="current")
    assert emulator.era is Era.CURRENT
    assert emulator.rows(emulator.accounts[0].appid, named("getuserread")) == []
    assert Line(emulator).code("getuserread") == 47009


@pytest.mark.parametrize("settings", [{"accounts": 0}, {"days": 0}, {"accounts": -1}])
def test_impossible_sizes_are_told(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="were asked for"):
        Emulator(**settings)


def test_nothing_connects_to_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    emulator = small(seed=13, days=10)
    line = Line(emulator)
    for endpoint in ENDPOINTS:
        assert "list" in line.ask(endpoint.name, params=params_of(emulator, endpoint))


def test_prepare_computes_what_the_first_call_would_wait_for() -> None:
    emulator = Emulator(seed=14, accounts=1, days=5)
    emulator.prepare()
    assert emulator.simulation.compute(emulator.last_day) is emulator.simulation.compute(
        emulator.last_day
    )
