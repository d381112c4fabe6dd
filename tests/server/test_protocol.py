"""WeChat's protocol over documented replies: formats, errors, dates, permissions, limits."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from support.documented import APP, NOW, POOR, DocumentedServer, content, documented
from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint, Group
from wxcube.server.messages import Request
from wxcube.server.protocol import Era

RID = re.compile(r"(.*) rid: ([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})")
CARD = {"cond_source": 1, "card_id": "pDEMO"}
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def fetch_documented(server: DocumentedServer, endpoint: Endpoint[Any]) -> bytes:
    """The response body for the day of an endpoint's documented reply."""
    day = documented(endpoint)["list"][0]["ref_date"]
    body = {"begin_date": day, "end_date": day, **CARD}
    return server.post(endpoint.path, body, f"access_token={server.token()}").body


@every_endpoint
def test_every_endpoint_returns_its_documented_reply(endpoint: Endpoint[Any]) -> None:
    expected = documented(endpoint)
    first = expected["list"][0]["ref_date"]
    rows = [row for row in expected["list"] if row["ref_date"] == first]
    assert msgspec.json.decode(fetch_documented(DocumentedServer(), endpoint)) == expected | {
        "list": rows
    }


@every_endpoint
def test_a_successful_reply_has_no_errcode_and_only_content_has_is_delay(
    endpoint: Endpoint[Any],
) -> None:
    members = {"list", "is_delay"} if endpoint.group is Group.CONTENT else {"list"}
    assert msgspec.json.decode(fetch_documented(DocumentedServer(), endpoint)).keys() == members


def test_replies_are_http_200_with_wechats_content_type() -> None:
    server = DocumentedServer()
    good = server.post("/datacube/getusersummary", {}, "access_token=nobody")
    assert (good.status, good.content_type) == (200, "application/json; encoding=utf-8")


def test_an_errmsg_ends_with_a_rid_that_begins_with_the_time() -> None:
    answer = DocumentedServer().fetch("getusersummary", "2026-03-09", "2026-03-09", token="")
    matched = RID.fullmatch(answer["errmsg"])
    assert matched
    assert matched[1] == "access_token missing"
    assert int(matched[2], 16) == int(NOW.timestamp())


GOOD = {"begin_date": "2026-03-08", "end_date": "2026-03-09"}


def dates(first: object, last: object) -> dict[str, object]:
    return {"begin_date": first, "end_date": last}


BAD_BODIES: list[tuple[object, int, str]] = [
    (b"", 44002, "empty post data"),
    (b" \n", 44002, "empty post data"),
    (b"{", 47001, "data format error"),
    (b"begin_date=2026-03-09&end_date=2026-03-09", 47001, "data format error"),
    (b"[]", 47001, "data format error"),
    (b'"2026-03-09"', 47001, "data format error"),
    (b"null", 47001, "data format error"),
    (b"\xff\xfe", 47001, "data format error"),
    (b'{"begin_date":"\xff"}', 47001, "data format error"),
    (b"[" * 200_000, 47001, "data format error"),
    (b'{"a":' * 200_000, 47001, "data format error"),
    (b'{"begin_date":"2026-03-09"}{}', 47001, "data format error"),
    ({}, 61500, "date format error"),
    ({"begin_date": "2026-03-09"}, 61500, "date format error"),
    ({"end_date": "2026-03-09"}, 61500, "date format error"),
    (dates("", ""), 61500, "date format error"),
    (dates(None, None), 61500, "date format error"),
    (dates(20260309, 20260309), 61500, "date format error"),
    (dates(True, True), 61500, "date format error"),
    (dates(["2026-03-09"], ["2026-03-09"]), 61500, "date format error"),
    (dates("20260309", "20260309"), 61500, "date format error"),
    (dates("2026/03/09", "2026/03/09"), 61500, "date format error"),
    (dates("09-03-2026", "09-03-2026"), 61500, "date format error"),
    (dates("2026-03-9x", "2026-03-09"), 61500, "date format error"),
    (dates(" 2026-03-09", "2026-03-09"), 61500, "date format error"),
    (dates("2026-02-30", "2026-03-01"), 61500, "date format error"),
    (dates("2026-00-01", "2026-03-01"), 61500, "date format error"),
    (dates("0000-01-01", "0000-01-01"), 61500, "date format error"),
    (dates("２０２６-03-09", "2026-03-09"), 61500, "date format error"),
    (dates("2026-03-09 00:00:00", "2026-03-09"), 61500, "date format error"),
    (dates("2026-03-09", "2026-03-08"), 61501, "date range error"),
    (dates("2026-03-02", "2026-03-09"), 61501, "date range error"),
    (dates("2026-03-10", "2026-03-10"), 61501, "date range error"),
    (dates("2026-03-09", "2026-03-11"), 61501, "date range error"),
    (dates("0001-01-01", "9999-12-31"), 61501, "date range error"),
]


