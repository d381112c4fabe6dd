"""Whether an SQLite file was changed by anybody, or is another one now: known within microseconds.

SQLite tells a connection that others committed (`data_version`), without locks and waiting. That
the file was replaced, removed or written over shows in its entry in the file system.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from wxcube.errors import WarehouseError
from wxcube.warehouse.databases.sqlite_reading import can_write_beside, open_to_read, wal_of

FILE_SECONDS = 0.05
"""How often the file itself is looked at."""
_Identity = tuple[int, int] | None
"""Device and number of a file; None if there is none."""
_Times = tuple[int, int] | None
"""Time of change and size."""
_log = structlog.get_logger()
_SILENT = structlog.wrap_logger(structlog.ReturnLogger(), processors=[])


class SqliteWatch:
    """A connection that looks for changes; used by one thread at a time.

    `on_other_file` is called when the file is another one, before it is read.
    """

    def __init__(
        self, path: Path, on_other_file: Callable[[], object], *, is_logged: bool = True
    ) -> None:
        self._path = path
        self._log = _log if is_logged else _SILENT
        self._wal_path = wal_of(path)
        self._on_other_file = on_other_file
        self._connection: sqlite3.Connection | None = None
        self._file: _Identity = None
        self._wal: _Identity = None
        self._times: _Times = None
        self._is_shared = True
        """Whether SQLite tells of the commits of others; it cannot where nothing can be written."""
        self._last_ask = self._schema = 0
        self._files = 0
        """How many files were seen under this name."""
        self._warned_of = -1
        """The file whose journal mode was logged."""
        self._version: tuple[int, int] = (0, 0)
        self._look_at = 0.0
        self._base = 0
        """What is added to the numbers of this connection, which begin anew with each."""
        self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, which waits for nobody.

        Raises:  sqlite3.OperationalError if there is no file.
        """
        if self._connection is None:
            raise sqlite3.OperationalError(f"there is no database {self._path}")
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def version(self) -> tuple[int, int]:
        """Two numbers that change with every commit of anybody, and with the file itself.

        While somebody holds the file so that nobody can read it, they do not change.
        """
        # PERF: a commit is seen at once, another file a little later
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + FILE_SECONDS
            self._look_at_file()
        if self._connection is not None:
            with suppress(sqlite3.Error):
                (number,) = self._connection.execute("PRAGMA data_version").fetchone()
                self._version = (self._files, self._base + number)
        return self._version

    def _look_at_file(self) -> None:
        file, times = _status(self._path)
        wal, _times = _status(self._wal_path)
        if self._wal is None:
            self._wal = wal
        if file == self._file and (wal == self._wal or not self._is_shared):
            if times != self._times:
                self._look_at_content(times)
            return
        if file is None:
            self._log.error("database.removed", path=str(self._path))
        else:
            self._log.warning("database.replaced", path=str(self._path))
        self._reopen()

    def _look_at_content(self, times: _Times) -> None:
        """Whether somebody wrote the file who is not SQLite: a checkpoint changes no content."""
        self._times = times
        last_ask, schema = self._last_ask, self._schema
        # pages that the connection remembers would hide it
        self.close()
        self._open()
        if self._last_ask < last_ask:
            self._log.warning("database.restored", path=str(self._path))
        if self._last_ask < last_ask or self._schema != schema or not self._is_shared:
            self._reopen()

    def _reopen(self) -> None:
        self.close()
        self._files += 1
        self._version = (self._files, self._version[1])
        self._on_other_file()
        self._open()

    def _open(self) -> None:
        self._base = self._version[1] + 1
        self._is_shared = can_write_beside(self._path)
        self._file, self._times = _status(self._path)
        if self._file is None:
            self._wal = None
            return
        try:
            self._connection = open_to_read(self._path, 0, check_same_thread=False)
            self._read_content(self._connection)
        except (sqlite3.Error, WarehouseError) as error:
            self._log.error("database.unreadable", path=str(self._path), reason=str(error))
        self._wal, _times = _status(self._wal_path)

    def _read_content(self, connection: sqlite3.Connection) -> None:
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal" and self._is_shared and self._warned_of != self._files:
            self._warned_of = self._files
            self._log.warning(
                "database.not_in_wal_mode",
                path=str(self._path),
                journal_mode=mode,
                remedy="answers wait for writers; run: sqlite3 FILE 'PRAGMA journal_mode=WAL'",
            )
        (self._schema,) = connection.execute("PRAGMA schema_version").fetchone()
        (self._last_ask,) = connection.execute("SELECT coalesce(max(id), 0) FROM asks").fetchone()


def _status(path: Path) -> tuple[_Identity, _Times]:
    """The identity of a file, and its time of change and size; None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - PERF
    except OSError:
        return None, None
    return (status.st_dev, status.st_ino), (status.st_mtime_ns, status.st_size)
