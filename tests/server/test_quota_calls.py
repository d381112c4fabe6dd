"""The calls for quota, quota clearing, rids and addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from support.documented import APP, POOR, DocumentedServer, content
from wxcube.server.protocol import REMEMBERED_BYTES

SUMMARY = "/datacube/getusersummary"


class Caller:
    """A caller with one token."""

    def __init__(self, server: DocumentedServer, app: Any = APP) -> None:
        self.server = server
        self.token = server.token(app)

    def __call__(self, path: str, **body: object) -> dict[str, Any]:
        return content(self.server.post(f"/cgi-bin/{path}", body, f"access_token={self.token}"))

    def summary(self) -> dict[str, Any]:
        return self.server.fetch("getusersummary", "2026-03-09", "2026-03-09", self.token)


def test_quota_has_limit_used_and_remaining() -> None:
    call = Caller(DocumentedServer())
    call.summary()
    answer = call("openapi/quota/get", cgi_path=SUMMARY)
    assert (answer["errcode"], answer["errmsg"]) == (0, "ok")
    assert answer["quota"] == {"daily_limit": 1000, "used": 1, "remain": 999}
    assert call("openapi/quota/get", cgi_path="/cgi-bin/token")["quota"]["used"] == 1


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 76003),
        ({"cgi_path": ""}, 76003),
        ({"cgi_path": "/datacube/none"}, 76021),
        ({"cgi_path": "datacube/getusersummary"}, 76021),
        ({"cgi_path": [SUMMARY]}, 76021),
    ],
)
def test_quota_of_other_paths(body: dict[str, object], errcode: int) -> None:
    call = Caller(DocumentedServer())
    assert call("openapi/quota/get", **body)["errcode"] == errcode
    assert call("openapi/quota/clear", **body)["errcode"] == errcode


def test_an_app_without_a_limit_has_the_largest_number() -> None:
    quota = Caller(DocumentedServer(), POOR)("openapi/quota/get", cgi_path=SUMMARY)["quota"]
    assert quota == {"daily_limit": 2**31 - 1, "used": 0, "remain": 2**31 - 1}


def test_one_path_can_be_cleared_fifty_times_a_month() -> None:
    call = Caller(DocumentedServer(replace(APP, daily_limit=1)))
    call.summary()
    assert call.summary()["errcode"] == 45009
    assert call("openapi/quota/clear", cgi_path=SUMMARY) == {"errcode": 0, "errmsg": "ok"}
    assert "list" in call.summary()
    codes = [call("openapi/quota/clear", cgi_path=SUMMARY)["errcode"] for _ in range(50)]
    assert codes == [0] * 49 + [48006]


def test_all_paths_can_be_cleared_ten_times_a_month_by_token_or_secret() -> None:
    server = DocumentedServer(replace(APP, daily_limit=1))
    call = Caller(server)
    call.summary()
    for _ in range(5):
        assert call("clear_quota", appid=APP.appid)["errcode"] == 0
        by_secret = {"appid": APP.appid, "appsecret": APP.secret}
        assert content(server.post("/cgi-bin/clear_quota/v2", by_secret))["errcode"] == 0
    assert "list" in call.summary()
    assert call("clear_quota", appid=APP.appid)["errcode"] == 48006
    server.clock.advance(timedelta(days=31))
    assert Caller(server)("clear_quota", appid=APP.appid)["errcode"] == 0


def test_clearing_needs_the_callers_own_appid_and_secret() -> None:
    server = DocumentedServer()
    assert Caller(server)("clear_quota", appid=POOR.appid)["errcode"] == 40013
    wrong = {"appid": APP.appid, "appsecret": "x"}
    assert content(server.post("/cgi-bin/clear_quota/v2", wrong))["errcode"] == 40125
    assert content(server.get("/cgi-bin/clear_quota/v2"))["errcode"] == 43002


def refused_rid(call: Caller) -> str:
    answer = call.server.fetch("getusersummary", "2026-03-09", "2026-03-01", call.token)
    return str(answer["errmsg"]).rpartition("rid: ")[2]


def test_a_rid_returns_the_refused_call_without_its_token() -> None:
    call = Caller(DocumentedServer())
    answer = call("openapi/rid/get", rid=refused_rid(call))
    request = answer["request"]
    assert request["request_url"] == SUMMARY
    assert msgspec.json.decode(request["request_body"])["end_date"] == "2026-03-01"
    assert msgspec.json.decode(request["response_body"])["errcode"] == 61501
    assert request["invoke_time"] == int(call.server.clock.now().timestamp())
    assert call.token not in msgspec.json.encode(answer).decode()


def test_rids_are_retained_for_seven_days_for_their_account() -> None:
    server = DocumentedServer()
    call = Caller(server)
    rid = refused_rid(call)
    assert Caller(server, POOR)("openapi/rid/get", rid=rid)["errcode"] == 76003
    assert call("openapi/rid/get", rid="00000000-00000000-00000000")["errcode"] == 76001
    assert call("openapi/rid/get", rid="x")["errcode"] == 76002
    assert call("openapi/rid/get")["errcode"] == 76002
    server.clock.advance(timedelta(days=7, seconds=1))
    assert Caller(server)("openapi/rid/get", rid=rid)["errcode"] == 76001


def test_the_api_returns_its_addresses() -> None:
    server = DocumentedServer()
    reply = server.get("/cgi-bin/get_api_domain_ip", f"access_token={server.token()}")
    assert content(reply) == {"ip_list": ["127.0.0.1"]}


def test_only_the_beginning_of_a_refused_body_is_remembered() -> None:
    call = Caller(DocumentedServer())
    body = b'{"begin_date": "' + b"x" * 500_000
    refused = content(call.server.post(SUMMARY, body, f"access_token={call.token}"))
    answer = call("openapi/rid/get", rid=str(refused["errmsg"]).rpartition("rid: ")[2])
    assert len(answer["request"]["request_body"]) == REMEMBERED_BYTES
