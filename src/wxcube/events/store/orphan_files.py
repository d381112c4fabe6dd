"""Files of days that the manifest does not list: left over, replaced, or newer than it is.

Left over are those of a round that never counted, replaced those that were merged or removed; both
go. Newer ones are there after an older manifest was put back: they have events that nothing else
has any more, so they are listed again.
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
from wxcube.events.store.backlog import DAMAGED
from wxcube.events.store.durable import (
    locked_now,
    make_folder,
    replace_file,
    reported,
    sync_folder,
)
from wxcube.events.store.manifest import Cell, DayFile, Manifest, cell_folder
from wxcube.events.store.parquet import Parquet
from wxcube.events.store.partitions import has_repeats

READERS_LOCK = "readers.lock"
BEGUN = "compaction.begun"
"""Holds the revision of the round that is being written; it is there only meanwhile."""
ASIDE = "-unlisted.parquet"
"""The end of the name of a file that was set aside because it could not be listed again."""
_DRAFT = ".tmp"
_NAME = re.compile(r"([a-z]+)-([0-9]{6,})(-all)?\.parquet")


@dataclass(frozen=True, order=True)
class Unlisted:
    """A file of days that does not count; merged ones first, then the oldest."""

    is_single: bool
    revision: int
    path: Path
    family: str
    day: date
    group: int


def begin_round(store: Path, manifest: Manifest) -> None:
    """Write down that files of this revision are about to be written."""
    replace_file(store / BEGUN, b"%d\n" % manifest.revision)


def end_round(store: Path) -> None:
    """Take back what `begin_round` wrote: the files count."""
    with reported(store / BEGUN, "removed"):
        (store / BEGUN).unlink(missing_ok=True)
        sync_folder(store)


def newer(store: Path) -> list[Unlisted]:
    """Files that are newer than the manifest, and of no round that is or was being written.

    Right also while a compaction runs.

    Raises:  EventStoreError if the manifest cannot be read.
    """
    # TRICKY: in this order, or a round that ends meanwhile would look like files nobody knows
    there = list(_files(store))
    begun = _begun(store)
    manifest = state.load(store)
    known = _known(manifest, begun)
    return sorted(one for one in there if one.revision > known)


def _known(manifest: Manifest, begun: int) -> int:
    """Through which revision files are known: those in the manifest, and of the round begun."""
    return begun if begun == manifest.revision + 1 else manifest.revision


def remove_unlisted(store: Path, manifest: Manifest) -> None:
    """Remove files that were replaced or never counted, unless somebody is reading the store."""
    with locked_now(store / READERS_LOCK) as alone:
        if alone:
            known = _known(manifest, _begun(store))
            for folder in (store / state.DAYS).glob("*/g*"):
                _remove_unlisted_in(folder, manifest, known)


def _remove_unlisted_in(folder: Path, manifest: Manifest, known: int) -> None:
    with suppress(ValueError), reported(folder, "tidied"):
        listed = _listed(manifest, *_place(folder))
        for path in folder.iterdir():
            name = _name(path.name)
            is_done_with = path.suffix == _DRAFT or (name and int(name[2]) <= known)
            if is_done_with and path.name not in listed:
                path.unlink(missing_ok=True)
        if not listed:
            with suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()


def relist(store: Path, manifest: Manifest, parquet: Parquet) -> list[str]:
    """Let newer files count again if none of their events counts already; what is to be told.

    The others are moved into the folder of damaged files.

    Raises:  EventStoreError if a file cannot be moved, or the manifest not be written.
    """
    found = newer(store)
    if not found:
        return []
    manifest.revision = max(one.revision for one in found) + 1
    told = []
    for one in found:
        if _is_replaced(manifest, one):
            continue
        try:
            events = _list_again(store, manifest, one, parquet)
        except EventStoreError:
            told.append(_set_aside(store, one))
        else:
            told.append(
                f"{one.path} was not listed, though it is newer than {state.FILE}: its {events} "
                "events count again"
            )
    state.save(store, manifest)
    return told


def _is_replaced(manifest: Manifest, one: Unlisted) -> bool:
    """Whether a merged file has a file's events, or retention has removed its day."""
    if manifest.kept_from and one.day < manifest.kept_from:
        return True
    merged = (_name(file.name) for file in _cell(manifest, one).files.get(one.family, []))
    return one.is_single and any(
        name[3] and int(name[2]) >= one.revision for name in merged if name
    )


def _list_again(store: Path, manifest: Manifest, one: Unlisted, parquet: Parquet) -> int:
    """Let a file count; how many events it has."""
    files = _cell(manifest, one).files
    kept = [file for file in files.get(one.family, []) if not _has(one, file)]
    lost = sum(file.events for file in files.get(one.family, []) if _has(one, file))
    others = {**files, one.family: kept}.values()
    folder = cell_folder(store, one.day, one.group)
    ids = parquet.ids(one.path)
    events = len(ids["account"])
    before = [parquet.ids(folder / file.name) for some in others for file in some]
    if has_repeats(ids, before) or events < lost:
        raise EventStoreError(f"{one.path} has events that count already")
    written = DayFile.of(one.path, events)
    cell = manifest.cell(one.day, one.group)
    cell.files[one.family] = [*kept, written]
    cell.revision = manifest.revision
    return events


def _has(one: Unlisted, file: DayFile) -> bool:
    """Whether a newer file was merged of a listed one, among others."""
    name = _name(file.name)
    return not one.is_single and name is not None and int(name[2]) <= one.revision


def _set_aside(store: Path, one: Unlisted) -> str:
    folder = store / DAMAGED
    make_folder(folder)
    kept = folder / f"{one.day.isoformat()}-g{one.group:02d}-{one.path.stem}{ASIDE}"
    with reported(one.path, "moved"):
        one.path.replace(kept)
        sync_folder(folder)
    return (
        f"{one.path} is newer than {state.FILE}, but some of its events count already, or it "
        f"cannot be read; it is kept in {kept}"
    )


def _files(store: Path) -> Iterator[Unlisted]:
    """Every file of days that has a name of ours."""
    for path in (store / state.DAYS).glob("*/g*/*.parquet"):
        name = _name(path.name)
        if name and name[1] in STORED:
            with suppress(ValueError):
                place = _place(path.parent)
                yield Unlisted(not name[3], int(name[2]), path, name[1], *place)


def _name(name: str) -> re.Match[str] | None:
    return _NAME.fullmatch(name)


def _place(folder: Path) -> tuple[date, int]:
    return date.fromisoformat(folder.parent.name), int(folder.name[1:])


def _cell(manifest: Manifest, one: Unlisted) -> Cell:
    return manifest.days.get(one.day, {}).get(one.group, Cell())


def _listed(manifest: Manifest, day: date, group: int) -> set[str]:
    cell = manifest.days.get(day, {}).get(group, Cell())
    return {file.name for files in cell.files.values() for file in files}


def _begun(store: Path) -> int:
    """The revision of the round that is being written, or was when it was killed; else 0."""
    with suppress(FileNotFoundError, ValueError):
        return int((store / BEGUN).read_bytes())
    return 0
