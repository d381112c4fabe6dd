"""Events as columns: what the cube computes from, without openids and without duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Any

from wxcube.events import kinds as ev
from wxcube.events.arrays import NDArray, np
from wxcube.events.intake.siphash import KEY_BYTES, Texts, siphash

Columns = dict[str, NDArray[Any]]
"""The events of one family: arrays of equal length by column name."""

NO_ARTICLE = 0
"""Article number of an event that belongs to no article."""


class Action(IntEnum):
    """What a person did with an article."""

    READ = 1
    READ_ORIGINAL = 2
    SHARE = 3
    FAVOURITE = 4
    LIKE = 5
    ZAIKAN = 6
    COMMENT = 7
    PRAISE = 8


FAMILIES: dict[str, dict[str, str]] = {
    "open": {"account": "i4", "at": "i8", "followers": "i8"},
    "follow": {
        "account": "i4",
        "at": "i8",
        "user": "i8",
        "change": "i1",
        "source": "i2",
        "article": "i8",
    },
    "message": {"account": "i4", "at": "i8", "user": "i8", "msg_type": "i2"},
    "reply": {"account": "i4", "at": "i8", "ms": "i4", "ok": "?"},
    "publish": {
        "account": "i4",
        "at": "i8",
        "article": "i8",
        "publish_type": "i1",
        "target_user": "i8",
        "title": "O",
        "content_url": "O",
    },
    "activity": {
        "account": "i4",
        "at": "i8",
        "user": "i8",
        "article": "i8",
        "action": "i1",
        "source": "i1",
        "scene": "i2",
        "seconds": "i4",
        "finished": "?",
        "position": "i1",
        "fen": "i4",
    },
}
"""Columns of each family and their numpy types, in order."""


@dataclass(frozen=True)
class Batch:
    """Events of some accounts, by family.

    `account` is an index into `accounts`, `at` is Unix seconds, `user` a 64-bit number in place
    of the openid, `article` the number of a msgid, `change` +1 for a follow and -1 for an unfollow.
    """

    accounts: tuple[str, ...]
    open: Columns
    follow: Columns
    message: Columns
    reply: Columns
    publish: Columns
    activity: Columns

    def __len__(self) -> int:
        return sum(len(columns["at"]) for _, columns in self.families())

    def families(self) -> Iterator[tuple[str, Columns]]:
        """Each family's name and columns."""
        return ((name, getattr(self, name)) for name in FAMILIES)


def family(name: str, **columns: Any) -> Columns:
    """A family's columns as arrays of its types, from anything numpy can make arrays of.

    Raises:  ValueError if a column is missing, unknown or of another length.
    """
    types = FAMILIES[name]
    if types.keys() != columns.keys():
        raise ValueError(f"{name} has the columns {', '.join(types)}, not {', '.join(columns)}")
    arrays = {column: np.asarray(columns[column], dtype) for column, dtype in types.items()}
    if len({array.shape for array in arrays.values()}) > 1:
        raise ValueError(f"the columns of {name} differ in length")
    return arrays


def article_number(msgid: str) -> int:
    """The number that stands for a msgid.

    >>> article_number("2247483650_1"), article_msgid(224748365001)
    (224748365001, '2247483650_1')
    """
    data_id, _, index = msgid.partition("_")
    return int(data_id) * 100 + int(index)


def article_msgid(number: int) -> str:
    """The msgid a number stands for."""
    return f"{number // 100}_{number % 100}"


def user_numbers(openids: Texts, key: bytes) -> NDArray[Any]:
    """The signed 64-bit numbers that stand for people: keyed hashes of their openids.

    The key may have any length.
    """
    short = blake2b(key, digest_size=KEY_BYTES).digest()
    return siphash(short, openids)[:, 0].view("i8")


def user_number(openid: str, key: bytes) -> int:
    """The number that stands for one person; for many `user_numbers` is faster by far."""
    return int(user_numbers(Texts.of([openid]), key)[0])


