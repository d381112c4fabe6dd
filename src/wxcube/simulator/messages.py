"""What people write to an account, and how its server answers."""

from __future__ import annotations

from wxcube.beijing import DAY_SECONDS
from wxcube.events.arrays import np
from wxcube.events.columns import Columns, family
from wxcube.simulator.account import SimulatedAccount
from wxcube.simulator.dice import (
    Flags,
    Keys,
    Whole,
    along,
    below,
    branch,
    copies,
    faces,
    happens,
    pick,
    rounded,
    table,
)
from wxcube.simulator.followers import Followers, people
from wxcube.simulator.posts import MASS, Posts
from wxcube.simulator.rhythm import HOURS, activity_of, moments, unix

_TYPES = faces({1: 760, 2: 130, 3: 50, 4: 20, 6: 40})
_HOW_MANY = table(
    (1,) * 60 + (2,) * 17 + (3,) * 9 + (4,) * 4 + (5,) * 3 + (6, 7, 8, 10) + (12, 16, 24)
)
_REGULARS = 2_000
"""Senders of 10,000 who are among the few who write again and again."""

_LATENCY = table((36, 52, 61, 70, 79, 88, 98, 110, 125, 144, 168, 205, 260, 340, 470, 690, 1100))
"""Quantiles of the milliseconds the account's server needs."""
_SLOW = 150
"""Answers of 10,000 that take seconds."""
_LIMIT = 5_000
"""WeChat waits no longer."""
_TIMEOUTS, _INCIDENT_TIMEOUTS = 12, 6_200
"""Answers of 10,000 that come too late, usually and in the hour of the incident."""
_INCIDENT_BLOCK = 100
_INCIDENT_HOURS = (12, 18, 20, 21, 22)


def messages(account: SimulatedAccount, posts: Posts, fans: Followers) -> Columns:
    """The messages people send to an account."""
    days = fans.first + np.arange(len(fans.ever))
    day, keys, number = _senders(account, posts, fans, days)
    sender, nth = copies(pick(keys, "how many", _HOW_MANY))
    begin = moments(keys, "second", np.zeros_like(day))
    own = branch(keys[sender], nth)
    second = begin[sender] + nth * (15 + below(keys, "pause", 150))[sender]
    in_time = second < DAY_SECONDS
    return family(
        "message",
        account=np.zeros(int(in_time.sum()), np.int64),
        at=unix(day[sender], second)[in_time],
        user=people(account, number)[sender][in_time],
        msg_type=pick(own, "type", _TYPES)[in_time],
    )


def replies(account: SimulatedAccount, fans: Followers, message: Columns) -> Columns:
    """How the account's server answers each message and each new follower."""
    came = fans.columns["change"] > 0
    at = np.concatenate([message["at"], fans.columns["at"][came]])
    user = np.concatenate([message["user"], fans.columns["user"][came]])
    keys = branch(account.dice.of("reply").keys(at), user)
    incident = _in_incident(account, fans, at)
    late = happens(keys, "late", np.where(incident, _INCIDENT_TIMEOUTS, _TIMEOUTS))
    hour = np.array(HOURS)[(at // 3600 + 8) % 24]
    ms = along(keys, "ms", _LATENCY) * (880 + 3 * hour) // 1000 * np.where(incident, 5, 1)
    ms += happens(keys, "slow", _SLOW) * (400 + below(keys, "how slow", 3_600))
    in_time = np.minimum(ms, _LIMIT - 40 - below(keys, "just", 400))
    too_late = _LIMIT + 2 + below(keys, "over", 58)
    account_place = np.zeros_like(at)
    return family(
        "reply", account=account_place, at=at, ms=np.where(late, too_late, in_time), ok=~late
    )


def _senders(
    account: SimulatedAccount, posts: Posts, fans: Followers, days: Whole
) -> tuple[Whole, Keys, Whole]:
    """Day, key and number of everyone who writes, once for each day."""
    dice = account.dice.of("sender")
    sent = np.isin(days, posts.day[posts.publish_type == MASS])
    rate = account.character.talk_rate * activity_of(days) // 1000 * (10 + 4 * sent) // 10
    day_keys = dice.keys(days)
    luck = along(day_keys, "luck", table((700, 900, 1000, 1100, 1300)))
    wanted = rounded(day_keys, "how many", fans.ever * rate * luck // 1000)
    row, nth = copies(wanted)
    keys = branch(day_keys[row], nth)
    few = np.maximum(fans.ever[row] // 400, 12)
    regular = happens(keys, "regular", _REGULARS)
    number = np.where(regular, below(keys, "few", few), below(keys, "any", fans.ever[row]))
    stays = fans.gone[number] >= days[row]
    return days[row][stays], keys[stays], number[stays]


def _in_incident(account: SimulatedAccount, fans: Followers, at: Whole) -> Flags:
    """Whether a moment lies in the one bad hour of its hundred days."""
    dice = account.dice.of("incident")
    hours = (at + 8 * 3600) // 3600 - fans.first * 24
    blocks = range(len(fans.ever) // _INCIDENT_BLOCK + 1)
    bad = [
        (block * _INCIDENT_BLOCK + dice.of(block).pick("day", 20, 79)) * 24
        + _INCIDENT_HOURS[dice.of(block).pick("hour", 0, len(_INCIDENT_HOURS) - 1)]
        for block in blocks
    ]
    return np.isin(hours, table(bad))
