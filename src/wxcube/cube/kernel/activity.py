"""What people did with articles: the tables of some accounts and days, from one sort per grain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wxcube.beijing import HOURS
from wxcube.cube.kernel.counted import Classes, added, people
from wxcube.cube.kernel.ordered import Ordered, changes, numbered, told_apart
from wxcube.cube.steps.articles import AMOUNTS, ARTICLE_DONE, ARTICLE_MARKS
from wxcube.cube.steps.readers import READER_DONE, READER_MARKS
from wxcube.events.action_bits import CHANNELS, FEED_SCENE, ActionBit, marks
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Action, Columns

Numbers = NDArray[Any]

# --- kinds of events -----------------------------------------------------------------------------

_ACTIONS = max(Action) + 1
_PLACES = 16
"""Places in an article where a reader may leave, with room."""


def _kinds() -> Columns:
    """Every event there can be, as far as its mask and counts go, in the order of `_kind`."""
    sizes = (_ACTIONS, len(CHANNELS), 2, 2)
    action, source, feed, finished = (array.ravel() for array in np.indices(sizes))
    scene = np.where(feed == 1, FEED_SCENE, 0)
    return {"action": action, "source": source, "scene": scene, "finished": finished == 1}


def _kind(activity: Columns) -> Numbers:
    """The place of each event among the kinds."""
    found = activity["action"].astype("i8")
    found *= len(CHANNELS)
    found += activity["source"]
    found *= 2
    found += activity["scene"] == FEED_SCENE
    found *= 2
    found += activity["finished"]
    return found


def _masks_of(kinds: Columns) -> Numbers:
    found = np.zeros(len(kinds["action"]) + 1, "i4")
    known = np.flatnonzero(np.isin(kinds["action"], list(Action)))
    found[known] = marks({name: column[known] for name, column in kinds.items()})
    found[-1] = ActionBit.FOLLOWED.mask
    return found


def _left_kinds() -> Columns:
    action, position = (array.ravel() for array in np.indices((_ACTIONS, _PLACES)))
    return {"action": action, "position": position}


_KINDS = _kinds()
_MASKS = _masks_of(_KINDS)
_FOLLOWED = len(_MASKS) - 1
"""The kind of a follow right after reading, of which only the mask counts."""
_LEFT = {name: it for name, it in ARTICLE_DONE.items() if it.position is not None}
_READER_CLASSES = Classes({name: it.holds(_KINDS) for name, it in READER_DONE.items()})
_ARTICLE_CLASSES = Classes(
    {name: it.holds(_KINDS) for name, it in ARTICLE_DONE.items() if name not in _LEFT}
)
_LEFT_CLASSES = Classes({name: it.holds(_left_kinds()) for name, it in _LEFT.items()})


# --- events --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Activity:
    """Events of some accounts and days, told by small numbers.

    `given` has lines of the steps' table `activity` with `finished` beside them, `followed` lines
    of `subscribed`.
    """

    given: Columns
    followed: Columns

    @cached_property
    def kind(self) -> Numbers:
        """What each event counts towards."""
        return _kind(self.given)

    @cached_property
    def _persons(self) -> tuple[Numbers, Numbers]:
        return told_apart(self._both("person"))

    @property
    def persons(self) -> Numbers:
        """The distinct persons."""
        return self._persons[0]

    @property
    def person(self) -> Numbers:
        """Each line's place among the persons, those of `followed` behind."""
        return self._persons[1]

    @cached_property
    def _accounts(self) -> tuple[Numbers, Numbers]:
        acct = self._both("acct")
        return numbered(acct, int(acct.max(initial=0)) + 1)

    @cached_property
    def _first(self) -> int:
        return int(self._both("d").min(initial=1 << 30))

    @cached_property
    def day(self) -> Numbers:
        """Day and account of each line in one number, ordered by day."""
        found = self._both("d").astype("i8")
        found -= self._first
        found *= len(self._accounts[0])
        found += self._accounts[1]
        return found

    @cached_property
    def days(self) -> int:
        """A number that all of `day` are below."""
        return int(self.day.max(initial=-1)) + 1

    @cached_property
    def articles(self) -> tuple[Numbers, Numbers, Numbers]:
        """Account and number of the distinct articles, and each line's place among them."""
        numbers, number = told_apart(self._both("article"))
        size = len(self._accounts[0]) * len(numbers)
        pairs, place = numbered(self._accounts[1] * len(numbers) + number, size)
        acct, number = np.divmod(pairs, max(1, len(numbers)))
        return self._accounts[0][acct], numbers[number], place

    def day_columns(self, days: Numbers) -> Columns:
        """Account and day of numbers like those in `day`."""
        d, acct = np.divmod(days, max(1, len(self._accounts[0])))
        return {"acct": self._accounts[0][acct].astype("i4"), "d": self.days_of(d)}

    def days_of(self, places: Numbers) -> Numbers:
        """Days by their places after the first."""
        return (places + self._first).astype("i4")

    def day_places(self) -> Numbers:
        """Each line's day as a place after the first."""
        return self._both("d").astype("i8") - self._first

    def _both(self, name: str) -> Numbers:
        if not len(self.followed[name]):
            return self.given[name]
        return np.concatenate((self.given[name], self.followed[name]))


