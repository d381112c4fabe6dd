"""Members of good events turned into columns of numbers: no openid and no id of an event is left.

Few events at a time lose their objects while these are in the processor's cache; what is hashed is
hashed together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, get_args

from wxcube.events import kinds as ev
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import NO_ARTICLE, Action, Columns, article_number, user_numbers
from wxcube.events.intake.families import ID_COLUMNS, STORED, Chunk, pick, texts
from wxcube.events.intake.plain_csv import Cells
from wxcube.events.intake.siphash import KEY_BYTES, Texts, siphash
from wxcube.events.intake.tables import MOST_REMEMBERED, Given, listed
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.keys import Keys

_MSGID = re.compile(get_args(ev.MsgId)[1].pattern)
_PLACES: dict[str, tuple[str, dict[str, int]]] = {
    "open": ("open", {}),
    "follow": ("follow", {"change": 1}),
    "unfollow": ("follow", {"change": -1, "article": NO_ARTICLE}),
    "message": ("message", {}),
    "reply": ("reply", {}),
    "publish": ("publish", {}),
    **{action.name.lower(): ("activity", {"action": action}) for action in Action},
}
"""For each kind of event: its family, and columns that say what it is."""


class DoubtError(Exception):
    """A value the quick way does not know; the careful way decides."""


class Part(NamedTuple):
    """Some events of one kind, of which only what is hashed is text."""

    family: str
    columns: Columns
    """`at`, numbers of accounts, and what their kind alone has."""
    ids: Texts
    people: Texts | None
    """Openids, of kinds that have them."""


class Newcomers(dict[str, int]):
    """Numbers below zero for accounts that have none; they get theirs when they are taken in."""

    def __init__(self, known: AccountNumbers) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, account: str) -> int:
        found = self._known.get(account)
        if found is None:
            found = self[account] = -1 - len(self)
        return found

    def numbers(self, accounts: Sequence[str]) -> NDArray[Any]:
        """A number for each."""
        try:
            return np.fromiter(map(self._known.__getitem__, accounts), "i4", len(accounts))
        except KeyError:
            return np.fromiter(map(self.__getitem__, accounts), "i4", len(accounts))

    def take_in(self) -> None:
        """Give every newcomer a number.

        Raises:  EventStoreError if they cannot be written down.
        """
        if self:
            self._known.add(self)

    def settle(self, numbers: NDArray[Any]) -> None:
        """Put the numbers that newcomers were given in the place of those below zero."""
        if self:
            given = np.fromiter(map(self._known.__getitem__, self), "i4", len(self))
            is_new = numbers < 0
            numbers[is_new] = given[-1 - numbers[is_new]]


class _Articles(dict[str | None, int]):
    """The number of each article seen lately."""

    def __missing__(self, msgid: str | None) -> int:
        if msgid is not None and not _MSGID.search(msgid):
            raise DoubtError
        number = self[msgid] = NO_ARTICLE if msgid is None else article_number(msgid)
        return number

    def numbers(self, msgids: Sequence[str | None]) -> NDArray[Any]:
        """A number for each."""
        if len(self) > MOST_REMEMBERED:
            self.clear()
        return np.fromiter(map(self.__getitem__, msgids), "i8", len(msgids))


class Numbering:
    """Puts numbers in the place of openids, ids, articles and accounts."""

    def __init__(self, keys: Keys) -> None:
        self._id_key = blake2b(keys.ids, digest_size=KEY_BYTES).digest()
        self._user_key = keys.users
        self._articles = _Articles()

    def parts(self, kinds: Mapping[str, Given], newcomers: Newcomers) -> list[Part]:
        """What events say by kind and member, as numbers and texts to hash.

        Raises:  DoubtError for a msgid that is none; UnicodeError for half a surrogate pair.
        """
        return [self._part(tag, members, newcomers) for tag, members in kinds.items()]

    def _part(self, tag: str, members: Given, newcomers: Newcomers) -> Part:
        family, fixed = _PLACES[tag]
        count, types = len(members["at"]), STORED[family]
        columns = {name: np.full(count, value, types[name]) for name, value in fixed.items()}
        columns["account"] = newcomers.numbers(listed(members["account"]))
        for name in types.keys() - columns.keys() - ID_COLUMNS.keys() - {"user"}:
            columns[name] = self._column(members, name, types[name], count)
        people = _hashable(members["user"]) if "user" in members else None
        return Part(family, columns, _hashable(members["id"]), people)

    def _column(self, members: Given, name: str, kind: str, count: int) -> NDArray[Any]:
        if name == "article" and "msgid" in members:
            return self._articles.numbers(listed(members["msgid"]))
        if name not in members:
            return np.zeros(count, kind)
        return texts(listed(members[name])) if kind == "O" else _array(members[name], kind)

    def chunk(self, parts: Sequence[Part], newcomers: Newcomers) -> Chunk:
        """The parts as columns by family; the order of events of one kind stays.

        Raises:  EventStoreError if new accounts cannot be written down.
        """
        ids = siphash(self._id_key, Texts.joined([part.ids for part in parts]), wide=True)
        halves = ids.view("i8").T
        hashed = _Rows({name: halves[place] for place, name in enumerate(ID_COLUMNS)})
        openids = Texts.joined([part.people for part in parts if part.people])
        people = _Rows({"user": user_numbers(openids, self._user_key)})
        found: dict[str, list[Columns]] = {}
        for part in parts:
            count = len(part.ids.lengths)
            known = part.columns | hashed.next(count)
            if part.people:
                known |= people.next(count)
            found.setdefault(part.family, []).append(known)
        chunk = {family: _joined(columns, STORED[family]) for family, columns in found.items()}
        newcomers.take_in()
        for columns in chunk.values():
            newcomers.settle(columns["account"])
        return chunk


class _Rows:
    """Columns handed out some rows at a time."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._start = 0

    def next(self, count: int) -> Columns:
        """The next rows."""
        start, self._start = self._start, self._start + count
        return pick(self._columns, slice(start, self._start))


def _hashable(values: Sequence[Any] | NDArray[Any]) -> Texts:
    return values.joined() if isinstance(values, Cells) else Texts.of(listed(values))


def _array(values: Sequence[Any] | NDArray[Any], kind: str) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values.astype(kind)
    return np.fromiter(values, kind, len(values))


def _joined(parts: Sequence[Columns], names: Iterable[str]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in names}
