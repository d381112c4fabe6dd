"""The spool: a folder of files where events wait until they are in the event store.

A line is a checksum and an event as JSON, whose user is a hash already. A written line survives
the end of the process, and after half a second, once it is stored, the end of the machine.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import structlog

from wxcube.errors import EventStoreError
from wxcube.events.store.durable import (
    OWNER_ONLY,
    fdatasync,
    file_error,
    file_operation,
    make_folder,
    sync_folder,
    try_lock,
)
from wxcube.i18n import _

SUFFIX = ".spool"
TORN = ".torn"
LOCK = "lock"
SEGMENT_BYTES = 8 << 20
MAX_WAITING = 64 << 20
"""Bytes that wait in memory while the spool cannot be written; further events are lost."""
_LINES = 1_000
"""Lines that are written at once."""
_DIGITS = 12
_LOCK_ATTEMPTS, _LOCK_SECONDS = 10, 0.02
_CHECKSUM = 8

_log = structlog.get_logger()
_encoder = msgspec.json.Encoder()


def line_of(event: Mapping[str, Any]) -> bytes:
    """An event as a line of the spool."""
    content = _encoder.encode(event)
    return b"%08x %b\n" % (crc32(content), content)


class Spool:
    """Writes lines to a folder that no other process writes to."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        """The spool of a folder, which is created.

        Raises:  EventStoreError if it cannot be written, or another process writes to it.
        """
        make_folder(folder)
        self.folder = folder
        self.lost = 0
        """Events that could neither be written nor wait."""
        self._segment_bytes = segment_bytes
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_failing = self._is_partial = False
        self._descriptor: int | None = None
        self._size = 0
        with file_operation(folder / LOCK, "lock"):
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        if not _is_locked(self._lock):
            os.close(self._lock)
            raise EventStoreError(
                _("another wxcube tap uses {folder}", folder=folder),
                hint=_("stop it, or give this one a folder of its own with --spool"),
            )

    def add(self, line: bytes) -> None:
        """Take in a line; it is written by the next `flush`."""
        if self._waiting_bytes > MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append(line)
        self._waiting_bytes += len(line)

    def flush(self) -> None:
        """Write all lines; if that fails, they wait for the next time. Raises nothing."""
        while self._waiting and self._write_piece():
            """Pieces, so that a failure costs little time however much waits."""

    def _write_piece(self) -> bool:
        """Write the first lines that wait; whether they were all written."""
        lines = list(islice(self._waiting, _LINES))
        content = b"".join(lines)
        try:
            written = os.write(self._open(), content)
        except OSError as error:
            self._fail(error)
            return False
        for _line in lines:
            self._waiting.popleft()
        if rest := content[written:]:
            self._waiting.appendleft(rest)
        self._size += written
        self._waiting_bytes -= written
        self._is_partial = bool(rest)
        if self._is_failing and not self._waiting:
            self._is_failing = False
            _log.warning("tap.spool_back", lost=self.lost)
        return not rest

    def close(self) -> None:
        """Write what waits, close the file, and let other processes use the folder."""
        self.flush()
        if self._descriptor is not None:
            _store_and_close(self._descriptor)
            self._descriptor = None
        if lost := self.lost + len(self._waiting):
            _log.error("tap.events_lost", events=lost, folder=str(self.folder))
        os.close(self._lock)

    def _open(self) -> int:
        """The file to write to. One that is full is followed by the next, after a whole line."""
        is_full = self._size >= self._segment_bytes and not self._is_partial
        if self._descriptor is not None and is_full:
            full, self._descriptor = self._descriptor, None
            # nobody waits for the disk
            threading.Thread(target=_store_and_close, args=(full,)).start()
        if self._descriptor is None:
            number = self._last_number() + 1
            path = self.folder / f"{number:0{_DIGITS}}{SUFFIX}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._descriptor = os.open(path, flags, OWNER_ONLY)
            self._size = 0
            with suppress(OSError):
                os.pwrite(self._lock, f"{number:0{_DIGITS}}".encode(), 0)
                sync_folder(self.folder)
        return self._descriptor

    def _last_number(self) -> int:
        """The number of the last segment, also if it was removed: none is used twice."""
        found = [*segments(self.folder), *torn_segments(self.folder)]
        noted = os.pread(self._lock, _DIGITS, 0)
        numbers = (number_of(path) for path in found)
        return max(int(noted) if noted.isdigit() else 0, 0, *numbers)

    def _fail(self, error: OSError) -> None:
        if not self._is_failing:
            self._is_failing = True
            _log.error("tap.spool_fails", reason=error.strerror, folder=str(self.folder))


def _store_and_close(descriptor: int) -> None:
    with suppress(OSError):
        fdatasync(descriptor)
    os.close(descriptor)


class Part(NamedTuple):
    """Some lines of a segment."""

    events: list[bytes]
    end: int
    """The position after them."""
    damaged: int
    """Lines whose checksum is wrong; they are left out."""


def segments(folder: Path) -> list[Path]:
    """The files of a spool, oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal())


def torn_segments(folder: Path) -> list[Path]:
    """Files whose last line is incomplete, and whose other lines are stored."""
    return sorted(path for path in folder.glob(f"*{TORN}") if path.stem.isdecimal())


def number_of(path: Path) -> int:
    """The number of a segment."""
    return int(path.stem)


def read_part(path: Path, start: int, max_bytes: int) -> Part:
    """The events of whole lines from a position on; none at the end, or before a part of a line.

    Raises:  EventStoreError if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(max_bytes)
            if content and b"\n" not in content:
                content += file.readline()
    except OSError as error:
        raise file_error(path, error, "read") from error
    content = content[: content.rfind(b"\n") + 1]
    lines = content.splitlines()
    events = [line[_CHECKSUM + 1 :] for line in lines if _is_intact(line)]
    return Part(events, start + len(content), len(lines) - len(events))


def has_writer(folder: Path) -> bool:
    """Whether a process writes to a spool."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Whether the lock was obtained; `has_writer` of another process may hold it for a moment."""
    for _attempt in range(_LOCK_ATTEMPTS):
        if try_lock(descriptor):
            return True
        time.sleep(_LOCK_SECONDS)
    return False


def _is_intact(line: bytes) -> bool:
    try:
        return int(line[:_CHECKSUM], 16) == crc32(line[_CHECKSUM + 1 :])
    except ValueError:
        return False
