"""Checksums of files: whether a file still has the bytes that were written."""

from __future__ import annotations

import zlib
from pathlib import Path

from wxcube.events.store.durable import FileError, file_operation
from wxcube.i18n import NOTHING, Message, _

_BLOCK_BYTES = 1 << 20


def checksum(path: Path) -> tuple[int, int]:
    """The number of bytes of a file, and their checksum (CRC-32).

    Raises:  EventStoreError if it cannot be read.
    """
    size = crc32 = 0
    with file_operation(path, "read"), path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            crc32 = zlib.crc32(block, crc32)
    return size, crc32


def damage(path: Path, size: int | None, crc32: int | None) -> Message:
    """How a file differs from what was written; empty if it does not.

    None stands for a size or checksum that an earlier version did not record.
    """
    try:
        found_size, found_crc32 = checksum(path)
    except FileError as error:
        return _("it cannot be read ({reason})", reason=error.reason)
    if size not in {None, found_size}:
        return _(
            "it was changed: it has {size} bytes instead of {expected}",
            size=found_size,
            expected=size,
        )
    if crc32 not in {None, found_crc32}:
        return _("it was changed: its checksum is wrong")
    return NOTHING
