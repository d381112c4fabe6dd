"""Empty warehouses in every database: created once, and emptied or copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.database import empty
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse

SERVERS = ("postgresql", "mysql")


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


@pytest.fixture(params=["sqlite", *SERVERS])
def url(request: pytest.FixtureRequest) -> str:
    """The path or URL of an empty warehouse, in each database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("path"))
    url: str = request.getfixturevalue(request.param)
    empty(url)
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
