"""What a store holds and what waits, without changing anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxcube.events.arrays import np
from wxcube.events.columns import Columns
from wxcube.events.intake import families as cols
from wxcube.events.intake.families import Chunk
from wxcube.events.store import backlog
from wxcube.events.store import manifest as state
from wxcube.events.store.manifest import Manifest, cell_folder
from wxcube.events.store.parquet import Parquet
from wxcube.events.store.partitions import by_place, without_repeats
from wxcube.events.store.segment import Frame

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore


_BLOCK = 1 << 20


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A store in numbers; a waiting event may be one that is stored already."""

    folder: str
    accounts: int
    first_day: date | None
    last_day: date | None
    events: int
    """In files of days, each counted once."""
    families: dict[str, int]
    waiting: int
    """Acknowledged, in the log, duplicates among them."""
    waiting_duplicates: int | None
    """How many of these are duplicates; None if that was not asked."""
    duplicates: int
    """Left out so far because they came again."""
    segments: int
    bytes: int
    dead_letters: int
    """Refused lines that are kept."""
    kept_from: date | None
    key_since: date


def status(store: EventStore, *, exact: bool = False) -> Status:
    """What the store holds; `exact` also looks for duplicates among what waits.

    Cost:    reads the log, a segment at a time; exact also the ids of the days in it, and holds
             those of the log and of one day and group in memory.
    """
    manifest = store.manifest()
    days = sorted(day for day, _, cell in manifest.cells() if cell.events)
    families = _families(manifest)
    waits, ids = _waiting(store, manifest, with_ids=exact)
    return Status(
        folder=str(store.folder),
        accounts=len(store.accounts()),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        events=sum(families.values()),
        families=families,
        waiting=waits,
        waiting_duplicates=_duplicates(store, manifest, ids) if exact else None,
        duplicates=manifest.duplicates,
        segments=len(backlog.segments(store.folder)),
        bytes=_bytes(store.folder),
        dead_letters=_lines(store.folder / "dead"),
        kept_from=manifest.kept_from,
        key_since=store.layout.key_since,
    )


def _families(manifest: Manifest) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, _, cell in manifest.cells():
        for family, files in cell.files.items():
            found[family] = found.get(family, 0) + sum(file.events for file in files)
    return found


def _waiting(store: EventStore, manifest: Manifest, *, with_ids: bool) -> tuple[int, list[Chunk]]:
    """How many events wait in the log, and what tells them apart."""
    count, ids = 0, list[Chunk]()
    for _, part in backlog.waiting(store.folder, manifest.consumed):
        if isinstance(part, Frame):
            count += part.events
            if with_ids:
                ids.append(_ids(part.payload))
    return count, ids


def _ids(payload: bytes) -> Chunk:
    # copied, else the arrays hold the payload
    return {
        family: {name: columns[name].copy() for name in ("account", "at", *cols.ID_COLUMNS)}
        for family, columns in cols.decode(payload).items()
    }


def _duplicates(store: EventStore, manifest: Manifest, ids: list[Chunk]) -> int:
    if not ids:
        return 0
    families = {family for chunk in ids for family in chunk}
    every = {family: _joined([one[family] for one in ids if family in one]) for family in families}
    with Parquet() as parquet:
        before = _ids_before(store.folder, manifest, parquet)
        places = by_place(every, store.layout.groups).items()
        return sum(without_repeats(part, before(*place))[1] for place, part in places)


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ids_before(
    folder: Path, manifest: Manifest, parquet: Parquet
) -> Callable[[date, int], list[Columns]]:
    def before(day: date, group: int) -> list[Columns]:
        cell = manifest.days.get(day, {}).get(group, state.Cell())
        place = cell_folder(folder, day, group)
        return [parquet.ids(place / f.name) for files in cell.files.values() for f in files]

    return before


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _lines(folder: Path) -> int:
    return sum(_line_ends(path) for path in folder.glob("*.jsonl"))


def _line_ends(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))
