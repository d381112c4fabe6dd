"""Actions of users with articles: the tables of some accounts and days, from one sort each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.beijing import HOURS
from wxcube.cube.kernel.counted import EventCounter, count_users, sum_at
from wxcube.cube.kernel.ordered import SortedRows, changes, distinct, distinct_below
from wxcube.cube.steps.articles import AMOUNTS, ARTICLE_BITS, ARTICLE_EVENTS
from wxcube.cube.steps.readers import READER_BITS, READER_EVENTS
from wxcube.events.action_bits import CHANNELS, FEED_SCENE, ActionBit, action_masks
from wxcube.events.columns import Action, Columns

Numbers = NDArray[Any]

# --- kinds of events -----------------------------------------------------------------------------

_ACTIONS = max(Action) + 1
_POSITIONS = 16
"""More than the number of positions in an article at which a reader can leave."""


def _kinds() -> Columns:
    """Every kind of event, as far as its mask and counts differ, in the order of `_kind`."""
    sizes = (_ACTIONS, len(CHANNELS), 2, 2)
    action, source, feed, finished = (array.ravel() for array in np.indices(sizes))
    scene = np.where(feed == 1, FEED_SCENE, 0)
    return {"action": action, "source": source, "scene": scene, "finished": finished == 1}


def _kind(activity: Columns) -> Numbers:
    """The index of each event's kind in `_kinds`."""
    kind = activity["action"].astype("i8")
    kind *= len(CHANNELS)
    kind += activity["source"]
    kind *= 2
    kind += activity["scene"] == FEED_SCENE
    kind *= 2
    kind += activity["finished"]
    return kind


def _masks_of(kinds: Columns) -> Numbers:
    """The action bits of each kind; the last one is that of a follow after reading."""
    masks = np.zeros(len(kinds["action"]) + 1, "i4")
    known = np.flatnonzero(np.isin(kinds["action"], list(Action)))
    masks[known] = action_masks({name: column[known] for name, column in kinds.items()})
    masks[-1] = ActionBit.FOLLOWED.mask
    return masks


def _position_kinds() -> Columns:
    action, position = (array.ravel() for array in np.indices((_ACTIONS, _POSITIONS)))
    return {"action": action, "position": position}


_KINDS = _kinds()
_MASKS = _masks_of(_KINDS)
_FOLLOWED = len(_MASKS) - 1
"""The kind of a follow immediately after reading, which only has a mask."""
_BY_POSITION = {name: it for name, it in ARTICLE_EVENTS.items() if it.position is not None}
_READER_COUNTER = EventCounter({name: it.matches(_KINDS) for name, it in READER_EVENTS.items()})
_ARTICLE_COUNTER = EventCounter(
    {name: it.matches(_KINDS) for name, it in ARTICLE_EVENTS.items() if name not in _BY_POSITION}
)
_POSITION_COUNTER = EventCounter(
    {name: it.matches(_position_kinds()) for name, it in _BY_POSITION.items()}
)


# --- events --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Activity:
    """Events of some accounts and days, with their keys as small numbers.

    `activity` has rows of the steps' table `activity` and also the column `finished`; `follows` has
    rows of `article_follow`. The keys are of the rows of `activity`, then of those of `follows`.
    """

    activity: Columns
    follows: Columns

    @cached_property
    def kind(self) -> Numbers:
        """The kind of each event in `activity`."""
        return _kind(self.activity)

    @cached_property
    def _distinct_users(self) -> tuple[Numbers, Numbers]:
        return distinct(self._both("person"))

    @property
    def users(self) -> Numbers:
        """The distinct users."""
        return self._distinct_users[0]

    @property
    def user(self) -> Numbers:
        """The index of each row's user among the distinct ones."""
        return self._distinct_users[1]

    @cached_property
    def _accounts(self) -> tuple[Numbers, Numbers]:
        acct = self._both("acct")
        return distinct_below(acct, int(acct.max(initial=0)) + 1)

    @cached_property
    def _first(self) -> int:
        return int(self._both("d").min(initial=1 << 30))

    @cached_property
    def account_day(self) -> Numbers:
        """Day and account of each row as one number, ordered by day."""
        number = self._both("d").astype("i8")
        number -= self._first
        number *= len(self._accounts[0])
        number += self._accounts[1]
        return number

    @cached_property
    def account_day_size(self) -> int:
        """A number that all of `account_day` are below."""
        return int(self.account_day.max(initial=-1)) + 1

    @cached_property
    def articles(self) -> tuple[Numbers, Numbers, Numbers]:
        """Account and number of the distinct articles, and the index of each row's article."""
        numbers, number = distinct(self._both("article"))
        size = len(self._accounts[0]) * len(numbers)
        pairs, index = distinct_below(self._accounts[1] * len(numbers) + number, size)
        acct, number = np.divmod(pairs, max(1, len(numbers)))
        return self._accounts[0][acct], numbers[number], index

    def columns_of(self, account_days: Numbers, day_name: str = "d") -> Columns:
        """The account and day of numbers like those in `account_day`."""
        d, acct = np.divmod(account_days, max(1, len(self._accounts[0])))
        return {"acct": self._accounts[0][acct].astype("i4"), day_name: self.days_at(d)}

    def days_at(self, offsets: Numbers) -> Numbers:
        """The days at some offsets from the first."""
        return (offsets + self._first).astype("i4")

    def day_offsets(self) -> Numbers:
        """The offset of each row's day from the first."""
        return self._both("d").astype("i8") - self._first

    def _both(self, name: str) -> Numbers:
        if not len(self.follows[name]):
            return self.activity[name]
        return np.concatenate((self.activity[name], self.follows[name]))


