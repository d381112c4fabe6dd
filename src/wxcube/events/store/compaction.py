"""Compaction: moves events from segments of the log to Parquet files by day and account group.

A round reads some batches, writes new files next to the existing ones, and then replaces the
manifest: only that adds the files to the store and marks the batches as consumed. An event is
skipped if its account has already sent the same id for that day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.columns import Columns
from wxcube.events.intake import families as cols
from wxcube.events.intake.families import STORED, Chunk
from wxcube.events.intake.refusal import Refusal
from wxcube.events.store import backlog, conflicts, segment_list
from wxcube.events.store import manifest as state
from wxcube.events.store.conflicts import Conflicts
from wxcube.events.store.durable import locked, make_folder, sync_folders
from wxcube.events.store.layout import LOG
from wxcube.events.store.log import Log
from wxcube.events.store.manifest import DayFile, Manifest, Partition, partition_folder
from wxcube.events.store.orphan_files import begin_round, end_round, relist, remove_orphans
from wxcube.events.store.parquet import Parquet, UnreadableFileError
from wxcube.events.store.partitions import (
    PartitionKey,
    by_partition,
    deduplicated,
    with_derived_columns,
)
from wxcube.events.store.segment import Damage
from wxcube.i18n import Message, _

MAX_FILES = 8
"""Files of a family in one partition; more are merged into one."""
ROUND_BYTES = 128 << 20
"""Bytes of the log that one round reads; it needs about four times this memory."""
LOCK = "compaction.lock"
EXAMPLES = 5
"""Conflicts of a compaction that are described."""


@dataclass
class CompactionResult:
    """What a compaction did."""

    events: int = 0
    duplicates: int = 0
    too_old: int = 0
    """Events of days that retention has removed."""
    conflicts: int = 0
    """Duplicates whose content differs from that of the event that came first."""
    examples: list[Message] = field(default_factory=list)
    """Some of these."""
    held: int = 0
    """Events left in the log because a file of their partition cannot be read."""
    partitions: set[PartitionKey] = field(default_factory=set)
    """Partitions that got new events."""
    troubles: list[Message] = field(default_factory=list)


class Compaction:
    """Moves the backlog of a store to daily files; one at a time for each store."""

    def __init__(  # noqa: PLR0913 - the store, and what becomes of its conflicts
        self,
        store: Path,
        groups: int,
        *,
        accounts: Callable[[], tuple[str, ...]],
        with_users: bool = True,
        keep_conflicts: Callable[[Iterable[Refusal]], object] = lambda _refused: None,
        round_bytes: int = ROUND_BYTES,
        memory_limit: str | None = None,
    ) -> None:
        """A compaction of a store with some groups of accounts.

        `accounts` gives the names of accounts by number. `with_users` says whether another user
        makes a repeated event a conflict. `keep_conflicts` gets all conflicts.
        """
        self._store = store
        self._groups = groups
        self._accounts = accounts
        self._with_users = with_users
        self._keep_conflicts = keep_conflicts
        self._round_bytes = round_bytes
        self._memory_limit = memory_limit
        self._unsynced: set[Path] = set()
        """Folders whose new entries must be on the disk before the round takes effect."""

    def run(self, now: datetime) -> CompactionResult:
        """Compact everything that is in the log when this begins.

        Raises:  EventStoreError if a file cannot be written; earlier rounds remain in effect.
        """
        result = CompactionResult()
        with locked(self._store / LOCK), Parquet(self._memory_limit) as parquet:
            segments = backlog.segments(self._store)
            manifest = state.load(self._store)
            result.troubles += relist(self._store, manifest, parquet)
            remove_orphans(self._store, manifest)
            result.troubles += self._missing_segments()
            while self._round(segments, parquet, now, result):
                pass
            remove_orphans(self._store, state.load(self._store))
        return result

    def _missing_segments(self) -> list[Message]:
        try:
            paths = backlog.missing(self._store)
        except EventStoreError as error:
            segment_list.change(self._store)
            return [
                _(
                    "{reason}; a new list was made of the segments that are there",
                    reason=error.message,
                )
            ]
        backlog.record_missing(self._store, paths)
        return [_("{path} is missing: its batches are lost", path=path) for path in paths]

    def _round(
        self, segments: Sequence[Path], parquet: Parquet, now: datetime, result: CompactionResult
    ) -> bool:
        manifest = state.load(self._store)
        existing = [path for path in segments if path.exists()]
        batches = backlog.read_batches(existing, manifest.consumed, self._round_bytes)
        if not batches.consumed:
            backlog.remove_consumed(self._store, manifest.consumed)
            return False
        manifest.revision += 1
        begin_round(self._store, manifest)
        self._add_all(cols.concatenate(batches.chunks), manifest, parquet, result)
        result.troubles += [self._trouble(*one) for one in batches.damage]
        self._commit(manifest, batches.consumed, now)
        return True

    def _trouble(self, path: Path, damage: Damage) -> Message:
        """A damaged part of a segment; its bytes are copied."""
        if damage.start == damage.end:
            return _(
                "{path} has no end mark: its writer was killed, or the file was shortened; all "
                "batches that it has are stored",
                path=path,
            )
        return _(
            "{path} has bytes that are not a complete batch; they are saved in {copy}",
            path=path,
            copy=backlog.copy_damage(self._store, path, damage),
        )

    def _add_all(
        self, chunk: Chunk, manifest: Manifest, parquet: Parquet, result: CompactionResult
    ) -> None:
        held: list[Chunk] = []
        for key, part in by_partition(chunk, self._groups).items():
            if manifest.kept_from and key[0] < manifest.kept_from:
                result.too_old += cols.count(part)
                continue
            try:
                self._add(key, part, manifest, parquet, result)
            except UnreadableFileError as error:
                held.append(part)
                result.troubles.append(error.as_message())
        if held:
            result.held += self._put_back(held)

    def _add(
        self,
        key: PartitionKey,
        part: Chunk,
        manifest: Manifest,
        parquet: Parquet,
        result: CompactionResult,
    ) -> None:
        """Write a partition's new events to files next to its existing ones."""
        partition, folder = manifest.partition(*key), partition_folder(self._store, *key)
        files = [file for of_family in partition.files.values() for file in of_family]
        stored = [parquet.identities(folder, file) for file in files]
        unique, repeated = deduplicated(part, stored)
        duplicates = sum(len(one.rows) for one in repeated.values())
        result.duplicates += duplicates
        manifest.duplicates += duplicates

        def content(number: int, family: str) -> Columns:
            if number == len(files):
                return part[family]
            return parquet.read(folder / files[number].name, STORED[family])

        for some in conflicts.find(part, repeated, content, with_users=self._with_users):
            self._report(some, manifest, result)
        if not unique:
            return
        make_folder(folder, self._unsynced)
        self._unsynced.add(folder)
        for family, columns in unique.items():
            name = f"{family}-{manifest.revision:06d}.parquet"
            parquet.write(folder / name, with_derived_columns(family, columns))
            written = DayFile.written(folder / name, len(columns["at"]))
            partition.files.setdefault(family, []).append(written)
            self._merge(folder, partition, family, manifest.revision, parquet)
        partition.revision = manifest.revision
        result.events += cols.count(unique)
        result.partitions.add(key)

    def _report(self, some: Conflicts, manifest: Manifest, result: CompactionResult) -> None:
        """Count conflicts, show some of them, and keep all as dead letters if that is wanted."""
        result.conflicts += len(some)
        manifest.conflicts += len(some)
        names = self._accounts()
        wanted = EXAMPLES - len(result.examples)
        result.examples += [one.as_message(names) for one in islice(some, wanted)]
        self._keep_conflicts(one.as_refusal(names) for one in some)

    def _merge(
        self, folder: Path, partition: Partition, family: str, revision: int, parquet: Parquet
    ) -> None:
        files = partition.files[family]
        if len(files) <= MAX_FILES:
            return
        name = f"{family}-{revision:06d}-all.parquet"
        # many files only cost time: if merging fails, a later round tries again
        with suppress(EventStoreError):
            parquet.merge([folder / file.name for file in files], folder / name)
            events = sum(file.events for file in files)
            partition.files[family] = [DayFile.written(folder / name, events)]

    def _put_back(self, chunks: Iterable[Chunk]) -> int:
        """Append events to the log again, for the next compaction; their number."""
        chunk = cols.concatenate(list(chunks))
        log = Log(self._store / LOG, self._round_bytes)
        try:
            log.append(cols.encode(chunk), cols.count(chunk)).result()
        finally:
            log.close()
        return cols.count(chunk)

    def _commit(self, manifest: Manifest, consumed: dict[str, int], now: datetime) -> None:
        """Save the manifest: from then on the round is in effect."""
        sync_folders(self._unsynced)
        self._unsynced.clear()
        manifest.consumed = backlog.without_removed(self._store, manifest.consumed | consumed)
        manifest.last_seen = now
        state.save(self._store, manifest)
        end_round(self._store)
        backlog.remove_consumed(self._store, manifest.consumed)
