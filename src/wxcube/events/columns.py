"""Events as columns: the input of the cube, without openids and without duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.events import kinds as ev
from wxcube.events.intake.siphash import KEY_BYTES, Strings, siphash, siphash_one

Columns = dict[str, NDArray[Any]]
"""The events of one family: arrays of equal length by column name."""

_SHOWN = 17
"""Characters of a user's number as text."""
NO_ARTICLE = 0
"""The article number of an event without an article."""


class Action(IntEnum):
    """What a user did with an article."""

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
"""The columns of each family and their numpy types, in order."""


@dataclass(frozen=True)
class Batch:
    """Events of some accounts, by family.

    `account` is an index into `accounts`, `at` is in Unix seconds, `user` is a 64-bit hash of the
    openid, `article` the number of a msgid, `change` +1 for a follow and -1 for an unfollow.
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
    """A family's columns as arrays of its types, from anything that numpy can convert.

    Raises:  ValueError if a column is missing or unknown, or if their lengths differ.
    """
    types = FAMILIES[name]
    if types.keys() != columns.keys():
        raise ValueError(f"{name} has the columns {', '.join(types)}, not {', '.join(columns)}")
    arrays = {column: np.asarray(columns[column], dtype) for column, dtype in types.items()}
    if len({array.shape for array in arrays.values()}) > 1:
        raise ValueError(f"the columns of {name} differ in length")
    return arrays


def article_number(msgid: str) -> int:
    """The article number of a msgid.

    >>> article_number("2247483650_1"), article_msgid(224748365001)
    (224748365001, '2247483650_1')
    """
    data_id, _, index = msgid.partition("_")
    return int(data_id) * 100 + int(index)


def article_msgid(number: int) -> str:
    """The msgid of an article number."""
    return f"{number // 100}_{number % 100}"


def user_numbers(openids: Strings, key: bytes) -> NDArray[Any]:
    """The numbers of users: keyed hashes of their openids, as signed 64-bit integers.

    The key may have any length.
    """
    hash_key = blake2b(key, digest_size=KEY_BYTES).digest()
    return siphash(hash_key, openids)[:, 0].view("i8")


def user_number(openid: str, key: bytes) -> int:
    """The number of one user; for many, `user_numbers` is far faster."""
    hash_key = blake2b(key, digest_size=KEY_BYTES).digest()
    hashed = siphash_one(hash_key, openid.encode())
    return hashed - 2**64 if hashed >= 2**63 else hashed


def shown_user(number: int) -> str:
    """A user's number as text: `#` and 16 hexadecimal digits."""
    return f"#{number & 2**64 - 1:016x}"


def shown_numbers(shown: Strings) -> NDArray[Any]:
    """The numbers of users from their texts.

    Raises:  ValueError for anything else.
    """
    digits = shown.content.decode("ascii").replace("#", "")
    if (shown.lengths != _SHOWN).any() or len(digits) != len(shown.lengths) * (_SHOWN - 1):
        raise ValueError("a user is # and 16 hexadecimal digits")
    return np.frombuffer(bytes.fromhex(digits), ">i8").astype("i8")


def to_batch(events: Iterable[ev.AnyEvent], key: bytes = b"") -> Batch:
    """Events as columns, deduplicated: of those with the same account, kind and id, one counts.

    The first one counts. `key` is the key of the hash that replaces each openid.
    """
    numbers = _Numbers(key)
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in FAMILIES}
    for event in _deduplicated(events):
        name, members = _RECORD[type(event)]
        head = (numbers.account(event.account), event.at)
        rows[name].append((*head, *members(event, numbers)))
    columns = {name: _transposed(name, of_family) for name, of_family in rows.items()}
    return Batch(accounts=numbers.accounts, **columns)


def _deduplicated(events: Iterable[ev.AnyEvent]) -> Iterator[ev.AnyEvent]:
    seen: set[tuple[str, type[ev.Event], str]] = set()
    for event in events:
        key = (event.account, type(event), event.id)
        if key not in seen:
            seen.add(key)
            yield event


def _transposed(name: str, rows: list[tuple[Any, ...]]) -> Columns:
    names = FAMILIES[name]
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return family(name, **{column: list(c) for column, c in zip(names, columns, strict=True)})


class _Numbers:
    """The numbers of accounts and users."""

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
