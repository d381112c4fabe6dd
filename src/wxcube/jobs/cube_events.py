"""The event store as the cube reads it: one state of it for a whole build."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from wxcube.events.store.manifest import cell_folder
from wxcube.events.store.store import EventStore


class StoredEvents:
    """What the store's files said at one moment; use it within the store's `reading()`."""

    def __init__(self, store: EventStore) -> None:
        self._folder = store.folder
        self._accounts = store.accounts()
        self._manifest = store.manifest()
        self.group_count = store.layout.groups

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        return self._accounts

    def revisions(self) -> Mapping[tuple[date, int], int]:
        """Every day and group that ever had events, and a number that grows when they change."""
        return {(d, g): cell.revision for d, g, cell in self._manifest.cells()}

    def files(self, family: str, day: date, group: int) -> list[Path]:
        """The Parquet files with a family's events of a day and group."""
        cell = self._manifest.days.get(day, {}).get(group)
        folder = cell_folder(self._folder, day, group)
        return [folder / file.name for file in cell.files.get(family, [])] if cell else []
