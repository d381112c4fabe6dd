"""The door: lines come in, columns without openids go on, bad lines are told one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any, Union, get_args

import msgspec

from wxcube.errors import EventError
from wxcube.sources import event as ev
from wxcube.sources.arrays import NDArray, np
from wxcube.sources.batch import (
    FAMILIES,
    NO_ARTICLE,
    Action,
    Columns,
    article_number,
    user_number,
)
from wxcube.sources.events.accounts import AccountNumbers
from wxcube.sources.events.columns import Chunk, texts
from wxcube.sources.events.keys import Keys
from wxcube.sources.events.refusal import Refusal, hidden, hidden_line, hidden_record

MOST_REMEMBERED = 500_000
"""Openids and articles whose numbers are kept at hand at most."""
_LONGEST = 128
_MSGID = re.compile(get_args(ev.MsgId)[1].pattern)


class _DoubtError(Exception):
    """A value the quick way does not know; the careful way decides."""


class _Users(dict[str, int]):
    """The number of each person seen lately."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, openid: str) -> int:
        if not 1 <= len(openid) <= _LONGEST:
            raise _DoubtError
        number = self[openid] = user_number(openid, self._key)
        return number


class _Articles(dict[str | None, int]):
    """The number of each article seen lately."""

    def __missing__(self, msgid: str | None) -> int:
        if msgid is not None and not _MSGID.search(msgid):
            raise _DoubtError
        number = self[msgid] = NO_ARTICLE if msgid is None else article_number(msgid)
        return number


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


def _quick(kind: type[ev.Event]) -> type[msgspec.Struct]:
    """The kind without the rules that cost most; columns are checked for these at once."""
    plain: dict[Any, Any] = {ev.Name: str, ev.MsgId: str, ev.MsgId | None: str | None}
    members = [
        (f.name, plain.get(f.type, f.type), *(() if f.required else (f.default,)))
        for f in msgspec.structs.fields(kind)
    ]
    return msgspec.defstruct(
        kind.__name__,
        members,
        tag_field="event",
        tag=kind.__struct_config__.tag,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


_KINDS: tuple[type[ev.Event], ...] = get_args(ev.AnyEvent)
_QUICK = {_quick(kind): kind.__struct_config__.tag for kind in _KINDS}
_TAGS: dict[type, Any] = _QUICK | {kind: kind.__struct_config__.tag for kind in _KINDS}
_MEMBERS = {kind.__struct_config__.tag: kind.__struct_fields__ for kind in _KINDS}
_quick_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Union[tuple(_QUICK)])  # noqa: UP007 - made of a list
_decoder: msgspec.json.Decoder[ev.AnyEvent] = msgspec.json.Decoder(ev.AnyEvent)


@dataclass(frozen=True)
class Admitted:
    """A batch after the door: good events as columns, bad lines with their reasons."""

    chunk: Chunk = field(repr=False)
    events: int
    refused: tuple[Refusal, ...] = ()


