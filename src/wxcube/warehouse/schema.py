"""The tables of a database: created, checked and migrated.

In a new SQLite file the migrations create them, as they did in older files; on a server the tables
of this version are created at once, and migrations change them later.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse import app_tables, renewal  # noqa: F401 - its tables are in METADATA
from wxcube.warehouse.column_types import short_text
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.tables import METADATA, REVISION

LOCK = "tables"
"""The lock of whoever changes tables."""
UNFINISHED = "copy "
"""The beginning of what an unfinished copy of another database has in place of its revision."""
version_table = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", short_text(32), primary_key=True),
)


def prepare(database: Database) -> None:
    """Create the tables in a new database, or migrate those of an older version or contract.

    Raises:  WarehouseError if the database is of another program or of a newer wxcube.
    """
    with database.errors():
        with database.engine.connect() as connection, connection.begin():
            if _is_current(connection, database):
                return
        database.prepare_new()
    database.write(lambda connection: _prepare(connection, database), LOCK)


def _prepare(connection: sa.Connection, database: Database) -> None:
    # another process may have done it meanwhile
    if _is_current(connection, database):
        return
    revision = _checked_revision(connection, database)
    if revision != REVISION:
        renewal.drop_views(connection)
        if revision or database.has_migrations:
            _migrate(connection, database)
        else:
            _create(connection)
    renewal.renew(connection)


def _create(connection: sa.Connection) -> None:
    """Create all tables; the revision comes last, so that an interrupted creation is continued."""
    version_table.create(connection, checkfirst=True)
    METADATA.create_all(connection)
    connection.execute(version_table.insert().values(version_num=REVISION))


def _is_current(connection: sa.Connection, database: Database) -> bool:
    return _checked_revision(connection, database) == REVISION and renewal.is_current(connection)


def has_tables(database: Database) -> bool:
    """Whether a database has any tables."""
    with database.reading() as connection:
        return bool(sa.inspect(connection).get_table_names())


def is_unfinished(database: Database) -> bool:
    """Whether a database is an unfinished copy of another one."""
    with database.reading() as connection:
        is_ours = sa.inspect(connection).has_table(version_table.name)
        return is_ours and stored_revision(connection).startswith(UNFINISHED)


def stored_revision(connection: sa.Connection) -> str:
    """What the version table has; empty if it has nothing."""
    return connection.execute(sa.select(version_table.c.version_num)).scalar() or ""


def store_revision(connection: sa.Connection, revision: str) -> None:
    """Set what the version table has."""
    connection.execute(version_table.update().values(version_num=revision))


def require_current(database: Database) -> None:
    """Check that a database has the tables of this version.

    Raises:  WarehouseError if it has others or none.
    """
    with database.reading() as connection:
        revision = _checked_revision(connection, database)
    if not revision:
        raise WarehouseError(
            _("{path} is empty", path=database.name), hint=_("fetch data with `wxcube sync`")
        )
    if revision != REVISION:
        raise WarehouseError(
            _(
                "{path} has the tables of an older wxcube (revision {revision}; this version needs "
                "{needed})",
                path=database.name,
                revision=revision,
                needed=REVISION,
            ),
            hint=_("migrate it: any command that writes does, such as `wxcube sync`"),
        )


def _checked_revision(connection: sa.Connection, database: Database) -> str:
    """The revision of the tables; empty if there are none."""
    names = set(sa.inspect(connection).get_table_names())
    if version_table.name not in names:
        if names:
            raise WarehouseError(
                _("{path} is the database of another program", path=database.name),
                hint=_("name another one with --database"),
            )
        return ""
    revision = stored_revision(connection)
    if revision.startswith(UNFINISHED):
        raise WarehouseError(
            _("{path} is an unfinished copy of another database", path=database.name),
            hint=_("run the same `wxcube copy` again: it goes on"),
        )
    if revision > REVISION:
        raise WarehouseError(
            _(
                "{path} was written by a newer wxcube (revision {revision}; this version knows "
                "{known})",
                path=database.name,
                revision=revision,
                known=REVISION,
            ),
            hint=_("update wxcube"),
        )
    return revision


def _migrate(connection: sa.Connection, database: Database) -> None:
    # PERF: alembic takes 0.2 s to import, and most databases need no migration
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
            _(
                "{path} has tables of an unknown revision ({error})",
                path=database.name,
                error=error,
            ),
            hint=_("restore a backup, or name another file with --database"),
        ) from error
