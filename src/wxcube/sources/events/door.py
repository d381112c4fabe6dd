"""The door: lines come in, columns without openids go on, bad lines are told one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from typing import Any, Union, get_args

import msgspec

from wxcube.errors import EventError
from wxcube.sources import event as ev
from wxcube.sources.arrays import NDArray, np
from wxcube.sources.batch import (
    NO_ARTICLE,
    Action,
    Columns,
    article_number,
    user_numbers,
)
from wxcube.sources.events.accounts import AccountNumbers
from wxcube.sources.events.columns import ID_COLUMNS, STORED, Chunk, pick, texts
from wxcube.sources.events.keys import Keys
from wxcube.sources.events.links import names_a_person
from wxcube.sources.events.refusal import Refusal, hidden, hidden_line, hidden_record
from wxcube.sources.events.tables import (
    INTEGERS,
    KINDS,
    MOST_REMEMBERED,
    Given,
    Records,
    is_whole,
    sift,
)
from wxcube.sources.siphash import KEY_BYTES, siphash

_LINE_END, _OBJECT_START = b"\n{"
_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_MSGID = re.compile(get_args(ev.MsgId)[1].pattern)


class _DoubtError(Exception):
    """A value the quick way does not know; the careful way decides."""


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
    plain: dict[Any, Any] = {ev.MsgId: str, ev.ReadBefore: str | None}
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


_QUICK = {_quick(kind): tag for tag, kind in KINDS.items()}
_TAGS: dict[type, str] = _QUICK | {kind: tag for tag, kind in KINDS.items()}
_MEMBERS = {tag: kind.__struct_fields__ for tag, kind in KINDS.items()}
# PERF: a comprehension takes a member in 0.03 us, attrgetter in 0.06, astuple and zip in 0.09
_TAKEN: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "id": lambda events: [event.id for event in events],
    "account": lambda events: [event.account for event in events],
    "at": lambda events: [event.at for event in events],
    "user": lambda events: [event.user for event in events],
    "msgid": lambda events: [event.msgid for event in events],
    "followers": lambda events: [event.followers for event in events],
    "source": lambda events: [event.source for event in events],
    "msg_type": lambda events: [event.msg_type for event in events],
    "ms": lambda events: [event.ms for event in events],
    "ok": lambda events: [event.ok for event in events],
    "title": lambda events: [event.title for event in events],
    "publish_type": lambda events: [event.publish_type for event in events],
    "target_user": lambda events: [event.target_user for event in events],
    "content_url": lambda events: [event.content_url for event in events],
    "seconds": lambda events: [event.seconds for event in events],
    "finished": lambda events: [event.finished for event in events],
    "position": lambda events: [event.position for event in events],
    "scene": lambda events: [event.scene for event in events],
    "fen": lambda events: [event.fen for event in events],
}
"""What makes a list out of each member."""
_quick_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Union[tuple(_QUICK)])  # noqa: UP007 - made of a list
_decoder: msgspec.json.Decoder[ev.AnyEvent] = msgspec.json.Decoder(ev.AnyEvent)


@dataclass(frozen=True)
class Admitted:
    """A batch after the door: good events as columns, bad lines with their reasons."""

    columns: Callable[[], Chunk] = field(repr=False)
    events: int
    refused: tuple[Refusal, ...] = ()

    @cached_property
    def chunk(self) -> Chunk:
        """The good events; beside bad lines their accounts get numbers only when this is asked.

        Raises:  EventStoreError if new accounts cannot be written down.
        """
        return self.columns()


class Door:
    """Checks events and replaces openids and accounts by numbers.

    Events before the second `earliest` are refused: the store no longer keeps their days.
    """

    def __init__(self, keys: Keys, accounts: AccountNumbers, earliest: int = 0) -> None:
        self._accounts = accounts
        self._id_key = blake2b(keys.ids, digest_size=KEY_BYTES).digest()
        self._user_key = keys.users
        self._articles = _Articles()
        self.earliest = earliest

    def admit(self, lines: bytes) -> Admitted:
        """The events of JSON lines; line numbers begin with 1."""
        try:
            events = _quick_decoder.decode_lines(lines)
            kinds = _by_member(events)
            _look_at_links(kinds)
            chunk = self._columns(kinds)
        except (msgspec.DecodeError, UnicodeError, RecursionError, _DoubtError):
            return self._admit_each(self._read_line(*line) for line in _numbered(lines))
        if not _is_one_a_line(len(events), lines):
            return self._admit_each(self._read_line(*line) for line in _numbered(lines))
        return Admitted(lambda: chunk, len(events))

    def admit_records(self, records: Records) -> Admitted:
        """The events of a table; texts may be numbers."""
        found = sift(records, self.earliest)
        doubtful = list(self._read_records(records.only(found.doubtful)))
        refused = tuple(one for one in doubtful if isinstance(one, Refusal))
        if len(refused) < len(doubtful):
            return self._admit_each(self._read_records(records))
        return Admitted(lambda: self._columns(found.kinds), found.events, refused)

    def _admit_each(self, read: Iterable[ev.AnyEvent | Refusal]) -> Admitted:
        found = list(read)
        events = [one for one in found if not isinstance(one, Refusal)]
        refused = tuple(one for one in found if isinstance(one, Refusal))
        return Admitted(lambda: self._columns(_by_member(events)), len(events), refused)

    def _read_line(self, number: int, line: bytes) -> ev.AnyEvent | Refusal:
        try:
            return self._known(_decoder.decode(line))
        except (msgspec.DecodeError, UnicodeError, EventError) as error:
            return Refusal(number, hidden(_reason(error, line)), hidden_line(line, self._user_key))
        except RecursionError:
            return Refusal(number, "it nests too deeply", hidden_line(line, self._user_key))

    def _read_records(self, records: Records) -> Iterator[ev.AnyEvent | Refusal]:
        for place, (number, record) in enumerate(zip(records.numbers, records, strict=True)):
            try:
                yield self._read_record(record, records.complaints.get(place))
            except (msgspec.ValidationError, UnicodeError, EventError) as error:
                content = hidden_record(record, self._user_key)
                yield Refusal(number, hidden(_reason(error)), content)

    def _read_record(self, record: Mapping[str, Any], complaint: str | None) -> ev.AnyEvent:
        if complaint:
            raise EventError(complaint)
        event = self._known(msgspec.convert(record, ev.AnyEvent, strict=False))
        for name in INTEGERS & record.keys():
            if isinstance(record[name], str) and not is_whole(record[name]):
                raise msgspec.ValidationError(f"Expected `int`, got `str` - at `$.{name}`")
        return event

    def _known(self, event: ev.AnyEvent) -> ev.AnyEvent:
        """The event, if what it says may be written down and its day is kept."""
        for member in ("id", "account", "user", "title", "content_url"):
            getattr(event, member, "").encode()
        if event.at < self.earliest:
            raise EventError("events of that day are no longer kept (retention)")
        if names_a_person(getattr(event, "content_url", "")):
            raise EventError("content_url names a person: leave the openid out of the link")
        return event

    def _columns(self, kinds: Mapping[str, Given]) -> Chunk:
        """Columns of events by family; the order of events of one kind stays."""
        if not kinds:
            return {}
        at = {tag: _array(given["at"], "i8") for tag, given in kinds.items()}
        all_common = self._common(kinds, np.concatenate(list(at.values())))
        common = _Rows(all_common)
        people = _Rows({"user": self._people(kinds)})
        parts: dict[str, list[Columns]] = {}
        for tag, given in kinds.items():
            count = len(at[tag])
            known = common.next(count)
            if "user" in given:
                known |= people.next(count)
            columns = self._family(tag, given, known, count)
            parts.setdefault(_PLACES[tag][0], []).append(columns)
        # last, when nothing is in doubt any more: the parts are views of this array
        all_common["account"][:] = self._account_numbers(_every(kinds, "account"))
        return {family: _joined(columns) for family, columns in parts.items()}

    def _common(self, kinds: Mapping[str, Given], at: NDArray[Any]) -> Columns:
        """What every kind has, of all events at once; numbers of accounts are not known yet."""
        if at.min() < self.earliest:
            raise _DoubtError
        halves = siphash(self._id_key, _every(kinds, "id"), wide=True).view("i8")
        return {
            "account": np.zeros(len(at), "i4"),
            "at": at,
            **{name: halves[:, place].copy() for place, name in enumerate(ID_COLUMNS)},
        }

    def _people(self, kinds: Mapping[str, Given]) -> NDArray[Any]:
        return user_numbers(_every(kinds, "user"), self._user_key)

    def _account_numbers(self, names: Sequence[str]) -> NDArray[Any]:
        try:
            return np.fromiter(map(self._accounts.__getitem__, names), "i4", len(names))
        except KeyError:
            self._accounts.add(names)
        return np.fromiter(map(self._accounts.__getitem__, names), "i4", len(names))

    def _family(self, tag: str, members: Given, known: Columns, count: int) -> Columns:
        """The columns of a kind's family: those known already, and those of its own members."""
        family, fixed = _PLACES[tag]
        types = STORED[family]
        constant = {name: np.full(count, value, types[name]) for name, value in fixed.items()}
        given = known | constant
        return {
            name: given[name] if name in given else self._column(members, name, kind, count)
            for name, kind in types.items()
        }

    def _column(self, members: Given, name: str, kind: str, count: int) -> NDArray[Any]:
        if name == "article" and "msgid" in members:
            return self._article_numbers(_list(members["msgid"]))
        if name not in members:
            return np.zeros(count, kind)
        return texts(_list(members[name])) if kind == "O" else _array(members[name], kind)

    def _article_numbers(self, names: Sequence[str | None]) -> NDArray[Any]:
        if len(self._articles) > MOST_REMEMBERED:
            self._articles.clear()
        return np.fromiter(map(self._articles.__getitem__, names), "i8", len(names))


