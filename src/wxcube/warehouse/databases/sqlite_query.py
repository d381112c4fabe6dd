"""A SELECT of a reader, on a connection that permits nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.databases.database import Database, Result
from wxcube.warehouse.databases.sqlite_errors import BUSY_SECONDS, is_file_error
from wxcube.warehouse.databases.sqlite_reading import open_to_read

_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33}
"""33 is SQLITE_RECURSIVE, for which the module has no name."""
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "foreign_key_list"})


def query(database: Database, path: Path, sql: str) -> Result:
    """The rows of one SELECT, on a connection that permits nothing else.

    Raises:  WarehouseError if the query fails, writes, or is more than one statement.
    """
    connection = open_to_read(path, BUSY_SECONDS)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.set_authorizer(_authorize)
        cursor = connection.execute(sql)
        columns = tuple(name for name, *_ in cursor.description or ())
        return Result(columns, cursor.fetchall())
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _query_error(database, error) from error
    finally:
        connection.close()


def _authorize(action: int, first: str | None, second: str | None, *_rest: str | None) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if first in _PRAGMAS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _query_error(database: Database, error: Exception) -> WarehouseError:
    if is_file_error(error):
        return database.error(error)
    if "not authorized" in str(error) or "readonly" in str(error):
        return WarehouseError(
            _("the query does more than read: {error}", error=error),
            hint=_("give one SELECT statement"),
        )
    return WarehouseError(
        _("the query failed: {error}", error=error),
        hint=_("give one SELECT statement; `SELECT view_name FROM endpoints` lists the views"),
    )
