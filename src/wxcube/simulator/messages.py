"""Messages that users send to an account, and the replies of its server."""

from __future__ import annotations

import numpy as np

from wxcube.beijing import DAY_SECONDS
from wxcube.events.columns import Columns, family
from wxcube.simulator.account import SimulatedAccount
from wxcube.simulator.dice import (
    Flags,
    Integers,
    Keys,
    below,
    from_quantiles,
    happens,
    integers,
    pick,
    repeated_rows,
    rounded,
    subkeys,
    weighted,
)
from wxcube.simulator.followers import Followers, user_ids
from wxcube.simulator.posts import MASS, Posts
from wxcube.simulator.rhythm import HOURS, activity_of, moments, unix

_TYPES = weighted({1: 760, 2: 130, 3: 50, 4: 20, 6: 40})
_MESSAGES_PER_SENDER = integers(
    (1,) * 60 + (2,) * 17 + (3,) * 9 + (4,) * 4 + (5,) * 3 + (6, 7, 8, 10) + (12, 16, 24)
)
_REGULARS = 2_000
"""Senders per 10,000 who are among the few regular senders."""

_LATENCY = integers((36, 52, 61, 70, 79, 88, 98, 110, 125, 144, 168, 205, 260, 340, 470, 690, 1100))
"""Quantiles of the latency of the account's server in milliseconds."""
_SLOW = 150
"""Replies per 10,000 that take seconds."""
_LIMIT = 5_000
"""Milliseconds after which WeChat no longer waits for the reply."""
_TIMEOUTS, _INCIDENT_TIMEOUTS = 12, 6_200
"""Replies per 10,000 that time out, usually and in the hour of an incident."""
_INCIDENT_BLOCK = 100
_INCIDENT_HOURS = (12, 18, 20, 21, 22)


def messages(account: SimulatedAccount, posts: Posts, follower_base: Followers) -> Columns:
    """The messages that users send to an account."""
    days = follower_base.first + np.arange(len(follower_base.ever_followed))
    day, keys, number = _senders(account, posts, follower_base, days)
    sender, nth = repeated_rows(pick(keys, "how many", _MESSAGES_PER_SENDER))
    begin = moments(keys, "second", np.zeros_like(day))
    message_keys = subkeys(keys[sender], nth)
    second = begin[sender] + nth * (15 + below(keys, "pause", 150))[sender]
    in_time = second < DAY_SECONDS
    return family(
        "message",
        account=np.zeros(int(in_time.sum()), np.int64),
        at=unix(day[sender], second)[in_time],
        user=user_ids(account, number)[sender][in_time],
        msg_type=pick(message_keys, "type", _TYPES)[in_time],
    )


def replies(account: SimulatedAccount, follower_base: Followers, message: Columns) -> Columns:
    """The reply of the account's server to each message and each new follower."""
    is_follow = follower_base.columns["change"] > 0
    at = np.concatenate([message["at"], follower_base.columns["at"][is_follow]])
    user = np.concatenate([message["user"], follower_base.columns["user"][is_follow]])
    keys = subkeys(account.dice.of("reply").keys(at), user)
    incident = _in_incident(account, follower_base, at)
    late = happens(keys, "late", np.where(incident, _INCIDENT_TIMEOUTS, _TIMEOUTS))
    hour = np.array(HOURS)[(at // 3600 + 8) % 24]
    ms = from_quantiles(keys, "ms", _LATENCY) * (880 + 3 * hour) // 1000 * np.where(incident, 5, 1)
    ms += happens(keys, "slow", _SLOW) * (400 + below(keys, "how slow", 3_600))
    in_time = np.minimum(ms, _LIMIT - 40 - below(keys, "just", 400))
    too_late = _LIMIT + 2 + below(keys, "over", 58)
    account_place = np.zeros_like(at)
    return family(
        "reply", account=account_place, at=at, ms=np.where(late, too_late, in_time), ok=~late
    )


def _senders(
    account: SimulatedAccount, posts: Posts, follower_base: Followers, days: Integers
) -> tuple[Integers, Keys, Integers]:
    """Day, key and follower number of each sender, once per day."""
    dice = account.dice.of("sender")
    sent = np.isin(days, posts.day[posts.publish_type == MASS])
    rate = account.character.talk_rate * activity_of(days) // 1000 * (10 + 4 * sent) // 10
    day_keys = dice.keys(days)
    luck = from_quantiles(day_keys, "luck", integers((700, 900, 1000, 1100, 1300)))
    wanted = rounded(day_keys, "how many", follower_base.ever_followed * rate * luck // 1000)
    row, nth = repeated_rows(wanted)
    keys = subkeys(day_keys[row], nth)
    few = np.maximum(follower_base.ever_followed[row] // 400, 12)
    regular = happens(keys, "regular", _REGULARS)
    number = np.where(
        regular, below(keys, "few", few), below(keys, "any", follower_base.ever_followed[row])
    )
    is_follower = follower_base.left_on_day[number] >= days[row]
    return days[row][is_follower], keys[is_follower], number[is_follower]


def _in_incident(account: SimulatedAccount, follower_base: Followers, at: Integers) -> Flags:
    """Whether each time is in an incident: one hour in a hundred days."""
    dice = account.dice.of("incident")
    hours = (at + 8 * 3600) // 3600 - follower_base.first * 24
    blocks = range(len(follower_base.ever_followed) // _INCIDENT_BLOCK + 1)
    incident_hours = [
        (block * _INCIDENT_BLOCK + dice.of(block).pick("day", 20, 79)) * 24
        + _INCIDENT_HOURS[dice.of(block).pick("hour", 0, len(_INCIDENT_HOURS) - 1)]
        for block in blocks
    ]
    return np.isin(hours, integers(incident_hours))
