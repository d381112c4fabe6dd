"""What the warehouse needs of a database, whichever it is.

Transactions are begun by statements of their own, and the driver is in autocommit mode: a single
SELECT needs no transaction. What differs between databases is in the modules beside this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from wxcube.errors import WarehouseError
from wxcube.i18n import Message, _, verbatim
from wxcube.warehouse.statements import DriverConnection

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
"""Reads and writes within a transaction."""
Cause = tuple[Message, Message]
"""What went wrong, and what to do."""
_WRITES, _IN_DOUBT = "wxcube_writes", "wxcube_in_doubt"


def is_in_doubt(connection: sa.Connection) -> bool:
    """Whether this work may have been committed before: the answer to its COMMIT was lost."""
    return bool(connection.get_execution_options().get(_IN_DOUBT))


@dataclass(frozen=True, slots=True)
class Result:
    """Columns and rows of a query."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Watch(Protocol):
    """Tells within microseconds whether a database was changed; used by one thread at a time."""

    @property
    def connection(self) -> Any:
        """The driver's connection, which waits for nobody."""
        ...

    def version(self) -> tuple[int, int]:
        """Two numbers: one changes when the database is another one, one with every commit."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Database(ABC):
    """An open database; threads may share it."""

    begin_reading: ClassVar[Sequence[str]]
    """Statements that begin a transaction whose statements all see the same state."""
    begin_writing: ClassVar[Sequence[str]]
    """Statements that begin a transaction that may write."""
    driver_errors: ClassVar[type[Exception]]
    """The class of the driver's errors."""
    unknown_hint: ClassVar[Message]
    """What to do after an error that has no known cause."""
    has_migrations: ClassVar[bool] = False
    """Whether the first tables are made by migrations."""

    def __init__(self, name: str, engine: sa.Engine, *, read_only: bool) -> None:
        self.name = name
        """The file, or the URL without a password: for people."""
        self.engine = engine
        self.read_only = read_only
        event.listen(engine, "begin", self._begin)

    @property
    def identity(self) -> str:
        """A name that is the same from every folder."""
        return self.name

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    # --- writing ---------------------------------------------------------------------------------

    def write(
        self,
        work: Work[T],
        lock: str = "",
        *,
        in_bulk: bool = False,
        is_repeatable: bool = True,  # noqa: ARG002 - for databases whose transactions can fail
    ) -> T:
        """Do work in a transaction while no other writer holds its lock, and return the result.

        The work may be done several times, each time after everything it wrote was undone: it must
        change nothing else. If nobody can know whether it was committed, `is_in_doubt` says so, and
        work that is not repeatable is not done again. In bulk, nested rows are not checked for
        their parent rows.

        Raises:  WarehouseError, after which nothing of it is stored; errors of the work.
        """
        with self.errors(), self.transaction(lock, in_bulk=in_bulk) as connection:
            return work(connection)

    @contextmanager
    def transaction(
        self, lock: str = "", *, in_bulk: bool = False, in_doubt: bool = False
    ) -> Iterator[sa.Connection]:
        """A transaction that may write; errors are the driver's."""
        if self.read_only:
            raise WarehouseError(
                _("{path} is open for reading only", path=self.name),
                hint=_("open it for writing"),
            )
        with (
            self.engine.connect() as connection,
            self.prepared(connection, in_bulk=in_bulk),
            connection.execution_options(**{_WRITES: True, _IN_DOUBT: in_doubt}).begin(),
            self._discarding_lost(connection),
        ):
            self.lock(connection, lock)
            yield connection

    @contextmanager
    def prepared(self, connection: sa.Connection, *, in_bulk: bool) -> Iterator[None]:  # noqa: ARG002
        """What a connection needs around a transaction that writes."""
        yield

    @abstractmethod
    def lock(self, connection: sa.Connection, name: str) -> None:
        """Wait until no other transaction holds a lock, and hold it until this one ends."""

    # --- reading ---------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction whose statements all see the same state of the database."""
        with (
            self.errors(),
            self.engine.connect() as connection,
            connection.begin(),
            self._discarding_lost(connection),
        ):
            yield connection

    @contextmanager
    def reading_by_driver(self, *, is_one_statement: bool) -> Iterator[DriverConnection]:
        """The driver's connection for reading; several statements see the same state."""
        with self.errors():
            connection = self.engine.raw_connection()
            try:
                with self._discarding_lost(connection):
                    for statement in () if is_one_statement else self.begin_reading:
                        connection.cursor().execute(statement)
                    yield DriverConnection(self.engine.dialect, connection)
            finally:
                connection.close()

    @abstractmethod
    def query(self, sql: str) -> Result:
        """The columns and rows of one statement of a reader, which can change nothing.

        Raises:  WarehouseError if it fails, writes, or is more than one statement.
        """

    def watch(self, *, is_logged: bool = True) -> Watch | None:  # noqa: ARG002 - for files
        """What tells at once whether anybody changed the database; None where nothing does.

        That the database is another one is logged, unless somebody else does.
        """
        return None

    @contextmanager
    def _discarding_lost(self, connection: Any) -> Iterator[None]:
        """Do not use a connection again that was lost: the driver's errors pass SQLAlchemy by."""
        try:
            yield
        except self.driver_errors as error:
            if self.is_lost(error):
                connection.invalidate(error)
            raise

    def _begin(self, connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        for statement in self.begin_writing if writes else self.begin_reading:
            connection.exec_driver_sql(statement)

    # --- errors ----------------------------------------------------------------------------------

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise errors of the database as WarehouseError with what to do."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise self.error(error.orig or error) from error
        except self.driver_errors as error:
            raise self.error(error) from error

    def error(self, error: BaseException) -> WarehouseError:
        """The WarehouseError for an error of the driver."""
        reason, hint = self.cause(error) or (verbatim(str(error)), self.unknown_hint)
        return WarehouseError(_("{path}: {reason}", path=self.name, reason=reason), hint=hint)

    @abstractmethod
    def cause(self, error: BaseException) -> Cause | None:
        """The cause of an error, if it is not the statement's."""

    def is_lost(self, error: BaseException) -> bool:  # noqa: ARG002 - for servers
        """Whether a connection cannot be used after an error."""
        return False

    # --- tables ----------------------------------------------------------------------------------

    def prepare_new(self) -> None:  # noqa: B027 - most have none
        """Make the settings that tables need before they are created."""
