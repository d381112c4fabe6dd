"""Empty warehouses: created once, and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wxcube.warehouse.store import Warehouse


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
    return copy_to(tmp_path / "wxcube.db")


@pytest.fixture
def warehouse(path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(path) as opened:
        yield opened
