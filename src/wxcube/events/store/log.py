"""The write-ahead log of accepted batches: a batch is acknowledged once it is on the disk.

One thread writes. While it waits for the disk, further batches are queued and then written
together, so that many small requests share few syncs (group commit).
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from wxcube.errors import EventStoreError
from wxcube.events.store import segment_list
from wxcube.events.store.durable import (
    OWNER_ONLY,
    SEE_DOCTOR,
    failed,
    fdatasync,
    file_error,
    sync_folder,
    try_lock,
)
from wxcube.events.store.segment import SUFFIX, end_mark, frame, head, segment_number

MAX_GROUP = 256
"""Batches written with one sync at most."""


@dataclass(slots=True)
class _Pending:
    """A framed batch, and the future that ends when it is on the disk."""

    content: bytes = field(repr=False)
    written: Future[None] = field(default_factory=Future)


@dataclass(slots=True)
class _OpenSegment:
    """The segment being written; its lock shows that its writer is alive."""

    path: Path
    descriptor: int
    size: int
    batches: int = 0


class Log:
    """Appends batches to segments of a folder; no other writer uses its open segment."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._queue: SimpleQueue[_Pending | None] = SimpleQueue()
        self._open: _OpenSegment | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def append(self, payload: bytes, events: int) -> Future[None]:
        """Begin to write a batch; the future ends when it is on the disk.

        The future raises EventStoreError if that failed; the batch is not stored then.
        """
        pending = _Pending(frame(payload, events))
        with self._starting:
            self._queue.put(pending)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wxcube-events", daemon=True)
                self._thread.start()
        return pending.written

    def close(self) -> None:
        """Write all queued batches and close the segment."""
        with self._starting:
            thread, self._thread = self._thread, None
            if thread:
                self._queue.put(None)
                thread.join()

    def _run(self) -> None:
        is_running = True
        while is_running:
            group = self._next_group()
            is_running = group[-1] is not None
            # a cancelled batch is left out: it was never acknowledged
            batches = [
                one
                for one in group
                if one is not None and one.written.set_running_or_notify_cancel()
            ]
            if batches:
                self._write(batches)
        with suppress(OSError):
            self._close_segment()

    def _next_group(self) -> Sequence[_Pending | None]:
        group = [self._queue.get()]
        while group[-1] is not None and len(group) < MAX_GROUP and not self._queue.empty():
            group.append(self._queue.get())
        return group

    def _write(self, batches: Sequence[_Pending]) -> None:
        """Write batches and resolve their futures; after any error the next batches are tried."""
        try:
            self._write_durably([one.content for one in batches])
        except Exception as error:  # noqa: BLE001 - without this thread no future would ever end
            self._fail(batches, error)
        else:
            for one in batches:
                one.written.set_result(None)

    def _fail(self, batches: Sequence[_Pending], error: Exception) -> None:
        path = self._open.path if self._open else self._folder
        self._abandon_segment()
        for one in batches:
            one.written.set_exception(_write_error(path, error))

    def _write_durably(self, batches: Sequence[bytes]) -> None:
        content = b"".join(batches)
        if self._open and self._open.size >= self._segment_bytes:
            self._close_segment()
        segment = self._open = self._open or self._new_segment()
        _write_all(segment.descriptor, content)
        fdatasync(segment.descriptor)
        segment.size += len(content)
        segment.batches += len(batches)

    def _new_segment(self) -> _OpenSegment:
        path = self._folder / f"{self._next_number():08d}-{secrets.token_hex(4)}{SUFFIX}"
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        segment = self._open = _OpenSegment(path, descriptor, len(head(path)))
        try:
            _write_all(descriptor, head(path))
            # TRICKY: renamed only once locked, so that nobody mistakes its writer for a dead one
            try_lock(descriptor)
            draft.rename(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        segment_list.change(self._folder.parent, add=[path.name])
        return segment

    def _next_number(self) -> int:
        numbers = map(segment_number, self._folder.glob(f"*{SUFFIX}"))
        return max((number for number in numbers if number is not None), default=0) + 1

    def _close_segment(self) -> None:
        segment, self._open = self._open, None
        if segment:
            try:
                _write_all(segment.descriptor, end_mark(segment.size, segment.batches))
                fdatasync(segment.descriptor)
            finally:
                os.close(segment.descriptor)

    def _abandon_segment(self) -> None:
        """Truncate the segment to its acknowledged batches; the next batch opens another one.

        After a failed write or sync it is unknown what the system wrote, so this segment is not
        written to again.
        """
        if self._open:
            with suppress(OSError):
                os.ftruncate(self._open.descriptor, self._open.size)
                os.lseek(self._open.descriptor, self._open.size, os.SEEK_SET)
        # whatever fails here as well, the thread goes on: without it no future would ever end
        with suppress(Exception):
            self._close_segment()


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_error(path: Path, error: Exception) -> EventStoreError:
    """The error for a batch that could not be written."""
    if isinstance(error, EventStoreError):
        return error
    if isinstance(error, OSError):
        return file_error(path, error)
    reason = f"{type(error).__name__}: {error}"
    return EventStoreError(failed("write", path, reason), hint=SEE_DOCTOR)
