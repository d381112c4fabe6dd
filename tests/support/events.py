"""Random events for the cube's tests, with few distinct users, articles and days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from wxcube.beijing import BEIJING
from wxcube.events import kinds as ev

ACCOUNTS = ("wxdemo-a", "wxdemo-b", "wxdemo-c", "wxdemo-d")
USERS = ("o1", "o2", "o3", "o4")
MSGIDS = ("9_1", "9_2", "10_1", "2247483650_1")
EDGE_DAYS = (
    date(2014, 12, 1),
    date(2015, 2, 28),
    date(2020, 2, 26),
    date(2020, 2, 29),
    date(2025, 10, 30),
    date(2025, 11, 1),
    date(2025, 12, 31),
)
"""Days around which something changes: the first ones, a month's end, the rules of a row."""


def moment(day: date, seconds: int = 0) -> int:
    """Unix seconds of a Beijing day's second."""
    start = datetime.combine(day, time(), BEIJING)
    return int((start + timedelta(seconds=seconds)).timestamp())


def seconds_of_day() -> st.SearchStrategy[int]:
    """Often the day's or an hour's first or last second."""
    return st.sampled_from([0, 1, 3_599, 3_600, 86_399]) | st.integers(0, 86_399)


@st.composite
def moments(draw: st.DrawFn, first: date) -> int:
    """A moment within 45 days from a day, mostly within the first ten."""
    days = draw(st.integers(0, 9) | st.integers(0, 45))
    return moment(first + timedelta(days=days), draw(seconds_of_day()))


CHANNELS = st.integers(0, 7)
SCENES = st.sampled_from([1, 2, 2, 3, 255])
MEMBERS: dict[type[ev.Event], dict[str, st.SearchStrategy[Any]]] = {
    ev.Open: {"followers": st.integers(0, 500)},
    ev.Follow: {
        "source": st.sampled_from([0, 1, 30, 57]),
        "msgid": st.none() | st.sampled_from(MSGIDS),
    },
    ev.Unfollow: {"source": st.sampled_from([0, 1, 30])},
    ev.Message: {"msg_type": st.sampled_from([1, 1, 2, 6])},
    ev.Reply: {"ms": st.integers(0, 5_100), "ok": st.booleans()},
    ev.Publish: {
        "title": st.sampled_from(["", "标题一", "标题二"]),
        "publish_type": st.integers(0, 1),
        "target_user": st.integers(0, 9),
        "content_url": st.sampled_from(["", "http://mp.weixin.qq.com/s?mid=9"]),
    },
    ev.Read: {
        "source": CHANNELS,
        "seconds": st.integers(0, 300),
        "finished": st.booleans(),
        "position": st.integers(0, 5),
    },
    ev.ReadOriginal: {},
    ev.Share: {"source": CHANNELS, "scene": SCENES},
    ev.Favourite: {},
    ev.Like: {},
    ev.Zaikan: {},
    ev.Comment: {},
    ev.Praise: {"fen": st.integers(0, 1_000)},
}
KINDS: tuple[type[ev.Event], ...] = (*MEMBERS, ev.Read, ev.Read, ev.Share, ev.Message, ev.Publish)
"""Kinds to draw from, the ones with the most rules more often."""


@st.composite
def events(draw: st.DrawFn, first: date) -> Any:
    """An event of any kind; an id may occur again, with other members."""
    kind = draw(st.sampled_from(KINDS))
    members: dict[str, st.SearchStrategy[Any]] = {
        "id": st.integers(0, 300).map(lambda n: f"{kind.__name__}{n}"),
        "account": st.sampled_from(ACCOUNTS[:2]),
        "at": moments(first),
    }
    if "user" in kind.__struct_fields__:
        members["user"] = st.sampled_from(USERS)
    if "msgid" in kind.__struct_fields__:
        members["msgid"] = st.sampled_from(MSGIDS)
    return draw(st.builds(kind, **(members | MEMBERS[kind])))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Any], date]:
    """Events around an edge day, in any order, and a day up to which to compute."""
    first = draw(st.sampled_from(EDGE_DAYS))
    happened = draw(st.lists(events(first), min_size=1, max_size=40))
    return happened, first + timedelta(days=draw(st.integers(0, 10) | st.integers(0, 62)))


def crowded(seed: int, number: int = 1_200) -> tuple[list[ev.AnyEvent], date]:
    """Many events on few days, so that people, articles and days meet in every way."""
    dice = Random(seed)
    first = dice.choice(EDGE_DAYS)
    return [_rolled(dice, first) for _ in range(number)], first + timedelta(dice.randint(3, 40))


def _rolled(dice: Random, first: date) -> Any:
    kind = dice.choice(KINDS)
    day = first + timedelta(days=min(dice.randint(0, 8), dice.randint(0, 40)))
    seconds = dice.choice([0, 3_599, 3_600, 36_000, 36_000 + dice.randint(0, 7_200), 86_399])
    members: dict[str, Any] = {
        "id": f"{kind.__name__}{dice.randint(0, 4_000)}",
        "account": dice.choice(ACCOUNTS),
        "at": moment(day, seconds),
        "user": dice.choice(USERS),
        "msgid": dice.choice((*MSGIDS, None)) if kind is ev.Follow else dice.choice(MSGIDS),
        "source": dice.randint(0, 7),
        "scene": dice.choice([1, 2, 2, 3, 255]),
        "msg_type": dice.choice([1, 1, 2, 6]),
        "followers": dice.randint(0, 500),
        "ms": dice.randint(0, 5_100),
        "ok": dice.random() < 0.8,
        "title": dice.choice(["", "标题"]),
        "publish_type": dice.randint(0, 1),
        "target_user": dice.randint(0, 6),
        "content_url": dice.choice(["", "http://mp.weixin.qq.com/s?mid=9"]),
        "seconds": dice.randint(0, 300),
        "finished": dice.random() < 0.3,
        "position": dice.randint(0, 5),
        "fen": dice.randint(0, 1_000),
    }
    return kind(**{name: members[name] for name in kind.__struct_fields__})
