"""The tables and views made of the contract, renewed when this version has another contract."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.schema import DropView

from wxcube.contract import ENDPOINTS, VERSION
from wxcube.warehouse.contract_tables import (
    code_records,
    codes,
    columns,
    contract,
    endpoint_records,
    endpoints,
)
from wxcube.warehouse.tables import ROW_TABLES
from wxcube.warehouse.views import column_records, views

FORMAT = 1
"""To be raised when the same contract makes other tables or views."""


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
    for table, records in (
        (endpoints, endpoint_records()),
        (columns, column_records()),
        (codes, code_records()),
        (contract, [{"version": VERSION, "sha256": fingerprint()}]),
    ):
        connection.execute(table.delete())
        connection.execute(table.insert(), records)
    for view in views():
        connection.execute(view.create)


def drop_views(connection: sa.Connection) -> None:
    """Drop the views, also those of an earlier contract: a migration may change their tables."""
    inspector = sa.inspect(connection)
    ours = {view.name for view in views()}
    if inspector.has_table(columns.name):
        ours.update(connection.execute(sa.select(columns.c.view_name)).scalars())
    for name in ours.intersection(inspector.get_view_names()):
        connection.execute(DropView(sa.Table(name, sa.MetaData())))
