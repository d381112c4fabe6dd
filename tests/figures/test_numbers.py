"""How numbers are written; tests/charts holds the JavaScript to the same cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.number_cases import MILLISECONDS, PERCENT, SHORT
from wxcube.figures import numbers


@pytest.mark.parametrize(("value", "chinese", "english"), SHORT)
def test_short_numbers(value: float | None, chinese: str, english: str) -> None:
    text = numbers.count(value)
    assert (text.in_language("zh"), text.in_language("en")) == (chinese, english)


@pytest.mark.parametrize(("value", "text"), PERCENT)
def test_percent(value: float | None, text: str) -> None:
    assert numbers.percent(value) == text


@pytest.mark.parametrize(("value", "chinese", "english"), MILLISECONDS)
def test_durations(value: float | None, chinese: str, english: str) -> None:
    text = numbers.milliseconds(value)
    assert (text.in_language("zh"), text.in_language("en")) == (chinese, english)


@given(st.integers(0, 10**12))
def test_larger_numbers_are_not_written_smaller(value: int) -> None:
    for language, units in (("zh", {"万": 10**4, "亿": 10**8}), ("en", {"k": 10**3, "M": 10**6})):
        text = numbers.short(value, language).replace(",", "")
        unit = next((size for name, size in units.items() if text.endswith(name)), None)
        if unit:
            assert abs(float(text[:-1]) * unit - value) <= value * 0.05
