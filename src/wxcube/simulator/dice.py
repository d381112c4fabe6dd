"""Random numbers that are the same on every machine: hashes of the seed and of names.

A number depends on the seed, the object it is for and its purpose, never on numbers drawn before,
so parts of a simulation can be computed in any order, alone or repeatedly. Only integers are used:
results of floating-point and mathematics libraries differ in the last bit between machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
"""One hash per object."""
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

MILLION = 1_000_000
_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Dice:
    """Random numbers of an object, and of the objects that belong to it.

    >>> Dice(7).of("account", 1).pick("followers", 300, 2500)
    1279
    """

    key: int

    def of(self, *names: str | int) -> Dice:
        """The dice of an object that belongs to this one."""
        key = self.key
        for name in names:
            key = _mix_one((key + _STEP) & _MASK ^ _name_hash(name))
        return Dice(key)

    def pick(self, purpose: str | int, low: int, high: int) -> int:
        """A random number from `low` to `high`, both included."""
        return low + ((self.of(purpose).key >> 32) * (high - low + 1) >> 32)

    def hex(self, purpose: str, digits: int) -> str:
        """Random hex digits, at most 32."""
        halves = (self.of(purpose, half).key for half in range(2))
        return "".join(f"{half:016x}" for half in halves)[:digits]

    def keys(self, numbers: Integers) -> Keys:
        """A key for each numbered object that belongs to this one."""
        return subkeys(np.full(len(numbers), self.key, np.uint64), numbers)


def subkeys(keys: Keys, numbers: Integers) -> Keys:
    """Keys of numbered objects, each of which belongs to the object with the key of its row."""
    return _mix((numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(_STEP) ^ keys)


def below(keys: Keys, purpose: str, limit: int | Integers) -> Integers:
    """Random numbers from 0 to `limit` - 1, for limits up to 2**32."""
    top = limit.astype(np.uint64) if isinstance(limit, np.ndarray) else np.uint64(limit)
    numbers: Integers = ((_hashes(keys, purpose) >> np.uint64(32)) * top >> np.uint64(32)).view(
        np.int64
    )
    return numbers


def happens(keys: Keys, purpose: str, chance: int | Integers) -> Flags:
    """Random booleans that are true with a probability given in ten-thousandths."""
    happening: Flags = below(keys, purpose, 10_000) < chance
    return happening


def pick(keys: Keys, purpose: str, choices: Integers) -> Integers:
    """A random element of `choices` for each key."""
    chosen: Integers = choices[below(keys, purpose, len(choices))]
    return chosen


def from_quantiles(keys: Keys, purpose: str, quantiles: Integers) -> Integers:
    """Random numbers of a distribution given by evenly spaced quantiles, linear between them."""
    hashes = _hashes(keys, purpose)
    part = ((hashes >> np.uint64(32)) * np.uint64(len(quantiles) - 1) >> np.uint64(32)).view(
        np.int64
    )
    low, high = quantiles[part], quantiles[part + 1]
    between: Integers = (low << 16) + (high - low) * (hashes & np.uint64(0xFFFF)).view(
        np.int64
    ) >> 16
    return between


def rounded(keys: Keys, purpose: str, millionths: Integers) -> Integers:
    """Numbers given in millionths, rounded up or down at random so that their mean is unchanged."""
    whole: Integers = (millionths + below(keys, purpose, MILLION)) // MILLION
    return whole


def weighted(weights: Mapping[int, int]) -> Integers:
    """Choices for `pick`: each number as often as its weight."""
    return np.repeat(integers(list(weights)), list(weights.values()))


def integers(numbers: Sequence[int]) -> Integers:
    """Numbers as an array of 64-bit integers."""
    return np.array(numbers, np.int64)


def repeated_rows(counts: Integers) -> tuple[Integers, Integers]:
    """Each row number repeated by its count, and the number of each copy within its row.

    >>> [column.tolist() for column in repeated_rows(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - starts[rows]


@cache
def _name_hash(name: str | int) -> int:
    if isinstance(name, int):
        return name & _MASK
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _hashes(keys: Keys, purpose: str) -> Keys:
    return _mix(keys ^ np.uint64(_name_hash(purpose)))


def _mix(numbers: Keys) -> Keys:
    """The finalizer of splitmix64; changes its argument in place."""
    numbers ^= numbers >> np.uint64(30)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _mix_one(number: int) -> int:
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31
