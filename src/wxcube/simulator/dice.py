"""Chance that falls the same on every machine: throws are hashes of what they are for.

A throw depends on the seed and the names of the thing it decides, never on the throws before it,
so parts can be made in any order, alone or again. Everything is integers: floating point and
mathematics libraries differ in the last bit from machine to machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

from wxcube.events.arrays import NDArray, np

Keys = NDArray[np.uint64]
"""One hash per thing."""
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

MILLION = 1_000_000
_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Dice:
    """The throws of one thing, and of the things within it.

    >>> Dice(7).of("account", 1).pick("followers", 300, 2500)
    1279
    """

    key: int

    def of(self, *names: str | int) -> Dice:
        """The dice of a thing within this one."""
        key = self.key
        for name in names:
            key = _mixed((key + _STEP) & _MASK ^ _word(name))
        return Dice(key)

    def pick(self, purpose: str | int, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + ((self.of(purpose).key >> 32) * (high - low + 1) >> 32)

    def hex(self, purpose: str, digits: int) -> str:
        """Hex digits, at most 32."""
        halves = (self.of(purpose, half).key for half in range(2))
        return "".join(f"{half:016x}" for half in halves)[:digits]

    def keys(self, numbers: Whole) -> Keys:
        """A key for each numbered thing within this one."""
        return branch(np.full(len(numbers), self.key, np.uint64), numbers)


def branch(keys: Keys, numbers: Whole) -> Keys:
    """Keys of numbered things, each within the thing of its row."""
    return _mix((numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(_STEP) ^ keys)


def below(keys: Keys, purpose: str, limit: int | Whole) -> Whole:
    """Numbers from 0 to `limit` - 1, for limits up to 2**32."""
    top = limit.astype(np.uint64) if isinstance(limit, np.ndarray) else np.uint64(limit)
    fallen: Whole = ((_thrown(keys, purpose) >> np.uint64(32)) * top >> np.uint64(32)).view(
        np.int64
    )
    return fallen


def happens(keys: Keys, purpose: str, chance: int | Whole) -> Flags:
    """Whether something happens whose chance is given in 10,000."""
    fallen: Flags = below(keys, purpose, 10_000) < chance
    return fallen


def pick(keys: Keys, purpose: str, faces: Whole) -> Whole:
    """A face for each key."""
    chosen: Whole = faces[below(keys, purpose, len(faces))]
    return chosen


def along(keys: Keys, purpose: str, quantiles: Whole) -> Whole:
    """Numbers spread as evenly spaced quantiles say, straight lines between them."""
    thrown = _thrown(keys, purpose)
    part = ((thrown >> np.uint64(32)) * np.uint64(len(quantiles) - 1) >> np.uint64(32)).view(
        np.int64
    )
    low, high = quantiles[part], quantiles[part + 1]
    between: Whole = (low << 16) + (high - low) * (thrown & np.uint64(0xFFFF)).view(np.int64) >> 16
    return between


def rounded(keys: Keys, purpose: str, millionths: Whole) -> Whole:
    """Whole numbers whose mean is the given number of millionths."""
    whole: Whole = (millionths + below(keys, purpose, MILLION)) // MILLION
    return whole


def faces(weights: Mapping[int, int]) -> Whole:
    """A die that shows each number as often as its weight."""
    return np.repeat(table(list(weights)), list(weights.values()))


def table(numbers: Sequence[int]) -> Whole:
    """Numbers as an array."""
    return np.array(numbers, np.int64)


def copies(counts: Whole) -> tuple[Whole, Whole]:
    """Each row's number as often as its count says, and the place of each copy within its row.

    >>> [c.tolist() for c in copies(table([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - starts[rows]


@cache
def _word(name: str | int) -> int:
    if isinstance(name, int):
        return name & _MASK
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _thrown(keys: Keys, purpose: str) -> Keys:
    return _mix(keys ^ np.uint64(_word(purpose)))


def _mix(numbers: Keys) -> Keys:
    """The finalizer of splitmix64; changes its argument, which callers have just made."""
    numbers ^= numbers >> np.uint64(30)
    numbers *= np.uint64(0xBF58476D1CE4E5B9)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(0x94D049BB133111EB)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _mixed(number: int) -> int:
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31