class Door:
    """Checks events and replaces openids and accounts by numbers.

    Events before the second `earliest` are refused: the store no longer keeps their days.
    """

    def __init__(self, keys: Keys, accounts: AccountNumbers, earliest: int = 0) -> None:
        self._accounts = accounts
        self._id_key = keys.ids[:32]
        self._user_key = keys.users
        self._users = _Users(keys.users)
        self._articles = _Articles()
        self.earliest = earliest

    def admit(self, lines: bytes) -> Admitted:
        """The events of JSON lines; line numbers begin with 1."""
        try:
            events = _quick_decoder.decode_lines(lines)
            chunk = self._columns(events)
        except (msgspec.DecodeError, UnicodeError, _DoubtError):
            return self._admit_each(self._read_line(*line) for line in _numbered(lines))
        if self._is_early(chunk):
            return self._admit_each(self._read_line(*line) for line in _numbered(lines))
        return Admitted(chunk, len(events))

    def admit_records(self, records: Iterable[tuple[int, Mapping[str, Any]]]) -> Admitted:
        """The events of records of a table, each with its line number; texts may be numbers."""
        return self._admit_each(self._read_record(*record) for record in records)

    def _admit_each(self, read: Iterable[ev.AnyEvent | Refusal]) -> Admitted:
        found = list(read)
        events = [one for one in found if not isinstance(one, Refusal)]
        refused = tuple(one for one in found if isinstance(one, Refusal))
        return Admitted(self._columns(events), len(events), refused)

    def _read_line(self, number: int, line: bytes) -> ev.AnyEvent | Refusal:
        try:
            return self._known(_decoder.decode(line))
        except (msgspec.DecodeError, UnicodeError, EventError) as error:
            return Refusal(number, hidden(str(error)), hidden_line(line, self._user_key))

    def _read_record(self, number: int, record: Mapping[str, Any]) -> ev.AnyEvent | Refusal:
        try:
            return self._known(msgspec.convert(record, ev.AnyEvent, strict=False))
        except (msgspec.ValidationError, UnicodeError, EventError) as error:
            return Refusal(number, hidden(str(error)), hidden_record(record, self._user_key))

    def _known(self, event: ev.AnyEvent) -> ev.AnyEvent:
        """The event, if texts in it can be written down and its day is kept."""
        for member in ("id", "account", "user", "title", "content_url"):
            getattr(event, member, "").encode()
        if event.at < self.earliest:
            raise EventError("events of that day are no longer kept (retention)")
        return event

    def _is_early(self, chunk: Chunk) -> bool:
        return any(columns["at"].min() < self.earliest for columns in chunk.values())

    def _columns(self, events: Sequence[Any]) -> Chunk:
        """Columns of events by family; the order of events of one kind stays."""
        self._forget()
        by_kind: dict[type, list[Any]] = {kind: [] for kind in _TAGS}
        append = {kind: found.append for kind, found in by_kind.items()}
        for event in events:
            append[type(event)](event)
        parts: dict[str, list[Columns]] = {}
        for kind, found in by_kind.items():
            if found:
                family, columns = self._kind(_TAGS[kind], found)
                parts.setdefault(family, []).append(columns)
        return {family: _joined(columns) for family, columns in parts.items()}

    def _forget(self) -> None:
        for known in (self._users, self._articles):
            if len(known) > MOST_REMEMBERED:
                known.clear()

    def _kind(self, tag: str, events: Sequence[Any]) -> tuple[str, Columns]:
        # PERF: astuple and zip make columns in 0.16 us an event, attribute by attribute in 0.36
        turned = zip(*map(msgspec.structs.astuple, events), strict=True)
        members = dict(zip(_MEMBERS[tag], turned, strict=True))
        family, fixed = _PLACES[tag]
        columns = {
            name: self._column(name, kind, members, fixed)
            for name, kind in FAMILIES[family].items()
        }
        return family, columns | self._ids(members["id"])

    def _column(
        self, name: str, kind: str, members: Mapping[str, Any], fixed: Mapping[str, int]
    ) -> NDArray[Any]:
        size = len(members["id"])
        if name in fixed:
            return np.full(size, fixed[name], kind)
        if name in self._TRANSLATED:
            return self._TRANSLATED[name](self, members)
        if name not in members:
            return np.zeros(size, kind)
        if kind == "O":
            return texts(members[name])
        return np.fromiter(members[name], kind, size)

    def _account_column(self, members: Mapping[str, Any]) -> NDArray[Any]:
        names = members["account"]
        try:
            return np.fromiter(map(self._accounts.__getitem__, names), "i4", len(names))
        except KeyError:
            _check_lengths(names)
            self._accounts.add(names)
        return np.fromiter(map(self._accounts.__getitem__, names), "i4", len(names))

    def _user_column(self, members: Mapping[str, Any]) -> NDArray[Any]:
        names = members["user"]
        return np.fromiter(map(self._users.__getitem__, names), "i8", len(names))

    def _article_column(self, members: Mapping[str, Any]) -> NDArray[Any]:
        names = members["msgid"] if "msgid" in members else [None] * len(members["id"])
        return np.fromiter(map(self._articles.__getitem__, names), "i8", len(names))

    _TRANSLATED: Mapping[str, Callable[[Door, Mapping[str, Any]], NDArray[Any]]] = {
        "account": _account_column,
        "user": _user_column,
        "article": _article_column,
    }

    def _ids(self, names: Sequence[str]) -> Columns:
        """The first 128 bits of each id's keyed hash."""
        _check_lengths(names)
        key = self._id_key
        # PERF: BLAKE2s of key and id in one block, 0.35 us; the same with keyword arguments 0.9
        digests = b"".join([blake2s(key + name.encode()).digest() for name in names])
        halves = np.frombuffer(digests, "<i8").reshape(len(names), -1)
        return {"id_high": halves[:, 0].copy(), "id_low": halves[:, 1].copy()}


def _check_lengths(names: Sequence[str]) -> None:
    if not 1 <= min(map(len, names)) <= max(map(len, names)) <= _LONGEST:
        raise _DoubtError


def _numbered(lines: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers."""
    return (
        (number, line)
        for number, line in enumerate(lines.split(b"\n"), 1)
        if not line.isspace() and line
    )


def _joined(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
