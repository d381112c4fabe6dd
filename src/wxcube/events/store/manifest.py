"""The manifest: which files of the store count, and how far each segment is in them.

It is replaced as a whole, so a compaction has happened entirely or not at all, wherever it was
interrupted.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Self

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store import layout as layouts
from wxcube.events.store.durable import reported
from wxcube.events.store.layout import FORMAT

FILE = "state.json"
DAYS = "days"
_BLOCK_BYTES = 1 << 20


class DayFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One Parquet file of a family, how many events it has, and what it was when it was written."""

    name: str
    events: int
    bytes: int | None = None
    """None of a file that an earlier version wrote."""
    crc32: int | None = None

    @classmethod
    def of(cls, path: Path, events: int) -> Self:
        """A file that was just written.

        Raises:  EventStoreError if it cannot be read.
        """
        return cls(path.name, events, *checksum(path))


class Cell(msgspec.Struct):
    """What is kept of one day and one group of accounts."""

    files: dict[str, list[DayFile]] = {}
    revision: int = 0
    """Grows whenever the events change."""

    @property
    def events(self) -> int:
        """How many events the cell has."""
        return sum(file.events for files in self.files.values() for file in files)


class Manifest(msgspec.Struct):
    """The store's state."""

    days: dict[date, dict[int, Cell]] = {}
    consumed: dict[str, int] = {}
    """Bytes of each segment whose events are in the files of days."""
    revision: int = 0
    duplicates: int = 0
    """Events that came again and were left out, since the store began."""
    kept_from: date | None = None
    """Days before this one were removed by retention and take no events any more."""
    last_seen: datetime | None = None
    """The clock at the last change."""

    def cells(self) -> Iterator[tuple[date, int, Cell]]:
        """Every day and group, oldest first."""
        for day in sorted(self.days):
            for group in sorted(self.days[day]):
                yield day, group, self.days[day][group]

    def cell(self, day: date, group: int) -> Cell:
        """What is kept of a day and group; empty where there was nothing."""
        return self.days.setdefault(day, {}).setdefault(group, Cell())


def checksum(path: Path) -> tuple[int, int]:
    """How many bytes a file has, and their checksum.

    Raises:  EventStoreError if it cannot be read.
    """
    size = found = 0
    with reported(path, "read"), path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            found = zlib.crc32(block, found)
    return size, found


def cell_folder(store: Path, day: date, group: int) -> Path:
    """Where the files of a day and group lie."""
    return store / DAYS / day.isoformat() / f"g{group:02d}"


def load(store: Path) -> Manifest:
    """The manifest of a store.

    Raises:  EventStoreError if it is gone or cannot be read.
    """
    path = store / FILE
    if path.exists():
        return checksummed_json.read(path, Manifest, hint=_HINT)
    if _must_be_there(store):
        raise EventStoreError(f"{path} is gone: it says which files of events count", hint=_HINT)
    return Manifest()


def save(store: Path, manifest: Manifest) -> None:
    """Replace the manifest of a store.

    Raises:  EventStoreError if it cannot be written; the old one then still counts.
    """
    checksummed_json.write(store / FILE, manifest)


_HINT = (
    "put it back from a backup of the folder, best the newest: `wxcube events compact` then lists "
    "newer files again; if there is none, let it hold only {}"
)


def _must_be_there(store: Path) -> bool:
    """Whether a store has a manifest: one of an earlier version only after its first compaction."""
    if not (store / FORMAT).exists():
        return False
    return bool(layouts.read(store).ids) or any((store / DAYS).glob("*/g*/*.parquet"))
