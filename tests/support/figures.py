"""Fixtures: a database of two simulated accounts, and a reader of its figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.filled import emulator, fill
from wxcube.figures.reader import Reader
from wxcube.warehouse.store import Warehouse


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("figures") / "wxcube.db"
    fill(path)
    with Warehouse.open(path, read_only=True) as warehouse:
        yield warehouse


@pytest.fixture
def reader(stored: Warehouse) -> Reader:
    return Reader(stored, emulator().clock.now())


@pytest.fixture(scope="session")
def appid() -> str:
    return emulator().accounts[0].appid
