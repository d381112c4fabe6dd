"""The log of accepted batches: a batch is acknowledged when it is on the disk.

One thread writes. While it waits for the disk, further batches gather and go there together, so
that many small requests cost few waits.
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
from wxcube.events.store.durable import (
    OWNER_ONLY,
    fdatasync,
    sync_folder,
    trouble,
    try_lock,
)
from wxcube.events.store.segment import BEGINNING, SUFFIX, frame, segment_number

MOST_AT_ONCE = 256
"""Batches that go to the disk together at most."""


@dataclass(slots=True)
class _Waiting:
    """A framed batch, and whoever waits for it to be on the disk."""

    content: bytes = field(repr=False)
    written: Future[None] = field(default_factory=Future)


@dataclass(slots=True)
class _Open:
    """The segment being written; its lock says that its writer lives."""

    path: Path
    descriptor: int
    size: int


class Log:
    """Appends batches to segments of a folder; its own segment is its own alone."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._open: _Open | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def append(self, payload: bytes, events: int) -> Future[None]:
        """Begin to write a batch; the future ends when it is on the disk.

        The future raises EventStoreError if that was not possible; the batch then does not count.
        """
        waiting = _Waiting(frame(payload, events))
        with self._starting:
            self._queue.put(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wxcube-events", daemon=True)
                self._thread.start()
        return waiting.written

    def close(self) -> None:
        """Write what was begun, end the segment."""
        with self._starting:
            thread, self._thread = self._thread, None
            if thread:
                self._queue.put(None)
                thread.join()

    def _run(self) -> None:
        running = True
        while running:
            gathered = self._gather()
            running = gathered[-1] is not None
            # a batch that nobody waits for any more is left out; nobody was told that it counts
            batches = [
                one
                for one in gathered
                if one is not None and one.written.set_running_or_notify_cancel()
            ]
            if batches:
                self._write(batches)
        with suppress(OSError):
            self._end_segment()

    def _gather(self) -> Sequence[_Waiting | None]:
        found = [self._queue.get()]
        while found[-1] is not None and len(found) < MOST_AT_ONCE and not self._queue.empty():
            found.append(self._queue.get())
        return found

    def _write(self, batches: Sequence[_Waiting]) -> None:
        """Write batches and tell those who wait; whatever goes wrong, the next ones are tried."""
        try:
            self._write_durably(b"".join(one.content for one in batches))
        except Exception as error:  # noqa: BLE001 - a thread that ends here leaves all waiting
            fault = _fault(self._open.path if self._open else self._folder, error)
            self._give_up_segment()
            self._end(batches, fault)
        else:
            self._end(batches, None)

    def _end(self, batches: Sequence[_Waiting], fault: EventStoreError | None) -> None:
        for one in batches:
            if fault:
                one.written.set_exception(EventStoreError(fault.message, hint=fault.hint))
            else:
                one.written.set_result(None)

    def _write_durably(self, content: bytes) -> None:
        if self._open and self._open.size >= self._segment_bytes:
            self._end_segment()
        segment = self._open = self._open or self._new_segment()
        _write_all(segment.descriptor, content)
        fdatasync(segment.descriptor)
        segment.size += len(content)

    def _new_segment(self) -> _Open:
        path = self._folder / f"{self._next_number():08d}-{secrets.token_hex(4)}{SUFFIX}"
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        segment = self._open = _Open(path, descriptor, len(BEGINNING))
        try:
            _write_all(descriptor, BEGINNING)
            # TRICKY: named a segment only once locked, so nobody takes it for a dead writer's
            try_lock(descriptor)
            draft.rename(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
        return segment

    def _next_number(self) -> int:
        numbers = map(segment_number, self._folder.glob(f"*{SUFFIX}"))
        return max((number for number in numbers if number is not None), default=0) + 1

    def _end_segment(self) -> None:
        if self._open:
            os.close(self._open.descriptor)
            self._open = None

    def _give_up_segment(self) -> None:
        """Cut what was not acknowledged; the next batch begins another segment.

        After a failed write or sync nobody knows what the system kept, so the file is left alone.
        """
        if self._open:
            with suppress(OSError):
                os.ftruncate(self._open.descriptor, self._open.size)
        with suppress(OSError):
            self._end_segment()
        self._open = None


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _fault(path: Path, error: Exception) -> EventStoreError:
    """What is told to whoever waits for a batch that could not be written."""
    if isinstance(error, OSError):
        return trouble(path, error)
    return EventStoreError(
        f"{path} cannot be written ({type(error).__name__}: {error})",
        hint="`wxcube doctor` says more; nothing acknowledged is touched",
    )
