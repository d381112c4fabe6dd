"""Why a line or a record is refused, as a message that quotes nothing that may be an openid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from wxcube.errors import EventError
from wxcube.events import kinds as ev
from wxcube.events.intake.refusal import MAX_NAME, REDACTED, encodable, redacted_name
from wxcube.i18n import Message, _, verbatim
from wxcube.i18n.mismatch import mismatch

_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_LONG_WORD = re.compile(r"[0-9A-Za-z_-]{20,}")
_CACHE_SIZE = 1_000
_NO_EVENT = _("it does not match the structure of an event")
_NOT_UTF8 = _("it is not UTF-8: save the file as UTF-8 and send it again")
_TOO_DEEP = _("it nests too deeply")


class Reasons:
    """Explains errors of single lines and records.

    PERF: refused lines have few different reasons, so most come from a cache by msgspec's text.
    """

    def __init__(self) -> None:
        self._cache: dict[str, Message] = {}

    def of_line(self, error: Exception, line: bytes) -> Message:
        """The reason of an error of a JSON line."""
        if isinstance(error, msgspec.ValidationError):
            return self._mismatch(error, lambda: msgspec.json.decode(line), strict=True)
        return _unreadable(error, line)

    def of_record(self, error: Exception, record: Mapping[str, Any]) -> Message:
        """The reason of an error of a record of a table."""
        if isinstance(error, msgspec.ValidationError):
            return self._mismatch(error, lambda: record, strict=False)
        return _unreadable(error)

    def _mismatch(
        self, error: msgspec.ValidationError, value: Callable[[], Any], *, strict: bool
    ) -> Message:
        text = str(error)
        reason = self._cache.get(text)
        return reason or self._explain(text, value, strict=strict)

    def _explain(self, text: str, value: Callable[[], Any], *, strict: bool) -> Message:
        try:
            decoded = value()
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return _unreadable(error)
        raw = mismatch(decoded, ev.AnyEvent, strict=strict, reported=text)
        if raw is None:
            return _NO_EVENT
        reason = _without_long_words(_redacted(raw, set(_strings(decoded))))
        if raw == text:
            self._remember(text, reason)
        return reason

    def _remember(self, text: str, reason: Message) -> None:
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[text] = reason


def not_an_integer(event: ev.AnyEvent, name: str, cell: str) -> EventError:
    """The error of a cell that msgspec reads as an integer, but that has other characters."""
    members = msgspec.to_builtins(event) | {name: cell}
    return EventError(mismatch(members, ev.AnyEvent) or _NO_EVENT)


def _unreadable(error: Exception, line: bytes = b"") -> Message:
    if isinstance(error, EventError):
        return error.as_message()
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    if isinstance(error, UnicodeError):
        return _NOT_UTF8
    if _has_half_pair(line):
        return _("half of a surrogate pair, as `\\ud83d` alone, is no letter")
    # the English text is msgspec's own, as it is stored and answered
    return _("{json_error}", json_error=_without_long_words(verbatim(str(error))))


def _has_half_pair(line: bytes) -> bool:
    """Whether nothing but half of a surrogate pair is wrong: Python's json accepts it."""
    if not _HALF_PAIR.search(line):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _strings(value: Any) -> Iterator[str]:
    """The strings of a value that a reason may quote."""
    if isinstance(value, Mapping):
        yield from (one for one in (*value, *value.values()) if isinstance(one, str))


def _redacted(message: Message, quotable: set[str]) -> Message:
    """The message without strings of the line, unless they are short names."""
    values = {name: _redacted_value(one, quotable) for name, one in message.values.items()}
    return Message(message.template, values, message.plural)


def _redacted_value(value: Any, quotable: set[str]) -> Any:
    if isinstance(value, Message):
        return _redacted(value, quotable)
    if not isinstance(value, str):
        return value
    for text in quotable:
        if value == text or len(text) > MAX_NAME:
            value = value.replace(text, redacted_name(text))
    return value


def _without_long_words(message: Message) -> Message:
    """The message itself, or its text without words that may be an openid."""
    text = encodable(str(message))
    safe = _LONG_WORD.sub(REDACTED, text)
    return message if safe == str(message) else verbatim(safe)
