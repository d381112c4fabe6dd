"""Follows and unfollows by day, with the readers of articles that depend on the follower count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wxcube.beijing import DAY_SECONDS, day_number
from wxcube.events.columns import NO_ARTICLE, Columns, family
from wxcube.simulator.account import SimulatedAccount
from wxcube.simulator.dice import (
    MILLION,
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
from wxcube.simulator.follow_sources import sources_of_their_time
from wxcube.simulator.posts import MASS, ArticleDays, Posts
from wxcube.simulator.rhythm import activity_of, moments, unix

_NEVER = 2**40
_SOURCES = weighted({0: 16, 1: 26, 17: 11, 30: 32, 57: 3, 100: 1, 149: 6, 161: 1, 200: 3, 201: 1})
_ARTICLE_SOURCES = weighted({57: 66, 161: 14, 0: 20})
_AFTER_READING = 6_500
"""Readers per million who follow."""
_AFTER_SENDING = 1_100
"""Followers per million who unfollow because of a mass send."""
_CAMPAIGNS = weighted({0: 70, 100: 12, 30: 10, 201: 8})
"""Source of the followers of a week's campaign; 0 in weeks without one."""
_CAMPAIGN_DAYS = {100: (1, 4), 30: (5, 6), 201: (3, 3)}
_RECENT_LEAVERS = 3_500
"""Unfollows per 10,000 that are by the newest tenth of the followers."""


@dataclass(frozen=True, slots=True)
class Followers:
    """Followers of an account over all days, numbered from 0 in order of following."""

    first: int
    """First day of the account, as a day number."""
    ever_followed: Integers
    """By day: number of users who had ever followed at its start."""
    left_on_day: Integers
    """By follower: day of the unfollow."""
    target_user: Integers
    """By article: users reached by the mass send."""
    readers: Integers
    """By article and day: readers who do not come through a share."""
    joined_after: Integers
    """By new follower: index of the article read just before, or -1."""
    joined_at: Integers
    """By new follower: Unix time of the follow."""
    columns: Columns
    """The follow events, without the index of the account in the batch."""


@dataclass(frozen=True, slots=True)
class _History:
    """Result of the day-by-day simulation."""

    ever_followed: Integers
    leavers: list[Integers]
    audience: Integers
    readers: Integers
    follows_after_reading: Integers
    """By article and day."""
    other_follows: Integers
    """By day."""


def followers(
    account: SimulatedAccount, posts: Posts, article_days: ArticleDays, through: int
) -> Followers:
    """Follows and unfollows of an account up to a day."""
    days = np.arange(day_number(account.first_day), through + 1)
    history = _simulate_days(account, posts, article_days, days)
    day, after = _new_followers(history, article_days, days)
    number = account.character.followers + np.arange(len(day))
    keys = account.dice.of("joiner").keys(number)
    joined_at = unix(day, _join_seconds(posts, keys, day, after))
    source = _join_sources(account, keys, day, after)
    left_on_day = np.full(account.character.followers + len(day), _NEVER)
    for today, leavers in zip(days, history.leavers, strict=True):
        left_on_day[leavers] = today
    article = np.where(after >= 0, posts.number[after], NO_ARTICLE) if len(posts) else after + 1
    follows = _columns(user_ids(account, number), joined_at, 1, source, article)
    unfollows = _unfollow_events(account, posts, history, days, source)
    return Followers(
        first=int(days[0]),
        ever_followed=history.ever_followed,
        left_on_day=left_on_day,
        target_user=_reached(posts, history.audience),
        readers=history.readers,
        joined_after=after,
        joined_at=joined_at,
        columns={name: np.concatenate([follows[name], unfollows[name]]) for name in follows},
    )


def user_ids(account: SimulatedAccount, numbers: Integers) -> Integers:
    """64-bit user ids of numbered users; followers are numbered from 0, others from 2**40."""
    return account.dice.of("person").keys(numbers).view(np.int64)


