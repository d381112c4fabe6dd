"""Quirks: deviations of real replies from the documents."""

from __future__ import annotations

import http.client
import json
from datetime import date, timedelta
from typing import Any

import pytest

from support.emulated import YESTERDAY, Caller, content, small_emulator
from support.rows import recent_window, sample_rows
from wxcube.contract import ENDPOINTS, named
from wxcube.emulator.faults import Fault
from wxcube.emulator.quirks import NO_QUIRKS, DelayForm, Quirks, encode_with_quirks, parse_quirks
from wxcube.errors import SettingsError
from wxcube.server.backend import RowSet
from wxcube.server.protocol import encode_rows
from wxcube.testing import RunningEmulator


def sent_day(caller: Caller, name: str = "getarticletotal") -> date:
    day: date = caller.emulator.rows(caller.app.appid, named(name))[0].ref_date
    return day


def quirky(**quirks: Any) -> Caller:
    return Caller(small_emulator(quirks=Quirks(**quirks)))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_without_quirks_replies_are_as_documented(endpoint: Any) -> None:
    row_set = RowSet(sample_rows(endpoint, recent_window(endpoint)))
    assert encode_with_quirks(NO_QUIRKS, endpoint, row_set) == encode_rows(endpoint, row_set)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("getusercumulate", "user_source"),
        ("getarticlesummary", "user_source"),
        ("getusershare", "user_source"),
        ("getusersharehour", "user_source"),
        ("getupstreammsg", "user_source"),
        ("getupstreammsghour", "user_source"),
        ("getupstreammsgdist", "user_source"),
        ("getuserreadhour", "total_online_time"),
    ],
)
def test_undocumented_columns(name: str, column: str) -> None:
    plain, changed = Caller(small_emulator()), quirky(undocumented_columns=True)
    rows = changed.fetch(name)["list"]
    assert rows
    assert {row[column] for row in rows} == {0}
    assert [{k: v for k, v in row.items() if k != column} for row in rows] == plain.fetch(name)[
        "list"
    ]


def test_an_undocumented_url_in_article_totals() -> None:
    caller = quirky(undocumented_columns=True)
    row = caller.fetch("getarticletotal", sent_day(caller))["list"][0]
    assert row["url"].startswith("https://mp.weixin.qq.com/")
    assert row["user_source"] == 0


def test_an_unknown_column() -> None:
    assert {
        row["new_figure"] for row in quirky(unknown_column=True).fetch("getusersummary")["list"]
    } == {1}


@pytest.mark.parametrize(
    ("form", "no", "yes"), [("bool", False, True), ("string", "false", "true"), ("int", 0, 1)]
)
def test_forms_of_is_delay(form: str, no: object, yes: object) -> None:
    caller = quirky(is_delay=DelayForm(form))
    for expected in (no, yes):
        is_delay = caller.fetch("getbizsummary")["is_delay"]
        assert (is_delay, type(is_delay)) == (expected, type(expected))
        caller.emulator.faults.add(Fault(is_delay=True))


def test_extra_rows_have_another_date() -> None:
    rows = quirky(extra_rows=True).fetch("getusersummary")["list"]
    assert rows[-1]["ref_date"] == str(YESTERDAY - timedelta(days=730))
    assert {row["ref_date"] for row in rows[:-1]} == {str(YESTERDAY)}


def test_a_repeated_row() -> None:
    rows = quirky(repeated_rows=True).fetch("getusersummary")["list"]
    assert rows[0] == rows[-1]
    assert len(rows) > 1


def test_rows_out_of_order() -> None:
    ordered = Caller(small_emulator()).fetch(
        "getusersummary", YESTERDAY - timedelta(days=6), YESTERDAY
    )["list"]
    reversed_rows = quirky(out_of_order=True).fetch(
        "getusersummary", YESTERDAY - timedelta(days=6), YESTERDAY
    )["list"]
    assert reversed_rows == ordered[::-1] != ordered


