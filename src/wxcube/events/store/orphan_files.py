"""Orphan files: daily files that the manifest does not list.

Older ones were left over by a round that never took effect, or were merged or removed since; they
are deleted. Newer ones remain after an older manifest was restored: they contain events that are
nowhere else, so they are added to the manifest again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.intake.families import STORED
from wxcube.events.store import manifest as state
from wxcube.events.store.durable import (
    file_operation,
    make_folder,
    replace_file,
    sync_folder,
    try_locked,
)
from wxcube.events.store.identity import OWNER
from wxcube.events.store.layout import DAMAGED
from wxcube.events.store.manifest import DayFile, Manifest, Partition, partition_folder
from wxcube.events.store.parquet import Parquet
from wxcube.events.store.partitions import has_duplicates
from wxcube.i18n import Message, _

READERS_LOCK = "readers.lock"
BEGUN = "compaction.begun"
"""Contains the revision of the round that is being written; exists only meanwhile."""
QUARANTINE_SUFFIX = "-unlisted.parquet"
"""The end of the name of a file in quarantine because it could not be added again."""
_DRAFT = ".tmp"
_NAME = re.compile(r"([a-z]+)-([0-9]{6,})(-all)?(?:-[0-9a-f]{8})?\.parquet")


@dataclass(frozen=True, order=True)
class OrphanFile:
    """A daily file that the manifest does not list; merged files sort first, then the oldest."""

    is_single: bool
    revision: int
    path: Path
    family: str
    day: date
    group: int


def begin_round(store: Path, manifest: Manifest) -> None:
    """Record that files of this revision are about to be written."""
    replace_file(store / BEGUN, b"%d\n" % manifest.revision)


def end_round(store: Path) -> None:
    """Remove the record of `begin_round`: the manifest lists the files now."""
    with file_operation(store / BEGUN, "remove"):
        (store / BEGUN).unlink(missing_ok=True)
        sync_folder(store)


def newer_files(store: Path) -> list[OrphanFile]:
    """Files newer than the manifest, except those of a round that is or was being written.

    Correct even while a compaction runs.

    Raises:  EventStoreError if the manifest cannot be read.
    """
    # TRICKY: in this order, or the files of a round that ends meanwhile would seem to be orphans
    files = list(_files(store))
    begun = _begun(store)
    manifest = state.load(store)
    known = _last_known_revision(manifest, begun)
    return sorted(one for one in files if one.revision > known)


def _last_known_revision(manifest: Manifest, begun: int) -> int:
    """The last revision of the manifest or, if its next round has begun, of that round."""
    return begun if begun == manifest.revision + 1 else manifest.revision


def remove_orphans(store: Path, manifest: Manifest) -> None:
    """Remove files that were replaced or never listed, unless the store is being read."""
    with try_locked(store / READERS_LOCK) as is_locked:
        if is_locked:
            known = _last_known_revision(manifest, _begun(store))
            for folder in (store / state.DAYS).glob("*/g*"):
                _remove_orphans_in(folder, manifest, known)


def _remove_orphans_in(folder: Path, manifest: Manifest, known: int) -> None:
    with suppress(ValueError), file_operation(folder, "clean up"):
        listed = _listed(manifest, *_partition_key(folder))
        for path in folder.iterdir():
            name = _name(path.name)
            is_old = path.suffix == _DRAFT or (name and int(name[2]) <= known)
            if is_old and path.name not in listed:
                path.unlink(missing_ok=True)
        if not listed:
            with suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()


def relist(store: Path, manifest: Manifest, parquet: Parquet) -> list[Message]:
    """Add newer files to the manifest again; a report of what was done with each file.

    Files with events that other files contain too are moved to quarantine instead.

    Raises:  EventStoreError if a file cannot be moved or the manifest cannot be written.
    """
    files = newer_files(store)
    if not files:
        return []
    manifest.revision = max(one.revision for one in files) + 1
    report = [
        _relist_file(store, manifest, one, parquet)
        for one in files
        if not _is_replaced(manifest, one)
    ]
    state.save(store, manifest)
    return report


def _relist_file(store: Path, manifest: Manifest, one: OrphanFile, parquet: Parquet) -> Message:
    try:
        events = _list_again(store, manifest, one, parquet)
    except EventStoreError:
        return _quarantine(store, one)
    return _(
        "{path} is newer than {manifest} and was not listed in it: its {events} events are added "
        "again",
        path=one.path,
        manifest=state.FILE,
        events=events,
    )


def _is_replaced(manifest: Manifest, one: OrphanFile) -> bool:
    """Whether a merged file contains a file's events, or retention has removed its day."""
    if manifest.kept_from and one.day < manifest.kept_from:
        return True
    names = (_name(file.name) for file in _partition(manifest, one).files.get(one.family, []))
    return one.is_single and any(name[3] and int(name[2]) >= one.revision for name in names if name)


