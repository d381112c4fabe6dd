"""An unmodified public SDK, wechatpy, works with the emulator when its base URLs are changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from wechatpy.exceptions import (  # type: ignore[import-untyped]  # it has no types
    APILimitedException,
    WeChatClientException,
)

from support.third_party import third_party
from wxcube.beijing import BEIJING
from wxcube.contract import named
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator

DAY = date(2026, 3, 9)
CALLS = {
    "get_user_summary": "getusersummary",
    "get_user_cumulate": "getusercumulate",
    "get_interface_summary": "getinterfacesummary",
    "get_interface_summary_hour": "getinterfacesummaryhour",
    "get_article_summary": "getarticlesummary",
    "get_article_total": "getarticletotal",
    "get_user_read": "getuserread",
    "get_user_read_hour": "getuserreadhour",
    "get_user_share": "getusershare",
    "get_user_share_hour": "getusersharehour",
    "get_upstream_msg": "getupstreammsg",
    "get_upstream_msg_hour": "getupstreammsghour",
    "get_upstream_msg_week": "getupstreammsgweek",
    "get_upstream_msg_month": "getupstreammsgmonth",
    "get_upstream_msg_dist": "getupstreammsgdist",
    "get_upstream_msg_dist_week": "getupstreammsgdistweek",
    "get_upstream_msg_dist_month": "getupstreammsgdistmonth",
}


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(accounts=1, days=40) as running:
        yield running


@pytest.fixture
def sdk(running: RunningEmulator) -> Iterator[Any]:
    app = running.account()
    with third_party(running.url, app.appid, app.secret) as client:
        yield client


def day_of(name: str, running: RunningEmulator) -> date:
    """The newest day or label for which the account has rows."""
    endpoint = named(name)
    newest: date = running.emulator.rows(running.account().appid, endpoint)[-1].ref_date
    return newest


@pytest.mark.parametrize(("method", "name"), CALLS.items())
def test_its_seventeen_calls_return_rows(
    running: RunningEmulator, sdk: Any, method: str, name: str
) -> None:
    day = day_of(name, running)
    rows = getattr(sdk.datacube, method)(day, day)
    expected = running.emulator.rows(running.account().appid, named(name))
    assert [row["ref_date"] for row in rows] == [
        str(r.ref_date) for r in expected if r.ref_date == day
    ]
    assert rows[0].keys() >= {*named(name).key}
    assert running.emulator.journal.calls("token", errcode=0)


def test_it_has_no_other_datacube_calls(sdk: Any) -> None:
    assert {name for name in dir(sdk.datacube) if name.startswith("get_")} == CALLS.keys()


def test_it_accepts_datetimes_and_strings(sdk: Any) -> None:
    by_string = sdk.datacube.get_user_summary("2026-03-08", "2026-03-09")
    datetimes = datetime(2026, 3, 8, tzinfo=BEIJING), datetime(2026, 3, 9, tzinfo=BEIJING)
    assert sdk.datacube.get_user_summary(*datetimes) == by_string


def test_it_fetches_a_new_token_after_the_old_one_is_replaced(
    running: RunningEmulator, sdk: Any
) -> None:
    sdk.datacube.get_user_summary(DAY, DAY)
    running.emulator.faults.add(Fault(expire_tokens=True, times=1))
    assert sdk.datacube.get_user_summary(DAY, DAY)
    journal = running.emulator.journal
    assert [c.errcode for c in journal.calls("getusersummary")] == [0, 40001, 0]
    assert len(journal.calls("token")) == 2


def test_it_raises_errors_for_errcodes(running: RunningEmulator, sdk: Any) -> None:
    with pytest.raises(WeChatClientException) as refused:
        sdk.datacube.get_user_summary(DAY - timedelta(days=7), DAY)
    assert refused.value.errcode == 61501
    assert refused.value.errmsg.startswith("date range error rid: ")
    running.emulator.faults.add(Fault(errcode=45009))
    with pytest.raises(APILimitedException):
        sdk.datacube.get_user_summary(DAY, DAY)


def test_its_other_calls_work_too(running: RunningEmulator, sdk: Any) -> None:
    answer = sdk.post("openapi/quota/get", data={"cgi_path": "/datacube/getusersummary"})
    assert answer["quota"]["used"] == len(running.emulator.journal.calls("getusersummary"))
