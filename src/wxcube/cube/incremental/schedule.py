"""Which days a build must compute, and what hangs on a changed day. Pure.

Days are numbers since 1970-01-01, as everywhere in the cube.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from wxcube import beijing
from wxcube.beijing import day_number, day_of_number
from wxcube.cube.inputs import DETAIL_DAYS

NumberedCell = tuple[int, int]
"""A day's number and a group."""
QUIET = -1
"""The revision of a day without events."""


class Hanging(StrEnum):
    """Rows that are made of facts of more than one day."""

    FOLLOWERS = "followers"
    """The day from which followers are counted anew."""
    WEEK = "week"
    """A Monday."""
    MONTH = "month"
    """A 1st."""
    RUNNING = "running"
    """A stat_date of running totals."""
    SUMMARY = "summary"
    """A day whose articles were first heard of, or changed, later."""


def hanging(day: int, through: int) -> Iterator[tuple[Hanging, int]]:
    """What must be computed anew when the facts of a day changed."""
    yield Hanging.FOLLOWERS, day
    yield Hanging.WEEK, monday(day)
    yield Hanging.MONTH, first(day)
    for stat_day in range(day, min(through, day + DETAIL_DAYS - 1) + 1):
        yield Hanging.RUNNING, stat_day


def passing(before: int, through: int) -> Iterator[tuple[Hanging, int]]:
    """What must be computed when figures advance from one day to a later one."""
    yield Hanging.FOLLOWERS, before + 1
    for day in range(before + 1, through + 1):
        yield Hanging.RUNNING, day
        yield Hanging.WEEK, monday(day)
        yield Hanging.MONTH, first(day)


def periods(days: Iterable[int]) -> Iterator[tuple[Hanging, int]]:
    """The weeks and months of days."""
    yield from {(Hanging.WEEK, monday(day)) for day in days}
    yield from {(Hanging.MONTH, first(day)) for day in days}


def quiet(
    cells: Collection[NumberedCell], built: Collection[NumberedCell], last: int
) -> Iterator[NumberedCell]:
    """Days of groups without events, since their first with some, that were never built.

    Days before the oldest events there are say nothing: older ones may have been removed.
    """
    begins: dict[int, int] = {}
    for day, group in built:
        begins[group] = max(day + 1, begins.get(group, 0))
    oldest: dict[int, int] = {}
    for day, group in cells:
        oldest[group] = min(day, oldest.get(group, day))
    for group, begin in (begins | oldest).items():
        for day in range(begin, last + 1):
            if (day, group) not in cells and (day, group) not in built:
                yield day, group


def changed(
    revisions: Mapping[NumberedCell, int],
    built: Mapping[NumberedCell, int],
    last: int,
    *,
    first: int | None = None,
    groups: Collection[int] | None = None,
) -> dict[NumberedCell, int]:
    """The cells up to `last` whose events changed since they were built, with their revisions.

    `revisions` are those of the events there are, `built` those from which cells were built. Days
    without events between those with some count too: that they are empty is a result.
    """
    cells = dict(revisions) | dict.fromkeys(quiet(revisions, built, last), QUIET)
    return {
        (day, group): revision
        for (day, group), revision in sorted(cells.items())
        if (first is None or day >= first)
        and day <= last
        and (groups is None or group in groups)
        and built.get((day, group)) != revision
    }


def monday(day: int) -> int:
    """The Monday of a day's week."""
    return day_number(beijing.monday(day_of_number(day)))


def first(day: int) -> int:
    """The 1st of a day's month."""
    return day_number(beijing.month_start(day_of_number(day)))


def week(label: int) -> range:
    """The days of the week that begins on a Monday."""
    return range(label, label + 7)


def month(label: int) -> range:
    """The days of the month that begins on a 1st."""
    return range(label, day_number(beijing.month_end(day_of_number(label))) + 1)


def stretches(days: Iterable[int]) -> list[range]:
    """Days as ranges without gaps, oldest first."""
    found: list[range] = []
    for day in sorted(set(days)):
        if found and found[-1].stop == day:
            found[-1] = range(found[-1].start, day + 1)
        else:
            found.append(range(day, day + 1))
    return found


@dataclass(frozen=True, slots=True)
class Chunk:
    """Days of some groups that are computed together."""

    groups: tuple[int, ...]
    days: tuple[int, ...]

    def cells(self) -> Iterator[NumberedCell]:
        """Every day and group of the chunk."""
        return ((day, group) for day in self.days for group in self.groups)


def chunks(sizes: Mapping[NumberedCell, int], budget: int) -> list[Chunk]:
    """Cells put together so that each chunk has about `budget` bytes of files, older days first.

    A group keeps as many of its days together as fit, so that its chain of facts is computed in
    few passes; groups with the same few days share a chunk.
    """
    by_group: dict[int, dict[int, int]] = defaultdict(dict)
    for day, group in sorted(sizes):
        by_group[group][day] = sizes[day, group]
    parts = [(part, group) for group, days in by_group.items() for part in split(days, budget)]
    return list(_joined(parts, sizes, budget))


def split(sizes: Mapping[int, int], budget: int) -> Iterator[tuple[int, ...]]:
    """Things in their order, as many together as their sizes keep to a budget, at least one."""
    part: list[int] = []
    total = 0
    for thing, size in sizes.items():
        if part and total + size > budget:
            yield tuple(part)
            part, total = [], 0
        part.append(thing)
        total += size
    if part:
        yield tuple(part)


def _joined(
    parts: list[tuple[tuple[int, ...], int]], sizes: Mapping[NumberedCell, int], budget: int
) -> Iterator[Chunk]:
    groups: list[int] = []
    before: tuple[int, ...] = ()
    total = 0
    for days, group in sorted(parts, key=lambda part: (part[0], part[1])):
        more = sum(sizes[day, group] for day in days)
        if groups and (days != before or total + more > budget):
            yield Chunk(tuple(groups), before)
            groups, total = [], 0
        groups.append(group)
        before, total = days, total + more
    if groups:
        yield Chunk(tuple(groups), before)
