"""Whether answers made earlier are still those of the database."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from wxcube.warehouse import changes
from wxcube.warehouse.changes import Changes, Progress
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.statements import DriverConnection


class ChangeWatch:
    """Tells what changed in an account since a server looked last.

    Of a file, `version` tells within microseconds whether anything changed, and nothing waits. A
    database on a server has to be asked, which takes the time of a request and may block.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watch = database.watch()

    @property
    def is_instant(self) -> bool:
        """Whether nothing here waits, so that an event loop may call it."""
        return self._watch is not None

    def version(self) -> tuple[int, int]:
        """A number of the file, and of the last commit of anybody; on a server always the same."""
        return self._watch.version() if self._watch else (0, 0)

    def changes(self, appid: str, before: Progress | None) -> Changes:
        """What changed in an account since an earlier progress; without one, nothing.

        Raises:  WarehouseError if the database cannot be read now.
        """
        with self._database.errors(), self._connection() as connection:
            if before is None:
                return Changes(changes.progress(connection, appid))
            return changes.changes(connection, appid, before)

    def close(self) -> None:
        """Close the connection that looks for changes."""
        if self._watch:
            self._watch.close()

    def _connection(self) -> AbstractContextManager[DriverConnection]:
        if self._watch is None:
            return self._database.reading_by_driver(is_one_statement=True)
        dialect = self._database.engine.dialect
        return nullcontext(DriverConnection(dialect, self._watch.connection))
