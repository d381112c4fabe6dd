"""The emulator's admin API under /_wxcube/, and the journal."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from support.emulated import Caller, content, small_emulator
from wxcube.emulator.admin_access import AdminAccess
from wxcube.emulator.emulator import Emulator
from wxcube.emulator.journal import PATH_KEPT
from wxcube.settings import Secret


@pytest.fixture
def caller() -> Caller:
    return Caller(small_emulator())


def test_state(caller: Caller) -> None:
    caller.code()
    assert content(caller.admin("GET", "state")) == {
        "now": "2026-03-10T09:00:00+08:00",
        "newest_day": "2026-03-09",
        "first_day": "2026-01-29",
        "seed": 7,
        "era": "documented",
        "quirks": msgspec.to_builtins(caller.emulator.quirks),
        "accounts": 1,
        "faults": 0,
        "calls": 2,
    }


@pytest.mark.parametrize(
    ("change", "now", "newest"),
    [
        ({"now": "2026-03-11T07:59:59"}, "2026-03-11T07:59:59+08:00", "2026-03-09"),
        ({"now": "2026-03-11T08:00"}, "2026-03-11T08:00:00+08:00", "2026-03-10"),
        ({"now": "2026-03-11T00:00:00Z"}, "2026-03-11T08:00:00+08:00", "2026-03-10"),
        ({"now": "2026-03-11"}, "2026-03-11T00:00:00+08:00", "2026-03-09"),
        ({"advance_hours": 23}, "2026-03-11T08:00:00+08:00", "2026-03-10"),
        ({"advance_hours": -2}, "2026-03-10T07:00:00+08:00", "2026-03-08"),
        (
            {"now": "2026-03-11T07:30", "advance_hours": 0.5},
            "2026-03-11T08:00:00+08:00",
            "2026-03-10",
        ),
        ({}, "2026-03-10T09:00:00+08:00", "2026-03-09"),
    ],
)
def test_the_clock_can_be_moved(
    caller: Caller, change: dict[str, object], now: str, newest: str
) -> None:
    assert content(caller.admin("PUT", "clock", change)) == {"now": now, "newest_day": newest}
    assert content(caller.admin("GET", "clock")) == {"now": now, "newest_day": newest}


def test_a_moved_clock_makes_new_figures_available(caller: Caller) -> None:
    day = date(2026, 3, 20)
    assert caller.fetch("getusersummary", day)["errcode"] == 61501
    caller.admin("PUT", "clock", {"now": "2026-03-21T08:00"})
    caller.token = caller.new_token()
    assert caller.fetch("getusersummary", day)["list"][0]["ref_date"] == "2026-03-20"


def test_faults_are_added_listed_and_removed(caller: Caller) -> None:
    fault = {"path": "getusersummary", "errcode": 61503, "after": 1, "until": "2026-03-10T12:00"}
    assert content(caller.admin("POST", "faults", fault)) == {"number": 1}
    assert content(caller.admin("POST", "faults", {"empty": True})) == {"number": 2}
    assert [caller.code(), caller.code()] == [0, 61503]
    faults = content(caller.admin("GET", "faults"))["faults"]
    assert faults[0] == fault | {
        "number": 1,
        "seen": 2,
        "struck": 1,
        "until": "2026-03-10T12:00:00+08:00",
    }
    assert caller.admin("DELETE", "faults/1").status == 200
    assert caller.admin("DELETE", "faults/1").status == 400
    assert [f["number"] for f in content(caller.admin("GET", "faults"))["faults"]] == [2]
    assert content(caller.admin("DELETE", "faults")) == {}
    assert content(caller.admin("GET", "faults")) == {"faults": []}


def test_accounts_have_credentials_names_and_permission_sets(caller: Caller) -> None:
    (account,) = content(caller.admin("GET", "accounts"))["accounts"]
    assert (account["appid"], account["secret"]) == (caller.app.appid, caller.app.secret)
    assert account["permission_sets"] == sorted(caller.app.permission_sets)
    assert account["name"].endswith("（演示）")


def test_tokens_can_be_expired(caller: Caller) -> None:
    assert content(caller.admin("POST", "tokens/expire", {"appid": "wxother"})) == {"expired": 0}
    assert caller.code() == 0
    assert content(caller.admin("POST", "tokens/expire")) == {"expired": 1}
    assert caller.code() == 40001


BAD: list[tuple[str, str, object, int]] = [
    ("GET", "", None, 404),
    ("GET", "nothing", None, 404),
    ("GET", "faults/1", None, 404),
    ("DELETE", "faults/x", None, 404),
    ("DELETE", "faults/7", None, 400),
    ("DELETE", f"faults/{'9' * 5000}", None, 400),
    ("POST", "state", {}, 405),
    ("PATCH", "clock", {}, 405),
    ("PUT", "clock", b"", 400),
    ("PUT", "clock", b"{", 400),
    ("PUT", "clock", b"\xff", 400),
    ("PUT", "clock", [], 400),
    ("PUT", "clock", {"now": "soon"}, 400),
    ("PUT", "clock", {"now": 5}, 400),
    ("PUT", "clock", {"later": 5}, 400),
    ("PUT", "clock", {"advance_hours": 1e300}, 400),
    ("PUT", "clock", {"advance_hours": 9e6}, 400),
    ("PUT", "clock", {"advance_hours": 87_600}, 400),
    ("PUT", "clock", {"now": "9999-12-31T23:59"}, 400),
    ("PUT", "clock", {"now": "0001-01-01T00:00"}, 400),
    ("POST", "faults", {}, 400),
    ("POST", "faults", [1], 400),
    ("POST", "faults", {"errcode": "x"}, 400),
    ("POST", "faults", {"errcode": 1}, 400),
    ("POST", "faults", {"errcode": -1, "cut": 0.5}, 400),
    ("POST", "faults", {"errcode": -1, "until": "soon"}, 400),
    ("POST", "faults", {"errcode": -1, "colour": "red"}, 400),
    ("POST", "faults", b"[" * 100_000, 400),
    ("POST", "tokens/expire", {"appid": 1}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD, ids=lambda v: repr(v)[:30])
def test_invalid_admin_calls_report_an_error(
    caller: Caller, method: str, path: str, body: object, status: int
) -> None:
    reply = caller.admin(method, path, body)
    assert reply.status == status
    assert content(reply)["error"]
    assert caller.code() == 0


def test_the_clock_is_moved_only_as_far_as_figures_are_quickly_simulated() -> None:
    two = Caller(small_emulator(accounts=2))
    assert two.admin("PUT", "clock", {"now": "2027-06-13T09:00"}).status == 200
    reply = two.admin("PUT", "clock", {"now": "2036-03-10T09:00"})
    assert reply.status == 400
    assert "the clock goes from 2026-01-29 to 2027-06-13" in content(reply)["error"]
    assert two.admin("PUT", "clock", {"now": "2026-01-28T09:00"}).status == 400


def test_the_clock_of_many_accounts_can_be_moved_by_a_month() -> None:
    many = Caller(small_emulator(accounts=50))
    assert many.admin("PUT", "clock", {"now": "2026-04-09T09:00"}).status == 200
    assert many.admin("PUT", "clock", {"now": "2026-04-10T09:00"}).status == 400


def test_a_clock_that_is_moved_back_revives_no_token(caller: Caller) -> None:
    caller.admin("PUT", "clock", {"advance_hours": 3})
    caller.admin("PUT", "clock", {"advance_hours": -3})
    assert caller.code() == 42001


JSON = (b"content-type", b"application/json")
LOCAL = (b"host", b"127.0.0.1:8400")
PASSWORD = (b"authorization", b"Bearer correct horse")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", (LOCAL,), 200),
        ("GET", ((b"host", b"localhost"),), 200),
        ("GET", ((b"host", b"[::1]:8400"),), 200),
        ("GET", ((b"host", b"192.0.2.7:8400"),), 200),
        ("GET", (LOCAL, (b"origin", b"http://127.0.0.1:8400")), 200),
        ("GET", (), 403),
        ("GET", ((b"host", b"rebound.example:8400"),), 403),
        ("GET", ((b"host", b"127.0.0.1.example"),), 403),
        ("GET", (LOCAL, (b"origin", b"http://page.example")), 403),
        ("GET", (LOCAL, (b"origin", b"http://127.0.0.1:9999")), 403),
        ("GET", (LOCAL, (b"origin", b"null")), 403),
        ("DELETE", (LOCAL, (b"origin", b"http://page.example")), 403),
        ("POST", (LOCAL,), 415),
        ("POST", (LOCAL, (b"content-type", b"text/plain")), 415),
        ("POST", (LOCAL, (b"content-type", b"application/x-www-form-urlencoded")), 415),
        ("POST", (LOCAL, (b"content-type", b"application/json; charset=utf-8")), 200),
    ],
)
def test_a_web_page_cannot_use_the_admin_api(
    caller: Caller, method: str, headers: tuple[tuple[bytes, bytes], ...], status: int
) -> None:
    path, body = ("faults", {"empty": True}) if method == "POST" else ("faults", None)
    reply = caller.admin(method, path, body, headers=headers, server="192.0.2.7")
    assert reply.status == status
    assert len(caller.emulator.faults) == (method == "POST" and status == 200)


def test_a_password_replaces_the_rule_of_this_machine() -> None:
    access = AdminAccess(Secret("correct horse"), ["build-7"])
    call = Caller(small_emulator(admin_access=access)).admin
    host = (b"host", b"Build-7:8400")
    assert call("GET", "state", headers=(host,), client="192.0.2.9").status == 401
    assert call("GET", "state", headers=(host, PASSWORD), client="192.0.2.9").status == 200
    assert call("GET", "state", headers=(LOCAL,)).status == 401
    wrong = (b"authorization", b"Bearer \xff")
    assert call("GET", "state", headers=(LOCAL, wrong)).status == 401
    assert call("POST", "faults", {"empty": True}, headers=(host, PASSWORD)).status == 415


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1", "", "testclient"])
def test_only_this_machine_may_use_the_admin_api(caller: Caller, client: str) -> None:
    assert caller.admin("GET", "accounts", client=client).status == 403
    assert caller.admin("GET", "accounts", client="::1").status == 200
    assert caller.admin("GET", "accounts", client="127.0.0.1").status == 200


def journal_of(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = content(caller.admin("GET", f"journal{query}"))["calls"]
    return calls


def test_the_journal_has_every_call(caller: Caller) -> None:
    caller.fetch("getusersummary", date(2026, 3, 8), date(2026, 3, 9))
    token, successful, *rest = journal_of(caller)
    assert rest == []
    assert token["path"] == "/cgi-bin/token"
    expected = {
        "at": "2026-03-10T09:00:00+08:00",
        "method": "POST",
        "path": "/datacube/getusersummary",
        "appid": caller.app.appid,
        "begin_date": "2026-03-08",
        "end_date": "2026-03-09",
        "status": 200,
        "errcode": 0,
    }
    assert successful.items() >= expected.items()
    assert successful["rows"] > 0
    assert successful["elapsed_ms"] > 0


def test_the_journal_has_refused_and_broken_replies(caller: Caller) -> None:
    caller.fetch("getusersummary", date(2026, 3, 9), date(2026, 3, 8))
    caller.admin("POST", "faults", {"status": 502})
    caller.reply("getuserread")
    caller.get("/nothing")
    _, refused, broken, unknown = journal_of(caller)
    assert (refused["errcode"], refused["begin_date"], refused["rows"]) == (61501, None, 0)
    assert (broken["status"], broken["appid"]) == (502, caller.app.appid)
    assert (unknown["status"], unknown["appid"]) == (404, "")


def test_the_journal_can_be_filtered() -> None:
    emulator = Emulator(accounts=2, days=5)
    one, other = (Caller(emulator, app) for app in emulator.accounts)
    one.code("getusersummary")
    one.code("getusercumulate")
    other.code("getusersummary")
    other.code("getnothing")
    calls = emulator.journal.calls
    assert len(calls()) == len(emulator.journal) == 6
    assert [c.appid for c in calls("getusersummary")] == [one.app.appid, other.app.appid]
    assert len(calls("getuser*", one.app.appid)) == 2
    assert [c.endpoint for c in calls(errcode=40066)] == ["getnothing"]
    assert len(calls("/cgi-bin/*")) == 2
    assert len(journal_of(one, f"?endpoint=getuser*&appid={other.app.appid}")) == 1
    one.admin("DELETE", "journal")
    assert calls() == []


def test_the_journal_and_the_state_contain_no_secret(caller: Caller) -> None:
    caller.fetch("getusersummary", date(2026, 3, 9), date(2026, 3, 8))
    shown = caller.admin("GET", "journal").body + caller.admin("GET", "state").body
    assert caller.token.encode() not in shown
    assert caller.app.secret.encode() not in shown


def test_the_journal_keeps_the_beginning_of_a_path(caller: Caller) -> None:
    caller.get("/datacube/" + "x" * 60_000)
    assert journal_of(caller)[-1]["path"] == "/datacube/" + "x" * (PATH_KEPT - 10)


def test_admin_calls_are_not_in_the_journal(caller: Caller) -> None:
    before = len(caller.emulator.journal)
    caller.admin("GET", "state")
    assert len(caller.emulator.journal) == before
    caller.emulator.clock.advance(timedelta(hours=1))
    assert caller.code() == 0