def to_batch(events: Iterable[ev.AnyEvent], key: bytes = b"") -> Batch:
    """Events as columns; an event sent twice (same account and id) counts once, the first.

    `key` keys the hash that replaces each openid.
    """
    numbers = _Numbers(key)
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in FAMILIES}
    for event in _without_repeats(events):
        name, members = _RECORD[type(event)]
        head = (numbers.account(event.account), event.at)
        rows[name].append((*head, *members(event, numbers)))
    columns = {name: _turned(name, found) for name, found in rows.items()}
    return Batch(accounts=numbers.accounts, **columns)


def _without_repeats(events: Iterable[ev.AnyEvent]) -> Iterator[ev.AnyEvent]:
    seen: set[tuple[str, str]] = set()
    for event in events:
        identity = (event.account, event.id)
        if identity not in seen:
            seen.add(identity)
            yield event


def _turned(name: str, rows: list[tuple[Any, ...]]) -> Columns:
    names = FAMILIES[name]
    turned = zip(*rows, strict=True) if rows else ((),) * len(names)
    return family(name, **{column: list(c) for column, c in zip(names, turned, strict=True)})


class _Numbers:
    """Numbers in place of accounts and openids."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._accounts: dict[str, int] = {}
        self._users: dict[str, int] = {}

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self._accounts)

    def account(self, account: str) -> int:
        return self._accounts.setdefault(account, len(self._accounts))

    def user(self, openid: str) -> int:
        number = self._users.get(openid)
        if number is None:
            number = self._users[openid] = user_number(openid, self._key)
        return number


_Members = Callable[[Any, _Numbers], tuple[Any, ...]]


def _follow(event: ev.Follow, numbers: _Numbers) -> tuple[Any, ...]:
    article = article_number(event.msgid) if event.msgid else NO_ARTICLE
    return numbers.user(event.user), 1, event.source, article


def _unfollow(event: ev.Unfollow, numbers: _Numbers) -> tuple[Any, ...]:
    return numbers.user(event.user), -1, event.source, NO_ARTICLE


def _publish(event: ev.Publish, _numbers: _Numbers) -> tuple[Any, ...]:
    article = article_number(event.msgid)
    return article, event.publish_type, event.target_user, event.title, event.content_url


def _activity(action: Action) -> _Members:
    def members(event: Any, numbers: _Numbers) -> tuple[Any, ...]:
        head = (numbers.user(event.user), article_number(event.msgid), action)
        return head + tuple(getattr(event, n, d) for n, d in _ACTIVITY_DEFAULTS.items())

    return members


_ACTIVITY_DEFAULTS: dict[str, int | bool] = {
    "source": 0,
    "scene": 0,
    "seconds": 0,
    "finished": False,
    "position": 0,
    "fen": 0,
}

_RECORD: dict[type[ev.Event], tuple[str, _Members]] = {
    ev.Open: ("open", lambda event, _: (event.followers,)),
    ev.Follow: ("follow", _follow),
    ev.Unfollow: ("follow", _unfollow),
    ev.Message: ("message", lambda event, numbers: (numbers.user(event.user), event.msg_type)),
    ev.Reply: ("reply", lambda event, _: (event.ms, event.ok)),
    ev.Publish: ("publish", _publish),
    ev.Read: ("activity", _activity(Action.READ)),
    ev.ReadOriginal: ("activity", _activity(Action.READ_ORIGINAL)),
    ev.Share: ("activity", _activity(Action.SHARE)),
    ev.Favourite: ("activity", _activity(Action.FAVOURITE)),
    ev.Like: ("activity", _activity(Action.LIKE)),
    ev.Zaikan: ("activity", _activity(Action.ZAIKAN)),
    ev.Comment: ("activity", _activity(Action.COMMENT)),
    ev.Praise: ("activity", _activity(Action.PRAISE)),
}
