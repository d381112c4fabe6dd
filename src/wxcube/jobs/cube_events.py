"""A snapshot of the event store, as the cube reads it during a build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from wxcube.cube.incremental.damage import DamagedEventsError
from wxcube.events.columns import FAMILIES
from wxcube.events.store.manifest import DayFile, partition_folder
from wxcube.events.store.parquet import RESTORE_OR_FORGET
from wxcube.events.store.store import EventStore


class StoredEvents:
    """The store at one point in time; use it within the store's `reading()`."""

    def __init__(self, store: EventStore) -> None:
        self._folder = store.folder
        self._accounts = store.accounts()
        self._manifest = store.manifest()
        self._checked: set[Path] = set()
        """The files whose checksum was right."""
        self.group_count = store.layout.groups

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        return self._accounts

    def revisions(self) -> Mapping[tuple[date, int], int]:
        """Every partition that ever had events, and a number that grows when they change."""
        return {(d, g): stored.revision for d, g, stored in self._manifest.partitions()}

    def files(self, family: str, day: date, group: int) -> list[Path]:
        """The Parquet files with a family's events of a partition, to be read now.

        Cost:    reads each file once, to compare its checksum.
        Raises:  DamagedEventsError if one is not as it was written.
        """
        folder = partition_folder(self._folder, day, group)
        files = self._listed(family, day, group)
        for file in files:
            self._check(folder, file, group)
        return [folder / file.name for file in files]

    def size(self, family: str, day: date, group: int) -> int:
        """The size of these files in bytes, without reading them."""
        folder = partition_folder(self._folder, day, group)
        return sum(_size(folder / file.name, file) for file in self._listed(family, day, group))

    def listed(self, day: date, group: int) -> Iterator[tuple[Path, DayFile]]:
        """The folder and entry of every file of a partition."""
        folder = partition_folder(self._folder, day, group)
        return ((folder, file) for family in FAMILIES for file in self._listed(family, day, group))

    def _listed(self, family: str, day: date, group: int) -> list[DayFile]:
        stored = self._manifest.days.get(day, {}).get(group)
        return stored.files.get(family, []) if stored else []

    def _check(self, folder: Path, file: DayFile, group: int) -> None:
        path = folder / file.name
        if path in self._checked:
            return
        reason = file.damage(folder)
        if reason:
            raise DamagedEventsError(path, group, reason, RESTORE_OR_FORGET)
        self._checked.add(path)


def _size(path: Path, file: DayFile) -> int:
    """The size of a file; 0 if it is missing, which is reported when it is read."""
    if file.bytes is not None:
        return file.bytes
    return path.stat().st_size if path.exists() else 0
