"""The tables of a database file: created, checked and migrated."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse import renewal
from wxcube.warehouse.database import writing
from wxcube.warehouse.tables import REVISION


def create_or_migrate(engine: sa.Engine, path: Path) -> None:
    """Create the tables in a new file, or migrate those of an older version or contract.

    Raises:  WarehouseError if the file is of another program or of a newer wxcube.
    """
    with engine.connect() as connection:
        if _is_current(connection, path):
            return
        connection.rollback()
        connection.connection.execute("PRAGMA journal_mode=WAL")
    with writing(engine) as connection:
        # another process may have done it meanwhile
        if _is_current(connection, path):
            return
        if _checked_revision(connection, path) != REVISION:
            renewal.drop_views(connection)
            _migrate(connection, path)
        renewal.renew(connection)


def _is_current(connection: sa.Connection, path: Path) -> bool:
    return _checked_revision(connection, path) == REVISION and renewal.is_current(connection)


def require_current(engine: sa.Engine, path: Path) -> None:
    """Check that the file has the tables of this version.

    Raises:  WarehouseError if it has others or none.
    """
    with engine.connect() as connection:
        revision = _checked_revision(connection, path)
    if not revision:
        raise WarehouseError(
            _("{path} is empty", path=path), hint=_("fetch data with `wxcube sync`")
        )
    if revision != REVISION:
        raise WarehouseError(
            _(
                "{path} has the tables of an older wxcube (revision {revision}; this version needs "
                "{needed})",
                path=path,
                revision=revision,
                needed=REVISION,
            ),
            hint=_("migrate it: any command that writes does, such as `wxcube sync`"),
        )


def _checked_revision(connection: sa.Connection, path: Path) -> str:
    """The revision of the tables; empty if there are none."""
    revision, has_other_tables = _revision(connection)
    if not revision and has_other_tables:
        raise WarehouseError(
            _("{path} is the database of another program", path=path),
            hint=_("name another file with --database"),
        )
    if revision > REVISION:
        raise WarehouseError(
            _(
                "{path} was written by a newer wxcube (revision {revision}; this version knows "
                "{known})",
                path=path,
                revision=revision,
                known=REVISION,
            ),
            hint=_("update wxcube"),
        )
    return revision


def _revision(connection: sa.Connection) -> tuple[str, bool]:
    names = set(
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'").scalars()
    )
    if "alembic_version" not in names:
        return "", bool(names)
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision or "", bool(names - {"alembic_version"})


def _migrate(connection: sa.Connection, path: Path) -> None:
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
            _("{path} has tables of an unknown revision ({error})", path=path, error=error),
            hint=_("restore a backup, or name another file with --database"),
        ) from error
