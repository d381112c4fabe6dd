"""Who follows and who leaves, day by day, and how many people the articles reach meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from wxcube.beijing import DAY_SECONDS, day_number
from wxcube.events.arrays import np
from wxcube.events.columns import NO_ARTICLE, Columns, family
from wxcube.simulator.account import SimulatedAccount
from wxcube.simulator.dice import (
    MILLION,
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
from wxcube.simulator.posts import MASS, Lives, Posts
from wxcube.simulator.rhythm import activity_of, moments, unix

_NEVER = 2**40
_SOURCES = faces({0: 16, 1: 26, 17: 11, 30: 32, 57: 3, 100: 1, 149: 6, 161: 1, 200: 3, 201: 1})
_ARTICLE_SOURCES = faces({57: 66, 161: 14, 0: 20})
_AFTER_READING = 6_500
"""People of a million readers who follow."""
_AFTER_SENDING = 1_100
"""People of a million followers who leave because of a mass send."""
_CAMPAIGNS = faces({0: 70, 100: 12, 30: 10, 201: 8})
"""Source a week's campaign brings followers through, 0 in weeks without."""
_CAMPAIGN_DAYS = {100: (1, 4), 30: (5, 6), 201: (3, 3)}
_RECENT_LEAVERS = 3_500
"""Leavers of 10,000 who are among the newest tenth of the followers."""


@dataclass(frozen=True, slots=True)
class Followers:
    """The account's followers over all days; followers are numbered as they come, from 0."""

    first: int
    """The account's first day, as a number."""
    ever: Whole
    """By day: how many had ever followed when the day began."""
    gone: Whole
    """By follower: the day they left."""
    target_user: Whole
    """By article: people the mass send reached."""
    readers: Whole
    """By day of an article's life: how many came to read it unprompted by a friend."""
    joined_after: Whole
    """By follower that came on these days: place of the article read just before, or -1."""
    joined_at: Whole
    """By follower that came on these days: Unix seconds."""
    columns: Columns
    """The follow events, without the account's place in the batch."""


@dataclass(frozen=True, slots=True)
class _Course:
    """What the walk through the days found."""

    ever: Whole
    leavers: list[Whole]
    audience: Whole
    readers: Whole
    joining: Whole
    """By day of an article's life."""
    coming: Whole
    """By day."""


def followers(account: SimulatedAccount, posts: Posts, lives: Lives, through: int) -> Followers:
    """How an account's followers come and go up to a day."""
    days = np.arange(day_number(account.first_day), through + 1)
    course = _walk(account, posts, lives, days)
    day, after = _joiners(course, lives, days)
    number = account.character.followers + np.arange(len(day))
    keys = account.dice.of("joiner").keys(number)
    joined_at = unix(day, _join_seconds(posts, keys, day, after))
    source = _join_sources(account, keys, day, after)
    gone = np.full(account.character.followers + len(day), _NEVER)
    for today, leavers in zip(days, course.leavers, strict=True):
        gone[leavers] = today
    article = np.where(after >= 0, posts.number[after], NO_ARTICLE) if len(posts) else after + 1
    came = _columns(people(account, number), joined_at, 1, source, article)
    left = _leaving(account, posts, course, days, source)
    return Followers(
        first=int(days[0]),
        ever=course.ever,
        gone=gone,
        target_user=_reached(posts, course.audience),
        readers=course.readers,
        joined_after=after,
        joined_at=joined_at,
        columns={name: np.concatenate([came[name], left[name]]) for name in came},
    )


def people(account: SimulatedAccount, numbers: Whole) -> Whole:
    """The 64-bit numbers that stand for people; followers count from 0, others from 2**40."""
    return account.dice.of("person").keys(numbers).view(np.int64)


def opening(account: SimulatedAccount) -> Columns:
    """The account as it was when its first day began."""
    at = unix(table([day_number(account.first_day)]), table([0]))
    return family("open", account=[0], at=at, followers=[account.character.followers])


