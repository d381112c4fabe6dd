"""Connections that only read, also where neither the file nor its directory can be written.

A reader of a file in WAL mode needs the file `-shm` beside it, and creates it if there is none. If
it cannot, and no `-wal` has changes that are not in the file yet, SQLite is told that the file is
immutable. Such a connection does not notice a writer, so it is opened anew when the file changes.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from wxcube.errors import WarehouseError
from wxcube.i18n import _

_NEEDS_SIDE_FILES = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""The errors of a reader that cannot create the files beside the database."""
Stamp = tuple[int, int, bool]
"""Time of change and size of a file, and whether there are changes beside it."""


def address_of(path: Path, mode: str) -> str:
    """SQLite's URI of a file, for a mode such as `ro`."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def open_to_read(
    path: Path, timeout: float, *, check_same_thread: bool = True
) -> sqlite3.Connection:
    """A connection that only reads, in autocommit mode.

    Raises:  WarehouseError if the newest changes are in a `-wal` that cannot be read without
        writing. Other problems of the file are raised by the first statement.
    """

    def connect(mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            address_of(path, mode),
            uri=True,
            timeout=timeout,
            check_same_thread=check_same_thread,
            isolation_level=None,
        )

    connection = connect("ro")
    if can_write_beside(path) or not _lacks_side_files(connection, path):
        return connection
    connection.close()
    wal = wal_of(path)
    if _has_content(wal):
        raise WarehouseError(
            _("{wal} has changes of an interrupted program, which cannot be read here", wal=wal),
            hint=_(
                "open the database once with write access to its directory, or copy both files to "
                "a directory that you can write"
            ),
        )
    return connect("ro&immutable=1")


def can_write_beside(path: Path) -> bool:
    """Whether files can be created beside a file."""
    # resolve() raises an error of its own kind where links go round in a circle
    return os.access(Path(os.path.realpath(path)).parent, os.W_OK)


def can_write(path: Path) -> bool:
    """Whether a database file can be written."""
    return os.access(path, os.W_OK) and can_write_beside(path)


def stamp(path: Path) -> Stamp:
    """What changes if another program writes a file."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, _has_content(wal_of(path))


def _lacks_side_files(connection: sqlite3.Connection, path: Path) -> bool:
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        return name.startswith(_NEEDS_SIDE_FILES) and os.access(path, os.R_OK)
    return False


def wal_of(path: Path) -> Path:
    """The file with changes that are not in a database file yet."""
    real = path.resolve()
    return real.with_name(f"{real.name}-wal")


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
