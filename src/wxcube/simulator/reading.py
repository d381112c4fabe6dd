"""What people do with articles: read, read again, share, and all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

from wxcube.beijing import DAY_SECONDS
from wxcube.events.arrays import np
from wxcube.events.columns import Action, Columns, family
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
    table,
)
from wxcube.simulator.followers import Followers, people
from wxcube.simulator.posts import MASS, Lives, Posts
from wxcube.simulator.rhythm import moments, unix

CHAT, FRIENDS, MOMENTS, HISTORY, OTHER, STORIES, SEARCH = 0, 1, 2, 4, 5, 6, 7
"""Channels readers come through."""
TO_FRIENDS, TO_MOMENTS, TO_OTHERS = 1, 2, 255
"""Scenes readers share to."""

_CHANNELS = np.stack(
    [
        faces(dict(zip((0, 1, 2, 4, 5, 6, 7), weights, strict=True)))
        for weights in (
            (66, 6, 10, 6, 4, 7, 1),
            (42, 11, 17, 11, 5, 11, 3),
            (24, 14, 18, 16, 7, 14, 7),
            (12, 14, 12, 22, 9, 16, 15),
            (5, 10, 6, 24, 11, 14, 30),
            (6, 14, 12, 30, 12, 18, 8),
            (14, 24, 34, 4, 5, 17, 2),
        )
    ]
)
"""How 100 readers come: on the first day, the next two, up to the sixth, in the first month,
later; to articles without notice; to a viral article."""
_MONTH = 30
_AGE_CHANNELS = table((0, 1, 1, 2, 2, 2, 2) + (3,) * 23 + (4,) * 60)
_QUIET_CHANNELS, _VIRAL_CHANNELS = 5, 6
_FOLLOWING = table((10_000, 4_500, 4_000, 0, 8_500, 5_000, 1_500, 2_000))
"""By channel: readers of 10,000 who follow the account."""
_STRANGER = 2**40
_BURST = table((4, 60, 150, 300, 500, 800, 1200, 1700, 2300, 3000, 3900, 5000, 6500, 8500, 14400))
"""Quantiles of the seconds after which those read whom the notice brings at once."""
_RETURNING = 1_400
"""Readers of 10,000 who had read the article the day before."""
_AGAIN = faces({0: 82, 1: 12, 2: 4, 3: 1, 5: 1})
_PER_SHARE = faces({0: 46, 1: 30, 2: 14, 3: 8, 5: 2})
_SCENES = faces({TO_FRIENDS: 60, TO_MOMENTS: 34, TO_OTHERS: 6})
_END = 5
_POSITIONS = faces({1: 24, 2: 12, 3: 9, 4: 9, 5: 46})
_PRAISES = faces({100: 8, 200: 22, 500: 24, 600: 12, 800: 6, 1000: 16, 2000: 8, 5000: 3, 8800: 1})
_CHANCES = {
    Action.READ_ORIGINAL: 650,
    Action.FAVOURITE: 230,
    Action.LIKE: 360,
    Action.ZAIKAN: 170,
    Action.COMMENT: 50,
    Action.PRAISE: 14,
}
"""Readers of 10,000 who act, at a warmth of 100."""
_SHARING, _SHARING_AGAIN = 400, 1_300


@dataclass(frozen=True, slots=True)
class Visits:
    """Openings of articles; arrays of equal length."""

    article: Whole
    """Place in the posts."""
    at: Whole
    user: Whole
    channel: Whole
    keys: Keys

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Whole | Flags) -> Visits:
        """The visits of these rows."""
        return Visits(
            self.article[rows],
            self.at[rows],
            self.user[rows],
            self.channel[rows],
            self.keys[rows],
        )


def reading(account: SimulatedAccount, posts: Posts, lives: Lives, fans: Followers) -> Columns:
    """All events of an account's articles."""
    first = _first_visits(account, posts, lives, fans)
    shares, scenes = _shares(posts, first)
    visits = _joined([first, _brought(account, fans, shares, scenes)])
    everything = _joined([visits, _again(visits), _before_following(account, fans)])
    parts = [_reads(posts, everything), _shared(posts, shares, scenes), *_acts(posts, visits)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _first_visits(account: SimulatedAccount, posts: Posts, lives: Lives, fans: Followers) -> Visits:
    """The readers of each day of each article's life."""
    life, nth = copies(fans.readers)
    keys = branch(lives.keys[life], nth)
    channel = _channels(posts, lives, life, keys)
    number = _readers(fans, lives.day[life], channel, keys)
    number = _returning(lives, fans.readers, number, life, keys)
    at = unix(lives.day[life], _seconds(posts, lives, life, keys))
    channel = np.where(_has_left(fans, number, lives.day[life]) & (channel == CHAT), OTHER, channel)
    return Visits(lives.article[life], at, people(account, number), channel, keys)


def _channels(posts: Posts, lives: Lives, life: Whole, keys: Keys) -> Whole:
    article, age = lives.article, lives.age
    kind = np.where(posts.publish_type[article] == MASS, _AGE_CHANNELS[age], _QUIET_CHANNELS)
    kind = np.where(posts.viral[article], _VIRAL_CHANNELS, kind)
    kind = np.where(age >= _MONTH, _AGE_CHANNELS[age], kind)
    chosen: Whole = _CHANNELS[kind[life], below(keys, "channel", _CHANNELS.shape[1])]
    return chosen


def _readers(fans: Followers, day: Whole, channel: Whole, keys: Keys) -> Whole:
    """Who reads: followers by number, or strangers; some people read much more than others."""
    count = fans.ever[day - fans.first]
    one, two = below(keys, "follower", count), below(keys, "keener", count)
    follower = np.where(_keenness(one) > _keenness(two), one, two)
    stranger = _STRANGER + below(keys, "stranger", count * 6)
    return np.where(happens(keys, "follows", _FOLLOWING[channel]), follower, stranger)


def _keenness(number: Whole) -> Whole:
    return number * 40_503 & 0xFFFF


def _returning(lives: Lives, readers: Whole, number: Whole, life: Whole, keys: Keys) -> Whole:
    """The readers, some of them replaced by readers of the article on the day before."""
    before = _day_before(lives)
    starts = np.cumsum(readers) - readers
    known = np.where(before >= 0, readers[before], 0)[life]
    come = np.flatnonzero((known > 0) & happens(keys, "returns", _RETURNING))
    place = starts[before[life[come]]] + below(keys[come], "returning", known[come])
    replaced = number.copy()
    replaced[come] = number[place]
    return replaced


def _day_before(lives: Lives) -> Whole:
    """Place in the lives of the day before each, or -1 on an article's first day."""
    by_article = np.lexsort((lives.age, lives.article))
    before = np.empty_like(by_article)
    before[by_article[1:]] = by_article[:-1]
    return np.where(lives.age > 0, before, -1)


def _seconds(posts: Posts, lives: Lives, life: Whole, keys: Keys) -> Whole:
    """When they read: along the day's rhythm, or at once when the notice comes."""
    today = lives.age[life] == 0
    sent = np.where(today, posts.second[lives.article[life]], 0)
    usual = moments(keys, "second", np.minimum(sent + 3 * today, DAY_SECONDS - 1))
    notified = today & (posts.publish_type[lives.article[life]] == MASS)
    soon = sent + along(keys, "delay", _BURST)
    at_once = notified & (soon < DAY_SECONDS) & happens(keys, "at once", 4_200)
    return np.where(at_once, soon, usual)


def _has_left(fans: Followers, number: Whole, day: Whole) -> Flags:
    """Whether each reader is a follower who had left before the day."""
    known = number < len(fans.gone)
    left: Flags = known & (fans.gone[np.where(known, number, 0)] < day)
    return left


def _shares(posts: Posts, visits: Visits) -> tuple[Visits, Whole]:
    """Who shares, when, and to which scene; some share twice."""
    warmth = posts.warmth[visits.article]
    sharers = visits[happens(visits.keys, "shares", _SHARING * warmth // 100)]
    twice = happens(sharers.keys, "shares again", _SHARING_AGAIN)
    row, nth = copies(1 + twice.astype(np.int64))
    shares = sharers[row]
    keys = branch(shares.keys, nth)
    shares = replace(shares, at=_later(shares.at, 5 + below(keys, "after", 240)), keys=keys)
    return shares, pick(keys, "scene", _SCENES)


def _brought(account: SimulatedAccount, fans: Followers, shares: Visits, scenes: Whole) -> Visits:
    """Those who read on the same day because somebody shared."""
    share, nth = copies(np.where(scenes == TO_OTHERS, 0, pick(shares.keys, "brings", _PER_SHARE)))
    keys = branch(shares.keys[share], nth)
    day, second = _beijing(shares.at[share])
    channel = np.where(scenes[share] == TO_FRIENDS, FRIENDS, MOMENTS)
    number = _readers(fans, day, channel, keys)
    at = unix(day, moments(keys, "second", second))
    return Visits(shares.article[share], at, people(account, number), channel, keys)


def _again(visits: Visits) -> Visits:
    """Openings of the same article by the same people later on the same day."""
    row, nth = copies(pick(visits.keys, "again", _AGAIN))
    same = visits[row]
    keys = branch(same.keys, nth)
    day, second = _beijing(same.at)
    elsewhere = happens(keys, "elsewhere", 2_500)
    channel = np.where(elsewhere & (same.channel != HISTORY), HISTORY, same.channel)
    return replace(same, at=unix(day, moments(keys, "second", second)), channel=channel, keys=keys)


def _before_following(account: SimulatedAccount, fans: Followers) -> Visits:
    """The reading after which people began to follow."""
    rows = np.flatnonzero(fans.joined_after >= 0)
    number = len(fans.gone) - len(fans.joined_after) + rows
    keys = account.dice.of("reads and joins").keys(number)
    at = fans.joined_at[rows] - 20 - below(keys, "before", 90)
    channel = pick(keys, "channel", faces({FRIENDS: 30, MOMENTS: 34, STORIES: 26, SEARCH: 10}))
    return Visits(fans.joined_after[rows], at, people(account, number), channel, keys)


def _reads(posts: Posts, visits: Visits) -> Columns:
    position = pick(visits.keys, "position", _POSITIONS)
    pace = along(visits.keys, "pace", table((45, 75, 95, 110, 135, 210)))
    return _columns(
        posts,
        visits,
        Action.READ,
        source=visits.channel,
        seconds=np.maximum(posts.length[visits.article] * position // 5 * pace // 100, 2),
        finished=(position == _END) & happens(visits.keys, "finishes", 9_000),
        position=position,
    )


def _shared(posts: Posts, shares: Visits, scenes: Whole) -> Columns:
    return _columns(posts, shares, Action.SHARE, source=shares.channel, scene=scenes)


def _acts(posts: Posts, visits: Visits) -> Iterator[Columns]:
    """The other things readers do, most of them once."""
    able = {Action.READ_ORIGINAL: posts.has_link, Action.PRAISE: posts.takes_praise}
    warmth = posts.warmth[visits.article]
    for action, chance in _CHANCES.items():
        does = happens(visits.keys, action.name, chance * warmth // 100)
        who = visits[does & able[action][visits.article] if action in able else does]
        acts = replace(who, at=_later(who.at, 3 + below(who.keys, "acts after", 300)))
        fen = pick(who.keys, "fen", _PRAISES) if action is Action.PRAISE else 0
        yield _columns(posts, acts, action, fen=fen)


def _columns(posts: Posts, visits: Visits, action: Action, **given: Whole | Flags | int) -> Columns:
    nothing = dict.fromkeys(("source", "scene", "seconds", "finished", "position", "fen"), 0)
    filled = {
        name: np.broadcast_to(value, len(visits)) for name, value in (nothing | given).items()
    }
    return family(
        "activity",
        account=np.zeros(len(visits), np.int64),
        at=visits.at,
        user=visits.user,
        article=posts.number[visits.article],
        action=np.full(len(visits), action),
        **filled,
    )


def _joined(parts: list[Visits]) -> Visits:
    def both(one: Visits, other: Visits) -> Visits:
        pairs = ((getattr(one, n), getattr(other, n)) for n in Visits.__slots__)
        return Visits(*(np.concatenate(pair) for pair in pairs))

    return reduce(both, parts)


def _later(at: Whole, seconds: Whole) -> Whole:
    """Moments some seconds later, but not after the day's end."""
    day, _ = _beijing(at)
    later: Whole = np.minimum(at + seconds, unix(day, np.full_like(day, DAY_SECONDS - 1)))
    return later


def _beijing(at: Whole) -> tuple[Whole, Whole]:
    """Day and second of the day in Beijing."""
    day, second = np.divmod(at - unix(np.zeros_like(at), np.zeros_like(at)), DAY_SECONDS)
    return day, second
