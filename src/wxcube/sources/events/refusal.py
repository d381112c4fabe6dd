"""Refused lines: why, and what of them may be kept without telling who a person is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, get_args

import msgspec

from wxcube.sources import event as ev
from wxcube.sources.batch import user_number
from wxcube.sources.events.durable import OWNER_ONLY, fdatasync, make_folder, reported, sync_folder

HIDDEN = "***"
_OPENID = re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])")
_LONG_WORD = re.compile(r"[0-9A-Za-z_-]{20,}")
_USER_MEMBER = re.compile(r'("(?:user|openid|FromUserName)"\s*:\s*")(?:[^"\\]|\\.)*', re.IGNORECASE)
_SAFE = {name for kind in get_args(ev.AnyEvent) for name in kind.__struct_fields__} | {"event"}
_MOST_TEXT = 2_000
"""Characters kept of a refused line."""


class Refusal(msgspec.Struct, frozen=True):
    """A line that was not accepted: its number, the reason, and its content without openids."""

    line: int
    reason: str
    content: Any = None


def hidden(text: str) -> str:
    """A reason without anything that could be an openid."""
    return _LONG_WORD.sub(HIDDEN, text)


def hidden_line(line: bytes, key: bytes) -> Any:
    """What may be kept of a line: its members, or its text, without openids."""
    text = line.decode("utf-8", "replace")
    try:
        members = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError):
        members = None
    if isinstance(members, dict):
        return hidden_record(members, key)
    return _LONG_WORD.sub(HIDDEN, _USER_MEMBER.sub(rf"\g<1>{HIDDEN}", text))[:_MOST_TEXT]


def hidden_record(record: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """A record's known members without openids, the person as a number; others are blacked out."""
    person = record.get("user")
    openid = person if isinstance(person, str) else ""
    kept = {hidden(str(name)): _value(name, value, openid) for name, value in record.items()}
    if openid:
        number = user_number(openid.encode("utf-8", "replace").decode(), key)
        kept["user"] = f"#{number & 2**64 - 1:016x}"
    return kept


def _value(name: str, value: Any, openid: str) -> Any:
    if isinstance(value, int | float | None):
        return value
    if name not in _SAFE or name == "user" or not isinstance(value, str):
        return HIDDEN
    without = value.replace(openid, HIDDEN) if openid else value
    return _OPENID.sub(HIDDEN, without.encode("utf-8", "replace").decode())[:_MOST_TEXT]


class DeadLetters:
    """A folder of refused lines, one file for each batch or file they came in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, refused: Iterable[Refusal], origin: str, now: datetime) -> Path:
        """Keep refused lines; they are on the disk when this returns the file.

        Raises:  EventStoreError if they cannot be written.
        """
        make_folder(self._folder)
        lines = [
            {"line": r.line, "reason": r.reason, "from": origin, "content": r.content}
            for r in refused
        ]
        path = self._place(now)
        with reported(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.Encoder().encode_lines(lines))
                file.flush()
                fdatasync(file.fileno())
            sync_folder(self._folder)
        return path

    def _place(self, now: datetime) -> Path:
        names = (self._folder / f"{now:%Y%m%dT%H%M%S}-{number}.jsonl" for number in count(1))
        return next(path for path in names if not path.exists())
