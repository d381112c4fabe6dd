"""Frames of stored rows for pandas, polars and Arrow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import pytest

import wxcube
from support.rows import sample_rows
from wxcube import contract
from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer, Origin
from wxcube.contract.user import getusersummary
from wxcube.contract.window import Window
from wxcube.errors import ContractError, UnknownEndpointError, WarehouseError, WxcubeError
from wxcube.export.database import Database
from wxcube.export.flat import default_part
from wxcube.export.marked import marked_table
from wxcube.export.stored_rows import StoredRows
from wxcube.warehouse.store import Warehouse

WINDOW = Window.parse("2026-01-01..2026-02-28")
NOW = datetime(2026, 3, 20, 9, tzinfo=BEIJING)


def store(path: Path, endpoint: Endpoint[Any], appid: str = "wx1", seed: int = 1) -> None:
    params = {p.name: "p1" for p in endpoint.params if p.required and p.default is None}
    with Warehouse.open(path) as warehouse:
        rows = sample_rows(endpoint, WINDOW, seed)
        warehouse.replace(appid, Origin.WECHAT, Answer(endpoint, WINDOW, rows, b"{}", NOW), params)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wxcube.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Followers of two accounts."""
    store(path, getusersummary)
    store(path, getusersummary, "wx2", 2)
    with wxcube.open(path) as database:
        yield database


def plain_values(value: Any) -> Any:
    """A value of a frame as Python has it."""
    return None if value is pd.NA or value is pd.NaT else value


@pytest.mark.parametrize("endpoint", contract.ENDPOINTS, ids=str)
def test_a_frame_equals_the_warehouse_in_every_library(path: Path, endpoint: Any) -> None:
    store(path, endpoint)
    with Warehouse.open(path, read_only=True) as warehouse:
        days = StoredRows(warehouse, endpoint, ("wx1",)).days()
        table = marked_table(endpoint, days, default_part(endpoint), with_account=True)
        expected = list(table.rows)
    with wxcube.open(path) as database:
        frame = database.frame(endpoint.name)
    assert len(frame) == len(expected) > 0
    assert [tuple(row) for row in zip(*frame.columns.values(), strict=True)] == expected
    assert frame.to_polars().rows() == expected
    assert [tuple(row.values()) for row in frame.to_arrow().to_pylist()] == expected
    pandas = frame.to_pandas().astype(object).itertuples(index=False, name=None)
    assert [tuple(map(plain_values, row)) for row in pandas] == [
        tuple(as_pandas(value) for value in row) for row in expected
    ]


def as_pandas(value: Any) -> Any:
    """Days are timestamps in pandas."""
    is_day = isinstance(value, date) and not isinstance(value, datetime)
    return pd.Timestamp(value) if is_day else value


def test_types_of_columns_without_values_are_those_of_others(database: Database) -> None:
    empty = database.frame(getusersummary, "2020-01-01", "2020-01-31")
    full = database.frame(getusersummary)
    assert len(empty) == 0
    assert empty.to_polars().schema == full.to_polars().schema
    assert empty.to_arrow().schema == full.to_arrow().schema
    assert (empty.to_pandas().dtypes == full.to_pandas().dtypes).all()
    assert str(full.to_pandas().dtypes["new_user"]) == "Int64"


def test_days_accounts_and_labels_are_selected(database: Database) -> None:
    assert database.accounts() == ["wx1", "wx2"]
    week = database.frame("getusersummary", "2026-01-05", date(2026, 1, 11))
    assert set(week.columns["appid"]) == {"wx1", "wx2"}
    assert min(week.columns["ref_date"]) == date(2026, 1, 5)
    assert max(week.columns["ref_date"]) == date(2026, 1, 11)
    day = database.frame(getusersummary, "2026-01-05", account="wx2", header="zh")
    assert set(day.columns["公众号 AppID"]) == {"wx2"}
    assert set(day.columns["数据的日期"]) == {date(2026, 1, 5)}
    assert "用户的渠道（名称）" in day.columns
    assert len(database.frame(getusersummary, origin="cube")) == 0


def test_withdrawn_rows_are_left_out(path: Path, database: Database) -> None:
    day = Window.day(WINDOW.last)
    before = database.frame(getusersummary, day.last, account="wx1")
    with Warehouse.open(path) as warehouse:
        rows = sample_rows(getusersummary, WINDOW, 1)[-1:]
        warehouse.replace("wx1", Origin.WECHAT, Answer(getusersummary, day, rows, b"{}", NOW))
    after = database.frame(getusersummary, day.last, account="wx1")
    assert len(before) > len(after) == 1
    assert after.columns["withdrawn_at"] == [None]


def test_what_does_not_exist_is_an_error(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnknownEndpointError, match="getusersummary"):
        database.frame("getusersumary")
    with pytest.raises(WarehouseError, match="accounts with stored data: wx1, wx2"):
        database.frame(getusersummary, account="wx3")
    with pytest.raises(ContractError, match="no part"):
        database.frame(getusersummary, part="details")
    with pytest.raises(WarehouseError, match="no database"):
        wxcube.open(tmp_path / "no.db")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_library_that_is_not_installed_is_named(
    database: Database, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    frame = database.frame(getusersummary)
    convert = {"pandas": frame.to_pandas, "polars": frame.to_polars, "pyarrow": frame.to_arrow}
    with pytest.raises(WxcubeError, match=f"pip install {library}"):
        convert[library]()


def test_the_database_of_the_settings_is_opened(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WXCUBE_DATABASE", str(path))
    with wxcube.open() as same:
        assert same.accounts() == database.accounts()
