"""What database servers share: connections can be lost, and transactions can fail and be repeated.

A write whose transaction fails for a reason that passes is done again, for a minute: the server was
restarted, its standby is not yet in charge, it has too many connections, or two transactions waited
for each other.
"""

from __future__ import annotations

import math
import random
import re
import time
from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.databases.database import Cause, Database, Work

T = TypeVar("T")
_NO_WORDS = re.compile(r"(?:\s|\(|--[^\n]*\n|#[^\n]*\n|/\*[^!+].*?\*/)*", re.DOTALL)
"""What may stand before the first word of a statement."""
PATIENCE_SECONDS = 60.0
"""How long a write is repeated."""
LOCK_SECONDS = 30
"""How long a writer waits for another one."""
QUERY_SECONDS = 60
"""How long a reader's statement may take."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 2.0
_RESTS_SINCE = "wxcube_rests_since"
_REST_SECONDS = 1.0
"""A connection that was not used for this time is tried before it is used."""


class Trouble(Enum):
    """Kinds of errors that are not the statement's."""

    UNREACHABLE = "unreachable"
    TOO_MANY = "too many connections"
    STANDBY = "a server that only reads"
    CONFLICT = "deadlock"
    BUSY = "another writer"
    FULL = "disk full"
    DENIED = "no right"
    REFUSED = "no connection"
    TLS = "no encryption, or a wrong certificate"
    TIMEOUT = "too slow"


PASSING = frozenset({Trouble.UNREACHABLE, Trouble.TOO_MANY, Trouble.STANDBY, Trouble.CONFLICT})
"""Trouble after which the same can succeed soon."""
_CAUSES: dict[Trouble, Cause] = {
    Trouble.TOO_MANY: (
        _("the server has too many connections"),
        _("try again later, or raise its max_connections; stored data is not affected"),
    ),
    Trouble.STANDBY: (
        _("the server only reads: it is a standby, or was set to be read-only"),
        _("name the server that writes, or try again when the standby has taken over"),
    ),
    Trouble.CONFLICT: (
        _("other programs write the same rows"),
        _("try again later; stored data is not affected"),
    ),
    Trouble.BUSY: (
        _("another program has been writing for {seconds} seconds", seconds=LOCK_SECONDS),
        _("end that program, or try again later"),
    ),
    Trouble.FULL: (
        _("the server's disk is full"),
        _("free some space and run it again; stored data is not affected"),
    ),
    Trouble.TIMEOUT: (
        _("the statement took longer than {seconds} seconds", seconds=QUERY_SECONDS),
        _("ask for fewer rows: one account, or fewer days"),
    ),
}