# --- tables --------------------------------------------------------------------------------------


def accounts(events: Activity) -> dict[str, Columns]:
    """The tables account_hour and account_day."""
    number = len(events.kind)
    rows = Ordered.of(
        (events.day[:number], events.days),
        (events.person[:number], len(events.persons)),
        (events.given["h"], HOURS),
        (events.kind, len(_MASKS)),
    )
    day, person, hour, kind = rows.columns
    hours, hour_places = numbered(day * HOURS + hour, events.days * HOURS)
    days, day_places = numbered(day, events.days)
    at_hour = rows.starts(3)
    masks = _together(_MASKS[kind], at_hour)
    by_hour = people(hour_places[at_hour], len(hours), masks, READER_MARKS)
    at_day = np.flatnonzero(changes(day[at_hour], person[at_hour]))
    masks = _together(masks, at_day)
    by_day = people(day_places[at_hour[at_day]], len(days), masks, READER_MARKS)
    return {
        "account_hour": events.day_columns(hours // HOURS)
        | {"h": (hours % HOURS).astype("i4")}
        | by_hour
        | _READER_CLASSES.counted(hour_places, len(hours), kind),
        "account_day": events.day_columns(days)
        | by_day
        | _READER_CLASSES.counted(day_places, len(days), kind),
    }


def sharing(events: Activity) -> Columns:
    """The table sharing_hour: who shared to where, and how often."""
    chosen = np.flatnonzero(events.given["action"] == Action.SHARE)
    scenes, scene = told_apart(events.given["scene"][chosen])
    rows = Ordered.of(
        (events.day[chosen], events.days),
        (events.given["h"][chosen], HOURS),
        (scene, len(scenes)),
        (events.person[chosen], len(events.persons)),
    )
    starts = rows.starts(4)
    day, hour, scene, person = (column[starts] for column in rows.columns)
    return events.day_columns(day) | {
        "h": hour.astype("i4"),
        "scene": scenes[scene].astype("i4"),
        "person": events.persons[person],
        "n": np.diff(starts, append=len(chosen)),
    }


def articles(events: Activity) -> dict[str, Columns]:
    """The tables touched, article_people and article_times, their lines ordered by day."""
    acct, article, place = events.articles
    days = events.day_places()
    keys, key = numbered(days * len(acct) + place, (int(days.max(initial=-1)) + 1) * len(acct))
    followed = np.full(len(events.followed["d"]), _FOLLOWED)
    rows = Ordered.of(
        (key, len(keys)),
        (events.person, len(events.persons)),
        (np.concatenate((events.kind, followed)), len(_MASKS)),
    )
    starts = rows.starts(2)
    places, person = rows.columns[0][starts], rows.columns[1][starts]
    masks = _together(_MASKS[rows.columns[2]], starts)
    day, of = np.divmod(keys, max(1, len(acct)))
    columns = {"acct": acct[of].astype("i4"), "article": article[of], "d": events.days_of(day)}
    touched = {name: column[places] for name, column in columns.items()}
    return {
        "touched": touched | {"person": events.persons[person], "mask": masks},
        "article_people": columns | people(places, len(keys), masks, ARTICLE_MARKS),
        "article_times": _times(events, columns, key[: len(events.kind)]),
    }


def _times(events: Activity, keys: Columns, places: Numbers) -> Columns:
    """How often things were done with the articles with which something was."""
    number = len(keys["d"])
    position = np.clip(events.given["position"], 0, _PLACES - 1)
    left = events.given["action"].astype("i8") * _PLACES + position
    found = _ARTICLE_CLASSES.counted(places, number, events.kind)
    found |= _LEFT_CLASSES.counted(places, number, left)
    found |= {name: added(places, number, events.given[name]) for name in AMOUNTS}
    is_acted = np.zeros(number, "?")
    is_acted[places] = True
    ordered = keys | {name: found[name] for name in (*ARTICLE_DONE, *AMOUNTS)}
    return ordered if is_acted.all() else {name: c[is_acted] for name, c in ordered.items()}


def _together(masks: Numbers, starts: Numbers) -> Numbers:
    """The masks from each start to the next in one."""
    if len(starts) == len(masks):
        return masks
    found: Numbers = np.bitwise_or.reduceat(masks, starts)
    return found
