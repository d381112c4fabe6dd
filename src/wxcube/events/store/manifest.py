"""The manifest: which files belong to the store, and how much of each segment is in them.

It is replaced atomically, so a compaction takes effect completely or not at all, wherever it was
interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Self

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store import layout as layouts
from wxcube.events.store.checksums import checksum, damage
from wxcube.events.store.durable import file_operation
from wxcube.events.store.layout import FORMAT
from wxcube.i18n import Message, _

FILE = "state.json"
DAYS = "days"
_CHECKSUM = re.compile(r"-([0-9a-f]{8})$")
"""The end of a file's name without its suffix; files of earlier versions have none."""


class DayFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Parquet file of one family, with its number of events, size and checksum when written."""

    name: str
    events: int
    bytes: int | None = None
    """None for a file that an earlier version wrote."""
    crc32: int | None = None

    @classmethod
    def written(cls, path: Path, events: int) -> Self:
        """The entry of a file that was just written; its checksum becomes part of its name.

        So the checksum is known even if the manifest that has it is lost.

        Raises:  EventStoreError if it cannot be read or renamed.
        """
        size, crc32 = checksum(path)
        named = path.with_name(f"{path.stem}-{crc32:08x}{path.suffix}")
        with file_operation(path, "move"):
            path.replace(named)
        return cls(named.name, events, size, crc32)

    @classmethod
    def found(cls, path: Path, events: int) -> Self:
        """The entry of a file that no manifest lists.

        Raises:  EventStoreError if it cannot be read, or has not the checksum in its name.
        """
        size, crc32 = checksum(path)
        match = _CHECKSUM.search(path.stem)
        if match and int(match[1], 16) != crc32:
            raise EventStoreError(_("{path} was changed: its checksum is wrong", path=path))
        return cls(path.name, events, size, crc32)

    def damage(self, folder: Path) -> Message:
        """How the file in its folder differs from what was written; empty if it does not.

        Cost:    reads the file.
        """
        return damage(folder / self.name, self.bytes, self.crc32)


class Partition(msgspec.Struct):
    """The files of one day and one group of accounts."""

    files: dict[str, list[DayFile]] = {}
    revision: int = 0
    """Increases whenever the events change."""

    @property
    def events(self) -> int:
        """The number of events in the partition."""
        return sum(file.events for files in self.files.values() for file in files)


class Manifest(msgspec.Struct):
    """The state of a store."""

    days: dict[date, dict[int, Partition]] = {}
    consumed: dict[str, int] = {}
    """Bytes of each segment whose events are in the daily files."""
    revision: int = 0
    duplicates: int = 0
    """Duplicate events that were skipped, since the store was created."""
    conflicts: int = 0
    """Those among them whose content differed from that of the event that came first."""
    kept_from: date | None = None
    """Earlier days were removed by retention and accept no events any more."""
    last_seen: datetime | None = None
    """The time of the last change, by the clock of the machine that made it."""

    def partitions(self) -> Iterator[tuple[date, int, Partition]]:
        """Every partition with its day and group, oldest first."""
        for day in sorted(self.days):
            for group in sorted(self.days[day]):
                yield day, group, self.days[day][group]

    def partition(self, day: date, group: int) -> Partition:
        """The partition of a day and group; a new one is added empty."""
        return self.days.setdefault(day, {}).setdefault(group, Partition())


def partition_folder(store: Path, day: date, group: int) -> Path:
    """The folder with the files of a day and group."""
    return store / DAYS / day.isoformat() / f"g{group:02d}"


def load(store: Path) -> Manifest:
    """The manifest of a store.

    Raises:  EventStoreError if it is missing or cannot be read.
    """
    path = store / FILE
    if path.exists():
        kind, hint = Manifest, _RESTORE_HINT
        manifest, has_checksum = checksummed_json.read_with_status(path, kind, hint=hint)
        # one that was created by hand, as the hint says, has no checksum either
        if not has_checksum and manifest != Manifest() and _is_upgraded(store):
            raise checksummed_json.without_checksum(path, hint=hint)
        return manifest
    if _is_required(store):
        raise EventStoreError(
            _("{path} is missing: it lists the files of events", path=path), hint=_RESTORE_HINT
        )
    return Manifest()


def save(store: Path, manifest: Manifest) -> None:
    """Replace the manifest of a store.

    Raises:  EventStoreError if it cannot be written; the old one then remains in effect.
    """
    checksummed_json.write(store / FILE, manifest)


_RESTORE_HINT = _(
    "restore it from a backup of the folder, preferably the newest: `wxcube events compact` then "
    "adds newer files again; without a backup, create it with the content {{}}"
)


def _is_required(store: Path) -> bool:
    """Whether a store must have a manifest; one of an earlier version only once compacted."""
    if not (store / FORMAT).exists():
        return False
    return _is_upgraded(store) or any((store / DAYS).glob("*/g*/*.parquet"))


def _is_upgraded(store: Path) -> bool:
    """Whether a store is not as an earlier version wrote it."""
    return (store / FORMAT).exists() and bool(layouts.read(store).ids)
