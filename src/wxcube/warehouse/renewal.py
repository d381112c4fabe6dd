"""The tables and views made of the contract, renewed when this version has another contract."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import DropView

from wxcube.contract import ENDPOINTS, VERSION
from wxcube.contract.endpoint import VIEW_PREFIX
from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.analysis_views import analysis_views
from wxcube.warehouse.contract_tables import (
    code_records,
    codes,
    columns,
    contract,
    endpoint_records,
    endpoints,
)
from wxcube.warehouse.tables import ROW_TABLES
from wxcube.warehouse.view_comments import comment_on
from wxcube.warehouse.views import View, column_records, views

FORMAT = 2
"""To be raised when the same contract makes other tables or views."""
_HAS_DEPENDENTS = "2BP01"
"""PostgreSQL's code for a view that other views read."""


def all_views() -> tuple[View, ...]:
    """Every view; a view comes after those that it reads."""
    return (*views(), *analysis_views())


@cache
def fingerprint() -> str:
    """Hash of everything that the tables and views are made of."""
    # PERF: 2 ms at every opening; the statements of the views would take 100 ms
    parts = [part for endpoint in ENDPOINTS for part in ROW_TABLES[endpoint.name].walk()]
    of_tables = [(part.table.name, part.key, part.columns) for part in parts]
    content = (FORMAT, endpoint_records(), code_records(), of_tables)
    return sha256(repr(content).encode()).hexdigest()


def is_current(connection: sa.Connection) -> bool:
    """Whether the tables and views are those of this version's contract."""
    stored = connection.execute(sa.select(contract.c.sha256)).scalar()
    return bool(stored == fingerprint())


def renew(connection: sa.Connection) -> None:
    """Replace the tables and views that are made of the contract."""
    drop_views(connection)
    for table, records in contents():
        connection.execute(table.delete())
        connection.execute(table.insert(), records)
    for view in all_views():
        connection.execute(view.create)
    comment_on(connection, all_views())


def contents() -> list[tuple[sa.Table, list[dict[str, Any]]]]:
    """The tables that are made of the contract, with their rows."""
    return [
        (endpoints, endpoint_records()),
        (columns, column_records(all_views())),
        (codes, code_records()),
        (contract, [{"version": VERSION, "sha256": fingerprint()}]),
    ]


def drop_views(connection: sa.Connection) -> None:
    """Drop the views, also those of an earlier contract: a migration may change their tables."""
    inspector = sa.inspect(connection)
    ours = {view.name for view in all_views()}
    if inspector.has_table(columns.name):
        ours.update(connection.execute(sa.select(columns.c.view_name)).scalars())
    # a view that reads others has no table of its own, and is dropped before them
    tables = {VIEW_PREFIX + name for name in inspector.get_table_names()}
    for name in sorted(ours.intersection(inspector.get_view_names()), key=tables.__contains__):
        _drop_view(connection, name)


def _drop_view(connection: sa.Connection, name: str) -> None:
    try:
        connection.execute(DropView(sa.Table(name, sa.MetaData())))
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _HAS_DEPENDENTS:
            raise
        detail = error.orig.diag.message_detail  # type: ignore[union-attr]
        raise WarehouseError(
            _("the view {name} cannot be replaced: {detail}", name=name, detail=detail),
            hint=_("drop your own view, run this again, and create your view again"),
        ) from error
