"""The source of dlt, loaded into DuckDB: rows by day, replaced when their day is fetched again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import wxcube
from support.rows import sample_rows
from support.stored_rows import APPID, store_entries, store_rows
from wxcube import contract
from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import SettingsError
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.tables import accounts

dlt = pytest.importorskip("dlt", reason="needs the extra dlt")

SUMMARY = contract.named("getusersummary")
TOTAL = contract.named("getarticletotaldetail")
DAYS = Window.parse("2026-03-01..2026-03-05")
CHANGED = date(2026, 3, 4)
"""A day with several rows of both endpoints."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "wxcube.db"
    Warehouse.open(path).close()
    opened = open_database(path)
    with opened.transaction() as connection:
        seen = datetime(2026, 3, 6, 9, tzinfo=BEIJING)
        connection.execute(accounts.insert().values(appid=APPID, first_seen=seen))
    for endpoint in (SUMMARY, TOTAL):
        store_rows(opened, endpoint, sample_rows(endpoint, DAYS))
        store_entries(opened, endpoint, list(DAYS))
    opened.close()
    return path


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt"))
    destination = dlt.destinations.duckdb(str(tmp_path / "loaded.duckdb"))
    yield dlt.pipeline(
        "wxcube_test", destination=destination, dataset_name="wechat", pipelines_dir=str(tmp_path)
    )
    dlt.pipeline().deactivate()


def load(pipeline: Any, database: Path) -> None:
    pipeline.run(wxcube.dlt_source(database, [SUMMARY, TOTAL])).raise_on_failed_jobs()


def select(pipeline: Any, sql: str) -> list[tuple[Any, ...]]:
    with pipeline.sql_client() as client:
        rows: list[tuple[Any, ...]] = client.execute_sql(sql)
    return rows


def stored(database: Path, endpoint: Endpoint[Any]) -> list[Any]:
    with Warehouse.open(database, read_only=True) as warehouse:
        return warehouse.read(APPID, endpoint, DAYS)


FIGURES = "ref_date, user_source, new_user, cancel_user, appid, origin, state"
STATS = (
    "SELECT a.msgid, s.stat_date, s.read_user FROM article_total_detail a"
    " JOIN article_total_detail__detail_list s ON s._dlt_parent_id = a._dlt_id"
)


def assert_equal(pipeline: Any, database: Path) -> None:
    loaded = select(pipeline, f"SELECT {FIGURES} FROM user_summary")
    assert sorted(loaded) == sorted(
        (row.ref_date, row.user_source, row.new_user, row.cancel_user, APPID, "wechat", "final")
        for row in stored(database, SUMMARY)
    )
    assert sorted(select(pipeline, STATS)) == sorted(
        (row.msgid, stat.stat_date, stat.read_user)
        for row in stored(database, TOTAL)
        for stat in row.detail_list
    )


def test_a_day_that_was_fetched_again_replaces_its_rows(pipeline: Any, database: Path) -> None:
    load(pipeline, database)
    assert_equal(pipeline, database)
    fetch_again(database)
    load(pipeline, database)
    assert_equal(pipeline, database)


def fetch_again(database: Path) -> None:
    """Another answer for a day: other figures, and a row less."""
    later = (datetime(2026, 3, 20, 9, tzinfo=BEIJING) + timedelta(days=1)).isoformat()
    day = CHANGED.isoformat()
    for statement in (
        f"UPDATE coverage SET fetched_at = '{later}' WHERE ref_date = '{day}'",
        f"UPDATE user_summary SET new_user = 4711 WHERE ref_date = '{day}'",
        f"DELETE FROM user_summary WHERE ref_date = '{day}' AND place = 0",
        f"DELETE FROM article_total_detail WHERE ref_date = '{day}' AND place = 0",
    ):
        execute(database, statement)


def execute(path: Path, statement: str) -> None:
    opened = open_database(path)
    with opened.transaction() as connection:
        connection.exec_driver_sql(statement)
    opened.close()


def test_only_days_that_were_fetched_since_are_read(pipeline: Any, database: Path) -> None:
    load(pipeline, database)
    fetch_again(database)
    load(pipeline, database)
    loaded = select(pipeline, "SELECT DISTINCT ref_date FROM user_summary WHERE new_user = 4711")
    assert loaded == [(CHANGED,)]
    load(pipeline, database)
    loads = (
        "SELECT count(DISTINCT _dlt_load_id) FROM user_summary WHERE ref_date <> DATE '2026-03-04'"
    )
    assert select(pipeline, loads) == [(1,)]


def test_without_dlt_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlt", None)
    with pytest.raises(SettingsError) as caught:
        wxcube.dlt_source()
    assert "wxcube[dlt]" in str(caught.value.hint)
