"""The schedule of a build: which days it computes, and which rows depend on a changed day. Pure.

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

NumberedPartition = tuple[int, int]
"""A day's number and a group."""
NO_EVENTS = -1
"""The revision of a day without events."""
REBUILD = 0
"""The recorded revision of a partition that the next build must rebuild."""


class Rollup(StrEnum):
    """Rows computed from facts of several days, each identified by a day."""

    FOLLOWERS = "followers"
    """The first day of which followers are recomputed."""
    WEEK = "week"
    """A Monday."""
    MONTH = "month"
    """The 1st of a month."""
    RUNNING = "running"
    """A stat_date of running totals."""
    TOUCHED = "touched"
    """A running day: running totals of the articles with events, whose rows exist already."""
    SUMMARY = "summary"
    """A day whose articles became known, or changed, after it was built."""


def dependents(day: int, through: int) -> Iterator[tuple[Rollup, int]]:
    """The rollups that depend on the facts of a day."""
    yield Rollup.FOLLOWERS, day
    yield Rollup.WEEK, monday(day)
    yield Rollup.MONTH, month_start(day)
    for stat_day in range(day, min(through, day + DETAIL_DAYS - 1) + 1):
        yield Rollup.RUNNING, stat_day


def dependents_again(day: int) -> Iterator[tuple[Rollup, int]]:
    """The rollups that depend on the facts of a running day whose rows were written before."""
    yield Rollup.FOLLOWERS, day
    yield Rollup.TOUCHED, day


def between(complete: int, through: int) -> Iterator[tuple[Rollup, int]]:
    """The rollups that become due when rows, complete up to one day, advance to a later one."""
    yield Rollup.FOLLOWERS, complete + 1
    for day in range(complete + 1, through + 1):
        yield Rollup.RUNNING, day
        yield Rollup.WEEK, monday(day)
        yield Rollup.MONTH, month_start(day)


def periods(days: Iterable[int]) -> Iterator[tuple[Rollup, int]]:
    """The weeks and months of days."""
    yield from {(Rollup.WEEK, monday(day)) for day in days}
    yield from {(Rollup.MONTH, month_start(day)) for day in days}


def without_events(
    partitions: Collection[NumberedPartition], built: Collection[NumberedPartition], last: int
) -> Iterator[NumberedPartition]:
    """Partitions without events after the first of their group, if they were never built.

    Days before the oldest stored events are left out: their events may have been removed.
    """
    begins: dict[int, int] = {}
    for day, group in built:
        begins[group] = max(day + 1, begins.get(group, 0))
    oldest: dict[int, int] = {}
    for day, group in partitions:
        oldest[group] = min(day, oldest.get(group, day))
    for group, begin in (begins | oldest).items():
        for day in range(begin, last + 1):
            if (day, group) not in partitions and (day, group) not in built:
                yield day, group


def changed(
    revisions: Mapping[NumberedPartition, int],
    built: Mapping[NumberedPartition, int],
    last: int,
    *,
    first: int | None = None,
    groups: Collection[int] | None = None,
) -> dict[NumberedPartition, int]:
    """The partitions up to `last` whose events changed since they were built, with their revisions.

    `revisions` are those of the stored events, `built` those from which partitions were built. Days
    without events between days with events count too: that they are empty is a result.
    """
    empty = dict.fromkeys(without_events(revisions, built, last), NO_EVENTS)
    return {
        (day, group): revision
        for (day, group), revision in sorted((dict(revisions) | empty).items())
        if (first is None or day >= first)
        and day <= last
        and (groups is None or group in groups)
        and built.get((day, group)) != revision
    }


def monday(day: int) -> int:
    """The Monday of a day's week."""
    return day_number(beijing.monday(day_of_number(day)))


def month_start(day: int) -> int:
    """The 1st of a day's month."""
    return day_number(beijing.month_start(day_of_number(day)))


def week_days(label: int) -> range:
    """The days of the week that begins on a Monday."""
    return range(label, label + 7)


def month_days(label: int) -> range:
    """The days of the month that begins on a 1st."""
    return range(label, day_number(beijing.month_end(day_of_number(label))) + 1)


def consecutive_ranges(days: Iterable[int]) -> list[range]:
    """Days as ranges without gaps, oldest first."""
    ranges: list[range] = []
    for day in sorted(set(days)):
        if ranges and ranges[-1].stop == day:
            ranges[-1] = range(ranges[-1].start, day + 1)
        else:
            ranges.append(range(day, day + 1))
    return ranges


@dataclass(frozen=True, slots=True)
class Chunk:
    """Days of some groups that are computed together."""

    groups: tuple[int, ...]
    days: tuple[int, ...]

    def partitions(self) -> Iterator[NumberedPartition]:
        """Every partition of the chunk."""
        return ((day, group) for day in self.days for group in self.groups)


def chunks(sizes: Mapping[NumberedPartition, int], limit: int) -> list[Chunk]:
    """Partitions combined into chunks of at most `limit` bytes of files, older days first.

    A group's days stay together as far as the limit allows, so that its facts, each computed from
    the previous ones, need few passes. Groups with the same days share a chunk.
    """
    by_group: dict[int, dict[int, int]] = defaultdict(dict)
    for day, group in sorted(sizes):
        by_group[group][day] = sizes[day, group]
    parts = [
        (part, group) for group, days in by_group.items() for part in split_by_size(days, limit)
    ]
    return list(_merged(parts, sizes, limit))


def split_by_size(sizes: Mapping[int, int], limit: int) -> Iterator[tuple[int, ...]]:
    """The keys in order, split so that the sizes of each part add up to at most a limit.

    A key whose size is over the limit is a part of its own.
    """
    part: list[int] = []
    total = 0
    for key, size in sizes.items():
        if part and total + size > limit:
            yield tuple(part)
            part, total = [], 0
        part.append(key)
        total += size
    if part:
        yield tuple(part)


def _merged(
    parts: list[tuple[tuple[int, ...], int]], sizes: Mapping[NumberedPartition, int], limit: int
) -> Iterator[Chunk]:
    """One chunk for all groups with the same days, as far as the limit allows."""
    groups: list[int] = []
    current: tuple[int, ...] = ()
    total = 0
    for days, group in sorted(parts, key=lambda part: (part[0], part[1])):
        size = sum(sizes[day, group] for day in days)
        if groups and (days != current or total + size > limit):
            yield Chunk(tuple(groups), current)
            groups, total = [], 0
        groups.append(group)
        current, total = days, total + size
    if groups:
        yield Chunk(tuple(groups), current)
