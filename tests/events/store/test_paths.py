"""Folder and file names are taken literally, never as patterns or Hive partition columns."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from support.command_line import Site
from support.event_files import lines, message
from support.events import crowded
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.compute import CUBE_ENDPOINTS
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.engines.local_parquet import column_types
from wxcube.events.intake.files import read_batches
from wxcube.warehouse.store import Warehouse

HAPPENED, THROUGH = crowded(5, 120)
CLOCK = ManualClock(datetime(THROUGH.year, THROUGH.month, THROUGH.day, 9, tzinfo=BEIJING))
ALL = Window(date(2010, 1, 1), date(2040, 1, 1))
NAMES = [
    "d=1",
    "account=7",
    "account=main/user=bob",
    "a[1]/a*b",
    'it\'s "有 空格"?',
]


def built(folder: Path) -> dict[str, Any]:
    """Every row built in a folder, from events that were stored by two compactions."""
    folder.mkdir(parents=True)
    site = Site(folder, CLOCK)
    # a relative path would hide the folder's name
    store = msgspec.json.encode(str(folder / "events")).decode()
    site.settings.write_text(f"[events]\nfolder = {store}\n", encoding="utf-8")
    for number, part in enumerate((HAPPENED[:80], HAPPENED)):
        (folder / f"{number}.jsonl").write_bytes(lines(part))
        assert site.run("events", "ingest", f"{number}.jsonl").code == 0
    assert msgspec.json.decode(site.run("events", "status", "--json").out)["events"] == len(
        {(event.account, event.id) for event in HAPPENED}
    )
    for command in (["cube", "build"], ["cube", "status"], ["doctor", "--deep"]):
        output = site.run(*command)
        assert output.code == 0, output.text
    accounts = sorted({event.account for event in HAPPENED})
    with Warehouse.open(site.database, read_only=True) as warehouse:
        return {
            endpoint.name: [
                list(warehouse.read(account, endpoint, ALL, Origin.CUBE)) for account in accounts
            ]
            for endpoint in CUBE_ENDPOINTS
        }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return built(tmp_path_factory.mktemp("plain") / "folder")


@pytest.mark.parametrize("name", NAMES)
def test_a_store_works_in_any_folder(tmp_path: Path, expected: dict[str, Any], name: str) -> None:
    # folders that a pattern would match too
    for other in ("a1", "axb", "x", "y"):
        (tmp_path / other).mkdir()
    assert built(tmp_path / name) == expected


def written(file: Path, number: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(
        f"{value!r} AS {name}" for name, value in msgspec.to_builtins(message(number)).items()
    )
    path = str(file).replace("'", "''")
    duckdb.sql(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")


@pytest.mark.parametrize("name", [*NAMES, "dt=2026-03-01", "user=bob"])
def test_of_a_parquet_file_with_any_name_only_that_file_is_read(tmp_path: Path, name: str) -> None:
    written(tmp_path / name / "data[1].parquet", 1)
    written(tmp_path / name / "data1.parquet", 2)
    [piece] = read_batches(str(tmp_path / name / "data[1].parquet"))
    [record] = piece.records or []
    assert record == msgspec.to_builtins(message(1))


@pytest.mark.parametrize("name", [*NAMES, "n=5"])
def test_engines_read_the_columns_that_files_have(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "f[1].parquet"
    written(file, 1)
    written(tmp_path / name / "f1.parquet", 2)
    assert list(column_types(file)) == list(msgspec.to_builtins(message(1)))
    with DuckDbEngine() as engine:
        engine.read("rows_read", "*", [file], "")
        columns = engine.fetch("rows_read", ["id"])
    assert {name: column.tolist() for name, column in columns.items()} == {
        name: [value] for name, value in msgspec.to_builtins(message(1)).items()
    }
