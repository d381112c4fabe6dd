"""Articles that an account publishes, and how many readers each attracts by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.beijing import day_number, day_of_number
from wxcube.simulator.account import SimulatedAccount
from wxcube.simulator.dice import (
    Dice,
    Flags,
    Integers,
    Keys,
    from_quantiles,
    happens,
    integers,
    repeated_rows,
    subkeys,
    weighted,
)
from wxcube.simulator.rhythm import activity_of, is_holiday, remaining, weekday
from wxcube.simulator.titles import content_url, title

MASS, QUIET = 0, 1
"""publish_type of articles with and without a notification of followers."""

_SIZES = weighted({1: 24, 2: 22, 3: 26, 4: 14, 5: 10, 6: 2, 7: 1, 8: 1})
_PLACE_STRENGTH = integers((0, 900, 330, 210, 150, 110, 80, 70, 60))
"""Total readers per 10,000 followers, by position in the post."""
_QUIET_STRENGTH = 130
_QUIET_CHANCE, _SKIPPED, _SKIPPED_HOLIDAY = 12, 5, 55
"""Percentage of days with a post without notification; percentages of mass sends left out."""
_QUALITY = integers((38, 52, 62, 71, 79, 87, 95, 103, 112, 123, 137, 158, 190, 260))
"""Quantiles of the quality of articles, in hundredths."""
_VIRAL_BLOCK, _VIRAL_FACTOR = 100, 6

LIFE_DAYS = 90
_LIFE = integers(
    (5600, 1700, 760, 430, 300, 220, 170, 135, 110, 90, 75, 65, 56, 50, 44)
    + (40, 36, 33, 30, 28, 26, 24, 22, 20, 19, 18, 17, 16, 15, 14)
    + (10,) * 20
    + (6,) * 20
    + (4,) * 20
)
_VIRAL_LIFE = _LIFE.copy()
_VIRAL_LIFE[:8] = (2100, 2900, 1900, 1050, 620, 400, 280, 190)
"""Readers by days since publication, of 10,000 in total."""


@dataclass(frozen=True, slots=True)
class Posts:
    """Articles of an account in order of publication; all arrays have one element per article."""

    day: Integers
    second: Integers
    number: Integers
    """Article number, as made by `wxcube.events.columns.article_number`."""
    publish_type: Integers
    strength: Integers
    """Total readers per 10,000 followers."""
    warmth: Integers
    """How often readers share, like and comment, in percent of the average."""
    length: Integers
    """Reading time in seconds."""
    has_link: Flags
    takes_praise: Flags
    viral: Flags
    keys: Keys
    title: NDArray[np.object_]
    content_url: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True, slots=True)
class ArticleDays:
    """Combinations of article and day, ordered by day and article."""

    article: Integers
    """Index of the article."""
    day: Integers
    age: Integers
    weight: Integers
    """Readers of that day per million followers."""
    keys: Keys

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True, slots=True)
class _Post:
    day: int
    second: int
    publish_type: int
    size: int
    msg_data_id: int


def posts(account: SimulatedAccount, through: int) -> Posts:
    """Articles that an account publishes up to and including a day."""
    planned = list(_calendar(account, day_number(account.first_day), through))
    post, place = repeated_rows(integers([p.size for p in planned]))
    index = place + 1
    ids = integers([p.msg_data_id for p in planned])[post]
    keys = account.dice.of("article").keys(ids * 100 + index)
    day = integers([p.day for p in planned])[post]
    kind = integers([p.publish_type for p in planned])[post]
    viral = _viral(account, day, kind, index)
    return Posts(
        day=day,
        second=integers([p.second for p in planned])[post],
        number=ids * 100 + index,
        publish_type=kind,
        strength=_strength(keys, kind, index, viral),
        warmth=from_quantiles(keys, "warmth", integers((55, 75, 90, 105, 125, 170))) + 60 * viral,
        length=from_quantiles(keys, "length", integers((50, 90, 130, 170, 220, 290, 420))),
        has_link=happens(keys, "link", 3_500),
        takes_praise=happens(keys, "praise", 4_000),
        viral=viral,
        keys=keys,
        title=_texts(_titles(account, day)),
        content_url=_texts(_urls(account, ids, index)),
    )


def article_days(published: Posts, through: int) -> ArticleDays:
    """All days of all articles up to a day, each with its expected readers."""
    article, age = repeated_rows(np.minimum(through - published.day + 1, LIFE_DAYS))
    order = np.argsort(published.day[article] + age, kind="stable")
    article, age = article[order], age[order]
    day = published.day[article] + age
    keys = subkeys(published.keys[article], day)
    busy = (
        activity_of(day)
        * from_quantiles(keys, "luck", integers((800, 940, 1000, 1060, 1250)))
        // 1000
    )
    weight = published.strength[article] * _life(published, article, age) // 100 * busy // 1000
    return ArticleDays(article=article, day=day, age=age, weight=weight, keys=keys)


def _life(published: Posts, article: Integers, age: Integers) -> Integers:
    """Share of the readers on a day; after a late send some of the first day come a day later."""
    life = np.where(published.viral[article], _VIRAL_LIFE[age], _LIFE[age])
    first = np.where(published.viral[article], _VIRAL_LIFE[0], _LIFE[0])
    permille = 700 + remaining(published.second[article]) * 300 // 1000
    shifted: Integers = np.select(
        [age == 0, age == 1],
        [life * permille // 1000, life + first * (1000 - permille) // 1000],
        life,
    )
    return shifted


def _strength(keys: Keys, kind: Integers, index: Integers, viral: Flags) -> Integers:
    usual = np.where(kind == MASS, _PLACE_STRENGTH[index], _QUIET_STRENGTH)
    strength = usual * from_quantiles(keys, "quality", _QUALITY) // 100
    return np.where(viral, np.maximum(strength, usual) * _VIRAL_FACTOR, strength)


def _viral(account: SimulatedAccount, day: Integers, kind: Integers, index: Integers) -> Flags:
    """Whether each article is viral: the first article of one mass send in a hundred days."""
    viral = np.zeros(len(day), bool)
    lead = (kind == MASS) & (index == 1)
    first = day_number(account.first_day)
    for block in range((int(day[-1]) - first) // _VIRAL_BLOCK + 1 if len(day) else 0):
        start = first + block * _VIRAL_BLOCK + account.dice.of("viral").pick(block, 12, 80)
        viral[np.flatnonzero(lead & (day >= start))[:1]] = True
    return viral


def _calendar(account: SimulatedAccount, first: int, through: int) -> Iterator[_Post]:
    msg_data_id = 2_247_483_650 + account.dice.pick("msg_data_id", 0, 9_000)
    for day in range(first, through + 1):
        dice = account.dice.of("post", day)
        for kind, second in _sends(account, dice, day):
            msg_data_id += dice.pick(f"gap {kind}", 1, 5)
            size = int(_SIZES[dice.pick("size", 0, len(_SIZES) - 1)]) if kind == MASS else 1
            yield _Post(day, second, kind, size, msg_data_id)


def _sends(account: SimulatedAccount, dice: Dice, day: int) -> Iterator[tuple[int, int]]:
    """Publish type and second of each post of a day."""
    character = account.character
    skipped = dice.pick("skip", 0, 99) < (_SKIPPED_HOLIDAY if is_holiday(day) else _SKIPPED)
    if weekday(day) in character.weekdays and not skipped:
        yield MASS, character.send_second + dice.pick("late", 0, 840)
    if dice.pick("quiet", 0, 99) < _QUIET_CHANCE:
        yield QUIET, dice.pick("quiet second", 9 * 3600, 22 * 3600)


def _titles(account: SimulatedAccount, day: Integers) -> list[str]:
    dice, theme = account.dice.of("title"), account.character.theme
    return [title(dice, theme, n, day_of_number(int(d))) for n, d in enumerate(day)]


def _urls(account: SimulatedAccount, ids: Integers, index: Integers) -> list[str]:
    dice = account.dice.of("url")
    return [content_url(dice, int(i), int(n)) for i, n in zip(ids, index, strict=True)]


def _texts(texts: list[str]) -> NDArray[Any]:
    return np.array(texts, object)