@pytest.mark.parametrize(("body", "errcode", "errmsg"), BAD_BODIES, ids=lambda v: repr(v)[:40])
def test_bad_bodies(body: object, errcode: int, errmsg: str) -> None:
    server = DocumentedServer()
    reply = server.post("/datacube/getusersummary", body, f"access_token={server.token()}")
    answer = content(reply)
    assert (reply.status, answer["errcode"], reply.errcode) == (200, errcode, errcode)
    matched = RID.fullmatch(answer["errmsg"])
    assert matched
    assert matched[1] == errmsg


@pytest.mark.parametrize(
    ("method", "path", "query", "errcode"),
    [
        ("GET", "/datacube/getusersummary", "", 43002),
        ("PUT", "/datacube/getusersummary", "", 43002),
        ("POST", "/datacube/getusersummary", "", 41001),
        ("POST", "/datacube/getusersummary", "access_token=", 41001),
        ("POST", "/datacube/getusersummary", "token=x", 41001),
        ("POST", "/datacube/getusersummary", "access_token=x", 40001),
        ("POST", "/datacube/getusersummary", "access_token=%00%FF", 40001),
        ("POST", "/datacube/getusersumary", "access_token=x", 40066),
        ("GET", "/datacube/getusersumary", "", 40066),
        ("POST", "/datacube/", "", 40066),
        ("POST", "/datacube/getusersummary/", "", 40066),
        ("POST", "/cgi-bin/get_api_domain_ip", "", 43001),
        ("GET", "/cgi-bin/get_api_domain_ip", "", 41001),
        ("GET", "/cgi-bin/openapi/quota/get", "", 43002),
    ],
)
def test_bad_requests(method: str, path: str, query: str, errcode: int) -> None:
    reply = DocumentedServer().api.handle(Request(method, path, query, b"{}"))
    assert (reply.status, content(reply)["errcode"]) == (200, errcode)


@pytest.mark.parametrize(
    "path", ["/", "", "/cgi-bin/datacube/getusersummary", "/datacube", "/cgi-bin/x", "//datacube/x"]
)
def test_other_paths_are_http_404_without_a_body(path: str) -> None:
    reply = DocumentedServer().post(path, {})
    assert (reply.status, reply.body) == (404, b"")


def test_dates_without_zero_padding_are_accepted() -> None:
    answer = DocumentedServer().fetch("getusersummary", "2014-12-7", "2014-12-7")
    assert [row["ref_date"] for row in answer["list"]] == ["2014-12-07"]


def test_only_card_endpoints_accept_a_date_with_a_time() -> None:
    server = DocumentedServer()
    stamp = "2026-03-09 00:00:00"
    assert server.fetch("getcardbizuininfo", stamp, stamp, params={"cond_source": 1}) == {
        "list": []
    }
    assert (
        server.fetch(
            "getcardbizuininfo", "2026-03-09 0:0", "2026-03-09", params={"cond_source": 1}
        )["errcode"]
        == 61500
    )


@every_endpoint
def test_the_span_is_inclusive(endpoint: Endpoint[Any]) -> None:
    server, last = DocumentedServer(), date(2026, 3, 9)
    widest = last - timedelta(days=endpoint.span_days - 1)
    token = server.token()
    fits = server.fetch(endpoint.name, str(widest), str(last), token, params=CARD)
    over = server.fetch(endpoint.name, str(widest - timedelta(days=1)), str(last), token, CARD)
    assert "list" in fits
    assert over["errcode"] == 61501


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.span_days > 1], ids=str)
def test_a_window_before_the_first_day_is_empty_and_not_an_error(endpoint: Endpoint[Any]) -> None:
    server, eve = DocumentedServer(), endpoint.first_date - timedelta(days=1)
    expected: dict[str, Any] = {"list": []}
    if endpoint.has_delay_flag:
        expected["is_delay"] = False
    assert server.fetch(endpoint.name, str(eve), str(eve), params=CARD) == expected
    over_the_edge = server.fetch(endpoint.name, str(eve), str(endpoint.first_date), params=CARD)
    assert all(row["ref_date"] >= str(endpoint.first_date) for row in over_the_edge["list"])