def test_digit_strings_at_every_depth() -> None:
    caller = quirky(digit_strings=True)
    row = caller.fetch("getarticletotal", sent_day(caller))["list"][0]
    figures = {k: v for k, v in row["details"][0].items() if k != "stat_date"}
    assert all(isinstance(value, str) and value.isdecimal() for value in figures.values())
    detail = caller.fetch("getarticletotaldetail", sent_day(caller, "getarticletotaldetail"))[
        "list"
    ][0]
    assert isinstance(detail["detail_list"][0]["read_delivery_rate"], float)


@pytest.mark.parametrize("name", ["getarticletotal", "getarticletotaldetail", "getarticlesummary"])
def test_odd_titles_are_not_strict_json(name: str) -> None:
    caller = quirky(odd_titles=True)
    body = caller.reply(name, sent_day(caller)).body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    title = json.loads(body, strict=False)["list"][0]["title"]
    assert title.startswith("\x0b")
    assert title.endswith("\ud83d")
    plain = Caller(small_emulator()).fetch(name, sent_day(caller))["list"][0]["title"]
    assert title[1:-1] == plain


def test_quirks_do_not_change_errors_and_empty_lists() -> None:
    caller = quirky(
        undocumented_columns=True,
        unknown_column=True,
        extra_rows=True,
        repeated_rows=True,
        digit_strings=True,
        out_of_order=True,
        odd_titles=True,
    )
    assert caller.fetch("getusersummary", date(2015, 1, 1)) == {"list": []}
    assert content(caller.reply("getusersummary", date(2027, 1, 1)))["errcode"] == 61501


def test_quirks_by_name() -> None:
    assert parse_quirks([]) == NO_QUIRKS
    assert parse_quirks(["digit-strings", "is_delay=string"]) == Quirks(
        digit_strings=True, is_delay=DelayForm.STRING
    )


@pytest.mark.parametrize(
    "word", ["digits", "is_delay=maybe", "is_delay", "extra_rows=many", "text_sends=-1", ""]
)
def test_unknown_names_are_not_quirks(word: str) -> None:
    with pytest.raises(SettingsError, match="no such quirk"):
        parse_quirks([word])


def test_idle_days_have_no_rows() -> None:
    caller, summary = quirky(idle_days_absent=True), named("getusersummary")
    assert caller.fetch("getusersummary") == Caller(small_emulator()).fetch("getusersummary")
    idle, moving = (
        summary.row(ref_date=day, user_source=0, new_user=new, cancel_user=0)
        for day, new in ((date(2026, 3, 8), 0), (YESTERDAY, 1))
    )
    body = encode_with_quirks(Quirks(idle_days_absent=True), summary, RowSet([idle, moving]))
    assert [row["ref_date"] for row in json.loads(body)["list"]] == [str(YESTERDAY)]


@pytest.mark.parametrize("name", ["getarticlesummary", "getarticletotal"])
def test_texts_are_listed_as_articles(name: str) -> None:
    caller = quirky(text_sends=5_000)
    plain = Caller(small_emulator()).fetch(name, sent_day(caller))["list"]
    rows = caller.fetch(name, sent_day(caller))["list"]
    assert rows[: len(plain)] == plain
    assert len(rows) == len({row["msgid"] for row in rows}) == len(plain) + 5_000
    assert caller.fetch(name, date(2015, 1, 1)) == {"list": []}


def test_quirks_of_headers() -> None:
    with RunningEmulator(
        emulator=small_emulator(quirks=Quirks(hyphenated_date=True, connection_close=True))
    ) as running:
        connection = http.client.HTTPConnection(running.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("date") == "Tue, 10-Mar-2026 01:00:00 GMT"
        assert answer.getheader("connection") == "close"
        connection.close()
        with running.client() as client:
            assert client.fetch(named("getusersummary"), YESTERDAY, YESTERDAY)
