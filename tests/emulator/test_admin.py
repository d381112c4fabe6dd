"""The emulator's own calls under /_wxcube/, and the journal."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from support.emulated import Line, content, small
from wxcube.emulator.emulator import Emulator


@pytest.fixture
def line() -> Line:
    return Line(small())


def test_state(line: Line) -> None:
    line.code()
    assert content(line.admin("GET", "state")) == {
        "now": "2026-03-10T09:00:00+08:00",
        "newest_day": "2026-03-09",
        "first_day": "2026-01-29",
        "seed": 7,
        "era": "documented",
        "quirks": msgspec.to_builtins(line.emulator.quirks),
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
    line: Line, change: dict[str, object], now: str, newest: str
) -> None:
    assert content(line.admin("PUT", "clock", change)) == {"now": now, "newest_day": newest}
    assert content(line.admin("GET", "clock")) == {"now": now, "newest_day": newest}


def test_new_figures_come_with_the_moved_clock(line: Line) -> None:
    day = date(2026, 3, 20)
    assert line.ask("getusersummary", day)["errcode"] == 61501
    line.admin("PUT", "clock", {"now": "2026-03-21T08:00"})
    line.token = line.new_token()
    assert line.ask("getusersummary", day)["list"][0]["ref_date"] == "2026-03-20"


def test_faults_are_set_shown_and_removed(line: Line) -> None:
    fault = {"path": "getusersummary", "errcode": 61503, "after": 1, "until": "2026-03-10T12:00"}
    assert content(line.admin("POST", "faults", fault)) == {"number": 1}
    assert content(line.admin("POST", "faults", {"empty": True})) == {"number": 2}
    assert [line.code(), line.code()] == [0, 61503]
    shown = content(line.admin("GET", "faults"))["faults"]
    assert shown[0] == fault | {
        "number": 1,
        "seen": 2,
        "struck": 1,
        "until": "2026-03-10T12:00:00+08:00",
    }
    assert line.admin("DELETE", "faults/1").status == 200
    assert line.admin("DELETE", "faults/1").status == 400
    assert [f["number"] for f in content(line.admin("GET", "faults"))["faults"]] == [2]
    assert content(line.admin("DELETE", "faults")) == {}
    assert content(line.admin("GET", "faults")) == {"faults": []}


def test_accounts_with_their_credentials(line: Line) -> None:
    (account,) = content(line.admin("GET", "accounts"))["accounts"]
    assert (account["appid"], account["secret"]) == (line.app.appid, line.app.secret)
    assert account["permission_sets"] == sorted(line.app.permission_sets)
    assert account["name"].endswith("（演示）")


def test_tokens_can_be_expired(line: Line) -> None:
    assert content(line.admin("POST", "tokens/expire", {"appid": "wxother"})) == {"expired": 0}
    assert line.code() == 0
    assert content(line.admin("POST", "tokens/expire")) == {"expired": 1}
    assert line.code() == 40001


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
    ("PUT", "clock", {"now": "9999-12-31T23:59"}, 400),
    ("PUT", "clock", {"now": "0001-01-01T00:00"}, 400),
    ("POST", "faults", {}, 400),
    ("POST", "faults", [1], 400),
    ("POST", "faults", {"errcode": "x"}, 400),
    ("POST", "faults", {"errcode": 1, "cut": 0.5}, 400),
    ("POST", "faults", {"errcode": 1, "until": "soon"}, 400),
    ("POST", "faults", {"errcode": 1, "colour": "red"}, 400),
    ("POST", "faults", b"[" * 100_000, 400),
    ("POST", "tokens/expire", {"appid": 1}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), BAD, ids=lambda v: repr(v)[:30])
def test_bad_admin_calls_say_what_is_wrong(
    line: Line, method: str, path: str, body: object, status: int
) -> None:
    reply = line.admin(method, path, body)
    assert reply.status == status
    assert content(reply)["error"]
    assert line.code() == 0


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1", "", "testclient"])
def test_only_this_machine_may_use_the_admin_calls(line: Line, client: str) -> None:
    assert line.admin("GET", "accounts", client=client).status == 403
    assert line.admin("GET", "accounts", client="::1").status == 200


def journal_of(line: Line, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = content(line.admin("GET", f"journal{query}"))["calls"]
    return found


def test_the_journal_tells_every_call(line: Line) -> None:
    line.ask("getusersummary", date(2026, 3, 8), date(2026, 3, 9))
    token, good, *rest = journal_of(line)
    assert rest == []
    assert token["path"] == "/cgi-bin/token"
    expected = {
        "at": "2026-03-10T09:00:00+08:00",
        "method": "POST",
        "path": "/datacube/getusersummary",
        "appid": line.app.appid,
        "begin_date": "2026-03-08",
        "end_date": "2026-03-09",
        "status": 200,
        "errcode": 0,
    }
    assert good.items() >= expected.items()
    assert good["rows"] > 0
    assert good["elapsed_ms"] > 0


def test_the_journal_tells_refusals_and_broken_answers(line: Line) -> None:
    line.ask("getusersummary", date(2026, 3, 9), date(2026, 3, 8))
    line.admin("POST", "faults", {"status": 502})
    line.reply("getuserread")
    line.get("/nothing")
    _, refused, broken, unknown = journal_of(line)
    assert (refused["errcode"], refused["begin_date"], refused["rows"]) == (61501, None, 0)
    assert (broken["status"], broken["appid"]) == (502, line.app.appid)
    assert (unknown["status"], unknown["appid"]) == (404, "")


def test_the_journal_can_be_asked_for_some_calls() -> None:
    emulator = Emulator(accounts=2, days=5)
    one, other = (Line(emulator, app) for app in emulator.accounts)
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


def test_the_journal_and_the_state_hold_no_secret(line: Line) -> None:
    line.ask("getusersummary", date(2026, 3, 9), date(2026, 3, 8))
    shown = line.admin("GET", "journal").body + line.admin("GET", "state").body
    assert line.token.encode() not in shown
    assert line.app.secret.encode() not in shown


def test_admin_calls_are_no_calls_of_the_api(line: Line) -> None:
    before = len(line.emulator.journal)
    line.admin("GET", "state")
    assert len(line.emulator.journal) == before
    line.emulator.clock.advance(timedelta(hours=1))
    assert line.code() == 0
