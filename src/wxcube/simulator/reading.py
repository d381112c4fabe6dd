"""What users do with articles: read, read again, share and other actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from wxcube.beijing import DAY_SECONDS
from wxcube.events.columns import Action, Columns, family
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
    subkeys,
    weighted,
)
from wxcube.simulator.followers import Followers, user_ids
from wxcube.simulator.posts import MASS, ArticleDays, Posts
from wxcube.simulator.rhythm import moments, unix

CHAT, FRIENDS, MOMENTS, HISTORY, OTHER, STORIES, SEARCH = 0, 1, 2, 4, 5, 6, 7
"""Channels of reading (user_source)."""
TO_FRIENDS, TO_MOMENTS, TO_OTHERS = 1, 2, 255
"""Scenes of sharing (share_scene)."""

_CHANNELS = np.stack(
    [
        weighted(dict(zip((0, 1, 2, 4, 5, 6, 7), weights, strict=True)))
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
"""Channels of 100 readers: on the first day, the next two, up to the sixth, in the first month,
later; of articles without notification; of viral articles."""
_MONTH = 30
_AGE_CHANNELS = integers((0, 1, 1, 2, 2, 2, 2) + (3,) * 23 + (4,) * 60)
_QUIET_CHANNELS, _VIRAL_CHANNELS = 5, 6
_FOLLOWING = integers((10_000, 4_500, 4_000, 0, 8_500, 5_000, 1_500, 2_000))
"""By channel: readers per 10,000 who follow the account."""
_STRANGER = 2**40
_BURST = integers(
    (4, 60, 150, 300, 500, 800, 1200, 1700, 2300, 3000, 3900, 5000, 6500, 8500, 14400)
)
"""Quantiles of the seconds between notification and reading, for readers who react immediately."""
_RETURNING = 1_400
"""Readers per 10,000 who had read the article the day before."""
_AGAIN = weighted({0: 82, 1: 12, 2: 4, 3: 1, 5: 1})
_PER_SHARE = weighted({0: 46, 1: 30, 2: 14, 3: 8, 5: 2})
_SCENES = weighted({TO_FRIENDS: 60, TO_MOMENTS: 34, TO_OTHERS: 6})
_END = 5
_POSITIONS = weighted({1: 24, 2: 12, 3: 9, 4: 9, 5: 46})
_PRAISES = weighted(
    {100: 8, 200: 22, 500: 24, 600: 12, 800: 6, 1000: 16, 2000: 8, 5000: 3, 8800: 1}
)
_CHANCES = {
    Action.READ_ORIGINAL: 650,
    Action.FAVOURITE: 230,
    Action.LIKE: 360,
    Action.ZAIKAN: 170,
    Action.COMMENT: 50,
    Action.PRAISE: 14,
}
"""Readers per 10,000 who take the action, at a warmth of 100."""
_REPEATED = {Action.READ_ORIGINAL, Action.FAVOURITE}
_ACTING_AGAIN = 1_800
"""Users per 10,000 who take these actions twice."""
_AGAIN_SECONDS = 90
_SHARING, _SHARING_AGAIN = 400, 1_300


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits to articles; all arrays have one element per visit."""

    article: Integers
    """Index of the article."""
    at: Integers
    user: Integers
    channel: Integers
    keys: Keys

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Integers | Flags) -> Visits:
        """Some of the visits, by row number or mask."""
        return Visits(
            self.article[rows],
            self.at[rows],
            self.user[rows],
            self.channel[rows],
            self.keys[rows],
        )


