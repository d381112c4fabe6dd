"""Compaction: from segments of the log to Parquet files by day and group of accounts.

A round takes some batches, writes files beside those that count, and then replaces the manifest:
only that makes the new files count and the batches done. An event whose id its account has already
sent for that day is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.intake import families as cols
from wxcube.events.intake.families import Chunk
from wxcube.events.store import backlog
from wxcube.events.store import manifest as state
from wxcube.events.store.durable import locked, make_folder, sync_folders
from wxcube.events.store.log import Log
from wxcube.events.store.manifest import Cell, DayFile, Manifest, cell_folder
from wxcube.events.store.orphan_files import begin_round, end_round, relist, remove_unlisted
from wxcube.events.store.parquet import Parquet, UnreadableFileError
from wxcube.events.store.partitions import Place, by_place, timed, without_repeats

MOST_FILES = 8
"""Files of a family in one day and group; with more they become one."""
ROUND_BYTES = 128 << 20
"""Bytes of the log that one round takes; memory is about four times this."""
LOCK = "compaction.lock"


@dataclass
class Compacted:
    """What a compaction did."""

    events: int = 0
    duplicates: int = 0
    too_old: int = 0
    """Events of days that retention has removed."""
    held: int = 0
    """Events that wait because a file of their day cannot be read."""
    places: set[Place] = field(default_factory=set)
    troubles: list[str] = field(default_factory=list)


class Compaction:
    """Moves what waits in a store's log into files of days; one at a time for each store."""

    def __init__(
        self,
        store: Path,
        groups: int,
        *,
        round_bytes: int = ROUND_BYTES,
        memory_limit: str | None = None,
    ) -> None:
        self._store = store
        self._groups = groups
        self._round_bytes = round_bytes
        self._memory_limit = memory_limit
        self._unsynced: set[Path] = set()
        """Folders whose new entries must be on the disk before the round counts."""

    def run(self, now: datetime) -> Compacted:
        """Compact all that waits when this begins.

        Raises:  EventStoreError if a file cannot be written; what was done until then counts.
        """
        done = Compacted()
        with locked(self._store / LOCK), Parquet(self._memory_limit) as parquet:
            segments = backlog.segments(self._store)
            manifest = state.load(self._store)
            done.troubles += relist(self._store, manifest, parquet)
            remove_unlisted(self._store, manifest)
            while self._round(segments, parquet, now, done):
                pass
            remove_unlisted(self._store, state.load(self._store))
        return done

    def _round(
        self, segments: Sequence[Path], parquet: Parquet, now: datetime, done: Compacted
    ) -> bool:
        manifest = state.load(self._store)
        there = [path for path in segments if path.exists()]
        taken = backlog.take(there, manifest.consumed, self._round_bytes)
        if not taken.consumed:
            backlog.remove_done(self._store, manifest.consumed)
            return False
        manifest.revision += 1
        begin_round(self._store, manifest)
        self._add_all(cols.concatenate(taken.chunks), manifest, parquet, done)
        for path, damage in taken.damage:
            kept = backlog.set_aside(self._store, path, damage)
            done.troubles.append(f"{path} holds bytes that are no batch; they are kept in {kept}")
        self._commit(manifest, taken.consumed, now)
        return True

    def _add_all(self, chunk: Chunk, manifest: Manifest, parquet: Parquet, done: Compacted) -> None:
        held: list[Chunk] = []
        for place, part in by_place(chunk, self._groups).items():
            if manifest.kept_from and place[0] < manifest.kept_from:
                done.too_old += cols.count(part)
                continue
            try:
                self._add(place, part, manifest, parquet, done)
            except UnreadableFileError as error:
                held.append(part)
                done.troubles.append(str(error))
        if held:
            done.held += self._hold(held)

    def _add(
        self, place: Place, part: Chunk, manifest: Manifest, parquet: Parquet, done: Compacted
    ) -> None:
        """Put a day and group's new events into files beside those it has."""
        cell, folder = manifest.cell(*place), cell_folder(self._store, *place)
        names = [file.name for files in cell.files.values() for file in files]
        before = [parquet.ids(folder / name) for name in names]
        fresh, repeats = without_repeats(part, before)
        done.duplicates += repeats
        manifest.duplicates += repeats
        if not fresh:
            return
        make_folder(folder, self._unsynced)
        self._unsynced.add(folder)
        for family, columns in fresh.items():
            name = f"{family}-{manifest.revision:06d}.parquet"
            parquet.write(folder / name, timed(family, columns))
            written = DayFile.of(folder / name, len(columns["at"]))
            cell.files.setdefault(family, []).append(written)
            self._merge(folder, cell, family, manifest.revision, parquet)
        cell.revision = manifest.revision
        done.events += cols.count(fresh)
        done.places.add(place)

    def _merge(
        self, folder: Path, cell: Cell, family: str, revision: int, parquet: Parquet
    ) -> None:
        files = cell.files[family]
        if len(files) <= MOST_FILES:
            return
        name = f"{family}-{revision:06d}-all.parquet"
        # many files only cost time: if they cannot be merged now, they can another time
        with suppress(EventStoreError):
            parquet.merge([folder / file.name for file in files], folder / name)
            cell.files[family] = [DayFile.of(folder / name, sum(file.events for file in files))]

    def _hold(self, chunks: Iterable[Chunk]) -> int:
        """Put events back into the log, to be tried again."""
        chunk = cols.concatenate(list(chunks))
        log = Log(self._store / backlog.LOG, self._round_bytes)
        try:
            log.append(cols.encode(chunk), cols.count(chunk)).result()
        finally:
            log.close()
        return cols.count(chunk)

    def _commit(self, manifest: Manifest, consumed: dict[str, int], now: datetime) -> None:
        """From here on the round counts."""
        sync_folders(self._unsynced)
        self._unsynced.clear()
        manifest.consumed = backlog.forget_removed(self._store, manifest.consumed | consumed)
        manifest.last_seen = now
        state.save(self._store, manifest)
        end_round(self._store)
        backlog.remove_done(self._store, manifest.consumed)
