"""One bit for each thing a person can have done with an article.

The bits of all events of a person in an hour, a day or a week are OR-ed together; distinct people
are then counted by adding up bits, without looking at single events again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from wxcube.contract.codes import READ_SCENES
from wxcube.errors import EventError
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Action, Columns


class ActionBit(IntEnum):
    """Number of the bit that says a person did this."""

    READ_FROM_0 = 0
    READ_FROM_1 = 1
    READ_FROM_2 = 2
    READ_FROM_3 = 3
    READ_FROM_4 = 4
    READ_FROM_5 = 5
    READ_FROM_6 = 6
    READ_FROM_7 = 7
    SHARE_FROM_0 = 8
    SHARE_FROM_1 = 9
    SHARE_FROM_2 = 10
    SHARE_FROM_3 = 11
    SHARE_FROM_4 = 12
    SHARE_FROM_5 = 13
    SHARE_FROM_6 = 14
    SHARE_FROM_7 = 15
    READ = 16
    SHARE = 17
    READ_ORIGINAL = 18
    FAVOURITE = 19
    LIKED = 20
    ZAIKAN = 21
    READ_IN_OTHER_SCENE = 22
    """Read from one of the channels whose scene is 其他."""
    READ_FROM_OTHER = 23
    """Read from one of the channels getarticletotal puts together as other."""
    FEED_SHARE_FROM_SESSION = 24
    FEED_SHARE_FROM_FEED = 25
    FEED_SHARE_FROM_OTHER = 26
    FINISHED = 27
    FOLLOWED = 28
    """Followed the account right after reading."""

    @property
    def mask(self) -> int:
        """The number with only this bit set."""
        return 1 << self.value


CHANNELS = range(8)
"""Channels a reader can come through."""
READ_FROM = tuple(ActionBit(ActionBit.READ_FROM_0 + channel) for channel in CHANNELS)
SHARE_FROM = tuple(ActionBit(ActionBit.SHARE_FROM_0 + channel) for channel in CHANNELS)

TOTAL_CHANNELS: dict[str, tuple[int, ...]] = {
    "session": (0,),
    "hist_msg": (4,),
    "feed": (2,),
    "friends": (1,),
    "other": (3, 5, 6, 7),
}
"""Channels behind each int_page_from_… column of getarticletotal; together all of them."""
SCENE_CHANNELS: dict[str, tuple[int, ...]] = {
    scene: tuple(c for c in CHANNELS if READ_SCENES[c] == scene) for scene in READ_SCENES.values()
}
"""Channels behind each scene_desc."""
FEED_SHARES: dict[str, tuple[int, ...]] = {
    "session": (0,),
    "feed": (2,),
    "other": tuple(c for c in CHANNELS if c not in {0, 2}),
}
"""Channels behind each feed_share_from_… column of getarticletotal."""
FEED_SCENE = 2
"""share_scene of a share to Moments."""
OTHER_SCENE = READ_SCENES[5]

_SIMPLE = {
    Action.READ_ORIGINAL: ActionBit.READ_ORIGINAL,
    Action.FAVOURITE: ActionBit.FAVOURITE,
    Action.LIKE: ActionBit.LIKED,
    Action.ZAIKAN: ActionBit.ZAIKAN,
}


def marks(activity: Columns) -> NDArray[Any]:
    """The bits of each activity event.

    Raises:  EventError if an action or channel has no meaning.
    """
    action, source = activity["action"], activity["source"]
    if not (np.isin(action, list(Action)).all() and np.isin(source, CHANNELS).all()):
        raise EventError("an activity event has an unknown action or channel")
    is_feed = (activity["scene"] == FEED_SCENE).astype("i1")
    mask = _MASKS[action, source, is_feed]
    finished = activity["finished"] & (action == Action.READ)
    found: NDArray[Any] = np.where(finished, mask | ActionBit.FINISHED.mask, mask)
    return found


def _read(channel: int) -> int:
    found = READ_FROM[channel].mask | ActionBit.READ.mask
    if channel in SCENE_CHANNELS[OTHER_SCENE]:
        found |= ActionBit.READ_IN_OTHER_SCENE.mask
    return found | (ActionBit.READ_FROM_OTHER.mask if channel in TOTAL_CHANNELS["other"] else 0)


def _share(channel: int, *, is_feed: bool) -> int:
    found = SHARE_FROM[channel].mask | ActionBit.SHARE.mask
    place = next(place for place, channels in FEED_SHARES.items() if channel in channels)
    return found | (ActionBit[f"FEED_SHARE_FROM_{place.upper()}"].mask if is_feed else 0)


def _masks() -> NDArray[Any]:
    table = np.zeros((max(Action) + 1, len(CHANNELS), 2), "i4")
    for action, mark in _SIMPLE.items():
        table[action] = mark.mask
    for channel in CHANNELS:
        table[Action.READ, channel] = _read(channel)
        table[Action.SHARE, channel] = [_share(channel, is_feed=feed) for feed in (False, True)]
    return table


_MASKS = _masks()
"""Bits by action, channel and whether it is a share to Moments."""
