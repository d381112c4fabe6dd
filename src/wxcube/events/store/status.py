"""Figures about a store and its backlog, read without changing anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from wxcube.events.columns import Columns
from wxcube.events.intake import families as cols
from wxcube.events.intake.families import Chunk
from wxcube.events.store import backlog
from wxcube.events.store import manifest as state
from wxcube.events.store.identity import COLUMNS_OF
from wxcube.events.store.manifest import Manifest, partition_folder
from wxcube.events.store.parquet import Parquet
from wxcube.events.store.partitions import by_partition, deduplicated
from wxcube.events.store.segment import Frame

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore


_BLOCK = 1 << 20


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Figures about a store; events in the log may be duplicates of stored ones."""

    folder: str
    accounts: int
    first_day: date | None
    last_day: date | None
    events: int
    """Deduplicated events in the daily files."""
    families: dict[str, int]
    waiting: int
    """Acknowledged events in the log, including duplicates."""
    waiting_duplicates: int | None
    """Duplicates among these; None if they were not counted."""
    duplicates: int
    """Duplicates skipped since the store was created."""
    conflicts: int
    """Those among these whose content differed from that of the event that came first."""
    segments: int
    bytes: int
    dead_letters: int
    """Refused lines in the dead-letter files."""
    kept_from: date | None
    key_since: date


def status(store: EventStore, *, exact: bool = False) -> Status:
    """The figures of a store; `exact` also counts the duplicates in the log.

    Cost:    reads the log, one segment at a time; `exact` also reads the ids of the days in the log
             and needs memory for the ids in the log and those of one partition.
    """
    manifest = store.manifest()
    days = sorted(day for day, _group, partition in manifest.partitions() if partition.events)
    families = _families(manifest)
    waiting, ids = _backlog(store, manifest, with_ids=exact)
    return Status(
        folder=str(store.folder),
        accounts=len(store.accounts()),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        events=sum(families.values()),
        families=families,
        waiting=waiting,
        waiting_duplicates=_duplicates(store, manifest, ids) if exact else None,
        duplicates=manifest.duplicates,
        conflicts=manifest.conflicts,
        segments=len(backlog.segments(store.folder)),
        bytes=_bytes(store.folder),
        dead_letters=_lines(store.folder / "dead"),
        kept_from=manifest.kept_from,
        key_since=store.layout.key_since,
    )


def _families(manifest: Manifest) -> dict[str, int]:
    counts: dict[str, int] = {}
    for _day, _group, partition in manifest.partitions():
        for family, files in partition.files.items():
            counts[family] = counts.get(family, 0) + sum(file.events for file in files)
    return counts


def _backlog(store: EventStore, manifest: Manifest, *, with_ids: bool) -> tuple[int, list[Chunk]]:
    """The number of events in the log and, if wanted, the columns that identify them."""
    count, ids = 0, list[Chunk]()
    for _path, part in backlog.pending(store.folder, manifest.consumed):
        if isinstance(part, Frame):
            count += part.events
            if with_ids:
                ids.append(_ids(part.payload))
    return count, ids


def _ids(payload: bytes) -> Chunk:
    # copied, because views would keep the whole payload in memory
    return {
        family: {name: columns[name].copy() for name in ("at", *COLUMNS_OF[family])}
        for family, columns in cols.decode(payload).items()
    }


def _duplicates(store: EventStore, manifest: Manifest, ids: list[Chunk]) -> int:
    if not ids:
        return 0
    families = {family for chunk in ids for family in chunk}
    chunk = {family: _joined([one[family] for one in ids if family in one]) for family in families}
    with Parquet() as parquet:
        stored = _stored_ids(store.folder, manifest, parquet)
        partitions = by_partition(chunk, store.layout.groups).items()
        repeated = [deduplicated(part, stored(*key))[1] for key, part in partitions]
    return sum(len(one.rows) for by_family in repeated for one in by_family.values())


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _stored_ids(
    store: Path, manifest: Manifest, parquet: Parquet
) -> Callable[[date, int], list[Columns]]:
    def stored(day: date, group: int) -> list[Columns]:
        partition = manifest.days.get(day, {}).get(group, state.Partition())
        folder = partition_folder(store, day, group)
        files = (file for of_family in partition.files.values() for file in of_family)
        return [parquet.identities(folder, file) for file in files]

    return stored


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _lines(folder: Path) -> int:
    return sum(_line_ends(path) for path in folder.glob("*.jsonl"))


def _line_ends(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))
