"""A warehouse in a database of MariaDB 10.11 or MySQL 8, or newer.

Every connection sets its own character set, collation, `sql_mode`, time zone and isolation level,
whatever those of the server are. Days are ISO text to the code, so the driver leaves them as text.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.converters import conversions

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.column_types import MARIADB_COLLATION, MYSQL_COLLATION
from wxcube.warehouse.databases import mysql_tls
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

_READS = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN")
"""Words that begin a statement of a reader."""
_OPTIONS = ("connect_timeout", "read_timeout", "unix_socket", "write_timeout")
"""Options of a URL besides those of TLS."""
_WRITES_FILES = re.compile("outfile|dumpfile", re.IGNORECASE)
IDLE_SECONDS = 600
"""The server ends a connection that has been silent for this time, and its locks with it."""
_SETTINGS = (
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
    "SET SESSION time_zone = '+08:00'",
    f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
_TROUBLE = {
    0: Trouble.UNREACHABLE,
    1040: Trouble.TOO_MANY,
    1203: Trouble.TOO_MANY,
    1226: Trouble.TOO_MANY,
    1044: Trouble.DENIED,
    1142: Trouble.DENIED,
    1227: Trouble.DENIED,
    1370: Trouble.DENIED,
    1045: Trouble.REFUSED,
    1049: Trouble.REFUSED,
    1698: Trouble.REFUSED,
    1021: Trouble.FULL,
    1114: Trouble.FULL,
    1053: Trouble.UNREACHABLE,
    1077: Trouble.UNREACHABLE,
    1927: Trouble.UNREACHABLE,
    2002: Trouble.UNREACHABLE,
    2003: Trouble.UNREACHABLE,
    2006: Trouble.UNREACHABLE,
    2013: Trouble.UNREACHABLE,
    2014: Trouble.UNREACHABLE,
    2026: Trouble.TLS,
    2055: Trouble.UNREACHABLE,
    3159: Trouble.TLS,
    4031: Trouble.UNREACHABLE,
    1020: Trouble.CONFLICT,
    1213: Trouble.CONFLICT,
    3058: Trouble.CONFLICT,
    1205: Trouble.BUSY,
    1290: Trouble.STANDBY,
    1792: Trouble.STANDBY,
    1836: Trouble.STANDBY,
    1317: Trouble.TIMEOUT,
    1969: Trouble.TIMEOUT,
    3024: Trouble.TIMEOUT,
}
"""Trouble, by the number of the error."""
_BUSY = 1205


class MysqlDatabase(ServerDatabase):
    """A database of a MariaDB or MySQL server."""

    begin_reading = (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    begin_writing = ("START TRANSACTION READ WRITE",)
    driver_errors = pymysql.Error
    script_settings = ("SET NAMES utf8mb4",)

    def __init__(self, url: sa.URL, name: str, *, read_only: bool = False) -> None:
        self._is_mariadb = False
        self._locks = blake2b(str(url.database).encode(), digest_size=6).hexdigest()
        arguments = _arguments(url)
        with self._while_opening(name):
            first: Any = pymysql.connect(**arguments)
            self._is_mariadb = "mariadb" in first.get_server_info().lower()
            offers_tls = bool(first.server_capabilities & CLIENT.SSL)
            first.close()
        arguments |= mysql_tls.arguments_after(url.query, is_offered=offers_tls)
        engine = _connect(arguments, is_mariadb=self._is_mariadb)
        super().__init__(name, engine, read_only=read_only)

    @contextmanager
    def _while_opening(self, name: str) -> Iterator[None]:
        self.name = name
        with self.errors():
            yield

    @contextmanager
    def prepared(self, connection: sa.Connection, *, in_bulk: bool) -> Iterator[None]:
        """In bulk, without foreign key checks; afterwards, without the locks."""
        if in_bulk:
            _execute(connection, "SET SESSION foreign_key_checks = 0")
        try:
            yield
        finally:
            if not connection.invalidated:
                _execute(connection, "DO RELEASE_ALL_LOCKS()")
                if in_bulk:
                    _execute(connection, "SET SESSION foreign_key_checks = 1")

    def lock(self, connection: sa.Connection, name: str) -> None:
        """Wait until no other connection holds a lock, and hold it until this transaction ends."""
        if not name:
            return
        # names are those of the whole server, and have 64 characters at most
        own = f"wxcube.{self._locks}.{blake2b(name.encode(), digest_size=16).hexdigest()}"
        cursor = _execute(connection, f"SELECT GET_LOCK(%s, {LOCK_SECONDS})", own)
        (is_held,) = cursor.fetchone()
        if not is_held:
            raise pymysql.OperationalError(_BUSY, "GET_LOCK")

    def query(self, sql: str) -> Result:
        """The columns and rows of one statement, in a transaction that only reads."""
        check_reads(sql, _READS)
        # wherever it stands: a transaction that only reads permits it
        if files := _WRITES_FILES.search(sql):
            raise does_more(files[0])
        with self.errors():
            connection: Any = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self._limit())
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            for statement in self.begin_reading:
                cursor.execute(statement)
            cursor.execute(sql)
            names = tuple(column[0] for column in cursor.description or ())
            return Result(names, list(cursor.fetchall()))
        except pymysql.Error as error:
            raise query_error(self, error) from error
        finally:
            # what a reader set does not stay
            connection.invalidate()

    def grants(self) -> list[str]:
        """Statements that grant this role the right to read and write all tables."""
        ((role, schema),) = self.query("SELECT current_user(), database()").rows
        name, _at, host = role.rpartition("@")
        return [f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{schema}`.* TO '{name}'@'{host}'"]

    def trouble(self, error: BaseException) -> Trouble | None:
        """The kind of an error of the driver; None if it is the statement's."""
        # the server may end in the middle of a handshake
        original = getattr(error, "original_exception", None)
        if isinstance(original, ssl.SSLError) and not isinstance(original, ssl.SSLEOFError):
            return Trouble.TLS
        number = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
        return _TROUBLE.get(number) if isinstance(number, int) else None

    def _limit(self) -> str:
        if self._is_mariadb:
            return f"SET SESSION max_statement_time = {QUERY_SECONDS}"
        return f"SET SESSION max_execution_time = {QUERY_SECONDS * 1000}"


