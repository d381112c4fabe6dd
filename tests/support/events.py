"""Random events for the cube's tests, close together in people, articles and days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from wxcube.beijing import BEIJING
from wxcube.sources import event as ev

ACCOUNTS = ("wxdemo-a", "wxdemo-b")
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
def events_of_one_kind(draw: st.DrawFn, first: date) -> list[Any]:
    """Some events of one kind; an id may come again, with other members."""
    kind = draw(st.sampled_from(KINDS))
    shared: dict[str, st.SearchStrategy[Any]] = {
        "id": st.integers(0, 300).map(lambda n: f"{kind.__name__}{n}"),
        "account": st.sampled_from(ACCOUNTS),
        "at": moments(first),
    }
    if "user" in kind.__struct_fields__:
        shared["user"] = st.sampled_from(USERS)
    if "msgid" in kind.__struct_fields__ and "msgid" not in MEMBERS[kind]:
        shared["msgid"] = st.sampled_from(MSGIDS)
    return draw(st.lists(st.builds(kind, **shared, **MEMBERS[kind]), min_size=1, max_size=12))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Any], date]:
    """Events around an edge day, in any order, and a day up to which to compute."""
    first = draw(st.sampled_from(EDGE_DAYS))
    groups = draw(st.lists(events_of_one_kind(first), min_size=1, max_size=8))
    through = first + timedelta(days=draw(st.integers(0, 10) | st.integers(0, 62)))
    return [event for group in groups for event in group], through
