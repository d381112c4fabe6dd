"""The door: lines come in, columns without openids go on, bad lines are told one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from wxcube.errors import EventError
from wxcube.events import kinds as ev
from wxcube.events.intake.decoding import by_member, decode
from wxcube.events.intake.families import Chunk
from wxcube.events.intake.lines import Lines
from wxcube.events.intake.openid_filter import names_a_person
from wxcube.events.intake.pseudonyms import DoubtError, Newcomers, Numbering, Part
from wxcube.events.intake.refusal import Refusal, hidden, hidden_line, hidden_record
from wxcube.events.intake.tables import INTEGERS, Given, Records, is_whole, sift
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.keys import Keys

_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_AT_ONCE = 2_500
"""Lines decoded at once: their objects fit the processor's cache.

PERF: with 10,000 at once decoding and taking members apart took 1.4 to 2 times as long.
"""
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
        self._user_key = keys.users
        self._numbering = Numbering(keys)
        self.earliest = earliest

    def admit(self, lines: bytes) -> Admitted:
        """The events of JSON lines; line numbers begin with 1."""
        newcomers, parts = Newcomers(self._accounts), list[Part]()
        try:
            together = Lines(lines)
            is_plain = together.are_objects
            for few in together.parts(_AT_ONCE):
                # PERF: a piece of empty lines alone takes half as long as when each is looked at
                if few.content.isspace():
                    continue
                count = few.last - few.first + 1
                expected = count if is_plain else sum(1 for _ in _numbered(few.content))
                parts += self._quickly(few.content, expected, newcomers)
        except (msgspec.DecodeError, UnicodeError, RecursionError, DoubtError):
            return self._admit_each(self._read_line(*line) for line in _numbered(lines))
        return self._admitted(parts, newcomers)

    def _quickly(self, lines: bytes, expected: int, newcomers: Newcomers) -> list[Part]:
        """The parts of lines with so many events, one a line."""
        events = decode(lines)
        if len(events) != expected:
            raise DoubtError
        kinds = by_member(events)
        if any(map(names_a_person, kinds.get("publish", {}).get("content_url", ()))):
            raise DoubtError
        if any(min(members["at"]) < self.earliest for members in kinds.values()):
            raise DoubtError
        return self._numbering.parts(kinds, newcomers)

    def admit_records(self, records: Records) -> Admitted:
        """The events of a table; texts may be numbers."""
        found = sift(records, self.earliest)
        doubtful = list(self._read_records(records.only(found.doubtful)))
        refused = tuple(one for one in doubtful if isinstance(one, Refusal))
        if len(refused) < len(doubtful):
            return self._admit_each(self._read_records(records))
        return self._of_kinds(found.kinds, refused)

    def _admit_each(self, read: Iterable[ev.AnyEvent | Refusal]) -> Admitted:
        found = list(read)
        events = [one for one in found if not isinstance(one, Refusal)]
        refused = tuple(one for one in found if isinstance(one, Refusal))
        return self._of_kinds(by_member(events), refused)

    def _of_kinds(self, kinds: Mapping[str, Given], refused: tuple[Refusal, ...]) -> Admitted:
        newcomers = Newcomers(self._accounts)
        return self._admitted(self._numbering.parts(kinds, newcomers), newcomers, refused)

    def _admitted(
        self, parts: list[Part], newcomers: Newcomers, refused: tuple[Refusal, ...] = ()
    ) -> Admitted:
        events = sum(len(part.ids.lengths) for part in parts)
        if refused:
            return Admitted(lambda: self._numbering.chunk(parts, newcomers), events, refused)
        chunk = self._numbering.chunk(parts, newcomers)
        return Admitted(lambda: chunk, events)

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
