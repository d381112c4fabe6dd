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
_MAGIC = b"wxcube events 2\n"
"""First line of a segment: the file type and the version of its frames. The second is its name."""
_OLD_MAGIC = b"wxcube events 1\n"
"""First bytes of a segment of an earlier version, which has no end mark."""
_FRAME_MAGIC, _END_MAGIC = b"WXev", b"WXen"
_HEADER = struct.Struct("<4sIII")
"""Frame magic, bytes of the payload, number of events, checksum of both numbers and the payload.

The end mark has the number of bytes before it and the number of batches instead."""
_NUMBERS = struct.Struct("<II")
_PART_MAGIC = re.compile(b"WXe[vn]")
_NAME = re.compile(rf"([0-9]{{8,}})-[0-9a-f]{{8}}{re.escape(SUFFIX)}")
_HEAD = re.compile(rb"%b(%b)\n" % (_MAGIC, _NAME.pattern.encode()))
_HEAD_BYTES = 100
"""More bytes than a segment's first lines have."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A complete batch of a segment, from byte `start` up to, but not including, byte `end`."""

    start: int
    end: int
    events: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class End:
    """The mark with which a writer closes a segment."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are not a complete batch; at its end, one may be being written.

    Without any bytes it stands for a missing end mark.
    """

    start: int
    end: int
    at_end: bool


def segment_number(path: Path) -> int | None:
    """The number in a segment's name; None for a file that no writer of a log created."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def head(path: Path) -> bytes:
    """The first bytes of a new segment."""
    return b"%b%b\n" % (_MAGIC, path.name.encode())


def written_name(path: Path) -> str:
    """The name under which a segment was written, by which its batches are known as stored.

    It differs from the file's name if files were mixed up.

    Raises:  EventStoreError if the file cannot be read.
    """
    with file_operation(path, "read"), path.open("rb") as file:
        match = _HEAD.match(file.read(_HEAD_BYTES))
    return match[1].decode() if match else path.name


def frame(payload: bytes, events: int) -> bytes:
    """A batch with its header, as written to a segment."""
    header = _HEADER.pack(_FRAME_MAGIC, len(payload), events, _checksum(payload, events))
    return header + payload


def end_mark(size: int, batches: int) -> bytes:
    """The end mark of a segment with so many bytes and batches before it."""
    return _HEADER.pack(_END_MAGIC, size, batches, _checksum(b"", batches, size))


def frames(path: Path, start: int = 0) -> Iterator[Frame | End | Damage]:
    """The batches of a segment from a byte on, any damage between them, and how it ends.

    Raises:  EventStoreError if the file cannot be read.
    """
    with file_operation(path, "read"):
        content = memoryview(path.read_bytes())
    beginning = bytes(content[:_HEAD_BYTES])
    is_old = beginning.startswith(_OLD_MAGIC)
    position = max(start, len(_OLD_MAGIC) if is_old else _head_length(beginning))
    is_told = is_old or _end_at(content, len(content) - _HEADER.size) is not None
    while position < len(content):
        part = _part_at(content, position) or _damage_at(content, position)
        yield part
        position = part.end
        is_told |= isinstance(part, Damage) and part.at_end
    if not is_told:
        yield Damage(position, position, at_end=True)


def _head_length(beginning: bytes) -> int:
    match = _HEAD.match(beginning)
    return match.end() if match else 0


def _part_at(content: memoryview, start: int) -> Frame | End | None:
    return _frame_at(content, start) or _end_at(content, start)


def _end_at(content: memoryview, start: int) -> End | None:
    if not 0 <= start <= len(content) - _HEADER.size:
        return None
    magic, size, batches, checksum = _HEADER.unpack_from(content, start)
    is_end = magic == _END_MAGIC and size == start and checksum == _checksum(b"", batches, size)
    return End(start, start + _HEADER.size) if is_end else None


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
    """Everything up to the next complete batch or end mark, or to the end."""
    rest = bytes(content[start:])
    for match in _PART_MAGIC.finditer(rest, 1):
        if _part_at(content, start + match.start()):
            return Damage(start, start + match.start(), at_end=False)
    return Damage(start, len(content), at_end=True)


def _checksum(payload: bytes, count: int, size: int | None = None) -> int:
    numbers = _NUMBERS.pack(len(payload) if size is None else size, count)
    return zlib.crc32(payload, zlib.crc32(numbers))
