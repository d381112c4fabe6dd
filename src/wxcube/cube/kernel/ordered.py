"""Distinct values, and rows sorted by several columns of small numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.events.columns import Columns

PACKED_BITS = 63
"""The number of bits that can be packed into one integer for sorting."""

HASH_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""An odd number; multiplying by it spreads the bits of a value to the upper ones."""

Numbers = NDArray[Any]


def distinct_sorted(values: Numbers) -> tuple[Numbers, Numbers]:
    """The distinct values in order, and the index of each value among them."""
    order = np.argsort(values)
    ordered = values[order]
    is_first = changes(ordered)
    index = np.empty(len(values), "i8")
    index[order] = np.cumsum(is_first) - 1
    return ordered[is_first], index


def distinct(values: Numbers) -> tuple[Numbers, Numbers]:
    """The distinct values in any order, and the index of each value among them.

    Every value is written into the slot of its hash. The few values that find another value in
    their slot are sorted.
    """
    wide = values.astype("i8", copy=False)
    bits = max(4, len(wide).bit_length() + 1)
    slot = ((wide.view("u8") * HASH_MULTIPLIER) >> np.uint64(64 - bits)).astype("i8")
    row_in_slot = np.empty(1 << bits, "i8")
    row_in_slot[slot] = np.arange(len(wide))
    row = row_in_slot[slot]
    collided = np.flatnonzero(wide[row] != wide)
    is_in_slot = np.zeros(len(wide), "?")
    is_in_slot[row] = True
    index = (np.cumsum(is_in_slot) - 1)[row]
    in_slots = values[is_in_slot]
    if not len(collided):
        return in_slots, index
    others, index_of_others = distinct_sorted(values[collided])
    index[collided] = len(in_slots) + index_of_others
    return np.concatenate((in_slots, others)), index


def distinct_below(values: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """The distinct values in order, and the index of each among them; all are below `size`."""
    if size > 4 * len(values) + 1_000_000:
        return distinct_sorted(values)
    is_present = np.zeros(size, "?")
    is_present[values] = True
    index = np.cumsum(is_present) - 1
    return np.flatnonzero(is_present), index[values]


def positions_of(acct: Numbers, article: Numbers, articles: Columns) -> Numbers:
    """The index of each article in the table `articles` (acct, article), or -1."""
    all_accounts = np.concatenate((articles["acct"], acct))
    accounts, account = distinct_below(all_accounts, int(all_accounts.max(initial=0)) + 1)
    numbers, number = distinct(np.concatenate((articles["article"], article)))
    pairs, pair = distinct_below(number * len(accounts) + account, len(numbers) * len(accounts))
    count = len(articles["acct"])
    index_of = np.full(len(pairs), -1)
    index_of[pair[:count]] = np.arange(count)
    positions: Numbers = index_of[pair[count:]]
    return positions


def changes(*columns: Numbers) -> Numbers:
    """Whether each row differs from the previous one; true for the first row."""
    is_changed = np.ones(len(columns[0]), "?")
    if len(is_changed):
        is_changed[1:] = columns[0][1:] != columns[0][:-1]
        for column in columns[1:]:
            is_changed[1:] |= column[1:] != column[:-1]
    return is_changed


def sort_order(*columns: Numbers) -> Numbers:
    """The indexes of rows sorted by the first column, then the second, and so on."""
    if not len(columns[0]):
        return np.zeros(0, "i8")
    lowest = [int(column.min()) for column in columns]
    widths = [
        (int(column.max()) - low).bit_length() for column, low in zip(columns, lowest, strict=True)
    ]
    if sum(widths) > PACKED_BITS:
        return np.lexsort(columns[::-1])
    packed = np.zeros(len(columns[0]), "i8")
    for column, low, width in zip(columns, lowest, widths, strict=True):
        packed <<= width
        packed |= column.astype("i8") - low
    bits = len(packed).bit_length()
    if sum(widths) + bits > PACKED_BITS:
        return np.argsort(packed)
    # PERF: a row's index in the lower bits is sorted along; argsort takes several times as long
    packed <<= bits
    packed |= np.arange(len(packed))
    packed.sort()
    return packed & ((1 << bits) - 1)


@dataclass(frozen=True)
class SortedRows:
    """Columns of numbers, their rows sorted by the first column, then the second, and so on."""

    columns: tuple[Numbers, ...]

    @classmethod
    def of(cls, *columns: tuple[Numbers, int]) -> SortedRows:
        """The sorted rows of columns, each given with a number that all its values are below."""
        bits = [max(1, int(size - 1).bit_length()) for _, size in columns]
        if sum(bits) <= PACKED_BITS:
            return cls(_sorted([column for column, _ in columns], bits))
        order = np.lexsort([column for column, _ in reversed(columns)])
        return cls(tuple(column[order] for column, _ in columns))

    def starts(self, depth: int) -> Numbers:
        """The rows in which one of the first `depth` columns changes."""
        return np.flatnonzero(changes(*self.columns[:depth]))


def _sorted(columns: Sequence[Numbers], bits: Sequence[int]) -> tuple[Numbers, ...]:
    packed = columns[0].astype("i8")
    for column, width in zip(columns[1:], bits[1:], strict=True):
        packed <<= width
        packed |= column
    packed.sort()
    unpacked = []
    for width in reversed(bits[1:]):
        unpacked.append(packed & ((1 << width) - 1))
        packed >>= width
    return (packed, *reversed(unpacked))
