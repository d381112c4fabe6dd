"""Fault injection: each effect, and which calls it affects."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from support.documented import APP
from support.emulated import YESTERDAY, Caller, content, small_emulator
from support.rows import sample_rows
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.article import getuserread
from wxcube.contract.window import Window
from wxcube.emulator.emulator import NOW, Emulator
from wxcube.emulator.faults import EFFECTS, Fault, Faults, parse_fault
from wxcube.errors import ReplyError, SettingsError
from wxcube.server.backend import RowSet
from wxcube.server.messages import Reply


def caller(*faults: Fault, **settings: Any) -> Caller:
    emulator = small_emulator(**settings)
    client = Caller(emulator)
    for fault in faults:
        emulator.faults.add(fault)
    return client


@pytest.mark.parametrize("errcode", [61503, 61504, -1, 45009, 45011, 48001, 40001])
def test_an_errcode_is_returned_as_by_wechat(errcode: int) -> None:
    answer = caller(Fault(errcode=errcode)).fetch("getusersummary")
    assert answer["errcode"] == errcode
    assert " rid: " in answer["errmsg"]


def test_an_errcode_that_wechat_does_not_have_must_be_forced() -> None:
    with pytest.raises(ValueError, match="WeChat has no errcode 99999; add forced"):
        Fault(errcode=99999)
    assert parse_fault("* errcode=99999 forced") == Fault(path="*", errcode=99999, forced=True)
    assert caller(Fault(errcode=99999, forced=True)).code() == 99999


def test_an_errcode_after_some_calls_and_for_some_calls() -> None:
    call = caller(Fault(path="getusersummary", errcode=45009, after=2, times=3))
    assert [call.code() for _ in range(7)] == [0, 0, 45009, 45009, 45009, 0, 0]
    assert call.emulator.faults.active()[0].seen == 7
    assert call.emulator.faults.active()[0].hits == 3


def test_a_refused_call_does_not_count_for_an_errcode_fault() -> None:
    call = caller(Fault(errcode=61503, times=1))
    valid, call.token = call.token, "wrong"
    assert call.code() == 40001
    call.token = valid
    assert [call.code(), call.code()] == [61503, 0]


def test_a_refused_token_call_issues_no_token() -> None:
    call = caller(Fault(path="/cgi-bin/token", errcode=-1))
    assert call.new_token() == ""
    call.emulator.clock.advance(timedelta(minutes=6))
    assert call.code() == 0


def test_an_empty_list_for_some_calls() -> None:
    call = caller(Fault(path="getuser*", empty=True, times=2))
    assert [bool(call.fetch("getusersummary")["list"]) for _ in range(3)] == [False, False, True]


def test_an_empty_list_until_a_time() -> None:
    call = caller(Fault(empty=True, until=datetime(2026, 3, 10, 10, 0)))
    assert call.fetch("getusersummary")["list"] == []
    call.emulator.clock.set(datetime(2026, 3, 10, 10, 0, tzinfo=BEIJING))
    assert call.fetch("getusersummary")["list"]


def test_is_delay_affects_only_content_endpoints() -> None:
    call = caller(Fault(is_delay=True, times=1))
    assert "is_delay" not in call.fetch("getusersummary")
    first, second = call.fetch("getbizsummary"), call.fetch("getbizsummary")
    assert (first["is_delay"], second["is_delay"]) == (True, False)
    assert first["list"] == second["list"]


def test_expire_tokens_invalidates_the_token_in_use() -> None:
    call = caller(Fault(expire_tokens=True, after=1, times=1))
    assert [call.code(), call.code(), call.code()] == [0, 40001, 40001]
    call.token = call.new_token()
    assert call.code() == 0


def test_a_gateway_error_is_html() -> None:
    reply = caller(Fault(status=502, times=1)).reply("getusersummary")
    assert (reply.status, reply.content_type) == (502, "text/html")
    assert reply.body.startswith(b"<html>")


@pytest.mark.parametrize("cut", [0.0, 0.5, 1.0])
def test_a_cut_reply_is_incomplete(cut: float) -> None:
    reply = caller(Fault(cut=cut)).reply("getusersummary")
    assert reply.sent_bytes is not None
    assert reply.sent_bytes == min(int(len(reply.body) * cut), len(reply.body) - 1)


def test_a_slow_reply_is_delayed_and_complete() -> None:
    reply = caller(Fault(slow_seconds=2.5)).reply("getusersummary")
    assert reply.delay_seconds == 2.5
    assert content(reply)["list"]


def test_a_reset_has_no_reply() -> None:
    assert caller(Fault(reset=True)).reply("getusersummary").is_reset


def test_broken_json_has_its_end() -> None:
    body = caller(Fault(broken=True)).reply("getusersummary").body
    assert body.endswith(b"}")
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body)


@pytest.mark.parametrize(
    ("fault", "seconds"), [(Fault(clock=-3600.0), -3600), (Fault(no_date=True), None)]
)
def test_the_date_is_wrong_or_absent(fault: Fault, seconds: float | None) -> None:
    assert caller(fault).reply("getusersummary").clock_error_seconds == seconds


# --- rows ----------------------------------------------------------------------------------------

WEEK = (YESTERDAY - timedelta(days=6), YESTERDAY)


def with_and_without(name: str, *faults: Fault) -> tuple[list[Any], list[Any]]:
    """The rows of the newest window with the faults, and without."""
    call = caller(*faults)
    span = named(name).span_days
    window = (YESTERDAY - timedelta(days=min(span, 7) - 1), YESTERDAY)
    altered = call.fetch(name, *window)["list"]
    assert all(fault.hits for fault in call.emulator.faults.active())
    call.emulator.faults.clear()
    return altered, call.fetch(name, *window)["list"]


def test_running_totals_lack_their_newest_day() -> None:
    call = caller(Fault(partial=True))
    send_day = YESTERDAY - timedelta(days=5)
    partial = call.fetch("getarticletotaldetail", send_day)["list"]
    call.emulator.faults.clear()
    whole = call.fetch("getarticletotaldetail", send_day)["list"]
    assert whole
    for row in whole:
        assert row["detail_list"].pop()["stat_date"] == str(YESTERDAY)
    assert partial == whole


def test_endpoints_without_running_totals_are_not_partial() -> None:
    call = caller(Fault(partial=True, times=1))
    call.fetch("getusersummary")
    assert call.emulator.faults.active()[0].seen == 0


def test_the_last_row_of_each_day_vanishes() -> None:
    altered, rows = with_and_without("getusersummary", Fault(vanish=True))
    days = {row["ref_date"] for row in rows}
    assert {row["ref_date"] for row in altered} == days
    several = [day for day in days if sum(row["ref_date"] == day for row in rows) > 1]
    assert several
    assert len(altered) == len(rows) - len(several)
    assert [row for row in rows if row in altered] == altered


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("getusersummary", "cancel_user"),
        ("getarticlesummary", "share_count"),
        ("getarticleshare", "detail.share_user"),
        ("getbizsummary", "detail.send_page_count"),
    ],
)
def test_a_figure_of_every_row_is_altered(name: str, figure: str) -> None:
    higher, rows = with_and_without(name, Fault(revise=3))
    assert rows
    assert [_value(row, figure) for row in higher] == [_value(row, figure) + 3 for row in rows]
    missing, _rows = with_and_without(name, Fault(missing=True))
    null, _rows = with_and_without(name, Fault(null=True))
    *path, column = figure.split(".")
    for row, less, empty in zip(rows, missing, null, strict=True):
        part, of_less, of_empty = (_value(one, ".".join(path)) for one in (row, less, empty))
        assert of_less == {k: v for k, v in part.items() if k != column}
        assert of_empty == part | {column: None}


def _value(row: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        row = row[name]
    return row


def test_the_running_totals_of_a_row_are_revised() -> None:
    altered, rows = with_and_without("getarticletotaldetail", Fault(revise=1))
    for row in rows:
        for element in row["detail_list"]:
            element["read_subscribe_user"] += 1
    assert altered == rows


def test_a_figure_of_the_first_row_is_a_text() -> None:
    altered, rows = with_and_without("getusersummary", Fault(unreadable=True))
    assert altered == [rows[0] | {"cancel_user": "many"}, *rows[1:]]


@pytest.mark.parametrize(
    ("name", "label", "before"),
    [
        ("getusersummary", date(2026, 3, 3), "2026-03-02"),
        ("getupstreammsgweek", date(2026, 3, 2), "2026-02-23"),
        ("getupstreammsgmonth", date(2026, 2, 1), "2026-01-01"),
    ],
)
def test_an_extra_row_is_of_the_time_before_the_window(name: str, label: date, before: str) -> None:
    call = caller(Fault(extra_rows=True))
    altered = call.fetch(name, label)["list"]
    call.emulator.faults.clear()
    rows = call.fetch(name, label)["list"]
    assert rows
    assert altered == [*rows, rows[0] | {"ref_date": before}]


@pytest.mark.parametrize(
    "fault", [Fault(empty=True), Fault(vanish=True), Fault(revise=1), Fault(unreadable=True)]
)
def test_only_the_rows_of_a_day_are_altered(fault: Fault) -> None:
    day = date(2026, 3, 5)
    altered, rows = with_and_without("getusersummary", replace(fault, day=day))
    others = [[r for r in one if r["ref_date"] != str(day)] for one in (altered, rows)]
    assert others[0] == others[1]
    assert altered != rows


def test_a_fault_of_a_day_affects_only_windows_with_it() -> None:
    day, call = date(2026, 3, 5), caller(Fault(errcode=-1, day=date(2026, 3, 5)))
    call.emulator.faults.add(Fault(status=503, day=day, path="getuserread"))
    assert call.fetch("getusersummary", *WEEK)["errcode"] == -1
    assert call.fetch("getusersummary", day)["errcode"] == -1
    assert call.fetch("getusersummary", day + timedelta(days=1), YESTERDAY)["list"]
    assert call.reply("getuserread", day, day + timedelta(days=1)).status == 503
    assert call.reply("getuserread", day - timedelta(days=1)).status == 200


def test_tokens_do_not_expire_for_a_day() -> None:
    with pytest.raises(ValueError, match="expire_tokens has no day"):
        Fault(expire_tokens=True, day=YESTERDAY)


# --- which calls ---------------------------------------------------------------------------------


def test_a_fault_of_one_account_does_not_affect_another() -> None:
    emulator = Emulator(accounts=2, days=5)
    one, other = (Caller(emulator, app) for app in emulator.accounts)
    emulator.faults.add(Fault(appid=one.app.appid, errcode=48001))
    assert (one.code(), other.code()) == (48001, 0)


def test_faults_can_be_removed() -> None:
    call = caller()
    number = call.emulator.faults.add(Fault(errcode=-1))
    assert call.code() == -1
    assert call.emulator.faults.remove(number)
    assert not call.emulator.faults.remove(number)
    assert call.code() == 0
    call.emulator.faults.add(Fault(errcode=-1))
    call.emulator.faults.clear()
    assert (len(call.emulator.faults), call.code()) == (0, 0)


def test_the_first_of_two_faults_applies() -> None:
    call = caller(Fault(errcode=61503, times=1), Fault(errcode=-1))
    assert [call.code(), call.code()] == [61503, -1]


def hidden_calls(seed: int, probability: float) -> list[bool]:
    faults = Faults(ManualClock(NOW), random.Random(seed))
    faults.add(Fault(empty=True, probability=probability))
    window = Window.day(YESTERDAY)
    rows: RowSet[Any] = RowSet(sample_rows(getuserread, window))
    answers = [faults.alter_rows(rows, getuserread, window, APP.appid) for _ in range(200)]
    return [not answer.rows for answer in answers]


def test_a_probability_gives_the_same_result_for_the_same_seed() -> None:
    half = hidden_calls(3, 0.5)
    assert half == hidden_calls(3, 0.5)
    assert 60 < sum(half) < 140
    assert (sum(hidden_calls(3, 0.0)), sum(hidden_calls(3, 1.0))) == (0, 200)


def test_without_faults_nothing_is_changed() -> None:
    faults = Faults(ManualClock(NOW), random.Random(1))
    faults.refuse("/datacube/getuserread", "")
    faults.add(Fault(errcode=-1))
    with pytest.raises(ReplyError):
        faults.refuse("/datacube/getuserread", "")
    assert faults.alter_reply(Reply(b"{}"), "/datacube/getuserread", "") == Reply(b"{}")


@pytest.mark.parametrize(
    "members",
    [{}, {"errcode": 0}, {"errcode": 1, "empty": True}, {"empty": False}, {"times": 2}],
)
def test_a_fault_has_exactly_one_effect(members: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        Fault(**members)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("getuser* errcode=61503 times=2", Fault(path="getuser*", errcode=61503, times=2)),
        ("errcode=-1 probability=0.25", Fault(errcode=-1, probability=0.25)),
        ("getbizsummary is_delay", Fault(path="getbizsummary", is_delay=True)),
        ("/cgi-bin/* status=502 after=3", Fault(path="/cgi-bin/*", status=502, after=3)),
        ("* cut=0", Fault(path="*", cut=0.0)),
        ("* reset", Fault(path="*", reset=True)),
        ("revise=-2 day=2026-03-01", Fault(revise=-2, day=date(2026, 3, 1))),
        ("clock=-3600", Fault(clock=-3600.0)),
        ("clock=0", Fault(clock=0.0)),
        ("* slow_seconds=1.5 appid=wxdemo*", Fault(path="*", slow_seconds=1.5, appid="wxdemo*")),
        (
            "* empty until=2026-03-10T10:00",
            Fault(path="*", empty=True, until=datetime(2026, 3, 10, 10, tzinfo=BEIJING)),
        ),
    ],
)
def test_a_fault_can_be_written_as_text(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault
    assert fault.effect in EFFECTS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "getuserread",
        "getuserread errcode=many",
        "a b errcode=1",
        "* errcode=1 times=0",
        "* status=200",
        "* cut=2",
        "* probability=2 empty",
        "* empty cut=0.5",
        "* slow_seconds=-1",
        "* color=red empty",
        "* empty day=yesterday",
        "* expire_tokens day=2026-03-01",
    ],
)
def test_other_text_is_not_a_fault(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a fault"):
        parse_fault(text)