def opening(account: SimulatedAccount) -> Columns:
    """The open event: the account at the start of its first day."""
    at = unix(integers([day_number(account.first_day)]), integers([0]))
    return family("open", account=[0], at=at, followers=[account.character.followers])


def _simulate_days(
    account: SimulatedAccount, posts: Posts, article_days: ArticleDays, days: Integers
) -> _History:
    """Simulate day by day, since the audience of a day depends on all days before."""
    follow_rate = _organic_follow_rate(account, days) + _campaign_rate(account, days)
    unfollow_rate = _unfollow_rate(account, posts, days)
    leave = account.dice.of("leave").keys(days)
    article_day_starts = np.searchsorted(article_days.day, np.append(days, days[-1] + 1))
    sent = np.searchsorted(posts.day, np.append(days, days[-1] + 1))
    spread = below(article_days.keys, "readers", MILLION)
    drawn = below(article_days.keys, "joining", MILLION)
    audience, readers = np.zeros_like(posts.day), np.zeros_like(article_days.day)
    follows_after_reading = np.zeros_like(article_days.day)
    current = np.arange(account.character.followers)
    number, ever_followed, other_follows, leavers = len(current), [], [], []
    for i in range(len(days)):
        audience[sent[i] : sent[i + 1]] = len(current)
        today = slice(article_day_starts[i], article_day_starts[i + 1])
        reach = audience[article_days.article[today]] * article_days.weight[today]
        readers[today] = (reach + spread[today]) // MILLION
        follows_after_reading[today] = (readers[today] * _AFTER_READING + drawn[today]) // MILLION
        positions = _leaver_positions(
            leave[i : i + 1], len(current) * int(unfollow_rate[i]), len(current)
        )
        leavers.append(current[positions])
        ever_followed.append(number)
        other_follows.append(len(current) * int(follow_rate[i]) // MILLION)
        joined = other_follows[-1] + int(follows_after_reading[today].sum())
        current = np.append(np.delete(current, positions), np.arange(number, number + joined))
        number += joined
    return _History(
        integers(ever_followed),
        leavers,
        audience,
        readers,
        follows_after_reading,
        integers(other_follows),
    )


def _leaver_positions(key: Keys, millionths: int, count: int) -> Integers:
    """Positions of unfollowing users among the current followers, in order of following."""
    wanted = rounded(key, "how many", integers([millionths]))
    row, nth = repeated_rows(wanted)
    keys = subkeys(key[row], nth)
    newest = count - 1 - below(keys, "newest", count // 10 + 1)
    recent = happens(keys, "recent", _RECENT_LEAVERS)
    return np.unique(np.where(recent, newest, below(keys, "any", count)))


def _organic_follow_rate(account: SimulatedAccount, days: Integers) -> Integers:
    """Daily follows per million followers without a campaign or an article."""
    luck = from_quantiles(
        account.dice.of("pull").keys(days), "luck", integers((600, 850, 980, 1100, 1300, 1700))
    )
    return account.character.follow_rate * activity_of(days) // 1000 * luck // 1000


def _unfollow_rate(account: SimulatedAccount, posts: Posts, days: Integers) -> Integers:
    """Daily unfollows per million followers, more on days of a mass send."""
    luck = from_quantiles(
        account.dice.of("push").keys(days), "luck", integers((650, 850, 980, 1100, 1400))
    )
    sent = np.isin(days, posts.day[posts.publish_type == MASS])
    return (account.character.leave_rate + _AFTER_SENDING * sent) * luck // 1000


def _campaign_rate(account: SimulatedAccount, days: Integers) -> Integers:
    """Daily follows per million followers through a campaign."""
    strength = from_quantiles(
        account.dice.of("campaign").keys(days), "luck", integers((1500, 2600, 4200, 7500))
    )
    return np.where(_campaign_source(account, days) > 0, strength, 0)


def _campaign_source(account: SimulatedAccount, days: Integers) -> Integers:
    """Source of the campaign of each day, 0 on days without one."""
    source = pick(account.dice.of("campaign").keys((days + 3) // 7), "source", _CAMPAIGNS)
    weekday = (days + 3) % 7
    is_active = np.zeros(len(days), bool)
    for code, (first, last) in _CAMPAIGN_DAYS.items():
        is_active |= (source == code) & (weekday >= first) & (weekday <= last)
    return np.where(is_active, source, 0)


def _new_followers(
    history: _History, article_days: ArticleDays, days: Integers
) -> tuple[Integers, Integers]:
    """Day, and index of the article read before or -1, of each new follower."""
    plain, _ = repeated_rows(history.other_follows)
    reading, _ = repeated_rows(history.follows_after_reading)
    day = np.concatenate([days[plain], article_days.day[reading]])
    after = np.concatenate([np.full(len(plain), -1), article_days.article[reading]])
    order = np.argsort(day, kind="stable")
    return day[order], after[order]


def _join_seconds(posts: Posts, keys: Keys, day: Integers, after: Integers) -> Integers:
    """Time of each follow; after reading an article, at least two minutes after its publication."""
    earliest = np.zeros(len(day), np.int64)
    reading = np.flatnonzero(after >= 0)
    article = after[reading]
    same_day = posts.day[article] == day[reading]
    earliest[reading] = 120 + np.where(same_day, posts.second[article], 0)
    return moments(keys, "second", np.minimum(earliest, DAY_SECONDS - 1))


def _join_sources(
    account: SimulatedAccount, keys: Keys, day: Integers, after: Integers
) -> Integers:
    campaign = _campaign_source(account, day)
    brought = (campaign > 0) & happens(keys, "campaign", 6_500)
    plain = np.where(brought, campaign, pick(keys, "source", _SOURCES))
    sources = np.where(after >= 0, pick(keys, "article source", _ARTICLE_SOURCES), plain)
    return sources_of_their_time(sources, day)


def _unfollow_events(
    account: SimulatedAccount, posts: Posts, history: _History, days: Integers, sources: Integers
) -> Columns:
    """Unfollow events, each with the source of the earlier follow."""
    number = np.concatenate(history.leavers)
    day = np.repeat(days, [len(leavers) for leavers in history.leavers])
    keys = account.dice.of("leaver").keys(number)
    initial = account.character.followers
    joined_before = np.full_like(day, day_number(account.first_day))
    before = sources_of_their_time(pick(keys, "source", _SOURCES), joined_before)
    known = number >= initial
    before[known] = sources[number[known] - initial]
    seconds = moments(keys, "second", _earliest_unfollow(posts, keys, day))
    return _columns(user_ids(account, number), unix(day, seconds), -1, before, np.zeros_like(day))


def _earliest_unfollow(posts: Posts, keys: Keys, day: Integers) -> Integers:
    """Earliest second of each unfollow: on a day of a mass send most come after it."""
    sent, first = np.unique(posts.day[posts.publish_type == MASS], return_index=True)
    second = posts.second[posts.publish_type == MASS][first]
    if not len(sent):
        return np.zeros_like(day)
    place = np.minimum(np.searchsorted(sent, day), len(sent) - 1)
    after_send = (sent[place] == day) & happens(keys, "annoyed", 6_500)
    return np.where(after_send, second[place] + 20, 0)


def _reached(posts: Posts, audience: Integers) -> Integers:
    """Followers reached by the mass send of each article; 0 for articles without one."""
    reached = audience * (9_700 + below(posts.keys, "reached", 200)) // 10_000
    return np.where(posts.publish_type == MASS, reached, 0)


def _columns(
    user: Integers, at: Integers, change: int, source: Integers, article: Integers
) -> Columns:
    account, changes = np.zeros_like(user), np.full_like(user, change)
    return family(
        "follow",
        account=account,
        at=at,
        user=user,
        change=changes,
        source=source,
        article=article,
    )
