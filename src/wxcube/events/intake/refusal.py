"""Refused lines: why, and what of them may be kept without telling who a person is.

Nothing is searched for openids. What is kept is what cannot hold one: numbers, dates, an article's
msgid, short names. A person, an id and a long name become keyed numbers, the same for the same
text; of anything else, and of a line that cannot be read, nothing is kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, get_args

import msgspec

from wxcube.events import kinds as ev
from wxcube.events.columns import user_number
from wxcube.events.store.durable import (
    OWNER_ONLY,
    fdatasync,
    make_folder,
    reported,
    sync_folder,
    trouble,
)

HIDDEN = "***"
_KINDS: tuple[type[ev.Event], ...] = get_args(ev.AnyEvent)
_KNOWN = {name for kind in _KINDS for name in kind.__struct_fields__} | {"event"}
_MOST_WORD, _MOST_NAME = 12, 19
"""Characters of a word, and of a member's name, that may be told: far from an openid's 28."""
_FIGURES = re.compile(r"[-+0-9.,:/_ TZeE]{1,32}|true|false", re.ASCII | re.IGNORECASE)
_ID_OF_FIGURES = re.compile(r"[-0-9._]{1,32}", re.ASCII)
_MSGID = re.compile(get_args(ev.MsgId)[1].pattern.rstrip("$"))
_ACCOUNT = re.compile(r"wx[0-9a-f]{16}|gh_[0-9a-f]{12}")
_KIND = re.compile(rf"[a-z_]{{1,{_MOST_WORD}}}")
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_ ]{{0,{_MOST_NAME - 1}}}", re.ASCII)
_TOLD_BACK = re.compile(
    r"(?P<what>.*?(?:unknown field `|Invalid value ['\"]?))(?P<told>.*?)"
    r"(?P<end>[`'\"]?(?: - at `\$(?:\.\w{1,12})*`)?)",
    re.ASCII | re.DOTALL,
)
"""A reason that repeats what stood in the line, as msgspec gives them."""
_LONG_WORD = re.compile(r"[0-9A-Za-z_-]{20,}")


class Refusal(msgspec.Struct, frozen=True):
    """A line that was not accepted: its number, the reason, and what may be kept of it."""

    line: int
    reason: str
    content: Any = None


@lru_cache(1_000)
def hidden(reason: str) -> str:
    """A reason without anything that could be an openid."""
    found = _TOLD_BACK.fullmatch(reason)
    if found:
        told = found["told"] if _NAME.fullmatch(found["told"]) else HIDDEN
        reason = f"{found['what']}{told}{found['end']}"
    return _LONG_WORD.sub(HIDDEN, _writable(reason))


def hidden_line(line: bytes, key: bytes) -> dict[str, Any]:
    """What may be kept of a line: of its members, or its length if it is no JSON object."""
    if not line.lstrip().startswith(b"{"):
        return {"bytes": len(line)}
    try:
        members = msgspec.json.decode(line.decode("utf-8", "replace").encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        members = None
    return hidden_record(members, key) if isinstance(members, dict) else {"bytes": len(line)}


def hidden_record(record: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """What may be kept of a record's known members, and how many others there are."""
    known = {name: value for name, value in record.items() if name in _KNOWN}
    kept = {name: _value(name, value, key) for name, value in known.items()}
    others = len(record) - len(known)
    return kept | {"other members": others} if others else kept


def _value(name: str, value: Any, key: bytes) -> Any:
    if isinstance(value, str):
        return _text(name, value, key)
    if name == "user":
        return HIDDEN
    if isinstance(value, int):
        return value if abs(value) < 2**64 else HIDDEN
    if isinstance(value, float | None):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return _text(name, str(value), key) if isinstance(value, Decimal) else HIDDEN


def _text(name: str, text: str, key: bytes) -> str:
    """A text if it cannot hold an openid; of a person, an id, a name the number; else nothing."""
    if _may_be_kept(name, text):
        return text
    return _number(text, key) if name in {"user", "id", "account"} else HIDDEN


def _may_be_kept(name: str, text: str) -> bool:
    if name in {"user", "title", "content_url"}:
        return False
    if name == "account":
        return bool(_ACCOUNT.fullmatch(text)) or len(_writable(text).encode()) <= _MOST_WORD
    pattern = {"event": _KIND, "id": _ID_OF_FIGURES, "msgid": _MSGID}.get(name, _FIGURES)
    return bool(pattern.fullmatch(text))


def _number(text: str, key: bytes) -> str:
    """The number that stands for a text under the openid key; of a person, the stored one."""
    return f"#{user_number(_writable(text), key) & 2**64 - 1:016x}"


def _writable(text: str) -> str:
    """The text without letters that UTF-8 does not have."""
    return text.encode("utf-8", "replace").decode()


class DeadLetters:
    """A folder of refused lines, one file for each batch or piece of a file they came in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, refused: Iterable[Refusal], origin: str, now: datetime) -> Path:
        """Keep refused lines; they are on the disk when this returns the file.

        Raises:  EventStoreError if they cannot be written; no file is left then.
        """
        with self.letter(origin, now) as letter:
            letter.add(refused)
        return letter.path

    def letter(self, origin: str, now: datetime) -> DeadLetter:
        """A new file for refused lines, which may come part by part.

        Raises:  EventStoreError if it cannot be made.
        """
        make_folder(self._folder)
        for number in count(1):
            path = self._folder / f"{now:%Y%m%dT%H%M%S}-{number}.jsonl"
            with reported(path), suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
                return DeadLetter(path, os.fdopen(descriptor, "wb"), origin)
        raise AssertionError("numbers do not end")


class DeadLetter:
    """A file being filled; a context manager, on the disk at its end, gone after an error."""

    def __init__(self, path: Path, file: BinaryIO, origin: str) -> None:
        self.path = path
        self._file = file
        self._origin = origin

    def add(self, refused: Iterable[Refusal]) -> None:
        """Keep further lines.

        Raises:  EventStoreError if they cannot be written.
        """
        lines = [
            {"line": r.line, "reason": r.reason, "from": self._origin, "content": r.content}
            for r in refused
        ]
        with reported(self.path):
            self._file.write(msgspec.json.Encoder().encode_lines(lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind:
            self._remove()
            return
        try:
            self._file.flush()
            fdatasync(self._file.fileno())
            self._file.close()
            sync_folder(self.path.parent)
        except OSError as problem:
            self._remove()
            raise trouble(self.path, problem) from problem

    def _remove(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
