"""The SQL that creates the tables of a server's database, for whoever may create tables there."""

from __future__ import annotations

from copy import copy
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.schema import DropView

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse import renewal, schema
from wxcube.warehouse.databases.opening import is_file, open_server
from wxcube.warehouse.tables import METADATA, REVISION
from wxcube.warehouse.view_comments import comments


def table_script(url: str, password: str = "") -> list[str]:
    """Statements that create the tables, and grant the URL's role the right to read and write them.

    Where there are tables, only what is made of the contract is replaced.

    Raises:  WarehouseError if the server cannot be used, or the database is a file.
    """
    if is_file(url):
        raise WarehouseError(
            _("{path} is a file, whose tables wxcube creates", path=url),
            hint=_("name a database on a server with --database"),
        )
    database = open_server(url, read_only=True, password=password)
    try:
        has_tables = schema.has_tables(database)
        return [
            *database.script_settings,
            *_creation(database.engine.dialect, has_tables=has_tables),
            *database.grants(),
        ]
    finally:
        database.close()


def _creation(dialect: sa.Dialect, *, has_tables: bool) -> list[str]:
    clauses: list[Any] = []
    as_text = _without_parameters(dialect)
    mock = MockConnection(as_text, lambda clause, *_values, **_options: clauses.append(clause))
    if not has_tables:
        schema.version_table.create(mock, checkfirst=False)
        METADATA.create_all(mock, checkfirst=False)
    views = renewal.all_views()
    clauses += [
        DropView(sa.Table(view.name, sa.MetaData()), if_exists=True) for view in reversed(views)
    ]
    for table, records in renewal.contents():
        clauses += [table.delete(), *(table.insert().values(record) for record in records)]
    clauses += [view.create for view in views]
    clauses += comments(dialect, views)
    if not has_tables:
        clauses.append(schema.version_table.insert().values(version_num=REVISION))
    return [_text(clause, as_text) for clause in clauses]


def _without_parameters(dialect: sa.Dialect) -> sa.Dialect:
    """The dialect for statements whose values are part of the text: no `%` is doubled."""
    own: Any = copy(dialect)
    own.paramstyle, own.positional = "named", False
    own.identifier_preparer = own.preparer(own)
    return own  # type: ignore[no-any-return]


def _text(clause: sa.ClauseElement, dialect: sa.Dialect) -> str:
    is_ddl = isinstance(clause, sa.schema.ExecutableDDLElement)
    options = {} if is_ddl else {"literal_binds": True}
    return str(clause.compile(dialect=dialect, compile_kwargs=options)).strip()