def reading(
    account: SimulatedAccount, posts: Posts, article_days: ArticleDays, follower_base: Followers
) -> Columns:
    """All events of the articles of an account."""
    first = _first_visits(account, posts, article_days, follower_base)
    shares, scenes = _shares(posts, first)
    visits = _concatenated([first, _visits_from_shares(account, follower_base, shares, scenes)])
    all_visits = _concatenated(
        [visits, _repeat_visits(visits), _visits_before_following(account, follower_base)]
    )
    parts = [
        _read_events(posts, all_visits),
        _share_events(posts, shares, scenes),
        *_other_actions(posts, visits),
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _first_visits(
    account: SimulatedAccount, posts: Posts, article_days: ArticleDays, follower_base: Followers
) -> Visits:
    """The visits of each article and day that do not come through a share."""
    article_day, nth = repeated_rows(follower_base.readers)
    keys = subkeys(article_days.keys[article_day], nth)
    channel = _channels(posts, article_days, article_day, keys)
    number = _readers(follower_base, article_days.day[article_day], channel, keys)
    number = _returning(article_days, follower_base.readers, number, article_day, keys)
    at = unix(article_days.day[article_day], _seconds(posts, article_days, article_day, keys))
    channel = np.where(
        _has_left(follower_base, number, article_days.day[article_day]) & (channel == CHAT),
        OTHER,
        channel,
    )
    return Visits(article_days.article[article_day], at, user_ids(account, number), channel, keys)


def _channels(
    posts: Posts, article_days: ArticleDays, article_day: Integers, keys: Keys
) -> Integers:
    article, age = article_days.article, article_days.age
    kind = np.where(posts.publish_type[article] == MASS, _AGE_CHANNELS[age], _QUIET_CHANNELS)
    kind = np.where(posts.viral[article], _VIRAL_CHANNELS, kind)
    kind = np.where(age >= _MONTH, _AGE_CHANNELS[age], kind)
    chosen: Integers = _CHANNELS[kind[article_day], below(keys, "channel", _CHANNELS.shape[1])]
    return chosen


def _readers(follower_base: Followers, day: Integers, channel: Integers, keys: Keys) -> Integers:
    """Numbers of the readers: followers or strangers; some followers read much more than others."""
    count = follower_base.ever_followed[day - follower_base.first]
    one, two = below(keys, "follower", count), below(keys, "keener", count)
    follower = np.where(_activity_level(one) > _activity_level(two), one, two)
    stranger = _STRANGER + below(keys, "stranger", count * 6)
    return np.where(happens(keys, "follows", _FOLLOWING[channel]), follower, stranger)


def _activity_level(number: Integers) -> Integers:
    return number * 40_503 & 0xFFFF


def _returning(
    article_days: ArticleDays,
    readers: Integers,
    number: Integers,
    article_day: Integers,
    keys: Keys,
) -> Integers:
    """The readers, some of them replaced by readers of the same article on the day before."""
    before = _day_before(article_days)
    starts = np.cumsum(readers) - readers
    known = np.where(before >= 0, readers[before], 0)[article_day]
    returning = np.flatnonzero((known > 0) & happens(keys, "returns", _RETURNING))
    place = starts[before[article_day[returning]]] + below(
        keys[returning], "returning", known[returning]
    )
    replaced = number.copy()
    replaced[returning] = number[place]
    return replaced


def _day_before(article_days: ArticleDays) -> Integers:
    """Index of the day before in the article days, or -1 on an article's first day."""
    by_article = np.lexsort((article_days.age, article_days.article))
    before = np.empty_like(by_article)
    before[by_article[1:]] = by_article[:-1]
    return np.where(article_days.age > 0, before, -1)


def _seconds(
    posts: Posts, article_days: ArticleDays, article_day: Integers, keys: Keys
) -> Integers:
    """Time of each visit: by the activity of the day, or right after the notification."""
    today = article_days.age[article_day] == 0
    sent = np.where(today, posts.second[article_days.article[article_day]], 0)
    usual = moments(keys, "second", np.minimum(sent + 3 * today, DAY_SECONDS - 1))
    notified = today & (posts.publish_type[article_days.article[article_day]] == MASS)
    soon = sent + from_quantiles(keys, "delay", _BURST)
    at_once = notified & (soon < DAY_SECONDS) & happens(keys, "at once", 4_200)
    return np.where(at_once, soon, usual)


def _has_left(follower_base: Followers, number: Integers, day: Integers) -> Flags:
    """Whether each reader is a follower who unfollowed before the day."""
    known = number < len(follower_base.left_on_day)
    left: Flags = known & (follower_base.left_on_day[np.where(known, number, 0)] < day)
    return left


def _shares(posts: Posts, visits: Visits) -> tuple[Visits, Integers]:
    """The shares with their times and scenes; some users share twice."""
    warmth = posts.warmth[visits.article]
    sharers = visits[happens(visits.keys, "shares", _SHARING * warmth // 100)]
    twice = happens(sharers.keys, "shares again", _SHARING_AGAIN)
    row, nth = repeated_rows(1 + twice.astype(np.int64))
    shares = sharers[row]
    keys = subkeys(shares.keys, nth)
    shares = replace(shares, at=_later(shares.at, 5 + below(keys, "after", 240)), keys=keys)
    return shares, pick(keys, "scene", _SCENES)


def _visits_from_shares(
    account: SimulatedAccount, follower_base: Followers, shares: Visits, scenes: Integers
) -> Visits:
    """The visits on the same day that come through a share."""
    share, nth = repeated_rows(
        np.where(scenes == TO_OTHERS, 0, pick(shares.keys, "brings", _PER_SHARE))
    )
    keys = subkeys(shares.keys[share], nth)
    day, second = _beijing(shares.at[share])
    channel = np.where(scenes[share] == TO_FRIENDS, FRIENDS, MOMENTS)
    number = _readers(follower_base, day, channel, keys)
    at = unix(day, moments(keys, "second", second))
    return Visits(shares.article[share], at, user_ids(account, number), channel, keys)


def _repeat_visits(visits: Visits) -> Visits:
    """Repeated visits of the same users to the same article later on the same day."""
    row, nth = repeated_rows(pick(visits.keys, "again", _AGAIN))
    same = visits[row]
    keys = subkeys(same.keys, nth)
    day, second = _beijing(same.at)
    elsewhere = happens(keys, "elsewhere", 2_500)
    channel = np.where(elsewhere & (same.channel != HISTORY), HISTORY, same.channel)
    return replace(same, at=unix(day, moments(keys, "second", second)), channel=channel, keys=keys)


def _visits_before_following(account: SimulatedAccount, follower_base: Followers) -> Visits:
    """The visits after which users followed."""
    rows = np.flatnonzero(follower_base.joined_after >= 0)
    number = len(follower_base.left_on_day) - len(follower_base.joined_after) + rows
    keys = account.dice.of("reads and joins").keys(number)
    at = follower_base.joined_at[rows] - 20 - below(keys, "before", 90)
    channel = pick(keys, "channel", weighted({FRIENDS: 30, MOMENTS: 34, STORIES: 26, SEARCH: 10}))
    return Visits(follower_base.joined_after[rows], at, user_ids(account, number), channel, keys)


def _read_events(posts: Posts, visits: Visits) -> Columns:
    position = pick(visits.keys, "position", _POSITIONS)
    pace = from_quantiles(visits.keys, "pace", integers((45, 75, 95, 110, 135, 210)))
    return _columns(
        posts,
        visits,
        Action.READ,
        source=visits.channel,
        seconds=np.maximum(posts.length[visits.article] * position // 5 * pace // 100, 2),
        finished=(position == _END) & happens(visits.keys, "finishes", 9_000),
        position=position,
    )


def _share_events(posts: Posts, shares: Visits, scenes: Integers) -> Columns:
    return _columns(posts, shares, Action.SHARE, source=shares.channel, scene=scenes)


def _other_actions(posts: Posts, visits: Visits) -> Iterator[Columns]:
    """The events of the other actions; a user takes most actions once."""
    able = {Action.READ_ORIGINAL: posts.has_link, Action.PRAISE: posts.takes_praise}
    warmth = posts.warmth[visits.article]
    for action, chance in _CHANCES.items():
        acts_too = happens(visits.keys, action.name, chance * warmth // 100)
        actors = visits[acts_too & able[action][visits.article] if action in able else acts_too]
        again = happens(actors.keys, "acts again", _ACTING_AGAIN) & (action in _REPEATED)
        row, nth = repeated_rows(1 + again.astype(np.int64))
        actors = actors[row]
        after = 3 + below(actors.keys, "acts after", 300) + nth * _AGAIN_SECONDS
        actions = replace(actors, at=_later(actors.at, after))
        fen = pick(actors.keys, "fen", _PRAISES) if action is Action.PRAISE else 0
        yield _columns(posts, actions, action, fen=fen)


def _columns(
    posts: Posts, visits: Visits, action: Action, **given: Integers | Flags | int
) -> Columns:
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


def _concatenated(parts: list[Visits]) -> Visits:
    def both(one: Visits, other: Visits) -> Visits:
        pairs = ((getattr(one, n), getattr(other, n)) for n in Visits.__slots__)
        return Visits(*(np.concatenate(pair) for pair in pairs))

    return reduce(both, parts)


def _later(at: Integers, seconds: Integers) -> Integers:
    """Times some seconds later, but not after the end of the day."""
    day, _ = _beijing(at)
    later: Integers = np.minimum(at + seconds, unix(day, np.full_like(day, DAY_SECONDS - 1)))
    return later


def _beijing(at: Integers) -> tuple[Integers, Integers]:
    """Beijing day and second of the day."""
    day, second = np.divmod(at - unix(np.zeros_like(at), np.zeros_like(at)), DAY_SECONDS)
    return day, second
