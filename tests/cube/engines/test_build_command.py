"""`wxcube cube build` on other engines: the same database as with DuckDB, and facts in the store."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.events import crowded
from support.spark_cluster import SETTINGS, WORKERS, SparkCluster, on_spark
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cli.main import run
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.compute import CUBE_ENDPOINTS
from wxcube.cube.engines.choice import OpenEngine
from wxcube.warehouse.store import Warehouse

CLOCK = ManualClock(datetime(2025, 11, 13, 9, tzinfo=BEIJING))
ALL = Window(date(2010, 1, 1), date(2040, 1, 1))
EARLY, MIDDLE, LATE = 14, 7, 5
"""Histories from 2014-12-01, around 2020-02-28, and around 2025-11-01."""
RULES_CHANGE = (date(2020, 2, 28), date(2025, 11, 1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the store, which is the current folder."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def built_by_duckdb(folder: Path, *seeds: int, groups: int) -> Path:
    """Store histories; a database with their rows, built by DuckDB from a copy of the store."""
    events = []
    for seed in seeds:
        accounts = dict(zip("abcd", (f"a-{seed}", f"b-{seed}") * 2, strict=True))
        events += [
            msgspec.structs.replace(event, account=accounts[event.account[-1]])
            for event in crowded(seed, 300)[0]
        ]
    (folder / "wxcube.toml").write_text(f"[events]\ngroup_count = {groups}\n")
    (folder / "events.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(events))
    assert run(["events", "ingest", "events.jsonl", "--json"], clock=CLOCK) == 0
    copy = folder.parent / "by-duckdb"
    shutil.copytree(folder, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(copy)
        assert run(["cube", "build", "--json"], clock=CLOCK) == 0
    return copy / "wxcube.db"


def table_rows(warehouse: Path) -> dict[str, list[Any]]:
    """Every row of every table, without the column `place`."""
    connection = sqlite3.connect(warehouse)
    connection.row_factory = sqlite3.Row
    try:
        # the table builds has the random name of the ledger
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'builds'"
        names = connection.execute(query).fetchall()
        return {
            name: sorted(
                repr([(c, value) for c, value in zip(row.keys(), row, strict=True) if c != "place"])
                for row in connection.execute(f'SELECT * FROM "{name}"')
            )
            for (name,) in names
        }
    finally:
        connection.close()


def rows(warehouse: Path) -> dict[str, list[Any]]:
    """The rows of each endpoint, by account."""
    with Warehouse.open(warehouse, read_only=True) as opened:
        return {
            endpoint.name: [
                row
                for account in opened.accounts()
                for row in opened.read(account, endpoint, ALL, Origin.CUBE)
            ]
            for endpoint in CUBE_ENDPOINTS
        }


def assert_built_as_by_duckdb(folder: Path, by_duckdb: Path) -> None:
    tables, expected = table_rows(folder / "wxcube.db"), table_rows(by_duckdb)
    assert tables.keys() == expected.keys()
    for name, expected_rows in expected.items():
        assert tables[name] == expected_rows, name
    assert all(rows(by_duckdb).values())
    assert rows(folder / "wxcube.db") == rows(by_duckdb)
    assert list((folder / "events" / "facts").rglob("*.parquet"))


def test_clickhouse_builds_the_same_database_in_one_build_or_two(
    clickhouse_engine: OpenEngine, folder: Path, capsys: Any
) -> None:
    by_duckdb = built_by_duckdb(folder, LATE, groups=2)
    on_clickhouse = ["cube", "build", "--engine", "clickhouse", "--url", "chdb:", "--json"]
    assert run([*on_clickhouse, "--to", "2025-11-03"], clock=CLOCK) == 0
    assert run([*on_clickhouse, "--memory", "1GB"], clock=CLOCK) == 0
    built = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert built["through"] == "2025-11-12"
    assert_built_as_by_duckdb(folder, by_duckdb)


@on_spark
def test_spark_builds_the_same_database_in_every_era(
    free_cluster: SparkCluster, folder: Path, capsys: Any
) -> None:
    by_duckdb = built_by_duckdb(folder, EARLY, MIDDLE, LATE, groups=1)
    days = {row.ref_date for row in rows(by_duckdb)["getuserread"]}
    assert min(days) < RULES_CHANGE[0] <= sorted(days)[len(days) // 2] < RULES_CHANGE[1]
    assert max(days) >= RULES_CHANGE[1]
    with (folder / "wxcube.toml").open("a") as file:
        file.write("[cube.spark]\n")
        file.writelines(f'"{name}" = "{value}"\n' for name, value in SETTINGS.items())
    on_spark = ["cube", "build", "--engine", "spark", "--master", free_cluster.url]
    capsys.readouterr()
    assert run([*on_spark, "--partitions", str(WORKERS), "--json"], clock=CLOCK) == 0
    assert json.loads(capsys.readouterr().out)["through"] == "2025-11-12"
    assert_built_as_by_duckdb(folder, by_duckdb)
    assert len(free_cluster.busy_workers()) == WORKERS
    assert list((folder / "events" / "spark").iterdir()) == []
