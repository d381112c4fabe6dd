"""Operations on windows, compared with brute force."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.contract import Window
from wxcube.contract.window import cover, parse_day, runs
from wxcube.errors import WindowError

START = date(2026, 2, 20)
days = st.dates(date(2014, 12, 1), date(2030, 12, 31))
windows = st.builds(lambda first, n: Window(first, first + timedelta(n)), days, st.integers(0, 400))
few_days = st.frozensets(st.integers(0, 12).map(lambda n: START + timedelta(n)), max_size=8)


@given(windows, st.integers(1, 62))
def test_split_contains_every_day_once_in_order(window: Window, span: int) -> None:
    assert [day for part in window.split(span) for day in part] == list(window)


@given(windows, st.integers(1, 62))
def test_split_fills_all_calls_but_the_last(window: Window, span: int) -> None:
    *full, last = window.split(span)
    assert all(len(part) == span for part in full)
    assert 1 <= len(last) <= span


@given(few_days, st.integers(1, 6))
def test_cover_contains_every_day_within_the_span(wanted: frozenset[date], span: int) -> None:
    result = cover(wanted, span)
    assert wanted <= {day for window in result for day in window}
    assert all(len(window) <= span for window in result)
    assert all(window.first in wanted and window.last in wanted for window in result)


@given(few_days, st.integers(1, 6))
def test_cover_needs_the_fewest_calls(wanted: frozenset[date], span: int) -> None:
    assert len(cover(wanted, span)) == fewest(wanted, span)


def fewest(wanted: frozenset[date], span: int) -> int:
    """The fewest calls, by trying all: it is enough to try calls that begin at a wanted day."""
    reach = {day: {day + timedelta(n) for n in range(span)} for day in wanted}
    for size in range(len(wanted) + 1):
        if any(
            wanted <= set().union(*(reach[day] for day in starts))
            for starts in combinations(wanted, size)
        ):
            return size
    raise AssertionError


@given(few_days, st.integers(1, 6))
def test_cover_is_newest_first_and_disjoint(wanted: frozenset[date], span: int) -> None:
    result = cover(wanted, span)
    assert all(newer.first > older.last for newer, older in pairwise(result))


@given(few_days)
def test_runs_are_exactly_the_days(wanted: frozenset[date]) -> None:
    result = runs(wanted)
    assert [day for window in result for day in window] == sorted(wanted)
    assert all((later.first - earlier.last).days > 1 for earlier, later in pairwise(result))


@given(windows, windows)
def test_overlap_is_the_days_of_both(one: Window, other: Window) -> None:
    both = one.overlap(other)
    assert set(both or ()) == set(one) & set(other)
    assert both == other.overlap(one)


@given(windows)
def test_parsing_a_written_window_returns_it(window: Window) -> None:
    assert Window.parse(str(window)) == window


@given(windows, days)
def test_membership_agrees_with_iteration(window: Window, day: date) -> None:
    assert (day in window) == (day in set(window))
    assert len(window) == len(list(window))


def test_only_days_are_in_a_window() -> None:
    assert "2026-03-01" not in Window.day(date(2026, 3, 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "2026-3-1",
        "2026-02-30",
        "2026-03-01..",
        "..2026-03-01",
        "2026-03-01...2026-03-02",
        "20260301",
        "yesterday",
        "2026-03-01 00:00:00",
        "２０２６-03-01",
    ],
)
def test_other_text_is_refused_with_the_right_format(text: str) -> None:
    with pytest.raises(WindowError, match="write days as YYYY-MM-DD"):
        Window.parse(text)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(
        WindowError,
        match=r"2026-03-02\.\.2026-03-01 ends before it begins; give the earlier day first",
    ):
        Window.parse("2026-03-02..2026-03-01")


def test_spaces_around_a_day_are_ignored() -> None:
    assert parse_day(" 2026-03-01\n") == date(2026, 3, 1)
    assert Window.parse("2026-03-01 .. 2026-03-02") == Window(date(2026, 3, 1), date(2026, 3, 2))


def test_windows_sort_by_their_first_day() -> None:
    first, last = Window.parse("2026-03-01..2026-03-05"), Window.parse("2026-03-02")
    assert sorted([last, first]) == [first, last]
