"""Filters as query strings: every filter survives, and impossible values are reported."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.contract import codes
from wxcube.contract.endpoint import EARLIEST
from wxcube.contract.window import Window
from wxcube.figures import links
from wxcube.figures.filter import Filter, Rolling, Versus, earlier

TODAY = date(2026, 3, 10)
ACCOUNTS = ("gh_a", "wx&=?#", "名字")
days = st.dates(EARLIEST, TODAY)
windows = st.tuples(days, days).map(lambda two: Window(min(two), max(two)))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=links.LONGEST_TEXT)
filters = st.builds(
    Filter,
    accounts=st.lists(st.sampled_from(ACCOUNTS), unique=True).map(tuple),
    range=st.sampled_from(Rolling) | windows,
    versus=st.none() | st.sampled_from(Versus),
    source=st.none() | st.sampled_from([one.code for one in codes.USER_SOURCE_FOLLOW.meanings]),
    article=texts,
    sort=texts,
    search=texts,
)


@given(filters)
def test_a_filter_is_read_as_it_was_written(of: Filter) -> None:
    reading = links.read(links.write(of), ACCOUNTS, TODAY)
    assert reading.filter == of
    assert not reading.ignored
    assert links.write(reading.filter) == links.write(of)


@given(st.text())
def test_every_text_gives_a_filter_with_an_address(query: str) -> None:
    found = links.read(query, ACCOUNTS, TODAY).filter
    assert links.read(links.write(found), ACCOUNTS, TODAY).filter == found


def test_the_default_view_has_no_query() -> None:
    assert not links.write(Filter())


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("account=gh_x", "there is no account 'gh_x'"),
        ("range=5d", "'5d' is not a range of days; the default is shown"),
        ("range=2026-02-30..2026-03-01", "is not a range of days"),
        ("range=2026-03-05..2026-03-01", "is not a range of days"),
        ("range=2010-01-01..2010-02-01", "WeChat has no figures for 2010-01-01..2010-02-01"),
        ("range=2026-03-01..2027-01-01", "the days that can have figures are shown"),
        ("vs=tomorrow", "'tomorrow' is not a comparison"),
        ("source=4711", "'4711' is not a source"),
        ("source=%EF%BC%93", "'３' is not a source"),
        (f"source={'1' * 5000}", "is not a source"),
    ],
)
def test_impossible_values_are_reported(query: str, reason: str) -> None:
    reading = links.read(query, ACCOUNTS, TODAY)
    (message,) = reading.ignored
    assert reason in message


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [
        (Rolling.YESTERDAY, date(2026, 3, 9), date(2026, 3, 9)),
        (Rolling.DAYS_7, date(2026, 3, 3), date(2026, 3, 9)),
        (Rolling.MONTH, date(2026, 3, 1), date(2026, 3, 9)),
        (Rolling.LAST_WEEK, date(2026, 3, 2), date(2026, 3, 8)),
        (Rolling.LAST_MONTH, date(2026, 2, 1), date(2026, 2, 28)),
        (Rolling.YEAR, date(2026, 1, 1), date(2026, 3, 9)),
        (Rolling.ALL, date(2020, 5, 5), date(2026, 3, 9)),
    ],
)
def test_rolling_ranges_end_yesterday(range_: Rolling, first: date, last: date) -> None:
    found = Filter(range=range_).window(date(2026, 3, 9), date(2020, 5, 5))
    assert found == Window(first, last)


def test_a_year_earlier_29_february_is_the_28th() -> None:
    window = Window(date(2024, 2, 29), date(2024, 3, 1))
    assert earlier(window, Versus.YEAR) == Window(date(2023, 2, 28), date(2023, 3, 1))