class _Rows:
    """Columns handed out some rows at a time."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._start = 0

    def next(self, count: int) -> Columns:
        """The next rows."""
        start, self._start = self._start, self._start + count
        return pick(self._columns, slice(start, self._start))


def _by_tag(events: Sequence[Any]) -> dict[str, list[Any]]:
    """Events by kind."""
    found: dict[str, list[Any]] = {tag: [] for tag in _MEMBERS}
    append = {kind: found[tag].append for kind, tag in _TAGS.items()}
    for event in events:
        append[type(event)](event)
    return {tag: some for tag, some in found.items() if some}


class _Members(Mapping[str, Sequence[Any]]):
    """What events of a kind say by member, each list made when it is asked for.

    PERF: all lists made ahead cost a sixth of the time at the door.
    """

    def __init__(self, tag: str, events: Sequence[Any]) -> None:
        self._names = _MEMBERS[tag]
        self._events = events

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self._names:
            raise KeyError(name)
        return _TAKEN[name](self._events)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _by_member(events: Sequence[Any]) -> dict[str, Given]:
    """What events say, by kind and member."""
    return {tag: _Members(tag, found) for tag, found in _by_tag(events).items()}


def _look_at_links(kinds: Mapping[str, Given]) -> None:
    if any(map(names_a_person, kinds.get("publish", {}).get("content_url", ()))):
        raise _DoubtError


def _every(kinds: Mapping[str, Given], name: str) -> list[Any]:
    """A member's values of all kinds that have it, one kind after the other."""
    return [*chain.from_iterable(_list(of[name]) for of in kinds.values() if name in of)]


