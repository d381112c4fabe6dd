"""The event store of a running server: opened from the settings, compacted in the background."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from wxcube.beijing import Clock
from wxcube.errors import WxcubeError
from wxcube.events.store.retention import retain
from wxcube.events.store.store import EventStore
from wxcube.server.events_api import EventsApi
from wxcube.settings import EventsSettings, Secret, events_key

_log = structlog.get_logger()


def open_store(events: EventsSettings, clock: Clock, *, create: bool = True) -> EventStore:
    """The event store of the settings, opened.

    Raises:  EventStoreError if it cannot be opened; SettingsError if its key is not set.
    """
    return EventStore.open(
        Path(events.folder).expanduser(),
        user_key=events_key(events).reveal(),
        groups=events.group_count,
        create=create,
        segment_bytes=events.segment_bytes,
        memory_limit=events.memory_limit or None,
        keep_conflicts=events.keep_conflicts,
        clock=clock,
    )


@contextmanager
def event_intake(
    events: EventsSettings, token: Secret, clock: Clock, bad_lines: int
) -> Iterator[EventsApi]:
    """POST /events into the event store of the settings, which is compacted meanwhile.

    Raises:  as `open_store`.
    """
    with open_store(events, clock) as store, _Maintenance(store, events):
        yield EventsApi(store, token, events.body_limit_bytes, bad_lines)


class _Maintenance:
    """Compacts a store and applies its retention every few minutes; a context manager."""

    def __init__(self, store: EventStore, events: EventsSettings) -> None:
        self._store = store
        self._events = events
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wxcube-maintenance", daemon=True)

    def __enter__(self) -> None:
        if self._events.compact_minutes:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._events.compact_minutes * 60):
            try:
                self._run_once()
            except WxcubeError as error:
                _log.error("events.not_compacted", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the thread must not end
                _log.error("events.not_compacted", reason=f"{type(error).__name__}: {error}")

    def _run_once(self) -> None:
        done = self._store.compact()
        for trouble in done.troubles:
            _log.error("events.trouble", reason=trouble)
        for example in done.examples:
            _log.warning("events.conflict", reason=example)
        _log.info("events.compacted", rows=done.events, duplicates=done.duplicates)
        retain(
            self._store.folder,
            self._store.now(),
            event_days=self._events.retention_days_events,
            fact_days=self._events.retention_days_facts,
        )
