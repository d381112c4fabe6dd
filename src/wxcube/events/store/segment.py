"""Segments: files of accepted batches, each in a frame with its length and checksum."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wxcube.events.store.durable import reported

SUFFIX = ".seg"
BEGINNING = b"wxcube events 1\n"
"""First bytes of every segment: what it is, and the version of its frames."""
_MARK = b"WXev"
_HEAD = struct.Struct("<4sIII")
"""Mark, bytes of the payload, events in it, checksum over both numbers and the payload."""
_NUMBERS = struct.Struct("<II")
_NAME = re.compile(rf"([0-9]{{8,}})-[0-9a-f]{{8}}{re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole batch of a segment, from byte `start` to before byte `end`."""

    start: int
    end: int
    events: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that form no batch; at its end they may be a batch being written."""

    start: int
    end: int
    at_end: bool


def segment_number(path: Path) -> int | None:
    """The number in a segment's name; None for a file that no writer made."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else None


def frame(payload: bytes, events: int) -> bytes:
    """A batch as it stands in a segment."""
    return _HEAD.pack(_MARK, len(payload), events, _checksum(payload, events)) + payload


def frames(path: Path, start: int = 0) -> Iterator[Frame | Damage]:
    """The batches of a segment from a byte on, and what lies between them.

    Raises:  EventStoreError if the file cannot be read.
    """
    with reported(path, "read"):
        content = memoryview(path.read_bytes())
    position = max(start, _beginning(content))
    while position < len(content):
        found = _frame_at(content, position) or _damage_at(content, position)
        yield found
        position = found.end


def _beginning(content: memoryview) -> int:
    return len(BEGINNING) if bytes(content[: len(BEGINNING)]) == BEGINNING else 0


def _frame_at(content: memoryview, start: int) -> Frame | None:
    body = start + _HEAD.size
    if body > len(content):
        return None
    mark, length, events, checksum = _HEAD.unpack_from(content, start)
    payload = bytes(content[body : body + length]) if mark == _MARK else b""
    whole = mark == _MARK and len(payload) == length
    if not whole or _checksum(payload, events) != checksum:
        return None
    return Frame(start, body + length, events, payload)


def _damage_at(content: memoryview, start: int) -> Damage:
    """Everything up to the next whole batch, or to the end."""
    rest = bytes(content[start:])
    place = rest.find(_MARK, 1)
    while place >= 0:
        if _frame_at(content, start + place):
            return Damage(start, start + place, at_end=False)
        place = rest.find(_MARK, place + 1)
    return Damage(start, len(content), at_end=True)


def _checksum(payload: bytes, events: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_NUMBERS.pack(len(payload), events)))
