"""Labels, periods, calls and limits of endpoints, by cases worked out by hand."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, Endpoint, Window, named
from wxcube.contract.field import Row
from wxcube.errors import ContractError, WindowError

WEEK = named("getupstreammsgweek")
MONTH = named("getupstreammsgmonth")
TOTAL = named("getarticletotal")
DETAIL = named("getarticletotaldetail")
DAILY = named("getusersummary")


def day(text: str) -> date:
    return date.fromisoformat(text)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


@pytest.mark.parametrize(
    ("endpoint", "label", "ready", "final"),
    [
        (DAILY, "2026-03-01", "2026-03-02 08:00", "2026-03-02 08:00"),
        (DAILY, "2025-12-31", "2026-01-01 08:00", "2026-01-01 08:00"),
        (named("getuserreadhour"), "2026-02-28", "2026-03-01 08:00", "2026-03-01 08:00"),
        (WEEK, "2026-03-02", "2026-03-09 08:00", "2026-03-09 08:00"),
        (WEEK, "2025-12-29", "2026-01-05 08:00", "2026-01-05 08:00"),
        (MONTH, "2026-02-01", "2026-03-01 08:00", "2026-03-01 08:00"),
        (MONTH, "2024-02-01", "2024-03-01 08:00", "2024-03-01 08:00"),
        (MONTH, "2025-12-01", "2026-01-01 08:00", "2026-01-01 08:00"),
        (TOTAL, "2014-12-01", "2014-12-02 08:00", "2014-12-08 08:00"),
        (DETAIL, "2026-01-31", "2026-02-01 08:00", "2026-03-02 08:00"),
    ],
)
def test_when_figures_are_available_and_final(
    endpoint: Endpoint[Row], label: str, ready: str, final: str
) -> None:
    assert endpoint.ready_at(day(label)) == moment(ready)
    assert endpoint.final_at(day(label)) == moment(final)


@pytest.mark.parametrize(
    ("endpoint", "label", "last"),
    [(TOTAL, "2014-12-01", "2014-12-07"), (DETAIL, "2026-01-31", "2026-03-01")],
)
def test_the_last_day_of_running_totals_is_the_one_before_they_are_final(
    endpoint: Endpoint[Row], label: str, last: str
) -> None:
    assert endpoint.last_stat_date(day(label)) == day(last)
    assert endpoint.final_at(day(label)).date() == day(last) + timedelta(days=1)


@pytest.mark.parametrize("endpoint", [DAILY, WEEK, MONTH], ids=str)
def test_other_endpoints_have_no_running_totals(endpoint: Endpoint[Row]) -> None:
    assert endpoint.last_stat_date(day("2026-03-02")) is None


@pytest.mark.parametrize(
    ("endpoint", "any_day", "label"),
    [
        (WEEK, "2026-03-02", "2026-03-02"),
        (WEEK, "2026-03-08", "2026-03-02"),
        (WEEK, "2026-01-01", "2025-12-29"),
        (MONTH, "2026-03-31", "2026-03-01"),
        (MONTH, "2026-03-01", "2026-03-01"),
        (DAILY, "2026-03-08", "2026-03-08"),
        (TOTAL, "2026-03-08", "2026-03-08"),
    ],
)
def test_the_label_of_the_row_that_includes_a_day(
    endpoint: Endpoint[Row], any_day: str, label: str
) -> None:
    assert endpoint.label(day(any_day)) == day(label)


@pytest.mark.parametrize(
    ("endpoint", "label", "period"),
    [
        (WEEK, "2025-12-29", "2025-12-29..2026-01-04"),
        (MONTH, "2024-02-01", "2024-02-01..2024-02-29"),
        (MONTH, "2026-12-01", "2026-12-01..2026-12-31"),
        (DAILY, "2026-03-01", "2026-03-01"),
        (DETAIL, "2026-03-01", "2026-03-01"),
    ],
)
def test_the_days_that_a_row_covers(endpoint: Endpoint[Row], label: str, period: str) -> None:
    assert endpoint.period(day(label)) == Window.parse(period)


@pytest.mark.parametrize(
    ("endpoint", "window", "labels"),
    [
        (WEEK, "2014-12-07..2014-12-08", ["2014-12-08"]),
        (WEEK, "2026-03-03..2026-03-08", []),
        (WEEK, "2026-03-01..2026-03-16", ["2026-03-02", "2026-03-09", "2026-03-16"]),
        (MONTH, "2014-11-01..2014-11-05", ["2014-11-01"]),
        (MONTH, "2026-01-02..2026-01-31", []),
        (DAILY, "2026-02-28..2026-03-01", ["2026-02-28", "2026-03-01"]),
    ],
)
def test_windows_select_rows_by_label(
    endpoint: Endpoint[Row], window: str, labels: list[str]
) -> None:
    assert endpoint.labels(Window.parse(window)) == [day(label) for label in labels]


@pytest.mark.parametrize(
    ("endpoint", "labels", "calls"),
    [
        (DAILY, ["2026-03-01", "2026-03-07"], ["2026-03-01..2026-03-07"]),
        (DAILY, ["2026-03-01", "2026-03-08"], ["2026-03-08", "2026-03-01"]),
        (WEEK, ["2026-03-02", "2026-03-09"], ["2026-03-09", "2026-03-02"]),
        (MONTH, ["2026-02-01"], ["2026-02-01"]),
        (TOTAL, ["2026-03-01", "2026-03-02"], ["2026-03-02", "2026-03-01"]),
        (named("getcardbizuininfo"), ["2026-01-01", "2026-03-03"], ["2026-01-01..2026-03-03"]),
        (DAILY, [], []),
    ],
)
def test_the_calls_for_some_labels(
    endpoint: Endpoint[Row], labels: list[str], calls: list[str]
) -> None:
    assert endpoint.calls(map(day, labels)) == [Window.parse(call) for call in calls]


@given(
    st.sampled_from(ENDPOINTS), st.dates(date(2025, 11, 3), date(2026, 3, 1)), st.integers(0, 80)
)
def test_calls_return_all_rows_of_a_window_and_are_allowed(
    endpoint: Endpoint[Row], first: date, more: int
) -> None:
    labels = endpoint.labels(Window(first, first + timedelta(more)))
    calls = endpoint.calls(labels)
    now = moment("2026-07-01 09:00")
    for call in calls:
        endpoint.check(call, now)
    assert {label for call in calls for label in endpoint.labels(call)} == set(labels)


@given(st.sampled_from(ENDPOINTS), st.dates(date(2015, 1, 1), date(2030, 1, 1)))
def test_a_day_is_in_the_period_of_its_label(endpoint: Endpoint[Row], any_day: date) -> None:
    label = endpoint.label(any_day)
    assert any_day in endpoint.period(label)
    assert endpoint.label(label) == label
    assert endpoint.ready_at(label) <= endpoint.final_at(label)


NOW = moment("2026-03-10 07:00")


@pytest.mark.parametrize(
    ("name", "window", "message"),
    [
        (
            "getuserread",
            "2026-03-01..2026-03-05",
            "has 5 days; getuserread allows 3 .* split",
        ),
        ("getusersummary", "2014-11-30", "no figures before 2014-12-01.*begin at 2014-12-01"),
        ("getbizsummary", "2025-10-31..2025-11-01", "no figures before 2025-11-01"),
        (
            "getusersummary",
            "2026-03-10",
            "after yesterday .2026-03-09 in Beijing.*end at 2026-03-09",
        ),
        (
            "getupstreammsghour",
            "2026-03-08..2026-03-09",
            "has 2 days; getupstreammsghour allows 1 in one call; split the window into calls of 1 day$",
        ),
        (
            "getcardbizuininfo",
            "2026-01-01..2026-03-04",
            "has 63 days; .* allows 62",
        ),
    ],
)
def test_windows_that_wechat_refuses(name: str, window: str, message: str) -> None:
    with pytest.raises(WindowError, match=message) as caught:
        named(name).check(Window.parse(window), NOW)
    assert isinstance(caught.value, ValueError)
    assert window in str(caught.value)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_the_longest_and_newest_window_is_allowed(endpoint: Endpoint[Row]) -> None:
    last = day("2026-03-09")
    window = Window(last - timedelta(endpoint.span_days - 1), last)
    endpoint.check(window, NOW)
    with pytest.raises(WindowError):
        endpoint.check(Window(window.first - timedelta(1), last), NOW)
    with pytest.raises(WindowError):
        endpoint.check(Window(window.first + timedelta(1), last + timedelta(1)), NOW)


def test_yesterday_is_a_beijing_day() -> None:
    just_before_midnight_there = datetime(2026, 3, 10, 15, 59, tzinfo=UTC)
    with pytest.raises(WindowError):
        DAILY.check(Window.parse("2026-03-10"), just_before_midnight_there)
    DAILY.check(Window.parse("2026-03-10"), just_before_midnight_there + timedelta(minutes=1))


def test_check_reach_ignores_the_span() -> None:
    DAILY.check_reach(Window.parse("2014-12-01..2026-03-09"), NOW)


@pytest.mark.parametrize(
    ("name", "given_params", "expected"),
    [
        ("getusersummary", {}, {}),
        ("getcardbizuininfo", {}, {"cond_source": 1}),
        ("getcardbizuininfo", {"cond_source": 0}, {"cond_source": 0}),
        ("getcardcardinfo", {"card_id": "p1"}, {"cond_source": 1, "card_id": "p1"}),
        ("getcardcardinfo", {"card_id": None}, {"cond_source": 1}),
        ("getcardmembercarddetail", {"card_id": "p1"}, {"card_id": "p1"}),
    ],
)
def test_parameters_of_a_call(
    name: str, given_params: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert named(name).complete_params(given_params) == expected


@pytest.mark.parametrize(
    ("name", "given_params", "message"),
    [
        ("getusersummary", {"card_id": "p1"}, "has no parameter 'card_id'; it takes dates only"),
        (
            "getcardcardinfo",
            {"cardid": "p1"},
            "has no parameter 'cardid'; its parameters: card_id, cond_source",
        ),
        (
            "getcardmembercarddetail",
            {},
            "needs card_id; give card_id: id of the membership card",
        ),
        ("getcardbizuininfo", {"cond_source": "1"}, "takes cond_source as int, not '1'"),
        ("getcardbizuininfo", {"cond_source": True}, "takes cond_source as int, not True"),
    ],
)
def test_wrong_parameters_of_a_call(name: str, given_params: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=re.escape(message)):
        named(name).complete_params(given_params)