def _list(values: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _array(values: Sequence[Any] | NDArray[Any], kind: str) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values.astype(kind)
    return np.fromiter(values, kind, len(values))


def _reason(error: Exception, line: bytes = b"") -> str:
    if isinstance(error, UnicodeError):
        return "it is not UTF-8: save the file as UTF-8 and send it again"
    # msgspec looks for the other half behind the line's end
    if str(error) == "Input data was truncated" and _HALF.search(line):
        return "half of a surrogate pair, as `\\ud83d` alone, is no letter"
    return str(error)


def _numbered(lines: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that hold something, with their numbers."""
    return (
        (number, line)
        for number, line in enumerate(lines.split(b"\n"), 1)
        if not line.isspace() and line
    )


def _is_one_a_line(events: int, lines: bytes) -> bool:
    """Whether so many events are as many as lines that hold something."""
    if not events:
        return not lines.strip()
    # PERF: 0.24 ms for 10,000 events, a look at each line takes 1 ms
    letters = np.frombuffer(lines, "u1")
    ends = np.flatnonzero(letters == _LINE_END)
    starts = ends[:-1] + 1 if lines.endswith(b"\n") else ends + 1
    if lines.startswith(b"{") and (letters[starts] == _OBJECT_START).all():
        return events == len(starts) + 1
    return events == sum(1 for _ in _numbered(lines))


def _joined(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
