"""Oddities of real answers, on request."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from support.emulated import YESTERDAY, Line, content, small
from support.rows import recent_window, sample_rows
from wxcube.contract import ENDPOINTS, named
from wxcube.emulator.faults import Fault
from wxcube.emulator.quirks import PLAIN, DelayForm, Quirks, encode_oddly, parse_quirks
from wxcube.errors import SettingsError
from wxcube.server.backend import Found
from wxcube.server.protocol import encode_rows


def sent_day(line: Line, name: str = "getarticletotal") -> date:
    found: date = line.emulator.rows(line.app.appid, named(name))[0].ref_date
    return found


def odd(**quirks: Any) -> Line:
    return Line(small(quirks=Quirks(**quirks)))


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_no_quirks_change_nothing(endpoint: Any) -> None:
    found = Found(sample_rows(endpoint, recent_window(endpoint)))
    assert encode_oddly(PLAIN, endpoint, found) == encode_rows(endpoint, found)


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
    plain, told = Line(small()), odd(undocumented_columns=True)
    rows = told.ask(name)["list"]
    assert rows
    assert {row[column] for row in rows} == {0}
    assert [{k: v for k, v in row.items() if k != column} for row in rows] == plain.ask(name)[
        "list"
    ]


def test_an_undocumented_link_in_article_totals() -> None:
    line = odd(undocumented_columns=True)
    row = line.ask("getarticletotal", sent_day(line))["list"][0]
    assert row["url"].startswith("https://mp.weixin.qq.com/")
    assert row["user_source"] == 0


def test_a_column_nobody_knows() -> None:
    assert {
        row["new_figure"] for row in odd(unknown_column=True).ask("getusersummary")["list"]
    } == {1}


@pytest.mark.parametrize(
    ("form", "no", "yes"), [("bool", False, True), ("string", "false", "true"), ("int", 0, 1)]
)
def test_forms_of_is_delay(form: str, no: object, yes: object) -> None:
    line = odd(is_delay=DelayForm(form))
    for expected in (no, yes):
        found = line.ask("getbizsummary")["is_delay"]
        assert (found, type(found)) == (expected, type(expected))
        line.emulator.faults.add(Fault(is_delay=True))


def test_extra_rows_of_another_date() -> None:
    rows = odd(extra_rows=True).ask("getusersummary")["list"]
    assert rows[-1]["ref_date"] == str(YESTERDAY - timedelta(days=730))
    assert {row["ref_date"] for row in rows[:-1]} == {str(YESTERDAY)}


def test_a_repeated_row() -> None:
    rows = odd(repeated_rows=True).ask("getusersummary")["list"]
    assert rows[0] == rows[-1]
    assert len(rows) > 1


def test_rows_out_of_order() -> None:
    ordered = Line(small()).ask("getusersummary", YESTERDAY - timedelta(days=6), YESTERDAY)["list"]
    found = odd(out_of_order=True).ask("getusersummary", YESTERDAY - timedelta(days=6), YESTERDAY)[
        "list"
    ]
    assert found == ordered[::-1] != ordered


def test_digit_strings_at_every_depth() -> None:
    line = odd(digit_strings=True)
    row = line.ask("getarticletotal", sent_day(line))["list"][0]
    figures = {k: v for k, v in row["details"][0].items() if k != "stat_date"}
    assert all(isinstance(value, str) and value.isdecimal() for value in figures.values())
    detail = line.ask("getarticletotaldetail", sent_day(line, "getarticletotaldetail"))["list"][0]
    assert isinstance(detail["detail_list"][0]["read_delivery_rate"], float)


@pytest.mark.parametrize("name", ["getarticletotal", "getarticletotaldetail", "getarticlesummary"])
def test_odd_titles_are_no_clean_json(name: str) -> None:
    line = odd(odd_titles=True)
    body = line.reply(name, sent_day(line)).body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    title = json.loads(body, strict=False)["list"][0]["title"]
    assert title.startswith("\x0b")
    assert title.endswith("\ud83d")
    plain = Line(small()).ask(name, sent_day(line))["list"][0]["title"]
    assert title[1:-1] == plain


def test_quirks_leave_refusals_and_empty_lists_alone() -> None:
    line = odd(
        undocumented_columns=True,
        unknown_column=True,
        extra_rows=True,
        repeated_rows=True,
        digit_strings=True,
        out_of_order=True,
        odd_titles=True,
    )
    assert line.ask("getusersummary", date(2015, 1, 1)) == {"list": []}
    assert content(line.reply("getusersummary", date(2027, 1, 1)))["errcode"] == 61501


def test_quirks_by_name() -> None:
    assert parse_quirks([]) == PLAIN
    assert parse_quirks(["digit-strings", "is_delay=string"]) == Quirks(
        digit_strings=True, is_delay=DelayForm.STRING
    )


@pytest.mark.parametrize("word", ["digits", "is_delay=maybe", "is_delay", "extra_rows=many", ""])
def test_other_words_are_no_quirk(word: str) -> None:
    with pytest.raises(SettingsError, match="no such quirk"):
        parse_quirks([word])
