"""Counts of users and events, and sums, by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.cube.steps.step import column
from wxcube.events.action_bits import ActionBit
from wxcube.events.columns import Columns

_SUM_BITS = 63
"""The number of bits of a sum."""
_MAX_LANES = 8
"""The largest number of neighbouring bits that are counted together."""

Numbers = NDArray[Any]


def count_users(keys: Numbers, size: int, masks: Numbers, bits: Iterable[ActionBit]) -> Columns:
    """For each action bit, the number of masks with it, by key.

    There is one mask per user and key; keys are below `size`. Several neighbouring bits are added
    up in one number, each in a lane of its own.
    """
    width = max(1, int(np.bincount(keys, minlength=1).max(initial=0)).bit_length())
    lanes = min(_MAX_LANES, max(1, _SUM_BITS // width))
    counts: Columns = {}
    names = {bit.value: column(bit) for bit in bits}
    wide_masks = masks.astype("i8")
    for low, values in _neighbours(sorted(names), lanes):
        sums = sum_at(keys, size, _in_lanes(wide_masks, low, values, width))
        for value in values:
            lane = sums >> (width * (value - low))
            counts[names[value]] = (lane & ((1 << width) - 1)).astype("i4")
    return {name: counts[name] for name in names.values()}


def _neighbours(values: Sequence[int], lanes: int) -> Iterable[tuple[int, list[int]]]:
    """The bits that are counted together, with the lowest of them."""
    together: list[int] = []
    for value in values:
        if together and value >= together[0] + lanes:
            yield together[0], together
            together = []
        together.append(value)
    if together:
        yield together[0], together


def _in_lanes(masks: Numbers, low: int, values: Sequence[int], width: int) -> Numbers:
    """Some bits of each mask as a number with a lane for each bit."""
    reach = values[-1] - low + 1
    bits = np.arange(1 << reach)
    table = np.zeros(1 << reach, "i8")
    for value in values:
        table += ((bits >> (value - low)) & 1) << (width * (value - low))
    numbers: Numbers = table[(masks >> low) & ((1 << reach) - 1)]
    return numbers


class EventCounter:
    """Counts events by key into several columns, in one pass.

    Kinds of events that count towards the same columns form a class, so there are few classes.
    """

    def __init__(self, counted_kinds: Mapping[str, Numbers]) -> None:
        """A counter, given for each column which kinds of events count."""
        by_column = np.stack(list(counted_kinds.values()))
        classes, self._class_of = np.unique(by_column, axis=1, return_inverse=True)
        members = (np.flatnonzero(row) for row in classes)
        self._classes = dict(zip(counted_kinds, members, strict=True))
        self._class_count = classes.shape[1]

    def count(self, keys: Numbers, size: int, kinds: Numbers) -> Columns:
        """For each column, the number of events that count, by key."""
        bins = self._class_of[kinds] * size + keys
        counts = np.bincount(bins, minlength=self._class_count * size)
        by_class = counts.reshape(self._class_count, size)
        return {
            name: by_class[classes].sum(axis=0).astype("i4")
            for name, classes in self._classes.items()
        }


def sum_at(keys: Numbers, size: int, values: Numbers) -> Numbers:
    """The exact sum of the values by key."""
    sums = np.zeros(size, "i8")
    # PERF: numpy has a fast loop for numbers of the same type, twice as fast as bincount's
    np.add.at(sums, keys, values.astype("i8", copy=False))
    return sums
