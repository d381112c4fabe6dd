"""The event store: stores admitted events, compacts them, and lists their files by partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any, Self

from wxcube import beijing
from wxcube.beijing import Clock, SystemClock
from wxcube.errors import EventStoreError
from wxcube.events.intake import families as cols
from wxcube.events.intake.admission import Admission, Admitted
from wxcube.events.intake.pseudonyms import id_hash
from wxcube.events.intake.refusal import DeadLetters, Refusal
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.compaction import Compaction, CompactionResult
from wxcube.events.store.creation import create as create_store
from wxcube.events.store.creation import require_format, upgrade
from wxcube.events.store.durable import locked, make_folder
from wxcube.events.store.keys import Keys, check_keys, load_keys
from wxcube.events.store.layout import FORMAT, LOG, Format
from wxcube.events.store.log import Log
from wxcube.events.store.manifest import Manifest, partition_folder
from wxcube.events.store.orphan_files import READERS_LOCK
from wxcube.events.store.retraction import retract, shown_hash
from wxcube.i18n import _

GROUPS = 8
SEGMENT_BYTES = 64 << 20
DEAD_LETTERS = "dead"


class EventStore:
    """A folder of events, for one or several writers; a context manager."""

    def __init__(  # noqa: PLR0913 - the parts and options of a store
        self,
        folder: Path,
        layout: Format,
        keys: Keys,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        memory_limit: str | None = None,
        keep_conflicts: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """A store; `keep_conflicts` writes events that conflict with others to dead letters."""
        self.folder = folder
        self.layout = layout
        self._keys = keys
        self._clock = clock or SystemClock()
        self._accounts = AccountNumbers(
            folder, layout.accounts, partial(layouts.record_accounts, folder)
        )
        self._log = Log(folder / LOG, segment_bytes)
        self._admission = Admission(keys, self._accounts)
        self._memory_limit = memory_limit
        self._keeps_conflicts = keep_conflicts
        self.dead_letters = DeadLetters(folder / DEAD_LETTERS)
        self._cached: tuple[tuple[int, int] | None, Manifest] | None = None
        self._load_retention()

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        user_key: str = "",
        groups: int = GROUPS,
        create: bool = True,
        **options: Any,
    ) -> Self:
        """The store of a folder, created first if there is none.

        `user_key` is the openid key of the settings; if empty, the store's own key is used.
        `groups` is only used when the store is created.

        Raises:  EventStoreError if it cannot be read, or its openids were hashed with another key.
        """
        folder = Path(folder)
        if not (folder / FORMAT).exists():
            require_format(folder)
            if not create:
                raise EventStoreError(
                    _("{folder} has no event store", folder=folder),
                    hint=_("create one with `wxcube events ingest FILE`"),
                )
            create_store(folder, user_key, groups, options.get("clock") or SystemClock())
        layout = layouts.read(folder)
        keys = load_keys(folder, user_key)
        check_keys(folder, layout, keys)
        return cls(folder, layout, keys, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Write all queued batches and close the segment of the log."""
        self._log.close()

    def now(self) -> datetime:
        """The current time of the store's clock."""
        return self._clock.now()

    def admit(self, lines: bytes) -> Admitted:
        """The valid events of JSON lines, with openids replaced; nothing is stored yet.

        Raises:  EventStoreError if new accounts cannot be written.
        """
        self._refresh_retention()
        return self._admission.admit(lines)

    def admit_hashed(self, lines: bytes) -> Admitted:
        """The valid events of JSON lines whose users are hashed with the store's key already.

        A user is given as `shown_user` of its number. Nothing is stored yet.

        Raises:  EventStoreError if new accounts cannot be written.
        """
        self._refresh_retention()
        earliest = self._admission.earliest
        hashed = Admission(self._keys, self._accounts, earliest, are_hashed=True)
        return hashed.admit(lines)

    def admit_records(self, records: Any) -> Admitted:
        """The valid events of a table, with openids replaced; nothing is stored yet.

        Raises:  EventStoreError if new accounts cannot be written.
        """
        self._refresh_retention()
        return self._admission.admit_records(records)

    def append(self, admitted: Admitted) -> Future[None]:
        """Begin to store admitted events; they are on the disk when the future ends.

        The future raises EventStoreError if they could not be stored.
        """
        self._prepare_write()
        if admitted.events:
            return self._log.append(cols.encode(admitted.chunk), admitted.events)
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def compact(self, *, round_bytes: int | None = None) -> CompactionResult:
        """Move events from the log to the daily files.

        Raises:  EventStoreError if a file cannot be written; nothing is lost or counted twice.
        """
        self._prepare_write()
        sizes = {"round_bytes": round_bytes} if round_bytes else {}
        compaction = Compaction(
            self.folder,
            self.layout.groups,
            accounts=self.accounts,
            with_users=not self.layout.is_rotated,
            keep_conflicts=self._keep_conflicts,
            memory_limit=self._memory_limit,
            **sizes,
        )
        result = compaction.run(self.now())
        self._load_retention()
        return result

    def retract(self, account: str, event_id: str, day: date | None = None) -> Counter[date]:
        """Remove the events of an account with an id, also in the log; their number by day.

        The id may also be given as its hash, as conflicts show it: `#` and 32 digits.

        Raises:  EventStoreError if the account is unknown, or a file cannot be read or written.
        """
        self.compact()
        self._accounts.refresh()
        if account not in self._accounts:
            raise EventStoreError(
                _("there are no events of {account}", account=account),
                hint=_("use the account names of the events"),
            )
        chosen = shown_hash(event_id) or id_hash(event_id, self._keys.ids)
        return retract(self.folder, self._accounts[account], chosen, day)

    def _keep_conflicts(self, refused: Iterable[Refusal]) -> None:
        if self._keeps_conflicts:
            self.dead_letters.write(refused, "compaction", self.now())

    def manifest(self) -> Manifest:
        """The store's current manifest, read from the disk."""
        return state.load(self.folder)

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        self._accounts.refresh()
        return self._accounts.names

    def revisions(self) -> dict[tuple[date, int], int]:
        """The revision of every partition; it increases whenever the events change."""
        partitions = self._current_manifest().partitions()
        return {(day, group): partition.revision for day, group, partition in partitions}

    def partitions(self) -> list[tuple[date, int]]:
        """Day and group of every partition that has events, oldest first."""
        partitions = self._current_manifest().partitions()
        return [(day, group) for day, group, partition in partitions if partition.events]

    def files(self, family: str, day: date, group: int) -> list[Path]:
        """The Parquet files with a family's events of a day and group."""
        partition = self._current_manifest().days.get(day, {}).get(group)
        folder = partition_folder(self.folder, day, group)
        return [folder / file.name for file in partition.files.get(family, [])] if partition else []

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A block in which no file is removed that was in the store when the block began."""
        with locked(self.folder / READERS_LOCK, shared=True):
            yield

    def _prepare_write(self) -> None:
        """Create what every write needs, and upgrade a store of an earlier version."""
        make_folder(self.folder / LOG)
        if not self.layout.is_current:
            upgrade(self.folder, self._keys)
            self._accounts.record_all()
            self.layout = layouts.read(self.folder)

    def _current_manifest(self) -> Manifest:
        """The current manifest, read again only if it was replaced; read-only.

        Cost:    one `stat`; reading a manifest of some thousand days takes milliseconds.
        """
        version = self._manifest_version()
        if self._cached is None or version is None or self._cached[0] != version:
            self._cached = (version, self.manifest())
        return self._cached[1]

    def _manifest_version(self) -> tuple[int, int] | None:
        """A value that changes whenever the manifest is replaced; None if there is none."""
        try:
            stat = (self.folder / state.FILE).stat()
        except FileNotFoundError:
            return None
        return stat.st_ino, stat.st_mtime_ns

    def _refresh_retention(self) -> None:
        """Load which days other processes have removed since."""
        if self._retention_version != self._manifest_version():
            # the log accepts events even while the manifest is damaged: none must be lost for that
            with suppress(EventStoreError):
                self._load_retention()

    def _load_retention(self) -> None:
        """Refuse late events of days that retention has removed."""
        version = self._manifest_version()
        kept_from = self.manifest().kept_from
        if kept_from:
            start = datetime.combine(kept_from, time(), beijing.BEIJING)
            self._admission.earliest = int(start.timestamp())
        self._retention_version = version
