"""The tables of the numpy kernel equal those of the SQL steps of the same names, on any columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wxcube.contract import article
from wxcube.cube.compute import order_of
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.daily_steps import run
from wxcube.cube.kernel import activity, counted, first, message, ordered, readers
from wxcube.cube.steps import Step, needed
from wxcube.cube.steps.readers import DAY_CHANNELS, HOUR_CHANNELS, SPLIT
from wxcube.cube.steps.resumed import NEXT_DAY, NEXT_DAYS
from wxcube.cube.steps.step import CONTENT
from wxcube.events.action_bits import CHANNELS, FEED_SCENE, ActionBit, action_masks
from wxcube.events.columns import Action, Columns

FEW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
START = 20_500
"""A day in 2026, in numbers since 1970."""
SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDbEngine]:
    with DuckDbEngine(threads=1, memory_limit="512MB") as duckdb:
        yield duckdb


def tables(
    engine: DuckDbEngine, present: Mapping[str, Columns], steps: Iterable[Step], names: list[str]
) -> dict[str, Columns]:
    """The tables that steps make from others."""
    for name, columns in present.items():
        engine.load(name, columns)
    chain = list(steps)
    for _ in run(engine, chain, keep=names):
        pass
    made = {name: engine.query(f"SELECT * FROM {name}") for name in names}
    for name in {*present, *names}:
        engine.drop(name)
    return made


def rows_of(columns: Columns, names: Iterable[str]) -> list[Any]:
    return sorted(zip(*(columns[name].tolist() for name in names), strict=True))


def assert_same(tables: Mapping[str, Columns], expected: Mapping[str, Columns]) -> None:
    """Every expected table is there, whatever the order of its columns and rows."""
    for name, table in expected.items():
        assert tables[name].keys() == table.keys()
        assert rows_of(tables[name], table) == rows_of(table, table), name


class Dice:
    """Random columns of events from a seed: few different values, and some extreme ones."""

    def __init__(self, seed: int, start: int = START) -> None:
        self._dice = np.random.default_rng(seed)
        self._start = start
        self.count = int(self._dice.choice([0, 1, 2, 30, 400]))
        self._users = self._dice.choice([1, 5, 60])
        self._articles = self._dice.choice([1, 3, 20])

    def of(self, values: Any, count: int | None = None) -> Any:
        kinds = np.asarray(values)
        return kinds[self._dice.integers(0, len(kinds), self.count if count is None else count)]

    def keys(self, count: int | None = None) -> Columns:
        users = np.concatenate(([-(2**63), 2**63 - 1, 0], np.arange(self._users) * 2**40 - 7))
        return {
            "acct": self.of(np.asarray([0, 3, 8, 1_000], "i4"), count),
            "d": self.of(np.arange(self._start, self._start + 4, dtype="i4"), count),
            "person": self.of(users.astype("i8"), count),
        }

    def article(self, count: int | None = None) -> Any:
        numbers = np.concatenate(([0, -5], np.arange(self._articles) * 2**33 + 1))
        return self.of(numbers.astype("i8"), count)

    def activity(self) -> Columns:
        action = self.of(np.asarray([1, 1, 1, 3, 3, *Action], "i1"))
        columns = self.keys() | {
            "h": self.of(np.asarray([0, 1, 9, 23], "i4")),
            "article": self.article(),
            "action": action,
            "source": self.of(np.asarray(CHANNELS, "i1")),
            "scene": np.where(action == 3, self.of([1, FEED_SCENE, 255]), 0).astype("i2"),
            "seconds": self.of(np.asarray([0, 3, 2**31 - 1], "i4")),
            "finished": self.of([False, True]),
            "position": self.of(np.arange(6, dtype="i1")),
            "fen": self.of(np.asarray([0, 1, 2**31 - 1], "i4")),
        }
        return columns | {"mask": action_masks(columns)}

    def followed(self) -> Columns:
        count = int(self._dice.choice([0, 1, 9]))
        columns = self.keys(count) | {"article": self.article(count)}
        return columns | {"mask": np.full(count, ActionBit.FOLLOWED.mask, "i4")}

    def messages(self) -> Columns:
        kinds = np.asarray([1, 2, 6, 100], "i2")
        hours = np.asarray([0, 5, 23], "i4")
        return self.keys() | {"h": self.of(hours), "msg_type": self.of(kinds)}

    def articles(self) -> Columns:
        pairs = {
            (int(acct), int(number))
            for acct, number in zip(self.keys(30)["acct"], self.article(30), strict=True)
        }
        acct, article = np.asarray(sorted(pairs)).T
        d = self.of(np.arange(START - 8, START + 5, dtype="i4"), len(acct))
        kind = self.of(np.asarray([0, 0, 1], "i1"), len(acct))
        return {
            "acct": acct.astype("i4"),
            "article": article.astype("i8"),
            "d": d,
            "publish_type": kind,
            "target_user": np.ones(len(acct), "i8"),
            "days": self.of(np.asarray([0, 2, 7, 30], "i4"), len(acct)),
        }


ACTIVITY = ["account_hour", "account_day", "touched", "article_users", "article_times"]
SHARES = ["getusersharehour", "getusershare"]
READERS = ["getuserreadhour", "getuserread", "getarticleread", "getarticleshare"]
MESSAGES = ["message_day", "getupstreammsghour", "getupstreammsg", "getupstreammsgdist"]
WEEKLY = ["getupstreammsgweek", "getupstreammsgdistweek"]
MONTHLY = ["getupstreammsgmonth", "getupstreammsgdistmonth"]


def counted_days(dice: Dice) -> Columns:
    """Rows of message_day."""
    return message.day_tables(dice.messages())["message_day"]


def calendar() -> Columns:
    days = np.arange(START, START + 4, dtype="i4")
    ones = np.ones(4, "i4")
    return {
        "d": days,
        "monday": days - days % 3,
        "month": days - days % 2,
        "week_over": ones,
        "month_over": ones,
    }


def touched(dice: Dice) -> Columns:
    """Rows of touched."""
    return activity.article_tables(activity.Activity(dice.activity(), dice.followed()))["touched"]


@given(seed=SEEDS)
@FEW
def test_the_tables_of_activity_equal_those_of_the_steps(engine: DuckDbEngine, seed: int) -> None:
    dice = Dice(seed)
    acted, followed = dice.activity(), dice.followed()
    given = {"activity": acted, "article_follow": followed}
    names = ACTIVITY + SHARES
    expected = tables(engine, given, needed(names, given), names)
    events = activity.Activity(acted, followed)
    made = activity.account_tables(events) | activity.article_tables(events)
    assert_same(made | activity.share_tables(events), expected)
    assert (np.diff(made["touched"]["d"]) >= 0).all()
    assert (np.diff(made["article_times"]["d"]) >= 0).all()


@given(seed=SEEDS, start=st.sampled_from([START, SPLIT - 2, CONTENT - 2]))
@FEW
def test_the_rows_of_readers_equal_those_of_the_steps_and_are_in_order(
    engine: DuckDbEngine, seed: int, start: int
) -> None:
    dice = Dice(seed, start)
    events = activity.Activity(dice.activity(), dice.followed())
    given = activity.account_tables(events) | activity.article_tables(events)
    expected = tables(engine, given, needed(READERS, given), READERS)
    hours = readers.user_read(given["account_hour"], HOUR_CHANNELS)
    days = readers.user_read(given["account_day"], DAY_CHANNELS)
    made = {
        "getuserreadhour": hours,
        "getuserread": days,
        "getarticleread": readers.article_readers(given["article_users"]),
        "getarticleshare": readers.article_sharers(given["article_users"]),
    }
    assert_same(made, expected)
    for rows, endpoint in ((hours, article.getuserreadhour), (days, article.getuserread)):
        keys = list(zip(*(rows[name].tolist() for name in order_of(endpoint)), strict=True))
        assert keys == sorted(keys)


@given(seed=SEEDS)
@FEW
def test_the_tables_of_messages_equal_those_of_the_steps(engine: DuckDbEngine, seed: int) -> None:
    sent = Dice(seed).messages()
    given = {"message": sent}
    expected = tables(engine, given, needed(MESSAGES, given), MESSAGES)
    made = message.day_tables(sent)
    assert_same(made, expected)
    assert (np.diff(made["message_day"]["d"]) >= 0).all()


@given(seed=SEEDS)
@FEW
def test_the_tables_of_weeks_and_months_equal_those_of_the_steps(
    engine: DuckDbEngine, seed: int
) -> None:
    days = counted_days(Dice(seed))
    given = {"message_day": days, "calendar": calendar()}
    names = WEEKLY + MONTHLY
    expected = tables(engine, given, needed(names, given), names)
    weeks = message.period_tables(days, days["d"] - days["d"] % 3)
    months = message.period_tables(days, days["d"] - days["d"] % 2)
    assert_same(dict(zip(names, (*weeks, *months), strict=True)), expected)


@given(seed=SEEDS, begin=st.integers(0, 3))
@FEW
def test_the_table_first_people_equals_that_of_the_steps(
    engine: DuckDbEngine, seed: int, begin: int
) -> None:
    dice = Dice(seed)
    rows, articles = touched(dice), dice.articles()
    is_now = rows["d"] >= START + begin
    now = {name: column[is_now] for name, column in rows.items()}
    before = {name: column[~is_now] for name, column in rows.items()}
    steps = NEXT_DAY if begin == 3 else NEXT_DAYS
    given = {"touched_now": now, "touched_before": before, "article": articles}
    expected = tables(engine, given, steps, ["first_people"])
    assert_same({"first_people": first.first_people(now, before, articles)}, expected)
    is_repeated = np.isin(before["person"], now["person"]) & np.isin(
        before["article"], now["article"]
    )
    some = {name: column[is_repeated] for name, column in before.items()}
    assert_same({"first_people": first.first_people(now, some, articles)}, expected)


# --- functions -----------------------------------------------------------------------------------


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 20), max_size=300))
@FEW
def test_distinct_values_and_their_indexes(values: list[int]) -> None:
    column = np.asarray(values, "i8")
    for function in (ordered.distinct_sorted, ordered.distinct):
        distinct, index = function(column)
        assert sorted(distinct.tolist()) == sorted(set(values))
        assert distinct[index].tolist() == values


@given(
    rows=st.lists(st.tuples(st.integers(-3, 6), st.integers(0, 2**62 - 1)), max_size=60),
    bits=st.sampled_from([63, 5]),
)
@FEW
def test_rows_are_put_in_order_by_several_columns(rows: list[tuple[int, int]], bits: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "PACKED_BITS", bits)
        order = ordered.sort_order(*np.asarray(rows, "i8").reshape(-1, 2).T)
    assert [rows[index] for index in order] == sorted(rows)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 900), st.integers(0, 3)), max_size=60
    ),
    bits=st.sampled_from([63, 5]),
)
@FEW
def test_rows_too_wide_for_one_integer_are_sorted_too(
    rows: list[tuple[int, int, int]], bits: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "PACKED_BITS", bits)
        columns = np.asarray(rows, "i8").reshape(-1, 3).T
        sorted_rows = ordered.SortedRows.of(*zip(columns, (7, 901, 4), strict=True))
    as_tuples = zip(*(c.tolist() for c in sorted_rows.columns), strict=True)
    assert list(as_tuples) == sorted(rows)
    for depth in (1, 2, 3):
        heads = [row[:depth] for row in sorted(rows)]
        starts = [n for n, head in enumerate(heads) if n == 0 or head != heads[n - 1]]
        assert sorted_rows.starts(depth).tolist() == starts


@given(size=st.sampled_from([10, 2_000_000]), count=st.sampled_from([0, 1, 50]), seed=SEEDS)
@FEW
def test_distinct_small_numbers_are_in_order(size: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, size, count)
    distinct, index = ordered.distinct_below(values, size)
    assert distinct.tolist() == sorted(set(values.tolist()))
    assert distinct[index].tolist() == values.tolist()


def test_many_users_of_one_key_are_counted() -> None:
    """So many that few of the bits are added up together."""
    users = 300_000
    masks = np.full(users, ActionBit.READ.mask | ActionBit.FOLLOWED.mask | 1, "i4")
    masks[0] = 0
    columns = counted.count_users(np.zeros(users, "i8"), 2, masks, list(ActionBit))
    counts = {bit: columns[bit.name.lower()].tolist() for bit in ActionBit}
    all_but_one = [users - 1, 0]
    expected = {bit: all_but_one if masks[1] & bit.mask else [0, 0] for bit in ActionBit}
    assert counts == expected


def test_sums_beyond_what_floating_point_holds_are_exact() -> None:
    values = np.asarray([2**60, 1, 2**60, 3], "i8")
    sums = counted.sum_at(np.asarray([1, 1, 0, 1]), 3, values)
    assert sums.tolist() == [2**60, 2**60 + 4, 0]
