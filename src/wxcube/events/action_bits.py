"""Action bits: one bit for each thing a user can have done with an article.

The bits of all events of a user in an hour, a day or a week are OR-ed together; distinct users are
then counted by adding up bits, without reading single events again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.contract.codes import READ_SCENES
from wxcube.errors import EventError
from wxcube.events.columns import Action, Columns
from wxcube.i18n import _


class ActionBit(IntEnum):
    """The number of the bit for an action."""

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
    """Read from one of the channels that getarticletotal combines as other."""
    FEED_SHARE_FROM_SESSION = 24
    FEED_SHARE_FROM_FEED = 25
    FEED_SHARE_FROM_OTHER = 26
    FINISHED = 27
    FOLLOWED = 28
    """Followed the account immediately after reading."""

    @property
    def mask(self) -> int:
        """The integer with only this bit set."""
        return 1 << self.value


CHANNELS = range(8)
"""The channels through which a reader can arrive."""
READ_FROM = tuple(ActionBit(ActionBit.READ_FROM_0 + channel) for channel in CHANNELS)
SHARE_FROM = tuple(ActionBit(ActionBit.SHARE_FROM_0 + channel) for channel in CHANNELS)

TOTAL_CHANNELS: dict[str, tuple[int, ...]] = {
    "session": (0,),
    "hist_msg": (4,),
    "feed": (2,),
    "friends": (1,),
    "other": (3, 5, 6, 7),
}
"""The channels of each int_page_from_… column of getarticletotal; together, all channels."""
SCENE_CHANNELS: dict[str, tuple[int, ...]] = {
    scene: tuple(c for c in CHANNELS if READ_SCENES[c] == scene) for scene in READ_SCENES.values()
}
"""The channels of each scene_desc."""
FEED_SHARES: dict[str, tuple[int, ...]] = {
    "session": (0,),
    "feed": (2,),
    "other": tuple(c for c in CHANNELS if c not in {0, 2}),
}
"""The channels of each feed_share_from_… column of getarticletotal."""
FEED_SCENE = 2
"""The share_scene of a share to Moments."""
OTHER_SCENE = READ_SCENES[5]

_BIT_OF_ACTION = {
    Action.READ_ORIGINAL: ActionBit.READ_ORIGINAL,
    Action.FAVOURITE: ActionBit.FAVOURITE,
    Action.LIKE: ActionBit.LIKED,
    Action.ZAIKAN: ActionBit.ZAIKAN,
}


def action_masks(activity: Columns) -> NDArray[Any]:
    """The action bits of each activity event, as an integer.

    Raises:  EventError if an action or a channel is unknown.
    """
    action, source = activity["action"], activity["source"]
    if not (np.isin(action, list(Action)).all() and np.isin(source, CHANNELS).all()):
        raise EventError(_("an activity event has an unknown action or channel"))
    is_feed = (activity["scene"] == FEED_SCENE).astype("i1")
    mask = _MASKS[action, source, is_feed]
    finished = activity["finished"] & (action == Action.READ)
    masks: NDArray[Any] = np.where(finished, mask | ActionBit.FINISHED.mask, mask)
    return masks


def _read(channel: int) -> int:
    mask = READ_FROM[channel].mask | ActionBit.READ.mask
    if channel in SCENE_CHANNELS[OTHER_SCENE]:
        mask |= ActionBit.READ_IN_OTHER_SCENE.mask
    return mask | (ActionBit.READ_FROM_OTHER.mask if channel in TOTAL_CHANNELS["other"] else 0)


def _share(channel: int, *, is_feed: bool) -> int:
    mask = SHARE_FROM[channel].mask | ActionBit.SHARE.mask
    origin = next(origin for origin, channels in FEED_SHARES.items() if channel in channels)
    return mask | (ActionBit[f"FEED_SHARE_FROM_{origin.upper()}"].mask if is_feed else 0)


def _masks() -> NDArray[Any]:
    table = np.zeros((max(Action) + 1, len(CHANNELS), 2), "i4")
    for action, bit in _BIT_OF_ACTION.items():
        table[action] = bit.mask
    for channel in CHANNELS:
        table[Action.READ, channel] = _read(channel)
        table[Action.SHARE, channel] = [_share(channel, is_feed=feed) for feed in (False, True)]
    return table


_MASKS = _masks()
"""Action bits by action, channel and whether it is a share to Moments."""
