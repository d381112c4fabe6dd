"""Refused lines: the reason, and as much of their content as cannot reveal who a user is.

Content is not searched for openids. What is stored is what cannot contain one: numbers, dates, an
article's msgid, short names. A user, an event id and a long account name are replaced by keyed
hashes, the same for the same string; anything else, and an unreadable line, is not stored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, get_args

import msgspec

from wxcube.events import kinds as ev
from wxcube.events.columns import shown_user, user_number
from wxcube.events.store.durable import (
    OWNER_ONLY,
    fdatasync,
    file_error,
    file_operation,
    make_folder,
    sync_folder,
)
from wxcube.i18n import Message

REDACTED = "***"
_KINDS: tuple[type[ev.Event], ...] = get_args(ev.AnyEvent)
_KNOWN = {name for kind in _KINDS for name in kind.__struct_fields__} | {"event"}
_MAX_WORD, MAX_NAME = 12, 19
"""Characters of a word, and of a member's name, that are shown: far fewer than an openid's 28."""
_DIGITS = re.compile(r"[-+0-9.,:/_ TZeE]{1,32}|true|false", re.ASCII | re.IGNORECASE)
_NUMERIC_ID = re.compile(r"[-0-9._]{1,32}", re.ASCII)
_MSGID = re.compile(get_args(ev.MsgId)[1].pattern.rstrip("$"))
_ACCOUNT = re.compile(r"wx[0-9a-f]{16}|gh_[0-9a-f]{12}")
_KIND = re.compile(rf"[a-z_]{{1,{_MAX_WORD}}}")
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_ ]{{0,{MAX_NAME - 1}}}", re.ASCII)


class Refusal(msgspec.Struct, frozen=True):
    """A refused line: its number, the reason, and its redacted content."""

    line: int
    reason: Message
    content: Any = None


def redacted_name(name: str) -> str:
    """A name that a reason quotes from the line, if it is too short to contain an openid."""
    return name if _NAME.fullmatch(name) else REDACTED


def redacted_line(line: bytes, key: bytes) -> dict[str, Any]:
    """A line's redacted members, or its length if it is not a JSON object."""
    if not line.lstrip().startswith(b"{"):
        return {"bytes": len(line)}
    try:
        members = msgspec.json.decode(line.decode("utf-8", "replace").encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        members = None
    return redacted_record(members, key) if isinstance(members, dict) else {"bytes": len(line)}


def redacted_record(record: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """A record's redacted members, and the number of members with unknown names."""
    known = {name: value for name, value in record.items() if name in _KNOWN}
    redacted = {name: _value(name, value, key) for name, value in known.items()}
    others = len(record) - len(known)
    return redacted | {"other members": others} if others else redacted


def _value(name: str, value: Any, key: bytes) -> Any:
    if isinstance(value, str):
        return _string(name, value, key)
    if name == "user":
        return REDACTED
    if isinstance(value, int):
        return value if abs(value) < 2**64 else REDACTED
    if isinstance(value, float | None):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return _string(name, str(value), key) if isinstance(value, Decimal) else REDACTED


def _string(name: str, text: str, key: bytes) -> str:
    """A string that cannot contain an openid; else a hash, if the member is an identifier."""
    if _is_harmless(name, text):
        return text
    return _hash(text, key) if name in {"user", "id", "account"} else REDACTED


def _is_harmless(name: str, text: str) -> bool:
    if name in {"user", "title", "content_url"}:
        return False
    if name == "account":
        return bool(_ACCOUNT.fullmatch(text)) or len(encodable(text).encode()) <= _MAX_WORD
    pattern = {"event": _KIND, "id": _NUMERIC_ID, "msgid": _MSGID}.get(name, _DIGITS)
    return bool(pattern.fullmatch(text))


def _hash(text: str, key: bytes) -> str:
    """The keyed hash of a string; of a user, the number that the store uses."""
    return shown_user(user_number(encodable(text), key))


def encodable(text: str) -> str:
    """The string, with `?` for characters that UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode()


class DeadLetters:
    """A folder of refused lines, with one file per batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, refused: Iterable[Refusal], origin: str, now: datetime) -> Path:
        """Write refused lines to a new file, which is on the disk on return.

        Raises:  EventStoreError if it cannot be written; no file remains then.
        """
        with self.new_file(origin, now) as file:
            file.add(refused)
        return file.path

    def new_file(self, origin: str, now: datetime) -> DeadLetterFile:
        """A new file, to be filled in several steps.

        Raises:  EventStoreError if it cannot be created.
        """
        make_folder(self._folder)
        for number in count(1):
            path = self._folder / f"{now:%Y%m%dT%H%M%S}-{number}.jsonl"
            with file_operation(path), suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
                return DeadLetterFile(path, os.fdopen(descriptor, "wb"), origin)
        raise AssertionError("numbers do not end")


class DeadLetterFile:
    """A dead-letter file that is being written.

    As a context manager it is on the disk at the end of the block; after an error it is removed.
    """

    def __init__(self, path: Path, file: BinaryIO, origin: str) -> None:
        self.path = path
        self._file = file
        self._origin = origin

    def add(self, refused: Iterable[Refusal]) -> None:
        """Write further refused lines.

        Raises:  EventStoreError if they cannot be written.
        """
        lines = (
            {"line": r.line, "reason": str(r.reason), "from": self._origin, "content": r.content}
            for r in refused
        )
        with file_operation(self.path):
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
            self.remove()
        if self._file.closed:
            return
        try:
            self._file.flush()
            fdatasync(self._file.fileno())
            self._file.close()
            sync_folder(self.path.parent)
        except OSError as problem:
            self.remove()
            raise file_error(self.path, problem) from problem

    def remove(self) -> None:
        """Close and remove the file."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
