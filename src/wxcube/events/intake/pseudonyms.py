"""Pseudonymization: members of valid events as columns of numbers, without openids or event ids.

Small batches release their Python objects while these are still in the processor's cache; strings
are hashed later, all in one batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from wxcube.events import kinds as ev
from wxcube.events.columns import (
    NO_ARTICLE,
    Action,
    Columns,
    article_number,
    shown_numbers,
    user_numbers,
)
from wxcube.events.intake.families import ID_COLUMNS, STORED, Chunk, pick, string_array
from wxcube.events.intake.siphash import KEY_BYTES, Strings, siphash
from wxcube.events.intake.tables import MemberColumns
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.keys import Keys

CACHE_SIZE = 500_000
"""Article numbers in a cache at most."""
_MSGID = re.compile(get_args(ev.MsgId)[1].pattern)
_FAMILY_OF_KIND: dict[str, tuple[str, dict[str, int]]] = {
    "open": ("open", {}),
    "follow": ("follow", {"change": 1}),
    "unfollow": ("follow", {"change": -1, "article": NO_ARTICLE}),
    "message": ("message", {}),
    "reply": ("reply", {}),
    "publish": ("publish", {}),
    **{action.name.lower(): ("activity", {"action": action}) for action in Action},
}
"""For each kind of event: its family, and columns whose value follows from the kind."""


def id_hash(event_id: str, key: bytes) -> tuple[int, int]:
    """Both halves of the hash of an event's id, as signed numbers."""
    hash_key = blake2b(key, digest_size=KEY_BYTES).digest()
    high, low = siphash(hash_key, Strings.of([event_id]), wide=True).view("i8")[0].tolist()
    return high, low


class NeedsFullCheckError(Exception):
    """The fast path cannot decide about a value; every event must be checked by itself."""


class UnhashedEvents(NamedTuple):
    """Events of one kind as columns; only what must be hashed is still text."""

    family: str
    columns: Columns
    """All columns but the hashes: `at`, account numbers, and the kind's own members."""
    ids: Strings
    openids: Strings | None
    """None for kinds without a user."""


class NewAccounts(dict[str, int]):
    """Provisional numbers, all negative, of accounts that the store does not know yet."""

    def __init__(self, known: AccountNumbers) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, account: str) -> int:
        number = self._known.get(account)
        if number is None:
            # a lone surrogate cannot be stored
            account.encode()
            number = self[account] = -1 - len(self)
        return number

    def numbers(self, accounts: Sequence[str]) -> NDArray[Any]:
        """The number of each account, provisional for a new one.

        Raises:  UnicodeError for a lone surrogate.
        """
        try:
            return np.fromiter(map(self._known.__getitem__, accounts), "i4", len(accounts))
        except KeyError:
            return np.fromiter(map(self.__getitem__, accounts), "i4", len(accounts))

    def register(self) -> None:
        """Add the new accounts to the store.

        Raises:  EventStoreError if they cannot be written.
        """
        if self:
            self._known.add(self)

    def replace_provisional(self, numbers: NDArray[Any]) -> None:
        """Replace provisional numbers, in place, by the final ones."""
        if self:
            final = np.fromiter(map(self._known.__getitem__, self), "i4", len(self))
            is_new = numbers < 0
            numbers[is_new] = final[-1 - numbers[is_new]]


class _ArticleCache(dict[str | None, int]):
    """The number of each recent article, by msgid."""

    def __missing__(self, msgid: str | None) -> int:
        if msgid is not None and not _MSGID.search(msgid):
            raise NeedsFullCheckError
        number = self[msgid] = NO_ARTICLE if msgid is None else article_number(msgid)
        return number

    def numbers(self, msgids: Sequence[str | None]) -> NDArray[Any]:
        """The article number of each msgid."""
        if len(self) > CACHE_SIZE:
            self.clear()
        return np.fromiter(map(self.__getitem__, msgids), "i8", len(msgids))


class Pseudonymizer:
    """Replaces openids, event ids, articles and accounts by numbers.

    With `are_hashed` the users are hashed already, and given as their numbers in text.
    """

    def __init__(self, keys: Keys, *, are_hashed: bool = False) -> None:
        self._are_hashed = are_hashed
        self._id_key = blake2b(keys.ids, digest_size=KEY_BYTES).digest()
        self._user_key = keys.users
        self._articles = _ArticleCache()

    def prepare(
        self, kinds: Mapping[str, MemberColumns], accounts: NewAccounts
    ) -> list[UnhashedEvents]:
        """The events of each kind as numbers, and as strings that are still to be hashed.

        Raises:  NeedsFullCheckError for an invalid msgid; UnicodeError for a lone surrogate.
        """
        return [self._prepare(tag, members, accounts) for tag, members in kinds.items()]

    def _prepare(self, tag: str, members: MemberColumns, accounts: NewAccounts) -> UnhashedEvents:
        family, fixed = _FAMILY_OF_KIND[tag]
        count, dtypes = len(members["at"]), STORED[family]
        columns = {name: np.full(count, value, dtypes[name]) for name, value in fixed.items()}
        columns["account"] = accounts.numbers(members["account"])
        for name in dtypes.keys() - columns.keys() - ID_COLUMNS.keys() - {"user"}:
            columns[name] = self._column(members, name, dtypes[name], count)
        openids = Strings.of(members["user"]) if "user" in members else None
        return UnhashedEvents(family, columns, Strings.of(members["id"]), openids)

    def _column(self, members: MemberColumns, name: str, dtype: str, count: int) -> NDArray[Any]:
        if name == "article" and "msgid" in members:
            return self._articles.numbers(members["msgid"])
        if name not in members:
            return np.zeros(count, dtype)
        values = members[name]
        if dtype != "O":
            return np.fromiter(values, dtype, count)
        # a lone surrogate cannot be stored
        "".join(values).encode()
        return string_array(values)

    def finish(self, events: Sequence[UnhashedEvents], accounts: NewAccounts) -> Chunk:
        """The events, hashed, as columns by family; events of one kind keep their order.

        Raises:  EventStoreError if new accounts cannot be written.
        """
        ids = siphash(self._id_key, Strings.joined([part.ids for part in events]), wide=True)
        halves = ids.view("i8").T
        id_rows = _RowReader({name: halves[place] for place, name in enumerate(ID_COLUMNS)})
        openids = Strings.joined([part.openids for part in events if part.openids])
        user_rows = _RowReader({"user": self._user_numbers(openids)})
        by_family: dict[str, list[Columns]] = {}
        for part in events:
            count = len(part.ids.lengths)
            columns = part.columns | id_rows.next(count)
            if part.openids:
                columns |= user_rows.next(count)
            by_family.setdefault(part.family, []).append(columns)
        chunk = {
            family: _concatenated(parts, STORED[family]) for family, parts in by_family.items()
        }
        accounts.register()
        for columns in chunk.values():
            accounts.replace_provisional(columns["account"])
        return chunk

    def _user_numbers(self, users: Strings) -> NDArray[Any]:
        return shown_numbers(users) if self._are_hashed else user_numbers(users, self._user_key)


class _RowReader:
    """Reads columns sequentially, some rows per call."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._start = 0

    def next(self, count: int) -> Columns:
        """The next `count` rows."""
        start, self._start = self._start, self._start + count
        return pick(self._columns, slice(start, self._start))


def _concatenated(parts: Sequence[Columns], names: Iterable[str]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