def _list_again(store: Path, manifest: Manifest, one: OrphanFile, parquet: Parquet) -> int:
    """Add a file to the manifest; its number of events.

    Raises:  EventStoreError if it cannot be read, or has events that other files contain too.
    """
    files = _partition(manifest, one).files
    remaining = [file for file in files.get(one.family, []) if not _is_merged_into(one, file)]
    merged = sum(file.events for file in files.get(one.family, []) if _is_merged_into(one, file))
    others = {**files, one.family: remaining}.values()
    folder = partition_folder(store, one.day, one.group)
    identities = parquet.identities_of(one.path)
    events = len(identities[OWNER])
    stored = [parquet.identities(folder, file) for some in others for file in some]
    if has_duplicates([*stored, identities]) or events < merged:
        raise EventStoreError(_("{path} has events that are stored already", path=one.path))
    written = DayFile.found(one.path, events)
    partition = manifest.partition(one.day, one.group)
    partition.files[one.family] = [*remaining, written]
    partition.revision = manifest.revision
    return events


def _is_merged_into(one: OrphanFile, file: DayFile) -> bool:
    """Whether a listed file is one of those that were merged into a newer file."""
    name = _name(file.name)
    return not one.is_single and name is not None and int(name[2]) <= one.revision


def _quarantine(store: Path, one: OrphanFile) -> Message:
    folder = store / DAMAGED
    make_folder(folder)
    target = folder / f"{one.day.isoformat()}-g{one.group:02d}-{one.path.stem}{QUARANTINE_SUFFIX}"
    with file_operation(one.path, "move"):
        one.path.replace(target)
        sync_folder(folder)
    return _(
        "{path} is newer than {manifest}, but cannot be read or has events that are stored "
        "already; it was moved to {target}",
        path=one.path,
        manifest=state.FILE,
        target=target,
    )


def _files(store: Path) -> Iterator[OrphanFile]:
    """Every daily file with a name as the store gives it."""
    for path in (store / state.DAYS).glob("*/g*/*.parquet"):
        name = _name(path.name)
        if name and name[1] in STORED:
            with suppress(ValueError):
                key = _partition_key(path.parent)
                yield OrphanFile(not name[3], int(name[2]), path, name[1], *key)


def _name(name: str) -> re.Match[str] | None:
    return _NAME.fullmatch(name)


def _partition_key(folder: Path) -> tuple[date, int]:
    return date.fromisoformat(folder.parent.name), int(folder.name[1:])


def _partition(manifest: Manifest, one: OrphanFile) -> Partition:
    return manifest.days.get(one.day, {}).get(one.group, Partition())


def _listed(manifest: Manifest, day: date, group: int) -> set[str]:
    partition = manifest.days.get(day, {}).get(group, Partition())
    return {file.name for files in partition.files.values() for file in files}


def _begun(store: Path) -> int:
    """The revision of the round that is being written, or was when it was killed; else 0."""
    with suppress(FileNotFoundError, ValueError):
        return int((store / BEGUN).read_bytes())
    return 0