def _execute(connection: sa.Connection, statement: str, *values: object) -> Any:
    cursor = connection.connection.cursor()
    cursor.execute(statement, values or None)
    return cursor


# --- connections ---------------------------------------------------------------------------------


def _connect(arguments: Mapping[str, Any], *, is_mariadb: bool) -> sa.Engine:
    """Connections to the server, one for each thread that needs one."""
    collation = MARIADB_COLLATION if is_mariadb else MYSQL_COLLATION
    silence = f"SET SESSION wait_timeout = {IDLE_SECONDS}"
    settings = (f"SET NAMES utf8mb4 COLLATE {collation}", silence, *_SETTINGS)

    def open_connection() -> Any:
        connection: Any = pymysql.connect(**arguments)
        with connection.cursor() as cursor:
            for setting in settings:
                cursor.execute(setting)
        return connection

    dialect = "mariadb" if is_mariadb else "mysql"
    engine = sa.create_engine(
        f"{dialect}+pymysql://",
        paramstyle="format",
        creator=open_connection,
        poolclass=sa.QueuePool,
        pool_size=4,
        max_overflow=60,
        hide_parameters=True,
    )
    # other statements are executed while the rows of one are read
    engine.dialect.supports_server_side_cursors = False
    return engine


def _arguments(url: sa.URL) -> dict[str, Any]:
    """The arguments of pymysql for a URL.

    Raises:  WarehouseError for options that are unknown or cannot be used.
    """
    for name in url.query:
        if name not in (*_OPTIONS, *mysql_tls.OPTIONS):
            raise WarehouseError(
                _("the URL has an unknown option: {name}", name=name),
                hint=_("known options: {names}", names=", ".join((*_OPTIONS, *mysql_tls.OPTIONS))),
            )
    dialect = sa.create_engine(url.set(drivername="mysql+pymysql")).dialect
    _args, options = dialect.create_connect_args(url.difference_update_query(mysql_tls.OPTIONS))
    return {
        "connect_timeout": 10,
        **options,
        **mysql_tls.arguments_of(url.query),
        "charset": "utf8mb4",
        "autocommit": True,
        "conv": _CONVERSIONS,
    }


def _number(text: str) -> int | float:
    """A sum of whole numbers is one, as on the other databases."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


_CONVERSIONS = {
    **{kind: convert for kind, convert in conversions.items() if kind != FIELD_TYPE.DATE},
    FIELD_TYPE.DECIMAL: _number,
    FIELD_TYPE.NEWDECIMAL: _number,
}
