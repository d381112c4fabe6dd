"""The tables made by sorting are those of the steps of the same names, on any columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.daily_steps import run
from wxcube.cube.kernel import activity, counted, first, message, ordered
from wxcube.cube.steps import Step, needed
from wxcube.cube.steps.resumed import RESUMED_DAY, RESUMED_DAYS
from wxcube.events.action_bits import CHANNELS, FEED_SCENE, ActionBit, marks
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
    """What the steps make of tables."""
    for name, columns in present.items():
        engine.load(name, columns)
    chain = list(steps)
    for _ in run(engine, chain, kept=names):
        pass
    found = {name: engine.ask(f"SELECT * FROM {name}") for name in names}
    for name in {*present, *names}:
        engine.drop(name)
    return found


def lines(columns: Columns, names: Iterable[str]) -> list[Any]:
    return sorted(zip(*(columns[name].tolist() for name in names), strict=True))


def same(found: Mapping[str, Columns], expected: Mapping[str, Columns]) -> None:
    """Every expected table is found, whatever the order of its columns and lines."""
    for name, table in expected.items():
        assert found[name].keys() == table.keys()
        assert lines(found[name], table) == lines(table, table), name


class Dice:
    """Columns of events, all from one seed: few different values, and some odd ones."""

    def __init__(self, seed: int) -> None:
        self._dice = np.random.default_rng(seed)
        self.count = int(self._dice.choice([0, 1, 2, 30, 400]))
        self._people = self._dice.choice([1, 5, 60])
        self._articles = self._dice.choice([1, 3, 20])

    def of(self, values: Any, count: int | None = None) -> Any:
        kinds = np.asarray(values)
        return kinds[self._dice.integers(0, len(kinds), self.count if count is None else count)]

    def who(self, count: int | None = None) -> Columns:
        people = np.concatenate(([-(2**63), 2**63 - 1, 0], np.arange(self._people) * 2**40 - 7))
        return {
            "acct": self.of(np.asarray([0, 3, 8, 1_000], "i4"), count),
            "d": self.of(np.arange(START, START + 4, dtype="i4"), count),
            "person": self.of(people.astype("i8"), count),
        }

    def article(self, count: int | None = None) -> Any:
        numbers = np.concatenate(([0, -5], np.arange(self._articles) * 2**33 + 1))
        return self.of(numbers.astype("i8"), count)

    def activity(self) -> Columns:
        action = self.of(np.asarray([1, 1, 1, 3, 3, *Action], "i1"))
        found = self.who() | {
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
        return found | {"mask": marks(found)}

    def followed(self) -> Columns:
        count = int(self._dice.choice([0, 1, 9]))
        found = self.who(count) | {"article": self.article(count)}
        return found | {"mask": np.full(count, ActionBit.FOLLOWED.mask, "i4")}

    def messages(self) -> Columns:
        kinds = np.asarray([1, 2, 6, 100], "i2")
        hours = np.asarray([0, 5, 23], "i4")
        return self.who() | {"h": self.of(hours), "msg_type": self.of(kinds)}

    def articles(self) -> Columns:
        pairs = {
            (int(acct), int(number))
            for acct, number in zip(self.who(30)["acct"], self.article(30), strict=True)
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


ACTIVITY = ["account_hour", "account_day", "sharing_hour", "touched", "article_people"]
ACTIVITY += ["article_times"]
MESSAGES = ["message_day", "getupstreammsghour", "getupstreammsg", "getupstreammsgdist"]
WEEKLY = ["getupstreammsgweek", "getupstreammsgdistweek"]
MONTHLY = ["getupstreammsgmonth", "getupstreammsgdistmonth"]


def counted_days(dice: Dice) -> Columns:
    """Lines of message_day."""
    return message.days(dice.messages())["message_day"]


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
    """Lines of touched."""
    return activity.articles(activity.Activity(dice.activity(), dice.followed()))["touched"]


@given(seed=SEEDS)
@FEW
def test_activity_by_sorting_is_that_of_the_steps(engine: DuckDbEngine, seed: int) -> None:
    dice = Dice(seed)
    acted, followed = dice.activity(), dice.followed()
    given = {"activity": acted, "subscribed": followed}
    expected = tables(engine, given, needed(ACTIVITY, given), ACTIVITY)
    events = activity.Activity(acted, followed)
    found = activity.accounts(events) | activity.articles(events)
    same(found | {"sharing_hour": activity.sharing(events)}, expected)
    assert (np.diff(found["touched"]["d"]) >= 0).all()
    assert (np.diff(found["article_times"]["d"]) >= 0).all()


@given(seed=SEEDS)
@FEW
def test_messages_by_sorting_are_those_of_the_steps(engine: DuckDbEngine, seed: int) -> None:
    sent = Dice(seed).messages()
    given = {"message": sent}
    expected = tables(engine, given, needed(MESSAGES, given), MESSAGES)
    found = message.days(sent)
    same(found, expected)
    assert (np.diff(found["message_day"]["d"]) >= 0).all()


@given(seed=SEEDS)
@FEW
def test_weeks_and_months_by_sorting_are_those_of_the_steps(
    engine: DuckDbEngine, seed: int
) -> None:
    days = counted_days(Dice(seed))
    given = {"message_day": days, "calendar": calendar()}
    names = WEEKLY + MONTHLY
    expected = tables(engine, given, needed(names, given), names)
    weeks = message.periods(days, days["d"] - days["d"] % 3)
    months = message.periods(days, days["d"] - days["d"] % 2)
    found = dict(zip(names, (*weeks, *months), strict=True))
    same(found, expected)


@given(seed=SEEDS, begin=st.integers(0, 3))
@FEW
def test_first_people_by_sorting_are_those_of_the_steps(
    engine: DuckDbEngine, seed: int, begin: int
) -> None:
    dice = Dice(seed)
    lines_of, articles = touched(dice), dice.articles()
    is_now = lines_of["d"] >= START + begin
    now = {name: column[is_now] for name, column in lines_of.items()}
    before = {name: column[~is_now] for name, column in lines_of.items()}
    steps = RESUMED_DAY if begin == 3 else RESUMED_DAYS
    given = {"touched_now": now, "touched_before": before, "article": articles}
    expected = tables(engine, given, steps, ["first_people"])
    same({"first_people": first.first_people(now, before, articles)}, expected)
    again = np.isin(before["person"], now["person"]) & np.isin(before["article"], now["article"])
    some = {name: column[again] for name, column in before.items()}
    same({"first_people": first.first_people(now, some, articles)}, expected)


# --- the parts -----------------------------------------------------------------------------------


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 20), max_size=300))
@FEW
def test_values_are_told_apart(values: list[int]) -> None:
    column = np.asarray(values, "i8")
    for tell in (ordered.ranked, ordered.told_apart):
        found, places = tell(column)
        assert sorted(found.tolist()) == sorted(set(values))
        assert found[places].tolist() == values


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 900), st.integers(0, 3)), max_size=60
    ),
    bits=st.sampled_from([63, 5]),
)
@FEW
def test_rows_too_wide_for_one_number_are_ordered_too(
    rows: list[tuple[int, int, int]], bits: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordered, "PACKED_BITS", bits)
        columns = np.asarray(rows, "i8").reshape(-1, 3).T
        found = ordered.Ordered.of(*zip(columns, (7, 901, 4), strict=True))
    assert list(zip(*(c.tolist() for c in found.columns), strict=True)) == sorted(rows)
    for depth in (1, 2, 3):
        heads = [row[:depth] for row in sorted(rows)]
        starts = [n for n, head in enumerate(heads) if n == 0 or head != heads[n - 1]]
        assert found.starts(depth).tolist() == starts


@given(size=st.sampled_from([10, 2_000_000]), count=st.sampled_from([0, 1, 50]), seed=SEEDS)
@FEW
def test_numbers_are_numbered_in_order(size: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, size, count)
    found, places = ordered.numbered(values, size)
    assert found.tolist() == sorted(set(values.tolist()))
    assert found[places].tolist() == values.tolist()


def test_many_people_of_one_key_are_counted() -> None:
    """So many that only one bit at a time can be added up exactly."""
    number = 300_000
    masks = np.full(number, ActionBit.READ.mask | ActionBit.FOLLOWED.mask | 1, "i4")
    masks[0] = 0
    found = counted.people(np.zeros(number, "i8"), 2, masks, list(ActionBit))
    shown = {mark: found[mark.name.lower()].tolist() for mark in ActionBit}
    all_but_one = [number - 1, 0]
    expected = {mark: all_but_one if masks[1] & mark.mask else [0, 0] for mark in ActionBit}
    assert shown == expected


def test_sums_beyond_what_floating_point_holds_are_exact() -> None:
    values = np.asarray([2**60, 1, 2**60, 3], "i8")
    found = counted.added(np.asarray([1, 1, 0, 1]), 3, values)
    assert found.tolist() == [2**60, 2**60 + 4, 0]
