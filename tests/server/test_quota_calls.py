"""The calls about calls: quota, clearing, rids, addresses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from support.documented import APP, POOR, Desk, content

SUMMARY = "/datacube/getusersummary"


class Caller:
    """One token and the calls about calls."""

    def __init__(self, desk: Desk, app: Any = APP) -> None:
        self.desk = desk
        self.token = desk.token(app)

    def __call__(self, path: str, **body: object) -> dict[str, Any]:
        return content(self.desk.post(f"/cgi-bin/{path}", body, f"access_token={self.token}"))

    def summary(self) -> dict[str, Any]:
        return self.desk.ask("getusersummary", "2026-03-09", "2026-03-09", self.token)


def test_quota_tells_limit_used_and_left() -> None:
    call = Caller(Desk())
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
    call = Caller(Desk())
    assert call("openapi/quota/get", **body)["errcode"] == errcode
    assert call("openapi/quota/clear", **body)["errcode"] == errcode


def test_an_app_without_a_limit_has_much_left() -> None:
    quota = Caller(Desk(), POOR)("openapi/quota/get", cgi_path=SUMMARY)["quota"]
    assert quota == {"daily_limit": 2**31 - 1, "used": 0, "remain": 2**31 - 1}


def test_clearing_one_path_opens_it_again_fifty_times_a_month() -> None:
    call = Caller(Desk(replace(APP, daily_limit=1)))
    call.summary()
    assert call.summary()["errcode"] == 45009
    assert call("openapi/quota/clear", cgi_path=SUMMARY) == {"errcode": 0, "errmsg": "ok"}
    assert "list" in call.summary()
    codes = [call("openapi/quota/clear", cgi_path=SUMMARY)["errcode"] for _ in range(50)]
    assert codes == [0] * 49 + [48006]


def test_clearing_all_is_shared_by_token_and_secret_ten_times_a_month() -> None:
    desk = Desk(replace(APP, daily_limit=1))
    call = Caller(desk)
    call.summary()
    for _ in range(5):
        assert call("clear_quota", appid=APP.appid)["errcode"] == 0
        by_secret = {"appid": APP.appid, "appsecret": APP.secret}
        assert content(desk.post("/cgi-bin/clear_quota/v2", by_secret))["errcode"] == 0
    assert "list" in call.summary()
    assert call("clear_quota", appid=APP.appid)["errcode"] == 48006
    desk.clock.advance(timedelta(days=31))
    assert Caller(desk)("clear_quota", appid=APP.appid)["errcode"] == 0


def test_clearing_needs_the_own_appid_and_secret() -> None:
    desk = Desk()
    assert Caller(desk)("clear_quota", appid=POOR.appid)["errcode"] == 40013
    wrong = {"appid": APP.appid, "appsecret": "x"}
    assert content(desk.post("/cgi-bin/clear_quota/v2", wrong))["errcode"] == 40125
    assert content(desk.get("/cgi-bin/clear_quota/v2"))["errcode"] == 43002


def refused_rid(call: Caller) -> str:
    answer = call.desk.ask("getusersummary", "2026-03-09", "2026-03-01", call.token)
    return str(answer["errmsg"]).rpartition("rid: ")[2]


def test_a_rid_tells_the_refused_call_but_not_its_token() -> None:
    call = Caller(Desk())
    answer = call("openapi/rid/get", rid=refused_rid(call))
    request = answer["request"]
    assert request["request_url"] == SUMMARY
    assert msgspec.json.decode(request["request_body"])["end_date"] == "2026-03-01"
    assert msgspec.json.decode(request["response_body"])["errcode"] == 61501
    assert request["invoke_time"] == int(call.desk.clock.now().timestamp())
    assert call.token not in msgspec.json.encode(answer).decode()


def test_rids_are_kept_seven_days_for_their_own_account() -> None:
    desk = Desk()
    call = Caller(desk)
    rid = refused_rid(call)
    assert Caller(desk, POOR)("openapi/rid/get", rid=rid)["errcode"] == 76003
    assert call("openapi/rid/get", rid="00000000-00000000-00000000")["errcode"] == 76001
    assert call("openapi/rid/get", rid="x")["errcode"] == 76002
    assert call("openapi/rid/get")["errcode"] == 76002
    desk.clock.advance(timedelta(days=7, seconds=1))
    assert Caller(desk)("openapi/rid/get", rid=rid)["errcode"] == 76001


def test_the_api_tells_its_addresses() -> None:
    desk = Desk()
    reply = desk.get("/cgi-bin/get_api_domain_ip", f"access_token={desk.token()}")
    assert content(reply) == {"ip_list": ["127.0.0.1"]}
