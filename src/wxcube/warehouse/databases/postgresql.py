"""A warehouse in a PostgreSQL database, 15 or newer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.adapt import Buffer
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row
from psycopg.types.string import StrDumperUnknown, TextLoader
from sqlalchemy import event

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.databases.database import Result
from wxcube.warehouse.databases.server import (
    LOCK_SECONDS,
    QUERY_SECONDS,
    ServerDatabase,
    Trouble,
    check_reads,
    does_more,
    query_error,
)
from wxcube.warehouse.row_text import ESCAPE, ESCAPE_STORED, NUL_STORED

_SETTINGS = (
    # first: a standby executes nothing else while it is serializable
    "SET default_transaction_isolation TO 'read committed'",
    "SET client_encoding TO 'UTF8'",
    "SET datestyle TO 'ISO'",
    "SET timezone TO 'Asia/Shanghai'",
    "SET standard_conforming_strings TO on",
    f"SET lock_timeout TO '{LOCK_SECONDS}s'",
    # the locks of a client whose machine has gone end after 30 s
    "SET tcp_keepalives_idle TO 15",
    "SET tcp_keepalives_interval TO 5",
    "SET tcp_keepalives_count TO 3",
)
"""Settings of every connection, whatever those of server and role are."""
_WITHOUT_CHECKS = (
    "SELECT set_config('session_replication_role', 'replica', true)"
    " WHERE has_parameter_privilege('session_replication_role', 'SET')"
)
"""Until the transaction ends; nothing changes for a role that may not."""
_READS = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN")
"""Words that begin a statement of a reader."""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_TROUBLE = {
    "08": Trouble.UNREACHABLE,
    "25006": Trouble.STANDBY,
    "28": Trouble.REFUSED,
    "3D000": Trouble.REFUSED,
    "40": Trouble.CONFLICT,
    "42501": Trouble.DENIED,
    "53100": Trouble.FULL,
    "53300": Trouble.TOO_MANY,
    "55P03": Trouble.BUSY,
    "57014": Trouble.TIMEOUT,
    "57P": Trouble.UNREACHABLE,
}
"""Trouble, by the beginning of the SQLSTATE."""
_TLS = ("certificate", "does not support SSL", "no encryption", "sslmode")
"""Words of errors without an SQLSTATE; a server that ends in the middle has none of them."""


class PostgresqlDatabase(ServerDatabase):
    """A database of a PostgreSQL server; its tables are in the first schema of the search path."""

    begin_reading = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    begin_writing = ("BEGIN ISOLATION LEVEL READ COMMITTED",)
    driver_errors = psycopg.Error

    def __init__(self, url: sa.URL, name: str, *, read_only: bool = False) -> None:
        _check_options(url)
        super().__init__(name, _connect(url), read_only=read_only)

    @contextmanager
    def transaction(
        self, lock: str = "", *, in_bulk: bool = False, in_doubt: bool = False
    ) -> Iterator[sa.Connection]:
        """A transaction that may write; in bulk without foreign key checks, if the role may."""
        with super().transaction(lock, in_bulk=in_bulk, in_doubt=in_doubt) as connection:
            if in_bulk:
                connection.connection.cursor().execute(_WITHOUT_CHECKS)
            yield connection

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Wait until no other transaction holds a lock, and hold it until this one ends."""
        if name:
            connection.connection.cursor().execute(_LOCK, (f"wxcube {name}",))

    def query(self, sql: str) -> Result:
        """The columns and rows of one statement, in a transaction that only reads."""
        # such a transaction permits COPY … TO PROGRAM
        check_reads(sql, _READS)
        with self.errors():
            connection: Any = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self.begin_reading[0])
            cursor.execute(f"SET LOCAL statement_timeout = '{QUERY_SECONDS}s'")
            # a prepared statement is one statement
            cursor.execute(sql, prepare=True)
            if cursor.description is None:
                raise does_more(cursor.statusmessage or "")
            names = tuple(column.name for column in cursor.description)
            return Result(names, cursor.fetchall())
        except psycopg.Error as error:
            raise query_error(self, error) from error
        finally:
            # what a reader set does not stay
            connection.invalidate()

    def grants(self) -> list[str]:
        """Statements that grant this role the right to read and write all tables."""
        ((role, schema),) = self.query("SELECT current_user, current_schema()").rows
        role, schema = (f'"{name}"' for name in (role, schema))
        return [
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
            f"GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        ]

    def trouble(self, error: BaseException) -> Trouble | None:
        """The kind of an error of the driver; None if it is the statement's."""
        if not isinstance(error, psycopg.Error):
            return None
        if error.sqlstate is None:
            return _trouble_of_connection(error)
        found = (trouble for begin, trouble in _TROUBLE.items() if error.sqlstate.startswith(begin))
        return next(found, None)


def _trouble_of_connection(error: psycopg.Error) -> Trouble | None:
    """The kind of an error that has no SQLSTATE: there is no connection."""
    if not isinstance(error, psycopg.OperationalError):
        return None
    text = str(error)
    if "too many clients" in text or "connection slots are reserved" in text:
        return Trouble.TOO_MANY
    if any(words in text for words in _TLS):
        return Trouble.TLS
    is_refused = "authentication" in text or "no password" in text or "does not exist" in text
    return Trouble.REFUSED if is_refused else Trouble.UNREACHABLE


def _check_options(url: sa.URL) -> None:
    """Check that libpq knows the options of a URL.

    Raises:  WarehouseError.
    """
    for name in url.query:
        try:
            make_conninfo(**{name: ""})
        except (psycopg.ProgrammingError, TypeError) as error:
            raise WarehouseError(
                _("the URL has an unknown option: {name}", name=name),
                hint=_("known options: {names}", names="sslmode, sslrootcert, connect_timeout …"),
            ) from error


def _connect(url: sa.URL) -> sa.Engine:
    """Connections to the server, one for each thread that needs one."""
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        paramstyle="format",
        connect_args={"autocommit": True, "application_name": "wxcube", "connect_timeout": 10},
        pool_size=4,
        max_overflow=60,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _apply_settings)
    return engine