def _walk(account: SimulatedAccount, posts: Posts, lives: Lives, days: Whole) -> _Course:
    """One step a day, since the audience of a day depends on all days before."""
    pull, push, extra = _pull(account, days), _push(account, posts, days), _campaigns(account, days)
    leave = account.dice.of("leave").keys(days)
    of_day = np.searchsorted(lives.day, np.append(days, days[-1] + 1))
    sent = np.searchsorted(posts.day, np.append(days, days[-1] + 1))
    spread = below(lives.keys, "readers", MILLION)
    drawn = below(lives.keys, "joining", MILLION)
    audience, readers = np.zeros_like(posts.day), np.zeros_like(lives.day)
    joining = np.zeros_like(lives.day)
    present = np.arange(account.character.followers)
    number, ever, coming, leavers = len(present), [], [], []
    for i in range(len(days)):
        audience[sent[i] : sent[i + 1]] = len(present)
        today = slice(of_day[i], of_day[i + 1])
        reach = audience[lives.article[today]] * lives.weight[today]
        readers[today] = (reach + spread[today]) // MILLION
        joining[today] = (readers[today] * _AFTER_READING + drawn[today]) // MILLION
        places = _leaving_places(leave[i : i + 1], len(present) * int(push[i]), len(present))
        leavers.append(present[places])
        ever.append(number)
        coming.append(len(present) * int(pull[i] + extra[i]) // MILLION)
        arrived = coming[-1] + int(joining[today].sum())
        present = np.append(np.delete(present, places), np.arange(number, number + arrived))
        number += arrived
    return _Course(table(ever), leavers, audience, readers, joining, table(coming))


def _leaving_places(key: Keys, millionths: int, count: int) -> Whole:
    """Places of the leavers among the present, who stand in the order in which they came."""
    wanted = rounded(key, "how many", table([millionths]))
    row, nth = copies(wanted)
    keys = branch(key[row], nth)
    newest = count - 1 - below(keys, "newest", count // 10 + 1)
    recent = happens(keys, "recent", _RECENT_LEAVERS)
    return np.unique(np.where(recent, newest, below(keys, "any", count)))


def _pull(account: SimulatedAccount, days: Whole) -> Whole:
    """People of a million followers who come of themselves on each day."""
    luck = along(
        account.dice.of("pull").keys(days), "luck", table((600, 850, 980, 1100, 1300, 1700))
    )
    return account.character.follow_rate * activity_of(days) // 1000 * luck // 1000


def _push(account: SimulatedAccount, posts: Posts, days: Whole) -> Whole:
    """People of a million followers who leave on each day, more when there was a mass send."""
    luck = along(account.dice.of("push").keys(days), "luck", table((650, 850, 980, 1100, 1400)))
    sent = np.isin(days, posts.day[posts.publish_type == MASS])
    return (account.character.leave_rate + _AFTER_SENDING * sent) * luck // 1000


def _campaigns(account: SimulatedAccount, days: Whole) -> Whole:
    """People of a million followers a campaign brings on each day."""
    strength = along(
        account.dice.of("campaign").keys(days), "luck", table((1500, 2600, 4200, 7500))
    )
    return np.where(_campaign_source(account, days) > 0, strength, 0)


def _campaign_source(account: SimulatedAccount, days: Whole) -> Whole:
    """The source through which a campaign brings followers on each day, 0 on days without one."""
    source = pick(account.dice.of("campaign").keys((days + 3) // 7), "source", _CAMPAIGNS)
    weekday = (days + 3) % 7
    on = np.zeros(len(days), bool)
    for code, (first, last) in _CAMPAIGN_DAYS.items():
        on |= (source == code) & (weekday >= first) & (weekday <= last)
    return np.where(on, source, 0)


def _joiners(course: _Course, lives: Lives, days: Whole) -> tuple[Whole, Whole]:
    """Day, and place of the article read before (or -1), of everyone who came, as numbered."""
    plain, _ = copies(course.coming)
    reading, _ = copies(course.joining)
    day = np.concatenate([days[plain], lives.day[reading]])
    after = np.concatenate([np.full(len(plain), -1), lives.article[reading]])
    order = np.argsort(day, kind="stable")
    return day[order], after[order]


def _join_seconds(posts: Posts, keys: Keys, day: Whole, after: Whole) -> Whole:
    """When people came; after reading an article, at least two minutes after it was published."""
    earliest = np.zeros(len(day), np.int64)
    reading = np.flatnonzero(after >= 0)
    article = after[reading]
    same_day = posts.day[article] == day[reading]
    earliest[reading] = 120 + np.where(same_day, posts.second[article], 0)
    return moments(keys, "second", np.minimum(earliest, DAY_SECONDS - 1))


def _join_sources(account: SimulatedAccount, keys: Keys, day: Whole, after: Whole) -> Whole:
    campaign = _campaign_source(account, day)
    brought = (campaign > 0) & happens(keys, "campaign", 6_500)
    plain = np.where(brought, campaign, pick(keys, "source", _SOURCES))
    return np.where(after >= 0, pick(keys, "article source", _ARTICLE_SOURCES), plain)


def _leaving(
    account: SimulatedAccount, posts: Posts, course: _Course, days: Whole, sources: Whole
) -> Columns:
    """Unfollow events, with the source through which each leaver once came."""
    number = np.concatenate(course.leavers)
    day = np.repeat(days, [len(leavers) for leavers in course.leavers])
    keys = account.dice.of("leaver").keys(number)
    already = account.character.followers
    before = pick(keys, "source", _SOURCES)
    known = number >= already
    before[known] = sources[number[known] - already]
    seconds = moments(keys, "second", _annoyed_from(posts, keys, day))
    return _columns(people(account, number), unix(day, seconds), -1, before, np.zeros_like(day))


def _annoyed_from(posts: Posts, keys: Keys, day: Whole) -> Whole:
    """Second from which each leaver may leave: most who do on a day of a mass send, after it."""
    sent, first = np.unique(posts.day[posts.publish_type == MASS], return_index=True)
    second = posts.second[posts.publish_type == MASS][first]
    if not len(sent):
        return np.zeros_like(day)
    place = np.minimum(np.searchsorted(sent, day), len(sent) - 1)
    annoyed = (sent[place] == day) & happens(keys, "annoyed", 6_500)
    return np.where(annoyed, second[place] + 20, 0)


def _reached(posts: Posts, audience: Whole) -> Whole:
    """Followers a mass send reached; nobody is notified of other articles."""
    reached = audience * (9_700 + below(posts.keys, "reached", 200)) // 10_000
    return np.where(posts.publish_type == MASS, reached, 0)


def _columns(user: Whole, at: Whole, change: int, source: Whole, article: Whole) -> Columns:
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
