"""Days and groups in chunks: each once, within a budget, a group's older days first."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain, pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from wxcube.cube.incremental.schedule import QUIET, NumberedCell, changed, chunks, split, stretches

Sizes = dict[NumberedCell, int]

SIZES: st.SearchStrategy[Sizes] = st.dictionaries(
    st.tuples(st.integers(20_000, 20_012), st.integers(0, 4)),
    st.integers(0, 9) | st.integers(0, 200),
    max_size=40,
)
BUDGETS = st.integers(0, 60) | st.integers(0, 10_000)


@given(SIZES, BUDGETS)
@example({}, 0)
@example({(1, 0): 0, (2, 0): 0}, 0)
def test_every_cell_is_in_one_chunk(sizes: Sizes, budget: int) -> None:
    found = Counter(cell for chunk in chunks(sizes, budget) for cell in chunk.cells())
    assert found == Counter(dict.fromkeys(sizes, 1))


@given(SIZES, BUDGETS)
def test_only_a_single_cell_may_go_beyond_the_budget(sizes: Sizes, budget: int) -> None:
    for chunk in chunks(sizes, budget):
        cells = list(chunk.cells())
        assert cells
        assert len(cells) == 1 or sum(sizes[cell] for cell in cells) <= budget


@given(SIZES, BUDGETS)
def test_the_older_days_of_a_group_come_first(sizes: Sizes, budget: int) -> None:
    days: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(sizes, budget):
        for group in chunk.groups:
            days[group] += chunk.days
    for group, found in days.items():
        assert found == sorted(day for day, of in sizes if of == group)


@given(SIZES, BUDGETS)
def test_the_order_in_which_cells_are_told_is_of_no_account(sizes: Sizes, budget: int) -> None:
    backwards = dict(reversed(sizes.items()))
    assert chunks(backwards, budget) == chunks(sizes, budget)


@given(SIZES, BUDGETS)
def test_a_group_keeps_as_many_days_together_as_fit(sizes: Sizes, budget: int) -> None:
    parts: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    for chunk in chunks(sizes, budget):
        for group in chunk.groups:
            parts[group].append(chunk.days)
    for group, of in parts.items():
        for before, after in pairwise(of):
            assert sum(sizes[day, group] for day in (*before, after[0])) > budget


@given(SIZES)
def test_with_room_for_all_groups_of_the_same_days_go_together(sizes: Sizes) -> None:
    days: dict[int, tuple[int, ...]] = {}
    for day, group in sorted(sizes):
        days[group] = (*days.get(group, ()), day)
    found = chunks(sizes, sum(sizes.values()))
    assert len(found) == len(set(days.values()))


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 30)), BUDGETS)
def test_splitting_keeps_order_and_loses_nothing(sizes: dict[int, int], budget: int) -> None:
    parts = list(split(sizes, budget))
    assert list(chain.from_iterable(parts)) == list(sizes)
    assert all(parts)
    assert all(len(part) == 1 or sum(sizes[t] for t in part) <= budget for part in parts)


@given(st.lists(st.integers(20_000, 20_040)))
def test_stretches_have_every_day_once_and_no_neighbours(days: list[int]) -> None:
    found = stretches(days)
    assert list(chain.from_iterable(found)) == sorted(set(days))
    assert all(before.stop < after.start for before, after in pairwise(found))


# --- what changed ---------------------------------------------------------------------------------

CELLS = st.tuples(st.integers(20_000, 20_006), st.integers(0, 2))
REVISIONS = st.dictionaries(CELLS, st.integers(1, 3), max_size=12)
LAST = st.integers(19_999, 20_008)


@given(REVISIONS, REVISIONS, LAST)
def test_what_is_built_did_not_change(events: Sizes, built: Sizes, last: int) -> None:
    found = changed(events, built, last)
    assert list(found) == sorted(found)
    assert changed(events, built | found, last) == {}


@given(REVISIONS, REVISIONS, LAST)
def test_every_revision_that_is_not_built_is_a_change(
    events: Sizes, built: Sizes, last: int
) -> None:
    found = changed(events, built, last)
    with_events = {cell: r for cell, r in found.items() if r != QUIET}
    assert with_events == {
        cell: r for cell, r in events.items() if built.get(cell) != r and cell[0] <= last
    }
    assert all(cell not in events and cell not in built for cell in found.keys() - with_events)


@given(REVISIONS, LAST)
def test_where_nothing_is_built_every_day_since_a_groups_first_is_a_change(
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