def _apply_settings(connection: psycopg.Connection[Any], _record: object) -> None:
    adapters = connection.adapters
    adapters.register_dumper(str, _TextDumper)
    connection.row_factory = _make_rows
    adapters.register_loader("date", TextLoader)
    adapters.register_loader("numeric", _NumberLoader)
    connection.execute("; ".join(_SETTINGS).encode())


class _TextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        if "\0" in obj or ESCAPE in obj:
            obj = obj.replace(ESCAPE, ESCAPE_STORED).replace("\0", NUL_STORED)
        return super().dump(obj)


_TEXTS = frozenset({25, 1042, 1043})
"""The types text, char and varchar."""


def _make_rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    """What makes a row of the values of a result, texts as they were before they were stored."""
    result = cursor.pgresult
    if result is None or not result.nfields:
        return tuple_row(cursor)
    places = [at for at in range(result.nfields) if result.ftype(at) in _TEXTS]

    # PERF: for a whole row, because a loader of texts in Python is called for each of them
    def make(values: Sequence[Any]) -> tuple[Any, ...]:
        for at in places:
            text = values[at]
            if text is not None and ESCAPE in text:
                return tuple(
                    _unescaped(value) if number in places else value
                    for number, value in enumerate(values)
                )
        return tuple(values)

    return make if places else tuple


def _unescaped(text: str | None) -> str | None:
    return text and text.replace(NUL_STORED, "\0").replace(ESCAPE_STORED, ESCAPE)


class _NumberLoader(TextLoader):
    """A sum of whole numbers is one, as on the other databases."""

    def load(self, data: Buffer) -> Any:
        text = bytes(data).decode("ascii")
        return int(text) if text.lstrip("-").isdigit() else float(text)
