"""The tables of a file: made, checked and brought up to date."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from wxcube.errors import WarehouseError
from wxcube.warehouse.database import writing
from wxcube.warehouse.tables import REVISION


def prepare(engine: sa.Engine, path: Path) -> None:
    """Make the tables in a new file, or bring an older file up to date.

    Raises:  WarehouseError if the file is something else or newer than this wxcube.
    """
    with engine.connect() as connection:
        if _check(connection, path) == REVISION:
            return
        connection.rollback()
        connection.connection.execute("PRAGMA journal_mode=WAL")
    with writing(engine) as connection:
        # another process may have done it meanwhile
        if _check(connection, path) != REVISION:
            _upgrade(connection, path)


def require(engine: sa.Engine, path: Path) -> None:
    """Check that the file has the tables of this wxcube.

    Raises:  WarehouseError that says what it has instead.
    """
    with engine.connect() as connection:
        found = _check(connection, path)
    if not found:
        raise WarehouseError(f"{path} is empty", hint="fill it with `wxcube sync`")
    if found != REVISION:
        raise WarehouseError(
            f"{path} has the tables of an older wxcube ({found}, needed is {REVISION})",
            hint="open it once for writing, e.g. with `wxcube sync`, to bring it up to date",
        )


def _check(connection: sa.Connection, path: Path) -> str:
    found, others = _revision(connection)
    if not found and others:
        raise WarehouseError(
            f"{path} is a database of something else", hint="name another file for the warehouse"
        )
    if found > REVISION:
        raise WarehouseError(
            f"{path} was written by a newer wxcube (tables {found}, this one knows {REVISION})",
            hint="update wxcube",
        )
    return found


def _revision(connection: sa.Connection) -> tuple[str, bool]:
    names = set(
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'").scalars()
    )
    if "alembic_version" not in names:
        return "", bool(names)
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found or "", bool(names - {"alembic_version"})


def _upgrade(connection: sa.Connection, path: Path) -> None:
    # PERF: alembic takes 0.2 s to import, and most files need no migration
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise WarehouseError(
            f"{path} has tables of no known wxcube ({error})",
            hint="restore a backup, or name another file for the warehouse",
        ) from error
