"""From the spool to the event store: each event once, whatever is interrupted.

How far a file has been read is recorded in one transaction with the channels of followers; if an
event is stored again after an interruption, it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

import structlog

from wxcube.errors import WxcubeError
from wxcube.events.intake.batches import OnError, store_batch
from wxcube.events.store.durable import locked, sync_file
from wxcube.events.store.store import EventStore
from wxcube.tap.channels import Channels
from wxcube.tap.spool import TORN, has_writer, read_part, segments

DRAIN_LOCK = "drain.lock"
PART_BYTES = 1 << 15
"""About 200 events: one write to the disk stores them."""
PAUSE_SECONDS = 0.5
_MAX_PAUSE = 10.0
_ORIGIN = "tap"

_log = structlog.get_logger()


def store_events(store: EventStore, events: Iterable[bytes], origin: str = _ORIGIN) -> int:
    """Store events whose users are hashed; returns, when they are on the disk, their number.

    Those that the store refuses are in a dead-letter file.

    Raises:  EventStoreError if they cannot be stored.
    """
    admitted = store.admit_hashed(b"\n".join(events))
    receipt = store_batch(store, admitted, OnError.SKIP, origin)
    if receipt.written:
        receipt.written.result()
    if receipt.refused:
        first = receipt.refused[0]
        _log.error("tap.not_admitted", events=len(receipt.refused), reason=str(first.reason))
    return receipt.accepted


class Drain:
    """Moves events from a spool to the store; no two of a spool are at work at once."""

    def __init__(self, folder: Path, open_store: Callable[[], EventStore]) -> None:
        self._folder = folder
        self._open_store = open_store
        self._store: EventStore | None = None
        self._channels: Channels | None = None
        self._lock = ExitStack()
        self._is_locked = False
        self._is_failing = False

    def run(self, is_over: Callable[[float], bool]) -> None:
        """Move events until `is_over`, which waits for some seconds, and once more at the end.

        Nothing is raised: while the store cannot be used, events wait, which is reported once.
        """
        pause = PAUSE_SECONDS
        while not is_over(pause):
            pause = PAUSE_SECONDS if self._try_once() else min(pause * 2, _MAX_PAUSE)
        self._try_once()
        self.close()

    def close(self) -> None:
        """Close the store, and let another drain work."""
        store, self._store = self._store, None
        channels, self._channels = self._channels, None
        if channels:
            channels.close()
        if store:
            store.close()
        self._lock.close()
        self._is_locked = False

    def run_once(self) -> int:
        """Store everything that the spool has; the number of events.

        Raises:  EventStoreError, OSError or sqlite3.Error; what is not stored remains.
        """
        stored = 0
        if not self._is_locked:
            # the process of a proxy that was killed may still be at work
            self._lock.enter_context(locked(self._folder / DRAIN_LOCK))
            self._is_locked = True
        found = segments(self._folder)
        # asked after the list was made: a file that is begun later is not in it
        is_written = has_writer(self._folder)
        for segment in found:
            stored += self._drain(segment)
            is_active = is_written and segment == found[-1]
            if not is_active:
                if not self._is_torn(segment):
                    segment.unlink()
                self._open_channels().forget(segment)
        return stored

    def _drain(self, segment: Path) -> int:
        stored, channels = 0, self._open_channels()
        while True:
            start = channels.position(segment)
            part = read_part(segment, start, PART_BYTES)
            if part.end == start:
                return stored
            if part.damaged:
                _log.error("tap.damaged_spool", segment=segment.name, lines=part.damaged)
            try:
                count = store_events(self._open(), channels.complete(part.events))
            except BaseException:
                channels.roll_back()
                raise
            channels.commit(segment, part.end)
            stored += count

    def _is_torn(self, segment: Path) -> bool:
        """Whether a segment ends with a part of a line: kept, under a name of its own, and told."""
        rest = segment.stat().st_size - self._open_channels().position(segment)
        if rest <= 0:
            return False
        _log.error("tap.torn_spool", segment=segment.name, bytes=rest)
        segment.rename(segment.with_suffix(TORN))
        return True

    def _open(self) -> EventStore:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _open_channels(self) -> Channels:
        if self._channels is None:
            self._channels = Channels(self._folder)
        return self._channels

    def _try_once(self) -> bool:
        """Move what there is; whether that succeeded."""
        try:
            stored = self.run_once()
        except Exception as error:  # noqa: BLE001 - the next attempt may succeed
            self._fail(error)
            # what waits survives a power failure
            for segment in segments(self._folder)[-1:]:
                with suppress(OSError):
                    sync_file(segment)
            return False
        if self._is_failing:
            self._is_failing = False
            _log.warning("tap.store_back", events=stored)
        return True

    def _fail(self, error: Exception) -> None:
        """Report once that the store is down; a new attempt opens it again."""
        if not self._is_failing:
            self._is_failing = True
            reason = str(error) if isinstance(error, WxcubeError) else type(error).__name__
            _log.error("tap.store_down", reason=reason, spool=str(self._folder))
        with suppress(Exception):
            self.close()
