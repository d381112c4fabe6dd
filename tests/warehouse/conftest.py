"""Empty warehouses in every database: created once, and emptied or copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from support.database_servers import Server
from wxcube.warehouse.contract_tables import codes, columns, contract, endpoints
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import METADATA

SERVERS = ("postgresql", "mysql")
_OF_CONTRACT = {table.name for table in (codes, columns, contract, endpoints)}


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "wxcube.db"
    Warehouse.open(path).close()
    return path


@pytest.fixture(scope="session")
def copy_to(empty_file: Path) -> Callable[[Path], Path]:
    def copied(target: Path) -> Path:
        shutil.copyfile(empty_file, target)
        return target

    return copied


@pytest.fixture
def path(copy_to: Callable[[Path], Path], tmp_path: Path) -> Path:
    """An empty warehouse in a file, for what is SQLite's alone."""
    return copy_to(tmp_path / "wxcube.db")


@pytest.fixture(scope="session")
def postgresql(postgresql_server: Server) -> Iterator[str]:
    with postgresql_server.database() as url:
        Warehouse.open(url).close()
        yield url


@pytest.fixture(scope="session")
def mysql(mysql_server: Server) -> Iterator[str]:
    with mysql_server.database() as url:
        Warehouse.open(url).close()
        yield url


@pytest.fixture(params=["sqlite", *SERVERS])
def url(request: pytest.FixtureRequest) -> str:
    """The path or URL of an empty warehouse, in each database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("path"))
    url: str = request.getfixturevalue(request.param)
    _empty(url)
    return url


@pytest.fixture
def warehouse(url: str) -> Iterator[Warehouse]:
    with Warehouse.open(url) as opened:
        yield opened


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


def _empty(url: str) -> None:
    """Delete all rows that a test may have written."""
    database = open_database(url)
    tables = [table for table in METADATA.sorted_tables if table.name not in _OF_CONTRACT]
    with database.transaction(in_bulk=True) as connection:
        is_filled = [
            sa.select(sa.literal(table.name)).where(sa.exists().select_from(table))
            for table in tables
        ]
        filled = set(connection.execute(sa.union_all(*is_filled)).scalars())
        for table in reversed(tables):
            if table.name in filled:
                connection.execute(table.delete())
    database.close()
