"""Fractions of columns are rounded as Python rounds a single one."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wxcube.cube.row_shaping import RATE_DIGITS
from wxcube.jobs.cube_sink import rate

Pair = tuple[int, int]
LARGEST = 2**53
"""Above this, a float cannot represent every integer."""
STEP = 10**RATE_DIGITS
MOST = 1_440
"""The largest fraction: the minutes of a day."""


def single(part: int, whole: int) -> float:
    return round(part / whole, RATE_DIGITS) if whole else 0.0


def assert_rounded(pairs: list[Pair]) -> None:
    parts = np.asarray([part for part, _ in pairs], "i8")
    wholes = np.asarray([whole for _, whole in pairs], "i8")
    assert rate(parts, wholes).tolist() == [single(*pair) for pair in pairs]


def near_halves(seed: int, number: int) -> list[Pair]:
    """Fractions at or near the middle between two numbers of seven digits."""
    dice = Random(seed)
    actual: list[Pair] = []
    for _ in range(number):
        whole = dice.choice(
            [
                dice.randint(1, 10**4),
                dice.randint(1, 10**9),
                2 * STEP * dice.randint(1, 1_000),
                2 ** dice.randint(1, 42),
                dice.randint(1, LARGEST // MOST),
            ]
        )
        steps = dice.randrange(STEP * dice.choice([1, 1, MOST]))
        middle = Fraction(2 * steps + 1, 2 * STEP) * whole
        actual.append((max(0, int(middle) + dice.randint(-1, 2)), whole))
    return actual


@given(
    st.lists(st.tuples(st.integers(0, LARGEST), st.integers(1, LARGEST))).map(
        lambda pairs: [(part % (MOST * whole + 1), whole) for part, whole in pairs]
    )
)
@example([(0, 1), (1, 1), (1, 3), (2, 3), (1, 2 * STEP), (3, 2 * STEP), (LARGEST, LARGEST)])
@settings(deadline=None)
def test_any_counts_are_rounded_as_python_does(pairs: list[Pair]) -> None:
    assert_rounded(pairs)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=40)
def test_fractions_near_a_half_are_rounded_as_python_does(seed: int) -> None:
    assert_rounded(near_halves(seed, 500))


def test_rounding_with_numpy_alone_is_wrong_for_some() -> None:
    """So the fractions of these tests need the exact rounding."""
    pairs = near_halves(1, 20_000)
    quick = [float(np.rint(part / whole * STEP) / STEP) for part, whole in pairs]
    wrong = [pair for pair, actual in zip(pairs, quick, strict=True) if actual != single(*pair)]
    assert wrong
    assert_rounded(wrong)


@pytest.mark.parametrize("part", [0, 7])
def test_a_fraction_of_zero_is_zero(part: int) -> None:
    assert rate(np.asarray([part]), np.asarray([0])).tolist() == [0.0]


def test_no_rows_have_no_fractions() -> None:
    assert rate(np.zeros(0, "i8"), np.zeros(0, "i8")).tolist() == []