class ServerDatabase(Database):
    """A database on a server."""

    script_settings: ClassVar[Sequence[str]] = ()
    """Statements at the beginning of a script for the server's own client."""
    unknown_hint = _("if it happens again, look into the log of the database server")

    def __init__(self, name: str, engine: sa.Engine, *, read_only: bool) -> None:
        super().__init__(name, engine, read_only=read_only)
        event.listen(engine, "checkin", _remember_rest)
        event.listen(engine, "checkout", self._try_rested)

    def write(
        self,
        work: Work[T],
        lock: str = "",
        *,
        in_bulk: bool = False,
        is_repeatable: bool = True,
    ) -> T:
        """Do work in a transaction, and again if it fails for a reason that passes."""
        ends_at, pause = time.monotonic() + PATIENCE_SECONDS, _SHORTEST_PAUSE
        in_doubt = False
        while True:
            is_committing = False
            try:
                with self.transaction(lock, in_bulk=in_bulk, in_doubt=in_doubt) as connection:
                    result = work(connection)
                    is_committing = True
            except (sa.exc.DBAPIError, self.driver_errors) as error:
                original = _original(error)
                in_doubt = in_doubt or (is_committing and self.is_lost(original))
                may_repeat = is_repeatable or not in_doubt
                if not (may_repeat and self.is_passing(original) and time.monotonic() < ends_at):
                    raise self.error(original) from error
            else:
                return result
            # writers that hindered each other do not come back at the same moment
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE)

    def is_passing(self, error: BaseException) -> bool:
        """Whether the same can succeed soon."""
        return self.trouble(error) in PASSING

    def is_lost(self, error: BaseException) -> bool:
        """Whether a connection cannot be used after an error, or leads to the wrong server."""
        return self.trouble(error) in {Trouble.UNREACHABLE, Trouble.STANDBY}

    def cause(self, error: BaseException) -> Cause | None:
        """The cause of an error, if it is not the statement's."""
        trouble = self.trouble(error)
        if trouble is Trouble.UNREACHABLE:
            return (
                _("the server cannot be reached: {error}", error=first_line(error)),
                _("check that it runs, and the host, port and database of the URL"),
            )
        if trouble is Trouble.REFUSED:
            return (
                _("the server refuses the connection: {error}", error=first_line(error)),
                _(
                    "check user and database of the URL; the password can be in "
                    "WXCUBE_DATABASE_PASSWORD"
                ),
            )
        if trouble is Trouble.TLS:
            return (
                _("there is no encrypted connection: {error}", error=first_line(error)),
                _(
                    "check the certificate of the server and the TLS options of the URL: "
                    "sslmode and sslrootcert (PostgreSQL), ssl_mode and ssl_ca (MySQL)"
                ),
            )
        if trouble is Trouble.DENIED:
            return (
                _("the role may not do this: {error}", error=first_line(error)),
                _(
                    "let its administrator run what `wxcube database sql` prints, and grant the "
                    "role the right to read and write the tables"
                ),
            )
        return _CAUSES[trouble] if trouble else None

    @abstractmethod
    def grants(self) -> list[str]:
        """Statements that grant this role the right to read and write all tables."""

    @abstractmethod
    def trouble(self, error: BaseException) -> Trouble | None:
        """The kind of an error of the driver; None if it is the statement's."""

    def _try_rested(
        self, connection: Any, record: sa.pool.ConnectionPoolEntry, _proxy: object
    ) -> None:
        """Open a connection anew that was lost while nobody used it."""
        if time.monotonic() - record.info.get(_RESTS_SINCE, math.inf) < _REST_SECONDS:
            return
        try:
            self.engine.dialect.do_ping(connection)
        except self.driver_errors as error:
            raise sa.exc.DisconnectionError from error


def _remember_rest(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _original(error: Exception) -> BaseException:
    """The driver's error in one of SQLAlchemy's."""
    return (error.orig or error) if isinstance(error, sa.exc.DBAPIError) else error


def first_line(error: BaseException) -> str:
    """The first line of the driver's text."""
    return str(error.args[-1] if error.args else error).strip().partition("\n")[0]


def query_error(database: ServerDatabase, error: Exception) -> WarehouseError:
    """The WarehouseError for a reader's statement that failed."""
    trouble = database.trouble(error)
    if trouble is Trouble.STANDBY or trouble is Trouble.DENIED:
        return does_more(first_line(error))
    if trouble:
        return database.error(error)
    return WarehouseError(
        _("the query failed: {error}", error=first_line(error)),
        hint=_("give one SELECT statement; `SELECT view_name FROM endpoints` lists the views"),
    )


def does_more(error: str) -> WarehouseError:
    """The WarehouseError for a reader's statement that would do more than read."""
    return WarehouseError(
        _("the query does more than read: {error}", error=error),
        hint=_("give one SELECT statement; readers should have a role that may only SELECT"),
    )


def check_reads(sql: str, words: Sequence[str]) -> None:
    """Refuse a statement that does not begin with one of the words of a reader.

    Raises:  WarehouseError.
    """
    begin = _NO_WORDS.match(sql)
    word = re.split(r"\W", sql[begin.end() if begin else 0 :], maxsplit=1)[0].upper()
    if word not in words:
        raise does_more(word)
