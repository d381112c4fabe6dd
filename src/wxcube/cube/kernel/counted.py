"""People and events counted by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wxcube.cube.steps.step import column
from wxcube.events.action_bits import ActionBit
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

_EXACT_BITS = 52
"""Whole numbers of so many bits are exact as floating-point ones."""
_MOST_LANES = 8
"""Bits of so many are looked up at once."""

Numbers = NDArray[Any]


def people(places: Numbers, size: int, masks: Numbers, marks: Iterable[ActionBit]) -> Columns:
    """For each mark how many of the masks at each place have it.

    `places` are below `size`. Several neighbouring bits are added up in one number.
    """
    width = max(1, int(np.bincount(places, minlength=1).max(initial=0)).bit_length())
    lanes = min(_MOST_LANES, max(1, _EXACT_BITS // width))
    found: Columns = {}
    shown = {mark.value: column(mark) for mark in marks}
    for low, values in _neighbours(sorted(shown), lanes):
        sums = np.bincount(places, _in_lanes(masks, low, values, width), size).astype("i8")
        for value in values:
            lane = sums >> (width * (value - low))
            found[shown[value]] = (lane & ((1 << width) - 1)).astype("i4")
    return {name: found[name] for name in shown.values()}


def _neighbours(values: Sequence[int], lanes: int) -> Iterable[tuple[int, list[int]]]:
    """Values that are counted together, with the lowest of them."""
    together: list[int] = []
    for value in values:
        if together and value >= together[0] + lanes:
            yield together[0], together
            together = []
        together.append(value)
    if together:
        yield together[0], together


def _in_lanes(masks: Numbers, low: int, values: Sequence[int], width: int) -> Numbers:
    """Some bits of each mask, each in a lane of its own."""
    reach = values[-1] - low + 1
    bits = np.arange(1 << reach)
    table = np.zeros(1 << reach)
    for value in values:
        table += ((bits >> (value - low)) & 1) * float(1 << (width * (value - low)))
    found: Numbers = table[(masks >> low) & ((1 << reach) - 1)]
    return found


class Classes:
    """Kinds of events by what they count towards: few, so that events are counted once."""

    def __init__(self, holds: Mapping[str, Numbers]) -> None:
        """From which kinds of events count towards each column."""
        together = np.stack(list(holds.values()))
        kinds, self._class = np.unique(together, axis=1, return_inverse=True)
        self._counts = dict(zip(holds, (np.flatnonzero(row) for row in kinds), strict=True))
        self._number = kinds.shape[1]

    def counted(self, places: Numbers, size: int, kinds: Numbers) -> Columns:
        """For each column how many of the events at each place count."""
        bins = self._class[kinds] * size + places
        counts = np.bincount(bins, minlength=self._number * size).reshape(self._number, size)
        return {
            name: counts[members].sum(axis=0).astype("i4") for name, members in self._counts.items()
        }


def added(places: Numbers, size: int, values: Numbers) -> Numbers:
    """The sum of the values at each place, exactly."""
    if float(np.abs(values).sum(dtype="f8")) < 1 << _EXACT_BITS:
        return np.bincount(places, values, size).astype("i8")
    found = np.zeros(size, "i8")
    np.add.at(found, places, values)
    return found
