"""Segments: log files of accepted batches, each batch in a frame with its length and checksum."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wxcube.events.store.durable import file_operation

SUFFIX = ".seg"
MAGIC = b"wxcube events 1\n"
"""First bytes of every segment: the file type and the version of its frames."""
_FRAME_MAGIC = b"WXev"
_HEADER = struct.Struct("<4sIII")
"""Frame magic, bytes of the payload, number of events, checksum of both numbers and the payload."""
_NUMBERS = struct.Struct("<II")
_NAME = re.compile(rf"([0-9]{{8,}})-[0-9a-f]{{8}}{re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete batch of a segment, from byte `start` up to, but not including, byte `end`."""

    start: int
    end: int
    events: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are not a complete batch; at its end, one may be being written."""

    start: int
    end: int
    at_end: bool


def segment_number(path: Path) -> int | None:
    """The number in a segment's name; None for a file that no writer of a log created."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def frame(payload: bytes, events: int) -> bytes:
    """A batch with its header, as written to a segment."""
    header = _HEADER.pack(_FRAME_MAGIC, len(payload), events, _checksum(payload, events))
    return header + payload


def frames(path: Path, start: int = 0) -> Iterator[Frame | Damage]:
    """The batches of a segment from a byte on, and any damage between them.

    Raises:  EventStoreError if the file cannot be read.
    """
    with file_operation(path, "read"):
        content = memoryview(path.read_bytes())
    position = max(start, _magic_length(content))
    while position < len(content):
        part = _frame_at(content, position) or _damage_at(content, position)
        yield part
        position = part.end


def _magic_length(content: memoryview) -> int:
    return len(MAGIC) if bytes(content[: len(MAGIC)]) == MAGIC else 0


def _frame_at(content: memoryview, start: int) -> Frame | None:
    body = start + _HEADER.size
    if body > len(content):
        return None
    magic, length, events, checksum = _HEADER.unpack_from(content, start)
    payload = bytes(content[body : body + length]) if magic == _FRAME_MAGIC else b""
    is_complete = magic == _FRAME_MAGIC and len(payload) == length
    if not is_complete or _checksum(payload, events) != checksum:
        return None
    return Frame(start, body + length, events, payload)


def _damage_at(content: memoryview, start: int) -> Damage:
    """Everything up to the next complete batch, or to the end."""
    rest = bytes(content[start:])
    offset = rest.find(_FRAME_MAGIC, 1)
    while offset >= 0:
        if _frame_at(content, start + offset):
            return Damage(start, start + offset, at_end=False)
        offset = rest.find(_FRAME_MAGIC, offset + 1)
    return Damage(start, len(content), at_end=True)


def _checksum(payload: bytes, events: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_NUMBERS.pack(len(payload), events)))
