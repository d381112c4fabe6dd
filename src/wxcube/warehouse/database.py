"""Connections to the SQLite file, and its errors in words.

- `journal_mode` WAL: a server, a sync and readers at once.
- `busy_timeout` 30 s: writers queue instead of failing.
- `synchronous` NORMAL: a killed process loses nothing; a power cut may lose the newest answers,
  each whole and together with its lines in the ledger, so that they are asked again.
- `foreign_keys` ON: no nested row without its row. Rows computed in bulk are written without it,
  and checked for the same by what writes them.
- Writers take the lock at once (BEGIN IMMEDIATE), so that no transaction fails half way because
  another one wrote first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from wxcube.errors import WarehouseError

BUSY_SECONDS = 30
WRITES = "wxcube_writes"
URL_START = "sqlite:///"
_SETTINGS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=NORMAL",
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
)


def path_of(url_or_path: str | Path) -> Path:
    """The file a path or a `sqlite:///` URL names.

    Raises:  WarehouseError for any other URL.
    """
    text = str(url_or_path).removeprefix(URL_START)
    if "://" in text or text in {"", ":memory:"} or "\0" in text:
        raise WarehouseError(
            f"{_without_password(text)!r} is not an SQLite file",
            hint="give a path like wxcube.db, or sqlite:///wxcube.db",
        )
    return Path(text)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def connect(path: Path, *, read_only: bool) -> sa.Engine:
    """Connections to the file, as many as there are threads that need one."""
    address = address_of(path, "ro" if read_only else "rwc")

    def opened() -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
        )

    engine = sa.create_engine(
        "sqlite://", creator=opened, poolclass=sa.QueuePool, pool_size=4, max_overflow=60
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def address_of(path: Path, mode: str) -> str:
    """SQLite's URI of a file."""
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds the write lock from its start."""
    with engine.connect() as connection, connection.execution_options(**{WRITES: True}).begin():
        yield connection


@contextmanager
def writing_in_bulk(engine: sa.Engine) -> Iterator[sa.Connection]:
    """The same without the check that each nested row has its row; the writer must see to that."""
    with engine.connect() as connection:
        plain: Any = connection.connection
        # SQLite turns the check off and on only outside of a transaction
        plain.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.execution_options(**{WRITES: True}).begin():
                yield connection
        finally:
            plain.execute("PRAGMA foreign_keys=ON")


_CAUSES = {
    "SQLITE_FULL": (
        "there is no room left",
        "free some space and run it again; nothing stored is lost",
    ),
    "SQLITE_NOTADB": ("it is not an SQLite database", "name another file, or restore a backup"),
    "SQLITE_CORRUPT": ("the file is damaged", "restore a backup, or try `sqlite3 FILE .recover`"),
    "SQLITE_READONLY": ("it may only be read", "change the rights of the file and its directory"),
    "SQLITE_CANTOPEN": (
        "the file cannot be opened",
        "check that its directory is there and that you may read and write both",
    ),
    "SQLITE_PERM": ("access is denied", "change the rights of the file and its directory"),
    "SQLITE_BUSY": (
        f"another program has been writing for {BUSY_SECONDS} seconds",
        "end that program, or try again later",
    ),
    "SQLITE_LOCKED": ("another program is writing", "try again later"),
    "SQLITE_IOERR": (
        "the disk cannot be read or written",
        "check the disk and the space on it; nothing stored is lost",
    ),
}


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn what the database reports into a WarehouseError that says what to do."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise explained(path, error.orig or error) from error
    except sqlite3.Error as error:
        raise explained(path, error) from error


def explained(path: Path, error: BaseException) -> WarehouseError:
    """The error of a database in words."""
    what, hint = _cause(error) or (
        str(error),
        "if it happens again, check the file with `sqlite3 FILE`",
    )
    return WarehouseError(f"{path}: {what}", hint=hint)


def is_of_the_file(error: BaseException) -> bool:
    """Whether an error comes from the file or disk, not from the statement."""
    return _cause(error) is not None and "readonly" not in str(error)


def _cause(error: BaseException) -> tuple[str, str] | None:
    name = getattr(error, "sqlite_errorname", None) or ""
    return next((words for code, words in _CAUSES.items() if name.startswith(code)), None)
