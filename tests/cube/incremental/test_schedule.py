"""Chunks of partitions: each partition once, within a size limit, a group's older days first."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain, pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from wxcube.cube.incremental.schedule import (
    NO_EVENTS,
    NumberedPartition,
    changed,
    chunks,
    consecutive_ranges,
    split_by_size,
)

Sizes = dict[NumberedPartition, int]

SIZES: st.SearchStrategy[Sizes] = st.dictionaries(
    st.tuples(st.integers(20_000, 20_012), st.integers(0, 4)),
    st.integers(0, 9) | st.integers(0, 200),
    max_size=40,
)
LIMITS = st.integers(0, 60) | st.integers(0, 10_000)


@given(SIZES, LIMITS)
@example({}, 0)
@example({(1, 0): 0, (2, 0): 0}, 0)
def test_every_partition_is_in_one_chunk(sizes: Sizes, limit: int) -> None:
    actual = Counter(one for chunk in chunks(sizes, limit) for one in chunk.partitions())
    assert actual == Counter(dict.fromkeys(sizes, 1))


@given(SIZES, LIMITS)
def test_only_a_single_partition_may_exceed_the_limit(sizes: Sizes, limit: int) -> None:
    for chunk in chunks(sizes, limit):
        partitions = list(chunk.partitions())
        assert partitions
        assert len(partitions) == 1 or sum(sizes[one] for one in partitions) <= limit


@given(SIZES, LIMITS)
def test_the_older_days_of_a_group_come_first(sizes: Sizes, limit: int) -> None:
    days: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(sizes, limit):
        for group in chunk.groups:
            days[group] += chunk.days
    for group, actual in days.items():
        assert actual == sorted(day for day, of in sizes if of == group)


@given(SIZES, LIMITS)
def test_the_order_of_the_input_does_not_matter(sizes: Sizes, limit: int) -> None:
    backwards = dict(reversed(sizes.items()))
    assert chunks(backwards, limit) == chunks(sizes, limit)


@given(SIZES, LIMITS)
def test_a_group_keeps_as_many_days_together_as_fit(sizes: Sizes, limit: int) -> None:
    parts: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for chunk in chunks(sizes, limit):
        for group in chunk.groups:
            parts[group].append(chunk.days)
    for group, of in parts.items():
        for before, after in pairwise(of):
            assert sum(sizes[day, group] for day in (*before, after[0])) > limit


@given(SIZES)
def test_groups_with_the_same_days_share_a_chunk_if_the_limit_allows(sizes: Sizes) -> None:
    days: dict[int, tuple[int, ...]] = {}
    for day, group in sorted(sizes):
        days[group] = (*days.get(group, ()), day)
    actual = chunks(sizes, sum(sizes.values()))
    assert len(actual) == len(set(days.values()))


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 30)), LIMITS)
def test_splitting_keeps_order_and_loses_nothing(sizes: dict[int, int], limit: int) -> None:
    parts = list(split_by_size(sizes, limit))
    assert list(chain.from_iterable(parts)) == list(sizes)
    assert all(parts)
    assert all(len(part) == 1 or sum(sizes[t] for t in part) <= limit for part in parts)


@given(st.lists(st.integers(20_000, 20_040)))
def test_ranges_have_every_day_once_and_are_not_adjacent(days: list[int]) -> None:
    actual = consecutive_ranges(days)
    assert list(chain.from_iterable(actual)) == sorted(set(days))
    assert all(before.stop < after.start for before, after in pairwise(actual))


# --- changed partitions ---------------------------------------------------------------------------

PARTITIONS = st.tuples(st.integers(20_000, 20_006), st.integers(0, 2))
REVISIONS = st.dictionaries(PARTITIONS, st.integers(1, 3), max_size=12)
LAST = st.integers(19_999, 20_008)


@given(REVISIONS, REVISIONS, LAST)
def test_built_partitions_are_not_changed(events: Sizes, built: Sizes, last: int) -> None:
    actual = changed(events, built, last)
    assert list(actual) == sorted(actual)
    assert changed(events, built | actual, last) == {}


@given(REVISIONS, REVISIONS, LAST)
def test_every_revision_that_is_not_built_is_changed(
    events: Sizes, built: Sizes, last: int
) -> None:
    actual = changed(events, built, last)
    with_events = {one: r for one, r in actual.items() if r != NO_EVENTS}
    assert with_events == {
        one: r for one, r in events.items() if built.get(one) != r and one[0] <= last
    }
    assert all(one not in events and one not in built for one in actual.keys() - with_events)


@given(REVISIONS, LAST)
def test_if_nothing_is_built_every_day_since_a_groups_first_is_changed(
    events: Sizes, last: int
) -> None:
    begins = {group: min(d for d, of in events if of == group) for _, group in events}
    assert changed(events, {}, last).keys() == {
        (day, group) for group, begin in begins.items() for day in range(begin, last + 1)
    }


@given(REVISIONS, REVISIONS, LAST, st.integers(19_998, 20_009), st.sets(st.integers(0, 2)))
def test_days_and_groups_may_be_chosen(
    events: Sizes, built: Sizes, last: int, first: int, groups: set[int]
) -> None:
    everything = changed(events, built, last)
    assert changed(events, built, last, first=first, groups=groups) == {
        (day, group): r
        for (day, group), r in everything.items()
        if day >= first and group in groups
    }
