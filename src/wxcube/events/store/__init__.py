"""The event store: a folder that takes events in durably and hands them out by day and account."""

from wxcube.events.store.store import EventStore

__all__ = ["EventStore"]
