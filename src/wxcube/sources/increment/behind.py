"""A sink that lacks rows which were handed over: another one, or an older one put back. Pure.

Of an older one nobody knows which of its days were computed anew since, so everything is handed
over again that can be: the days that still have events. Days before stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wxcube.sources.increment.days import QUIET, NumberedCell


class Behind(NamedTuple):
    """What a group of accounts lacks, and from when on it can be computed again."""

    lacks: int
    """The first day without rows."""
    since: int
    """The first day of which there are events."""


def behind(
    through: Mapping[int, int],
    first_days: Mapping[int, int],
    last_days: Mapping[int, int],
    cells: Iterable[NumberedCell],
    group_count: int,
) -> dict[int, Behind]:
    """The groups of which a sink lacks rows; those without any events are left out.

    `through` is the day through which each group's rows were handed over, `first_days` and
    `last_days` are those of accounts: of the first event, and of the newest rows in the sink;
    `cells` have events.
    """
    since: dict[int, int] = {}
    for day, group in cells:
        since[group] = min(day, since.get(group, day))
    found: dict[int, Behind] = {}
    for account, first in first_days.items():
        group = account % group_count
        lacks = last_days.get(account, first - 1) + 1
        if group in since and group in through and lacks <= through[group]:
            earlier = found[group].lacks if group in found else lacks
            found[group] = Behind(min(lacks, earlier), since[group])
    return found


def taken_back(
    built: Mapping[NumberedCell, int], found: Mapping[int, Behind]
) -> tuple[dict[NumberedCell, int], list[NumberedCell]]:
    """Cells to be built again, with a revision that says so, and those to be forgotten.

    Days without events are forgotten: which days are quiet is found out anew.
    """
    cells = [(day, group) for day, group in built if group in found and day >= found[group].since]
    again = {cell: 0 for cell in cells if built[cell] != QUIET}
    return again, [cell for cell in cells if built[cell] == QUIET]
