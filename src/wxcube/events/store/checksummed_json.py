"""Small JSON files whose last line is a checksum of the rest.

A bit that flips on the disk is then an error, never a wrong number. Files without that line were
written by an earlier version.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store.durable import file_operation, replace_file
from wxcube.i18n import Message, _

_CHECKSUM = re.compile(rb"[0-9a-f]{8}")

T = TypeVar("T")


def write(path: Path, value: object) -> None:
    """Replace a file by a value and its checksum.

    Raises:  EventStoreError if it cannot be written; the old file is then unchanged.
    """
    content = msgspec.json.encode(value)
    replace_file(path, b"%b\n%b\n" % (content, _checksum(content)))


def read(path: Path, kind: type[T], *, hint: Message) -> T:
    """The value of a file.

    Raises:  EventStoreError if it cannot be read; with the hint, if it is damaged.
    """
    return read_with_status(path, kind, hint=hint)[0]


def read_checked(path: Path, kind: type[T], *, hint: Message) -> T:
    """The value of a file that always had a checksum.

    Raises:  EventStoreError as `read`, and if it has none.
    """
    value, has_checksum = read_with_status(path, kind, hint=hint)
    if not has_checksum:
        raise without_checksum(path, hint=hint)
    return value


def without_checksum(path: Path, *, hint: Message) -> EventStoreError:
    """The error for a file that must have a checksum, and has none."""
    return EventStoreError(_("{path} is damaged (missing checksum)", path=path), hint=hint)


def read_with_status(path: Path, kind: type[T], *, hint: Message) -> tuple[T, bool]:
    """The value of a file, and whether the file has a checksum.

    Raises:  EventStoreError if it cannot be read; with the hint, if it is damaged.
    """
    with file_operation(path, "read"):
        everything = path.read_bytes()
    content, _newline, last = everything.removesuffix(b"\n").rpartition(b"\n")
    has_checksum = everything.endswith(b"\n") and bool(_CHECKSUM.fullmatch(last))
    if has_checksum and last != _checksum(content):
        raise EventStoreError(_("{path} is damaged (wrong checksum)", path=path), hint=hint)
    try:
        value = msgspec.json.decode(content if has_checksum else everything, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EventStoreError(
            _("{path} is damaged ({reason})", path=path, reason=error), hint=hint
        ) from None
    return value, has_checksum


def _checksum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
