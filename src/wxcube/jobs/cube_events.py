"""A snapshot of the event store, as the cube reads it during a build."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from wxcube.events.store.manifest import partition_folder
from wxcube.events.store.store import EventStore


class StoredEvents:
    """The store at one point in time; use it within the store's `reading()`."""

    def __init__(self, store: EventStore) -> None:
        self._folder = store.folder
        self._accounts = store.accounts()
        self._manifest = store.manifest()
        self.group_count = store.layout.groups

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        return self._accounts

    def revisions(self) -> Mapping[tuple[date, int], int]:
        """Every partition that ever had events, and a number that grows when they change."""
        return {(d, g): stored.revision for d, g, stored in self._manifest.partitions()}

    def files(self, family: str, day: date, group: int) -> list[Path]:
        """The Parquet files with a family's events of a partition."""
        stored = self._manifest.days.get(day, {}).get(group)
        folder = partition_folder(self._folder, day, group)
        return [folder / file.name for file in stored.files.get(family, [])] if stored else []
