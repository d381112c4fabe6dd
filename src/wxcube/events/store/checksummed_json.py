"""Small files of JSON that end with a line of their own checksum.

A bit that changed on the disk is an error then, never another figure. A file without that line is
one that an earlier version wrote.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store.durable import replace_file, reported

_SEAL = re.compile(rb"[0-9a-f]{8}")

T = TypeVar("T")


def write(path: Path, value: object) -> None:
    """Replace a file by a value and the checksum of it.

    Raises:  EventStoreError if it cannot be written; the old file then still stands.
    """
    content = msgspec.json.encode(value)
    replace_file(path, b"%b\n%b\n" % (content, _seal(content)))


def read(path: Path, kind: type[T], *, hint: str) -> T:
    """The value of a file.

    Raises:  EventStoreError, with the hint, if it is damaged; also if it cannot be read.
    """
    return read_whole(path, kind, hint=hint)[0]


def read_whole(path: Path, kind: type[T], *, hint: str) -> tuple[T, bool]:
    """The value of a file, and whether it has its checksum.

    Raises:  EventStoreError, with the hint, if it is damaged; also if it cannot be read.
    """
    with reported(path, "read"):
        whole = path.read_bytes()
    content, _, last = whole.removesuffix(b"\n").rpartition(b"\n")
    is_sealed = whole.endswith(b"\n") and bool(_SEAL.fullmatch(last))
    if is_sealed and last != _seal(content):
        raise EventStoreError(f"{path} is damaged (its checksum is another)", hint=hint)
    try:
        return msgspec.json.decode(content if is_sealed else whole, type=kind), is_sealed
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EventStoreError(f"{path} is damaged ({error})", hint=hint) from None


def _seal(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
