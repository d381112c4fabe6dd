"""Requests from windows, rows and errors from replies."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.rows import recent_window, rows_strategy, sample_rows
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, decoding, named
from wxcube.contract.content import getarticleread, getarticletotaldetail, getbizsummary
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.message import getupstreammsg, getupstreammsgweek
from wxcube.contract.source import Answer
from wxcube.contract.user import UserSummary, getusercumulate, getusersummary
from wxcube.contract.window import Window
from wxcube.errors import (
    AccessError,
    BusyError,
    QuotaError,
    ReplyError,
    RetiredError,
    ShapeError,
    TokenError,
    TransportError,
)
from wxcube.wechat import wire

ASKED_AT = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
ROW = '{"ref_date":"2026-03-01","msg_type":1,"msg_user":1,"msg_count":1}'
WEEK = Window.parse("2026-03-01..2026-03-07")
EVIDENCE = Path(__file__).parent.parent / "evidence" / "documented"
DOCUMENTED = sorted(path for path in EVIDENCE.glob("*.json") if "_before_" not in path.name)


def read(endpoint: Endpoint[Any], body: bytes | str | Any, window: Window = WEEK) -> Answer[Any]:
    if not isinstance(body, bytes | str):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    return decoding.read(endpoint, window, body, ASKED_AT)


def follows(day: int, source: int = 0, new: int = 1) -> dict[str, Any]:
    return {
        "ref_date": f"2026-03-{day:02}",
        "user_source": source,
        "new_user": new,
        "cancel_user": 0,
    }


# --- requests ----------------------------------------------------------------------------------


def test_a_request_contains_token_and_dates() -> None:
    sent = wire.request(getusersummary, WEEK, "T/+&=", {})
    assert sent.method == "POST"
    assert sent.path == "/datacube/getusersummary"
    assert parse_qs(urlsplit(sent.target).query) == {"access_token": ["T/+&="]}
    assert json.loads(sent.body) == {"begin_date": "2026-03-01", "end_date": "2026-03-07"}


def test_a_request_contains_other_parameters() -> None:
    sent = wire.request(named("getcardcardinfo"), WEEK, "T", {"cond_source": 1, "card_id": "p"})
    assert json.loads(sent.body)["cond_source"] == 1
    assert json.loads(sent.body)["card_id"] == "p"


def test_a_request_shows_neither_token_nor_body() -> None:
    shown = repr(wire.request(getusersummary, WEEK, "SESAME", {}))
    assert "SESAME" not in shown
    assert "begin_date" not in shown


# --- regular replies -----------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_encoded_rows_are_read(endpoint: Endpoint[Any], data: st.DataObject) -> None:
    rows = data.draw(rows_strategy(endpoint))
    is_delay = data.draw(st.booleans()) and endpoint.has_delay_flag
    body = wire.encode(endpoint, rows, is_delay=is_delay)
    answer = read(endpoint, body, recent_window(endpoint))
    assert answer.rows == rows
    assert answer.is_delay == is_delay
    assert (answer.dropped_rows, answer.unknown_columns) == (0, frozenset())
    assert answer.body == body


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_rows_in_any_order_and_numbers_as_strings_are_read(
    endpoint: Endpoint[Any], data: st.DataObject
) -> None:
    rows = data.draw(rows_strategy(endpoint))
    shuffled = data.draw(st.permutations(rows))
    plain = json.loads(wire.encode(endpoint, shuffled))
    body = json.dumps(_numbers_as_text(plain))
    assert read(endpoint, body, recent_window(endpoint)).rows == rows


def _numbers_as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers_as_text(v) for v in value]
    if isinstance(value, dict):
        return {k: _numbers_as_text(v) for k, v in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda p: p.stem)
def test_documented_replies_have_no_unknown_columns(path: Path) -> None:
    endpoint = named(path.stem.partition("_")[0])
    everything = Window(date(2014, 1, 1), date(2026, 12, 31))
    body = path.read_bytes()
    answer = read(endpoint, body, everything)
    assert answer.rows
    assert answer.unknown_columns == frozenset()
    listed = json.loads(body)["list"]
    assert len(answer.rows) + answer.dropped_rows >= len(listed)


@pytest.mark.parametrize("name", ["getuserread", "getuserreadhour"])
def test_a_row_of_the_first_years_without_a_channel_is_that_of_all_channels(name: str) -> None:
    sample = json.loads((EVIDENCE / "getuserread_before_2020-02-28.json").read_bytes())["list"]
    hour = {"ref_hour": 900} if name.endswith("hour") else {}
    listed = [row | hour for row in sample]
    day = Window.parse("2014-12-07")
    answer = read(named(name), {"list": listed}, day)
    assert [row.user_source for row in answer.rows] == [99999999]
    assert isinstance(answer.rows[0], named(name).row)
    assert (answer.missing_columns, answer.unreadable) == (frozenset(), ())
    assert json.loads(wire.encode(named(name), answer.rows)) == {"list": listed}


def test_a_row_after_the_split_needs_its_channel() -> None:
    sample = json.loads((EVIDENCE / "getuserread_before_2020-02-28.json").read_bytes())["list"]
    after = [row | {"ref_date": "2020-02-28"} for row in sample]
    with pytest.raises(ShapeError, match="user_source"):
        read(named("getuserread"), {"list": after}, Window.parse("2020-02-28"))


@pytest.mark.parametrize("body", ['{"list":[]}', '{"errcode":0,"errmsg":"ok","list":[]}'])
def test_an_empty_list_is_a_success(body: str) -> None:
    assert read(getusersummary, body).rows == []


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("true", True),
        ('"true"', True),
        ('"True"', True),
        ("1", True),
        ('"1"', True),
        ("false", False),
        ('"false"', False),
        ("0", False),
        ('"0"', False),
        ('""', False),
        ("null", False),
    ],
)
def test_is_delay_has_several_forms(flag: str, meant: bool) -> None:
    assert read(getbizsummary, f'{{"list":[],"is_delay":{flag}}}').is_delay is meant


# --- irregular replies -------------------------------------------------------------------------------


def test_rows_of_other_days_are_dropped_and_counted() -> None:
    stray = follows(1) | {"ref_date": "2024-02-29"}
    answer = read(getusersummary, {"list": [stray, follows(1), follows(8)]})
    assert [row.ref_date for row in answer.rows] == [date(2026, 3, 1)]
    assert answer.dropped_rows == 2


def test_the_last_row_of_duplicate_keys_is_used() -> None:
    answer = read(getusersummary, {"list": [follows(1, new=1), follows(1, new=2)]})
    assert [row.new_user for row in answer.rows] == [2]
    assert answer.dropped_rows == 1


def test_rows_are_in_natural_order() -> None:
    listed = [follows(2), follows(1, 30), follows(1, 0)]
    answer = read(getusersummary, {"list": listed})
    assert [(r.ref_date.day, r.user_source) for r in answer.rows] == [(1, 0), (1, 30), (2, 0)]
    assert answer.dropped_rows == 0


def test_running_totals_are_sorted_deduplicated_and_not_filtered() -> None:
    day = Window.parse("2026-03-01")
    row = sample_rows(getarticletotaldetail, day)[0]
    first = msgspec.structs.replace(row.detail_list[0], stat_date=date(2026, 3, 1))
    later = msgspec.structs.replace(first, stat_date=date(2026, 3, 20))
    again = msgspec.structs.replace(later, read_user=7)
    sent = msgspec.structs.replace(row, detail_list=[later, first, again])
    answer = read(getarticletotaldetail, wire.encode(getarticletotaldetail, [sent]), day)
    assert answer.rows[0].detail_list == [first, again]
    assert answer.dropped_rows == 1


def test_the_monday_of_a_week_selects_its_row() -> None:
    row = {"ref_date": "2026-03-02", "msg_type": 1, "msg_user": 2, "msg_count": 3}
    label = Window.parse("2026-03-02")
    assert len(read(getupstreammsgweek, {"list": [row]}, label).rows) == 1
    assert read(getupstreammsgweek, {"list": [row]}, Window.parse("2026-03-09")).dropped_rows == 1


def test_unknown_columns_are_reported_by_path_and_rows_are_read() -> None:
    detail = {"read_user": 1, "read_user_source": [{"scene_desc": "x", "user_count": 1, "odd": []}]}
    listed = {"ref_date": "2026-03-01", "msgid": "1_1", "detail": detail | {"more": {}}, "url": ""}
    answer = read(getarticleread, {"list": [listed], "extra": 1, "is_delay": "false"})
    assert answer.unknown_columns == {
        "url",
        "detail.more",
        "detail.read_user_source.odd",
        "$.extra",
    }
    assert answer.rows[0].detail.read_user == 1
    assert answer.rows[0].detail.read_user_source[0].scene_desc == "x"


def test_unknown_codes_are_read() -> None:
    assert read(getusersummary, {"list": [follows(1, 9876)]}).rows[0].user_source == 9876


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (b"a\x01b\tc\nd", "a\x01b\tc\nd"),
        (rb"lone \ud83d here", "lone \ufffd here"),
        (rb"lone \udc00", "lone \ufffd"),
        (rb"pair \ud83d\ude00", "pair \U0001f600"),
        (b"broken \xff\xfe", "broken \ufffd\ufffd"),
        (rb"escaped \\ud83d", r"escaped \ud83d"),
        (rb"quote \" brace }", 'quote " brace }'),
    ],
)
def test_invalid_characters_in_titles_are_replaced(raw: bytes, meant: str) -> None:
    day = Window.parse("2026-03-01")
    row = sample_rows(getarticletotaldetail, day)[0]
    body = wire.encode(getarticletotaldetail, [msgspec.structs.replace(row, title="TITLE")])
    answer = read(getarticletotaldetail, body.replace(b"TITLE", raw), day)
    assert answer.rows == [msgspec.structs.replace(row, title=meant)]
    assert answer.unknown_columns == frozenset()


def test_a_byte_order_mark_is_ignored() -> None:
    assert read(getusersummary, b"\xef\xbb\xbf" + b'{"list":[]}').rows == []


def test_a_missing_optional_column_is_null_and_not_zero() -> None:
    listed = {"ref_date": "2026-03-01", "cumulate_user": 5}
    assert read(getusercumulate, {"list": [listed]}).rows[0].user_source is None


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (ROW.replace(":1}", ":NaN}"), "NaN is not a JSON number"),
        (ROW.replace(":1}", ":1.5}"), "$.msg_count"),
        (ROW.replace(":1}", ":9223372036854775808}"), "$.msg_count"),
        (ROW.replace("2026-03-01", "yesterday"), "$.ref_date"),
        (ROW.replace("msg_type", "type"), "msg_type"),
        ("[[]]", "Expected `object`"),
    ],
)
def test_an_unreadable_row_costs_only_itself(damage: str, reason: str) -> None:
    answer = read(getupstreammsg, f'{{"list":[{damage},{ROW}]}}')
    assert [row.ref_date for row in answer.rows] == [WEEK.first]
    (unreadable,) = answer.unreadable
    assert unreadable.position == 0
    assert reason in unreadable.reason


def test_nan_in_an_unknown_column_is_ignored() -> None:
    listed = ROW.replace(":1}", ':1,"odd":NaN}')
    assert len(read(getupstreammsg, f'{{"list":[{listed}]}}').rows) == 1


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (-1, BusyError),
        ("40001", TokenError),
        (45009, QuotaError),
        (47009, RetiredError),
        ("48001", AccessError),
        (123456, ReplyError),
    ],
)
def test_an_errcode_raises_its_error(errcode: int | str, kind: type[ReplyError]) -> None:
    errmsg = "said so rid: 6004f3da-1529ba72-5c345f67"
    with pytest.raises(kind) as caught:
        read(getusersummary, {"errcode": errcode, "errmsg": errmsg})
    assert type(caught.value) is kind
    assert caught.value.errcode == int(errcode)
    assert caught.value.rid == "6004f3da-1529ba72-5c345f67"
    assert caught.value.endpoint == "getusersummary"
    assert caught.value.window == WEEK


def test_an_errcode_overrides_a_list_and_needs_no_errmsg() -> None:
    with pytest.raises(BusyError):
        read(getusersummary, '{"list":[],"errcode":-1,"errmsg":null}')


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<html>no</html>", "not JSON"),
        ("[]", "Expected `object`"),
        ("{}", "no list"),
        ('{"errmsg":"ok"}', "no list"),
        ("null", "Expected `object`"),
        ('{"list":{}}', "$.list"),
        ('{"list":null}', "$.list"),
        ('{"list":[1]}', "$.list[0]"),
        ('{"list":[{}]}', "ref_date"),
        (f'{{"list":[{ROW.replace(":1,", ":{},")}]}}', "$.list[0].msg_type"),
        (f'{{"list":[{ROW.replace("msg_type", "type")}]}}', "msg_type"),
        (f'{{"list":[{ROW.replace("2026-03-01", "yesterday")}]}}', "$.list[0].ref_date"),
        (f'{{"list":[{ROW.replace(":1}", ":1.5}")}]}}', "$.list[0].msg_count"),
        (f'{{"list":[{ROW.replace(":1}", ":NaN}")}]}}', "NaN"),
        (f'{{"list":[{ROW.replace(":1}", ":9223372036854775808}")}]}}', "$.list[0].msg_count"),
        (f'{{"list":[{ROW.replace(":1,", ":null,")}]}}', "$.list[0].msg_type"),
        ('{"errcode":"many","errmsg":""}', "$.errcode"),
        ('{"list":[]} and more', "not JSON"),
        ('{"list":' + "[" * 100_000 + "]" * 100_000 + "}", "list"),
    ],
    ids=lambda text: text[:40],
)
def test_a_reply_of_another_shape_is_an_error_with_its_body(body: str, expected: str) -> None:
    with pytest.raises(ShapeError) as caught:
        read(getupstreammsg, body)
    assert expected in str(caught.value)
    assert "getupstreammsg 2026-03-01..2026-03-07" in str(caught.value)
    assert caught.value.body == body.encode()
    assert len(str(caught.value)) < 500


def test_an_error_shows_the_beginning_on_one_line() -> None:
    with pytest.raises(ShapeError) as caught:
        read(getusersummary, "<html>\n\x1b[31m" + "x" * 5000)
    assert str(caught.value).count("x") <= decoding.MAX_SHOWN
    assert str(caught.value).isprintable()


@given(cut=st.integers(0, 10_000))
def test_a_truncated_reply_can_be_retried(cut: int) -> None:
    rows = sample_rows(getarticletotaldetail, Window.parse("2026-03-01"))
    body = wire.encode(getarticletotaldetail, rows)
    with pytest.raises(TransportError):
        read(getarticletotaldetail, body[: cut % len(body)])


@given(body=st.binary(max_size=200))
def test_any_bytes_are_rows_or_an_error(body: bytes) -> None:
    try:
        answer = decoding.read(getusersummary, WEEK, body, ASKED_AT)
    except (ShapeError, TransportError, ReplyError):
        return
    assert all(isinstance(row, UserSummary) for row in answer.rows)


# --- HTTP statuses -----------------------------------------------------------------------------


def test_status_200_is_a_success() -> None:
    assert wire.body_of(wire.Reply(200, b"{}"), wire.Request("/x")) == b"{}"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
def test_a_temporary_status_can_be_retried(status: int) -> None:
    with pytest.raises(TransportError, match=f"/datacube/x: HTTP {status}"):
        wire.body_of(wire.Reply(status, b"<html>"), wire.Request("/datacube/x"))


@pytest.mark.parametrize(
    ("status", "expected"), [(404, "no such path"), (403, "403"), (302, "302")]
)
def test_other_statuses_are_not_retried(status: int, expected: str) -> None:
    with pytest.raises(ShapeError, match=expected):
        wire.body_of(wire.Reply(status, b""), wire.Request("/cgi-bin/datacube/x"))