def test_yesterday_is_in_beijing_time() -> None:
    server = DocumentedServer(now=datetime(2026, 3, 10, 0, 0, tzinfo=BEIJING))
    assert server.fetch("getusersummary", "2026-03-09", "2026-03-09") == {"list": []}
    server.clock.advance(timedelta(seconds=-1))
    assert server.fetch("getusersummary", "2026-03-09", "2026-03-09")["errcode"] == 61501


@pytest.mark.parametrize(
    ("name", "params", "errcode"),
    [
        ("getcardbizuininfo", {}, 47001),
        ("getcardbizuininfo", {"cond_source": "1"}, 47001),
        ("getcardbizuininfo", {"cond_source": True}, 47001),
        ("getcardbizuininfo", {"cond_source": 0}, 0),
        ("getcardcardinfo", {"cond_source": 1}, 0),
        ("getcardcardinfo", {"cond_source": 1, "card_id": 5}, 47001),
        ("getcardmembercarddetail", {}, 47001),
        ("getcardmembercarddetail", {"card_id": "p1", "other": [1]}, 0),
    ],
)
def test_other_members_of_card_calls(name: str, params: dict[str, object], errcode: int) -> None:
    answer = DocumentedServer().fetch(name, "2026-03-09", "2026-03-09", params=params)
    assert answer.get("errcode", 0) == errcode


@every_endpoint
def test_a_missing_permission_set_is_48001(endpoint: Endpoint[Any]) -> None:
    server = DocumentedServer(
        replace(APP, permission_sets=APP.permission_sets - {endpoint.permission_set})
    )
    assert server.fetch(endpoint.name, "2026-03-09", "2026-03-09", params=CARD)["errcode"] == 48001


@every_endpoint
def test_the_current_era_has_six_retired_endpoints(endpoint: Endpoint[Any]) -> None:
    server = DocumentedServer(era=Era.CURRENT)
    answer = server.fetch(endpoint.name, "2026-03-09", "2026-03-09", params=CARD)
    retired = endpoint.group is Group.ARTICLE
    assert answer.get("errcode", 0) == (47009 if retired else 0)
    if retired:
        assert answer["errmsg"].startswith("this api is offline, please use the new api rid: ")


def test_the_daily_limit_is_per_endpoint_app_and_beijing_day() -> None:
    server = DocumentedServer(
        replace(APP, daily_limit=2), POOR, now=datetime(2026, 3, 10, 23, tzinfo=BEIJING)
    )
    token = server.token()

    def code(name: str) -> int:
        return int(server.fetch(name, "2026-03-09", "2026-03-09", token).get("errcode", 0))

    assert [code("getusersummary") for _ in range(4)] == [0, 0, 45009, 45009]
    assert code("getusercumulate") == 0
    assert "list" in server.fetch("getusersummary", "2026-03-09", "2026-03-09", server.token(POOR))
    server.clock.advance(timedelta(hours=1))
    assert [code("getusersummary") for _ in range(3)] == [0, 0, 45009]


def test_an_internal_error_is_a_system_error_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = DocumentedServer()
    token = server.token()
    server.backend.error = ZeroDivisionError("inside")
    with caplog.at_level(logging.ERROR):
        answer = server.fetch("getusersummary", "2014-12-07", "2014-12-07", token)
    assert answer["errcode"] == -1
    assert answer["errmsg"].startswith("system error rid: ")
    assert "inside" not in msgspec.json.encode(answer).decode()
    assert "ZeroDivisionError" in caplog.text
    assert token not in caplog.text


def test_repr_of_a_request_hides_token_and_body() -> None:
    shown = repr(Request("POST", "/x", "access_token=hidden", b'{"secret":"hidden"}'))
    assert "hidden" not in shown
