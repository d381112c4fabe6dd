"""A warehouse in an SQLite file.

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

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.databases.database import Cause, Database, Result
from wxcube.warehouse.databases.sqlite_errors import BUSY_SECONDS, cause_of
from wxcube.warehouse.databases.sqlite_query import query
from wxcube.warehouse.databases.sqlite_reading import (
    address_of,
    can_write_beside,
    open_to_read,
    stamp,
)
from wxcube.warehouse.databases.sqlite_watch import SqliteWatch
from wxcube.warehouse.statements import DriverConnection

_SETTINGS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=NORMAL",
    f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}",
)
_IN_BULK = ("PRAGMA foreign_keys=OFF", "PRAGMA cache_size=-16384")
_NOT_IN_BULK = ("PRAGMA foreign_keys=ON", "PRAGMA cache_size=-2000")
"""PERF: a transaction in bulk changes more pages than the default of 2 MB has room for, and many of
them would be written and read several times."""


class SqliteDatabase(Database):
    """An SQLite file; several processes may have it open.

    Raises:  WarehouseError if there is no such file to read, or no directory for a new one.
    """

    begin_reading = ("BEGIN",)
    begin_writing = ("BEGIN IMMEDIATE",)
    driver_errors = sqlite3.Error
    unknown_hint = _("if it happens again, check the file with `sqlite3 FILE`")
    has_migrations = True

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        _check_path(path, read_only=read_only)
        if not read_only:
            _create_private(path)
        super().__init__(str(path), _connect(path, read_only=read_only), read_only=read_only)
        self.path = path
        self._spare: list[sa.PoolProxiedConnection] = []
        """Connections that nobody uses."""
        self._has_spare = can_write_beside(path)
        self._dialect = self.engine.dialect
        self._path = os.fspath(path)

    @property
    def identity(self) -> str:
        """The file's path from the root."""
        return str(self.path.resolve())

    @contextmanager
    def prepared(self, connection: sa.Connection, *, in_bulk: bool) -> Iterator[None]:
        """In bulk, without foreign key checks, and with more memory."""
        if not in_bulk:
            yield
            return
        plain: Any = connection.connection
        # SQLite turns the check off and on only outside of a transaction
        _set(plain, _IN_BULK)
        try:
            yield
        finally:
            _set(plain, _NOT_IN_BULK)

    def close(self) -> None:
        """Close all connections."""
        self._spare, spare = [], self._spare
        # a thread may just be taking one
        with suppress(IndexError):
            while True:
                spare.pop().close()
        super().close()

    @contextmanager
    def reading_by_driver(self, *, is_one_statement: bool) -> Iterator[DriverConnection]:
        """The driver's connection for reading.

        PERF: what the pool does takes half the time of a short statement.
        """
        if not (is_one_statement and self._has_spare):
            with super().reading_by_driver(is_one_statement=is_one_statement) as reading:
                yield reading
            return
        with self.errors():
            spare, connection = self._spare, self._unused()
            try:
                yield DriverConnection(self._dialect, connection.dbapi_connection)
            except BaseException:
                connection.close()
                raise
            if spare is self._spare:
                spare.append(connection)
            else:
                # all were closed meanwhile
                connection.close()

    def _unused(self) -> sa.PoolProxiedConnection:
        """A connection to the file that is there now."""
        file = _identity(self._path)
        # threads share them
        with suppress(IndexError):
            while True:
                connection = self._spare.pop()
                if connection.info["file"] == file:
                    return connection
                connection.close()
        return self.engine.raw_connection()

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Nothing: the transaction has locked the whole file."""

    def query(self, sql: str) -> Result:
        """The columns and rows of one SELECT, on a connection that permits nothing else."""
        return query(self, self.path, sql)

    def cause(self, error: BaseException) -> Cause | None:
        """The cause of an error, if it is not the statement's."""
        return cause_of(error)

    def watch(self, *, is_logged: bool = True) -> SqliteWatch:
        """What tells whether anybody changed the file, or put another one in its place."""
        return SqliteWatch(self.path, self.close, is_logged=is_logged)

    def prepare_new(self) -> None:
        """Turn on the journal in which readers and a writer do not wait for each other."""
        with self.engine.connect() as connection:
            connection.connection.execute("PRAGMA journal_mode=WAL")


def _connect(path: Path, *, read_only: bool) -> sa.Engine:
    """Connections to the file, one for each thread that needs one."""
    is_created = False

    def open_connection() -> sqlite3.Connection:
        nonlocal is_created
        if read_only:
            return open_to_read(path, BUSY_SECONDS, check_same_thread=False)
        connection = sqlite3.connect(
            # a file that is removed later is not replaced by an empty one
            address_of(path, "rw" if is_created else "rwc"),
            uri=True,
            timeout=BUSY_SECONDS,
            check_same_thread=False,
            isolation_level=None,
        )
        is_created = True
        return connection

    engine = sa.create_engine(
        "sqlite://", creator=open_connection, poolclass=sa.QueuePool, pool_size=4, max_overflow=60
    )
    event.listen(engine, "connect", _apply_settings)
    _reconnect_to_another_file(engine, path)
    if read_only and not can_write_beside(path):
        _reconnect_after_changes(engine, path)
    return engine


def _apply_settings(connection: sqlite3.Connection, _record: object) -> None:
    _set(connection, _SETTINGS)


def _set(connection: sqlite3.Connection, settings: Iterable[str]) -> None:
    for setting in settings:
        connection.execute(setting)


def _reconnect_to_another_file(engine: sa.Engine, path: Path) -> None:
    """Do not use a connection again whose file was removed or replaced."""

    def remember(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)

    def check(_connection: object, record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["file"] != _identity(path):
            raise sa.exc.DisconnectionError

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", check)


def _identity(path: Path | str) -> tuple[int, int] | None:
    """The device and number of a file; None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - PERF
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _reconnect_after_changes(engine: sa.Engine, path: Path) -> None:
    """Do not use a connection again that may not have noticed another program's changes."""

    def remember(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
        record.info["stamp"] = stamp(path)

    def check(_connection: object, record: sa.pool.ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["stamp"] != stamp(path):
            raise sa.exc.DisconnectionError

    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", check)


def _create_private(path: Path) -> None:
    """Create a missing file that only its user can read; SQLite would let everybody read it.

    The files that SQLite puts beside it get its mode. Where it cannot be created, SQLite says why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _check_path(path: Path, *, read_only: bool) -> None:
    if path.is_dir():
        raise WarehouseError(
            _("{path} is a directory", path=path), hint=_("name a file, like wxcube.db")
        )
    if path.exists() and not path.is_file():
        raise WarehouseError(
            _("{path} is not a regular file", path=path), hint=_("name a file, like wxcube.db")
        )
    if read_only and not path.exists():
        raise WarehouseError(
            _("there is no database {path}", path=path),
            hint=_("fetch data with `wxcube sync`, or name another file with --database"),
        )
    if not path.absolute().parent.is_dir():
        raise WarehouseError(
            _("there is no directory {directory}", directory=path.absolute().parent),
            hint=_("create it, or name another file"),
        )