# --- tables --------------------------------------------------------------------------------------


def account_tables(events: Activity) -> dict[str, Columns]:
    """The tables account_hour and account_day."""
    count = len(events.kind)
    rows = SortedRows.of(
        (events.account_day[:count], events.account_day_size),
        (events.user[:count], len(events.users)),
        (events.activity["h"], HOURS),
        (events.kind, len(_MASKS)),
    )
    account_day, user, hour, kind = rows.columns
    hour_size = events.account_day_size * HOURS
    hours, hour_keys = distinct_below(account_day * HOURS + hour, hour_size)
    days, day_keys = distinct_below(account_day, events.account_day_size)
    at_hour = rows.starts(3)
    masks = _combined(_MASKS[kind], at_hour)
    by_hour = count_users(hour_keys[at_hour], len(hours), masks, READER_BITS)
    at_day = np.flatnonzero(changes(account_day[at_hour], user[at_hour]))
    masks = _combined(masks, at_day)
    by_day = count_users(day_keys[at_hour[at_day]], len(days), masks, READER_BITS)
    return {
        "account_hour": events.columns_of(hours // HOURS)
        | {"h": (hours % HOURS).astype("i4")}
        | by_hour
        | _READER_COUNTER.count(hour_keys, len(hours), kind),
        "account_day": events.columns_of(days)
        | by_day
        | _READER_COUNTER.count(day_keys, len(days), kind),
    }


def share_tables(events: Activity) -> dict[str, Columns]:
    """The tables getusersharehour and getusershare."""
    shares = np.flatnonzero(events.activity["action"] == Action.SHARE)
    scenes, scene = distinct(events.activity["scene"][shares])
    account_day = (events.account_day[shares], events.account_day_size)
    hour = (events.activity["h"][shares], HOURS)
    by_scene = (scene, len(scenes))
    user = (events.user[shares], len(events.users))
    by_hour = SortedRows.of(account_day, hour, by_scene, user)
    by_day = SortedRows.of(account_day, by_scene, user)
    at_hour, at_day = by_hour.starts(3), by_day.starts(2)
    return {
        "getusersharehour": events.columns_of(by_hour.columns[0][at_hour], "ref_date")
        | {"ref_hour": (by_hour.columns[1][at_hour] * 100).astype("i4")}
        | _shares(by_hour, at_hour, scenes),
        "getusershare": events.columns_of(by_day.columns[0][at_day], "ref_date")
        | _shares(by_day, at_day, scenes),
    }


def _shares(rows: SortedRows, starts: Numbers, scenes: Numbers) -> Columns:
    """Users and shares by scene; the last two columns of the rows are the scene and the user."""
    *keys, scene, user = rows.columns
    is_user = changes(*keys, scene, user)
    return {
        "share_scene": scenes[scene[starts]].astype("i4"),
        "share_user": np.add.reduceat(is_user, starts, dtype="i8") if len(starts) else starts,
        "share_count": np.diff(starts, append=len(scene)),
    }


def article_tables(events: Activity) -> dict[str, Columns]:
    """The tables touched, article_users and article_times, their rows ordered by day."""
    acct, article, index = events.articles
    offsets = events.day_offsets()
    size = (int(offsets.max(initial=-1)) + 1) * len(acct)
    keys, key = distinct_below(offsets * len(acct) + index, size)
    followed = np.full(len(events.follows["d"]), _FOLLOWED)
    rows = SortedRows.of(
        (key, len(keys)),
        (events.user, len(events.users)),
        (np.concatenate((events.kind, followed)), len(_MASKS)),
    )
    starts = rows.starts(2)
    keys_of_users, user = rows.columns[0][starts], rows.columns[1][starts]
    masks = _combined(_MASKS[rows.columns[2]], starts)
    offset, index = np.divmod(keys, max(1, len(acct)))
    columns = {
        "acct": acct[index].astype("i4"),
        "article": article[index],
        "d": events.days_at(offset),
    }
    touched = {name: column[keys_of_users] for name, column in columns.items()}
    return {
        "touched": touched | {"person": events.users[user], "mask": masks},
        "article_users": columns | count_users(keys_of_users, len(keys), masks, ARTICLE_BITS),
        "article_times": _article_times(events, columns, key[: len(events.kind)]),
    }


def _article_times(events: Activity, articles: Columns, keys: Numbers) -> Columns:
    """The number of events by article and day, where there are any."""
    count = len(articles["d"])
    position = np.clip(events.activity["position"], 0, _POSITIONS - 1)
    position_kind = events.activity["action"].astype("i8") * _POSITIONS + position
    counts = _ARTICLE_COUNTER.count(keys, count, events.kind)
    counts |= _POSITION_COUNTER.count(keys, count, position_kind)
    counts |= {name: sum_at(keys, count, events.activity[name]) for name in AMOUNTS}
    has_events = np.zeros(count, "?")
    has_events[keys] = True
    table = articles | {name: counts[name] for name in (*ARTICLE_EVENTS, *AMOUNTS)}
    return table if has_events.all() else {name: c[has_events] for name, c in table.items()}


def _combined(masks: Numbers, starts: Numbers) -> Numbers:
    """The masks from each start to the next, combined with OR."""
    if len(starts) == len(masks):
        return masks
    combined: Numbers = np.bitwise_or.reduceat(masks, starts)
    return combined
