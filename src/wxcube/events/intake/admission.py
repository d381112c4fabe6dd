"""Admission of events: lines become columns without openids, or refusals with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from wxcube.errors import EventError
from wxcube.events import kinds as ev
from wxcube.events.intake.decoding import by_member, convert, decode
from wxcube.events.intake.families import Chunk
from wxcube.events.intake.lines import Lines
from wxcube.events.intake.openid_filter import has_openid
from wxcube.events.intake.pseudonyms import (
    NeedsFullCheckError,
    NewAccounts,
    Pseudonymizer,
    UnhashedEvents,
)
from wxcube.events.intake.reasons import Reasons, not_an_integer
from wxcube.events.intake.refusal import Refusal, redacted_line, redacted_record
from wxcube.events.intake.tables import INTEGERS, Records, is_integer
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.keys import Keys
from wxcube.i18n import Message, _

_DECODE_LINES = 2_500
"""Lines decoded in one batch: their objects fit into the processor's cache.

PERF: with 10,000, decoding and collecting the members took 1.4 to 2 times as long.
"""
_decoder: msgspec.json.Decoder[ev.AnyEvent] = msgspec.json.Decoder(ev.AnyEvent)


@dataclass(frozen=True)
class Admitted:
    """The result of admission: valid events as columns, refused lines with their reasons."""

    columns: Callable[[], Chunk] = field(repr=False)
    events: int
    refused: tuple[Refusal, ...] = ()

    @cached_property
    def chunk(self) -> Chunk:
        """The valid events; if lines were refused, new accounts are registered only on access.

        Raises:  EventStoreError if new accounts cannot be written.
        """
        return self.columns()


class Admission:
    """Checks events and replaces openids and accounts by numbers.

    Events before `earliest`, in Unix seconds, are refused: their days were deleted by retention.
    With `are_hashed` the users of all events are given as their numbers in text.
    """

    def __init__(
        self,
        keys: Keys,
        accounts: AccountNumbers,
        earliest: int = 0,
        *,
        are_hashed: bool = False,
    ) -> None:
        self._accounts = accounts
        self._user_key = keys.users
        self._pseudonymizer = Pseudonymizer(keys, are_hashed=are_hashed)
        self._reasons = Reasons()
        self.earliest = earliest

    def admit(self, content: bytes) -> Admitted:
        """The events of JSON lines; line numbers begin with 1."""
        accounts, events = NewAccounts(self._accounts), list[UnhashedEvents]()
        try:
            lines = Lines(content)
            is_one_each = lines.are_objects
            for batch in lines.batches(_DECODE_LINES):
                # PERF: halves the time for a batch of empty lines alone
                if batch.content.isspace():
                    continue
                count = batch.last - batch.first + 1
                expected = count if is_one_each else sum(1 for _ in _numbered(batch.content))
                events += self._decode_batch(batch.content, expected, accounts)
        except (msgspec.DecodeError, UnicodeError, RecursionError, NeedsFullCheckError):
            return self._admit_singly(self._read_line(*line) for line in _numbered(content))
        return self._admitted(events, accounts)

    def _decode_batch(
        self, lines: bytes, expected: int, accounts: NewAccounts
    ) -> list[UnhashedEvents]:
        """The fast path: the events of lines, all of them valid, `expected` in number."""
        events = decode(lines)
        if len(events) != expected:
            raise NeedsFullCheckError
        return self._prepare(events, accounts)

    def _prepare(self, events: Sequence[Any], accounts: NewAccounts) -> list[UnhashedEvents]:
        """Decoded events as columns, after what decoding did not check."""
        kinds = by_member(events)
        if any(map(has_openid, kinds.get("publish", {}).get("content_url", ()))):
            raise NeedsFullCheckError
        if any(min(members["at"]) < self.earliest for members in kinds.values()):
            raise NeedsFullCheckError
        return self._pseudonymizer.prepare(kinds, accounts)

    def admit_records(self, records: Records) -> Admitted:
        """The events of a table, where numbers may be given as text."""
        accounts, events = NewAccounts(self._accounts), list[UnhashedEvents]()
        if not records.are_regular:
            return self._admit_singly(self._read_records(records))
        try:
            for batch in records.batches(_DECODE_LINES):
                events += self._prepare(convert(batch), accounts)
        except (msgspec.ValidationError, UnicodeError, NeedsFullCheckError):
            return self._admit_singly(self._read_records(records))
        return self._admitted(events, accounts)

    def _admit_singly(self, read: Iterable[ev.AnyEvent | Refusal]) -> Admitted:
        results = list(read)
        events = [one for one in results if not isinstance(one, Refusal)]
        refused = tuple(one for one in results if isinstance(one, Refusal))
        accounts = NewAccounts(self._accounts)
        prepared = self._pseudonymizer.prepare(by_member(events), accounts)
        return self._admitted(prepared, accounts, refused)

    def _admitted(
        self,
        events: list[UnhashedEvents],
        accounts: NewAccounts,
        refused: tuple[Refusal, ...] = (),
    ) -> Admitted:
        count = sum(len(part.ids.lengths) for part in events)
        if refused:
            return Admitted(lambda: self._pseudonymizer.finish(events, accounts), count, refused)
        chunk = self._pseudonymizer.finish(events, accounts)
        return Admitted(lambda: chunk, count)

    def _read_line(self, number: int, line: bytes) -> ev.AnyEvent | Refusal:
        try:
            return self._checked(_decoder.decode(line))
        except (msgspec.DecodeError, UnicodeError, RecursionError, EventError) as error:
            reason = self._reasons.of_line(error, line)
            return Refusal(number, reason, redacted_line(line, self._user_key))

    def _read_records(self, records: Records) -> Iterator[ev.AnyEvent | Refusal]:
        for place, (number, record) in enumerate(zip(records.numbers, records, strict=True)):
            try:
                yield self._read_record(record, records.problems.get(place))
            except (msgspec.ValidationError, UnicodeError, EventError) as error:
                reason = self._reasons.of_record(error, record)
                yield Refusal(number, reason, redacted_record(record, self._user_key))

    def _read_record(self, record: Mapping[str, Any], problem: Message | None) -> ev.AnyEvent:
        if problem:
            raise EventError(problem)
        event = self._checked(msgspec.convert(record, ev.AnyEvent, strict=False))
        for name in INTEGERS & record.keys():
            cell = record[name]
            if isinstance(cell, str) and not is_integer(cell):
                raise not_an_integer(event, name, cell)
        return event

    def _checked(self, event: ev.AnyEvent) -> ev.AnyEvent:
        """The event, if its strings may be stored and its day has not been deleted."""
        for member in ("id", "account", "user", "title", "content_url"):
            getattr(event, member, "").encode()
        if event.at < self.earliest:
            raise EventError(_("events of that day were deleted by retention"))
        if has_openid(getattr(event, "content_url", "")):
            raise EventError(_("content_url identifies a user: remove the openid from the link"))
        return event


def _numbered(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers."""
    return (
        (number, line)
        for number, line in enumerate(content.split(b"\n"), 1)
        if not line.isspace() and line
    )
