"""Charts of text characters."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wxcube.cli.terminal.chart import bar, columns, sparkline

COUNTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


@given(COUNTS)
def test_a_sparkline_has_one_character_per_value_and_shows_every_nonzero(values: list[int]) -> None:
    line = sparkline(values)
    assert len(line) == len(values)
    assert [c == " " for c in line] == [v == 0 for v in values]


@given(COUNTS)
def test_larger_values_have_taller_columns(values: list[int]) -> None:
    lines = columns(values, height=4, width=1)
    assert len(lines) == 4
    heights = [sum("▁▂▃▄▅▆▇█".find(line[i]) + 1 for line in lines) for i in range(len(values))]
    order = sorted(range(len(values)), key=lambda i: values[i])
    assert all(heights[a] <= heights[b] for a, b in itertools.pairwise(order))


def test_a_bar_has_the_given_width() -> None:
    assert bar(0, 10, 8) == " " * 8
    assert bar(10, 10, 8) == "█" * 8
    assert len(bar(3, 10, 8)) == 8
