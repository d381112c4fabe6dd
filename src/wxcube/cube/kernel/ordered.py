"""Rows in the order of several small numbers, and where these change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

PACKED_BITS = 63
"""So many bits of numbers are sorted as one integer."""

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""An odd number that spreads the bits of what it is multiplied with to the upper ones."""

Numbers = NDArray[Any]


def ranked(values: Numbers) -> tuple[Numbers, Numbers]:
    """The distinct values in order, and the place of each value among them."""
    order = np.argsort(values)
    ordered = values[order]
    is_first = changes(ordered)
    ranks = np.empty(len(values), "i8")
    ranks[order] = np.cumsum(is_first) - 1
    return ordered[is_first], ranks


def told_apart(values: Numbers) -> tuple[Numbers, Numbers]:
    """The distinct values in any order, and the place of each value among them.

    Every value is written into a slot that follows from it; the few that find another value in
    theirs are sorted.
    """
    wide = values.astype("i8", copy=False)
    bits = max(4, len(wide).bit_length() + 1)
    slot = ((wide.view("u8") * SPREAD) >> np.uint64(64 - bits)).astype("i8")
    holder = np.empty(1 << bits, "i8")
    holder[slot] = np.arange(len(wide))
    line = holder[slot]
    others = np.flatnonzero(wide[line] != wide)
    holds = np.zeros(len(wide), "?")
    holds[line] = True
    places = (np.cumsum(holds) - 1)[line]
    found = values[holds]
    if not len(others):
        return found, places
    more, places_of_others = ranked(values[others])
    places[others] = len(found) + places_of_others
    return np.concatenate((found, more)), places


def numbered(values: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """The distinct numbers below `size` in order, and the place of each one among them."""
    if size > 4 * len(values) + 1_000_000:
        return ranked(values)
    present = np.zeros(size, "?")
    present[values] = True
    places = np.cumsum(present) - 1
    return np.flatnonzero(present), places[values]


def places_of(acct: Numbers, article: Numbers, articles: Columns) -> Numbers:
    """Where articles stand among `articles` (acct, article), -1 where they do not."""
    accounts = np.concatenate((articles["acct"], acct))
    several, account = numbered(accounts, int(accounts.max(initial=0)) + 1)
    found, number = told_apart(np.concatenate((articles["article"], article)))
    pairs, pair = numbered(number * len(several) + account, len(found) * len(several))
    of = np.full(len(pairs), -1)
    of[pair[: len(articles["acct"])]] = np.arange(len(articles["acct"]))
    places: Numbers = of[pair[len(articles["acct"]) :]]
    return places


def changes(*columns: Numbers) -> Numbers:
    """Whether a row differs from the one before it; the first does."""
    found = np.ones(len(columns[0]), "?")
    if len(found):
        found[1:] = columns[0][1:] != columns[0][:-1]
        for column in columns[1:]:
            found[1:] |= column[1:] != column[:-1]
    return found


@dataclass(frozen=True)
class Ordered:
    """Columns of numbers, their rows ordered by the first column, then the second, and so on."""

    columns: tuple[Numbers, ...]

    @classmethod
    def of(cls, *columns: tuple[Numbers, int]) -> Ordered:
        """Columns, each given with a number that all of its numbers are below."""
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
    found = []
    for width in reversed(bits[1:]):
        found.append(packed & ((1 << width) - 1))
        packed >>= width
    return (packed, *reversed(found))
