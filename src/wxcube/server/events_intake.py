"""A running server's event store: opened from the settings, and compacted while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from wxcube.beijing import Clock
from wxcube.errors import WxcubeError
from wxcube.events.store import EventStore
from wxcube.events.store.retention import retain
from wxcube.server.events_api import EventsApi, with_events
from wxcube.server.http import AsgiApp
from wxcube.settings import EventsSettings, events_key, events_token

_log = structlog.get_logger()


def open_store(events: EventsSettings, clock: Clock, *, create: bool = True) -> EventStore:
    """The event store of the settings.

    Raises:  EventStoreError if it cannot be opened; SettingsError if a named key is not there.
    """
    return EventStore.open(
        Path(events.folder).expanduser(),
        user_key=events_key(events).reveal(),
        groups=events.group_count,
        create=create,
        segment_bytes=events.segment_bytes,
        memory_limit=events.memory_limit or None,
        clock=clock,
    )


@contextmanager
def taking_events(app: AsgiApp, events: EventsSettings, clock: Clock) -> Iterator[AsgiApp]:
    """The application, taking events in too if the settings name a token for that."""
    token = events_token(events)
    if not token:
        yield app
        return
    with open_store(events, clock) as store, _Upkeep(store, events):
        yield with_events(app, EventsApi(store, token, events.body_limit_bytes))


class _Upkeep:
    """Compacts a store and keeps its retention, every few minutes; a context manager."""

    def __init__(self, store: EventStore, events: EventsSettings) -> None:
        self._store = store
        self._events = events
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wxcube-upkeep", daemon=True)

    def __enter__(self) -> None:
        if self._events.compact_minutes:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._events.compact_minutes * 60):
            try:
                self._once()
            except WxcubeError as error:
                _log.error("events.not_compacted", reason=str(error))
            except Exception as error:  # noqa: BLE001 - nobody would compact any more
                _log.error("events.not_compacted", reason=f"{type(error).__name__}: {error}")

    def _once(self) -> None:
        done = self._store.compact()
        for trouble in done.troubles:
            _log.error("events.trouble", reason=trouble)
        _log.info("events.compacted", rows=done.events, duplicates=done.duplicates)
        retain(
            self._store.folder,
            self._store.now(),
            event_days=self._events.retention_days_events,
            fact_days=self._events.retention_days_facts,
        )
