"""The event store as one thing: opened, filled, compacted, and read by day and group."""

from __future__ import annotations

from collections.abc import Iterator
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
from wxcube.events.intake.admission import Admitted, Door
from wxcube.events.intake.refusal import DeadLetters
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.backlog import LOG
from wxcube.events.store.compaction import Compacted, Compaction
from wxcube.events.store.creation import complete, make, refuse_if_gone
from wxcube.events.store.durable import locked, make_folder
from wxcube.events.store.keys import Keys, check_keys, load_keys
from wxcube.events.store.layout import FORMAT, Format
from wxcube.events.store.log import Log
from wxcube.events.store.manifest import Manifest, cell_folder
from wxcube.events.store.orphan_files import READERS_LOCK

GROUPS = 8
SEGMENT_BYTES = 64 << 20
FACTS, DEAD = "facts", "dead"


class EventStore:
    """A folder of events, for one writer or several; a context manager."""

    def __init__(
        self,
        folder: Path,
        layout: Format,
        keys: Keys,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        memory_limit: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self.layout = layout
        self._keys = keys
        self._clock = clock or SystemClock()
        self._accounts = AccountNumbers(
            folder, layout.accounts, partial(layouts.know_accounts, folder)
        )
        self._log = Log(folder / LOG, segment_bytes)
        self._door = Door(keys, self._accounts)
        self._memory_limit = memory_limit
        self.dead_letters = DeadLetters(folder / DEAD)
        self._seen: tuple[tuple[int, int] | None, Manifest] | None = None
        self._know_retention()

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
        """Open a store, made first where there is none.

        `user_key` is the openid key of the settings; empty is the store's own. `groups` counts only
        when the store is made.

        Raises:  EventStoreError if it cannot be read, or its openids were hashed with another key.
        """
        folder = Path(folder)
        if not (folder / FORMAT).exists():
            refuse_if_gone(folder)
            if not create:
                raise EventStoreError(
                    f"{folder} has no event store", hint="`wxcube events ingest FILE` makes one"
                )
            make(folder, user_key, groups, options.get("clock") or SystemClock())
        layout = layouts.read(folder)
        keys = load_keys(folder, user_key)
        check_keys(folder, layout, keys)
        return cls(folder, layout, keys, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what was begun, end the segment."""
        self._log.close()

    def now(self) -> datetime:
        """The time on the store's clock."""
        return self._clock.now()

    def admit(self, lines: bytes) -> Admitted:
        """Check JSON lines, replace openids; nothing is stored yet.

        Raises:  EventStoreError if new accounts cannot be written down.
        """
        self._hear_of_retention()
        return self._door.admit(lines)

    def admit_records(self, records: Any) -> Admitted:
        """Check numbered records of a table, replace openids; nothing is stored yet.

        Raises:  EventStoreError as for `admit`.
        """
        self._hear_of_retention()
        return self._door.admit_records(records)

    def append(self, admitted: Admitted) -> Future[None]:
        """Begin to store admitted events; when the future ends they are on the disk.

        The future raises EventStoreError if they could not be stored.
        """
        self._complete()
        if admitted.events:
            return self._log.append(cols.encode(admitted.chunk), admitted.events)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def compact(self, *, round_bytes: int | None = None) -> Compacted:
        """Move what waits in the log into files by day and group.

        Raises:  EventStoreError if a file cannot be written; nothing is lost or counted twice.
        """
        self._complete()
        sizes = {"round_bytes": round_bytes} if round_bytes else {}
        compaction = Compaction(
            self.folder, self.layout.groups, memory_limit=self._memory_limit, **sizes
        )
        done = compaction.run(self.now())
        self._know_retention()
        return done

    def manifest(self) -> Manifest:
        """The store's state as it is now on the disk."""
        return state.load(self.folder)

    def accounts(self) -> tuple[str, ...]:
        """The accounts by number."""
        self._accounts.refresh()
        return self._accounts.names

    def revisions(self) -> dict[tuple[date, int], int]:
        """Every day and group that ever had events, and a number that grows when they change."""
        return {(day, group): cell.revision for day, group, cell in self._state().cells()}

    def all_days(self) -> list[tuple[date, int]]:
        """Every day and group that has events, oldest first."""
        return [(day, group) for day, group, cell in self._state().cells() if cell.events]

    def files(self, family: str, day: date, group: int) -> list[Path]:
        """The Parquet files of a family's events of a day and group."""
        cell = self._state().days.get(day, {}).get(group)
        folder = cell_folder(self.folder, day, group)
        return [folder / file.name for file in cell.files.get(family, [])] if cell else []

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While this lasts no file that counted at its beginning is removed."""
        with locked(self.folder / READERS_LOCK, shared=True):
            yield

    def _complete(self) -> None:
        """Before anything is written: what is not there of the store, but must be from now on."""
        make_folder(self.folder / LOG)
        if not self.layout.ids:
            complete(self.folder, self._keys)
            self._accounts.keep_in_mind()
            self.layout = layouts.read(self.folder)

    def _state(self) -> Manifest:
        """The state as it is on the disk, read again only when it was replaced; not to change.

        Cost:    one look at the file; a state of some thousand days takes milliseconds to read.
        """
        version = self._version()
        if self._seen is None or version is None or self._seen[0] != version:
            self._seen = (version, self.manifest())
        return self._seen[1]

    def _version(self) -> tuple[int, int] | None:
        """What tells a state from the one before; None where there is none."""
        try:
            now = (self.folder / state.FILE).stat()
        except FileNotFoundError:
            return None
        return now.st_ino, now.st_mtime_ns

    def _hear_of_retention(self) -> None:
        """Learn of days that another process has removed since."""
        if self._retention_seen != self._version():
            # the log takes events also while the state is damaged: nothing must be lost for that
            with suppress(EventStoreError):
                self._know_retention()

    def _know_retention(self) -> None:
        """Refuse late events of days that retention has removed."""
        seen = self._version()
        kept_from = self.manifest().kept_from
        if kept_from:
            start = datetime.combine(kept_from, time(), beijing.BEIJING)
            self._door.earliest = int(start.timestamp())
        self._retention_seen = seen
