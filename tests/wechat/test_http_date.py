"""The Date header of a reply, in every form that servers send it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import asctime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.beijing import BEIJING
from wxcube.wechat.http_date import parse_http_date

MORNING = datetime(2018, 2, 22, 16, 0, tzinfo=BEIJING)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2069, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 22 Feb 2018 08:00:00 GMT",
        "Thu, 22-Feb-2018 08:00:00 GMT",
        "Thursday, 22-Feb-18 08:00:00 GMT",
        "Thu Feb 22 08:00:00 2018",
        "thu, 22 feb 2018 08:00:00 gmt",
        "22 Feb 2018 08:00:00 UTC",
        "Thu, 22 Feb 2018 16:00:00 +0800",
        "Thu, 22 Feb 2018 08:00:00",
        " Thu,22 February 2018 8:00:00.250 GMT ",
    ],
)
def test_one_time_in_several_forms(text: str) -> None:
    assert parse_http_date(text) == MORNING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2018-02-22T08:00:00Z",
        "Thu, 30 Feb 2018 08:00:00 GMT",
        "Thu, 22 Feb 2018 24:00:00 GMT",
        "Thu, 22 Fev 2018 08:00:00 GMT",
        "Thu, 22 Feb 2018",
        "Thu, 22 Feb 2018 08:00:00 CST",
        "Thu, 22 Feb 0000 08:00:00 GMT",
        "Thu, 01 Jan 0001 00:00:00 +0800",
        "Thu, \u0662\u0662 Feb 2018 08:00:00 GMT",
        "Thu, 22 Feb 2018 08:00:00 GMT, Thu, 22 Feb 2018 08:00:00 GMT",
    ],
)
def test_no_time(text: str) -> None:
    assert parse_http_date(text) is None


@given(moments)
def test_every_form_of_http(moment: datetime) -> None:
    forms = (
        format_datetime(moment, usegmt=True),
        moment.strftime("%A, %d-%b-%y %H:%M:%S GMT"),
        asctime(moment.timetuple()),
        format_datetime(moment.astimezone(BEIJING)),
    )
    assert [parse_http_date(form) for form in forms] == [moment] * 4


@given(moments, st.data())
def test_damaged_text_is_no_error(moment: datetime, data: st.DataObject) -> None:
    text = format_datetime(moment, usegmt=True)
    position = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:position] + data.draw(st.text(max_size=3)) + text[position + 1 :]
    result = parse_http_date(damaged)
    assert result is None or result.utcoffset() == timedelta(hours=8)


@given(st.text())
def test_any_text_is_no_error(text: str) -> None:
    parse_http_date(text)
