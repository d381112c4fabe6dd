"""Random numbers that are the same on every machine."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wxcube.simulator.dice import (
    MILLION,
    Dice,
    below,
    from_quantiles,
    happens,
    integers,
    pick,
    repeated_rows,
    rounded,
    subkeys,
    weighted,
)

MANY = 60_000
KEYS = Dice(7).keys(np.arange(MANY))


def test_hashes_are_those_of_the_published_splitmix64() -> None:
    # The first outputs of splitmix64 for the state 0, as in its author's reference code.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    zeros = np.zeros(4, np.uint64)
    assert subkeys(zeros, np.arange(4)).tolist() == published


def test_other_names_give_other_numbers() -> None:
    dice = Dice(7)
    keys = {dice.of(*names).key for names in (("a",), ("b",), (1,), (2,), ("a", 1), (1, "a"), ())}
    assert len(keys) == 7
    assert dice.of("a", 1) == dice.of("a").of(1)
    assert not np.array_equal(below(KEYS, "one", 1000), below(KEYS, "other", 1000))


@given(st.integers(0, 2**64 - 1), st.integers(-50, 50), st.integers(0, 10_000))
def test_a_number_is_within_its_bounds(key: int, low: int, width: int) -> None:
    assert low <= Dice(key).pick("n", low, low + width) <= low + width


@given(st.integers(1, 2**32), st.integers(0, 2**32))
def test_numbers_stay_below_their_limit(limit: int, start: int) -> None:
    fallen = below(Dice(start).keys(np.arange(50)), "n", integers([limit] * 50))
    assert fallen.dtype == np.int64
    assert ((fallen >= 0) & (fallen < limit)).all()


def test_numbers_are_evenly_distributed() -> None:
    counts = np.bincount(below(KEYS, "even", 10), minlength=10)
    assert abs(counts - MANY / 10).max() < 5 * (MANY / 10) ** 0.5


def test_probabilities_are_in_ten_thousandths_and_may_differ_by_row() -> None:
    assert abs(happens(KEYS, "some", 2_500).mean() - 0.25) < 0.01
    each = happens(KEYS, "each", np.where(np.arange(MANY) % 2, 10_000, 0))
    assert np.array_equal(each, np.arange(MANY) % 2 == 1)


def test_weighted_numbers_occur_by_their_weight() -> None:
    shown = pick(KEYS, "face", weighted({3: 1, 9: 3}))
    assert set(shown.tolist()) == {3, 9}
    assert abs((shown == 9).mean() - 0.75) < 0.01


def test_numbers_follow_their_quantiles() -> None:
    spread = from_quantiles(KEYS, "spread", integers((10, 20, 100)))
    assert spread.min() == 10
    assert spread.max() == 99
    assert abs((spread < 20).mean() - 0.5) < 0.01


def test_rounding_keeps_the_mean() -> None:
    whole = rounded(KEYS, "whole", np.full(MANY, 2 * MILLION + 300_000))
    assert set(whole.tolist()) == {2, 3}
    assert abs(whole.mean() - 2.3) < 0.01


@given(st.lists(st.integers(0, 4)))
def test_repeated_rows_are_counted_from_zero_within_each_row(counts: list[int]) -> None:
    rows, places = repeated_rows(integers(counts))
    expected = [(row, place) for row, count in enumerate(counts) for place in range(count)]
    assert list(zip(rows.tolist(), places.tolist(), strict=True)) == expected
