"""Connections to the SQLite file, and its errors as WarehouseError.

- `journal_mode` WAL: a server, a sync and readers may use the file concurrently.
- `busy_timeout` 30 s: writers queue instead of failing.
- `synchronous` NORMAL: a killed process loses nothing; a power failure may lose the newest
  transactions, each with its entries in the ledger, so that a sync requests those days again.
- `foreign_keys` ON: no nested row without its parent row. Bulk writes do without this check and
  make sure of it themselves.
- Writers lock the file when they begin (BEGIN IMMEDIATE), so that no transaction fails half way
  because another one wrote first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from wxcube.errors import WarehouseError
from wxcube.i18n import Message, _, verbatim
from wxcube.warehouse.read_only import address_of, can_write_beside, open_to_read, stamp

BUSY_SECONDS = 30
WRITES = "wxcube_writes"
URL_START = "sqlite:///"
_SETTINGS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=NORMAL",
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
)


def path_of(url_or_path: str | Path) -> Path:
    """The file of a path or a `sqlite:///` URL.

    Raises:  WarehouseError for any other URL.
    """
    text = str(url_or_path).removeprefix(URL_START)
    if "://" in text or text in {"", ":memory:"} or "\0" in text:
        raise WarehouseError(
            _("{url!r} is not an SQLite file", url=_without_password(text)),
            hint=_("give a path like wxcube.db, or sqlite:///wxcube.db"),
        )
    return Path(text)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url


def connect(path: Path, *, read_only: bool) -> sa.Engine:
    """Connections to the file, one for each thread that needs one."""

    def open_connection() -> sqlite3.Connection:
        if read_only:
            return open_to_read(path, BUSY_SECONDS, check_same_thread=False)
        return sqlite3.connect(
            address_of(path, "rwc"),
            uri=True,
            timeout=BUSY_SECONDS,
            check_same_thread=False,
            isolation_level=None,
        )

    engine = sa.create_engine(
        "sqlite://", creator=open_connection, poolclass=sa.QueuePool, pool_size=4, max_overflow=60
    )
    event.listen(engine, "connect", _apply_settings)
    event.listen(engine, "begin", _begin)
    if read_only and not can_write_beside(path):
        _reconnect_after_changes(engine, path)
    return engine


def _reconnect_after_changes(engine: sa.Engine, path: Path) -> None:
    """Do not use a connection again that may not have noticed another program's changes."""

    def remember(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["stamp"] = stamp(path)

    def check(_connection: object, record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["stamp"] != stamp(path):
            raise sa.exc.DisconnectionError

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", check)


def _apply_settings(connection: sqlite3.Connection, _record: object) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that holds the write lock from its beginning."""
    with engine.connect() as connection, connection.execution_options(**{WRITES: True}).begin():
        yield connection


@contextmanager
def writing_in_bulk(engine: sa.Engine) -> Iterator[sa.Connection]:
    """The same without foreign key checks: the caller makes sure that nested rows have parents."""
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
        _("the disk is full"),
        _("free some space and run it again; stored data is not affected"),
    ),
    "SQLITE_NOTADB": (
        _("it is not an SQLite database"),
        _("name another file, or restore a backup"),
    ),
    "SQLITE_CORRUPT": (
        _("the file is damaged"),
        _("restore a backup, or try `sqlite3 FILE .recover`"),
    ),
    "SQLITE_READONLY": (
        _("it is read-only"),
        _("change the permissions of the file and its directory"),
    ),
    "SQLITE_CANTOPEN": (
        _("the file cannot be opened"),
        _("check that its directory exists and that you may read and write both"),
    ),
    "SQLITE_PERM": (
        _("access is denied"),
        _("change the permissions of the file and its directory"),
    ),
    "SQLITE_BUSY": (
        _("another program has been writing for {seconds} seconds", seconds=BUSY_SECONDS),
        _("end that program, or try again later"),
    ),
    "SQLITE_LOCKED": (_("another program is writing"), _("try again later")),
    "SQLITE_IOERR": (
        _("the disk cannot be read or written"),
        _("check the disk and the space on it; stored data is not affected"),
    ),
}
"""Reasons and hints, by the beginning of SQLite's name of the error."""


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Raise errors of the database as WarehouseError with what to do."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise warehouse_error(path, error.orig or error) from error
    except sqlite3.Error as error:
        raise warehouse_error(path, error) from error


def warehouse_error(path: Path, error: BaseException) -> WarehouseError:
    """The WarehouseError for an error of the database."""
    reason, hint = _cause(error) or (
        verbatim(str(error)),
        _("if it happens again, check the file with `sqlite3 FILE`"),
    )
    return WarehouseError(_("{path}: {reason}", path=path, reason=reason), hint=hint)


def is_file_error(error: BaseException) -> bool:
    """Whether an error comes from the file or disk, not from the statement."""
    return _cause(error) is not None and "readonly" not in str(error)


def _cause(error: BaseException) -> tuple[Message, Message] | None:
    name = getattr(error, "sqlite_errorname", None) or ""
    return next((cause for code, cause in _CAUSES.items() if name.startswith(code)), None)
