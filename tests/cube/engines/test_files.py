"""Reading and writing files with every engine, as a build of the cube needs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wxcube.cube.engines.choice import OpenEngine, engine
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.errors import EngineError

TEXTS = ["", "标题 “引号”", "it's"]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files of numbers, and text."""
    paths = []
    with engine("duckdb", threads=1, memory_limit="100MB") as duckdb:
        for n, text in enumerate(TEXTS):
            columns = {"acct": np.asarray([n, n], "i4"), "d": np.asarray([7, 8], "i4")}
            duckdb.load("part", {**columns, "flag": np.asarray([True, False])})
            duckdb.query("SELECT 1 AS one")
            path = tmp_path / f"{n}'s file.parquet"
            copy = f"SELECT *, '{text.replace(chr(39), chr(39) * 2)}' AS title FROM part"
            place = str(path).replace("'", "''")
            duckdb._execute(f"COPY ({copy}) TO '{place}'")  # type: ignore[attr-defined]
            duckdb.drop("part")
            paths.append(path)
    return paths


COLUMNS = 'acct, "d" AS day, CASE WHEN flag THEN 1 ELSE 0 END AS set, title'
EMPTY = "acct INT, day INT, set BIGINT, title TEXT"
SORTED = "SELECT acct, day, set, title FROM texts ORDER BY day, acct DESC"


def test_files_are_read_and_queried_in_order(other_engine: OpenEngine, files: list[Path]) -> None:
    other_engine.read("texts", COLUMNS, files, EMPTY)
    try:
        actual = other_engine.query(SORTED)
    finally:
        other_engine.drop("texts")
    assert list(actual) == ["acct", "day", "set", "title"]
    lines = list(zip(*(column.tolist() for column in actual.values()), strict=True))
    assert lines == [(n, day, 8 - day, TEXTS[n]) for day in (7, 8) for n in (2, 1, 0)]


def test_without_files_a_table_is_empty(other_engine: OpenEngine) -> None:
    other_engine.read("texts", COLUMNS, [], EMPTY)
    try:
        actual = other_engine.query(SORTED)
    finally:
        other_engine.drop("texts")
    assert {name: len(column) for name, column in actual.items()} == {
        "acct": 0,
        "day": 0,
        "set": 0,
        "title": 0,
    }


def test_a_damaged_file_is_an_engine_error(other_engine: OpenEngine, files: list[Path]) -> None:
    files[1].write_bytes(b"PAR1 no parquet PAR1")
    with pytest.raises(EngineError, match="texts"):
        other_engine.read("texts", COLUMNS, files, EMPTY)
    other_engine.read("texts", COLUMNS, files[:1], EMPTY)
    other_engine.drop("texts")


def test_tables_are_written_by_day_and_group(
    other_engine: OpenEngine, duckdb_engine: DuckDbEngine, tmp_path: Path
) -> None:
    numbers = {
        "acct": np.asarray([0, 1, 2, 3], "i4"),
        "d": np.asarray([5, 5, 5, 6], "i4"),
        "person": np.asarray([-1, 2**63 - 1, -(2**63), 0], "i8"),
    }
    folder = tmp_path / "facts" / "draft"
    other_engine.load("numbers", numbers)
    try:
        other_engine.write("numbers", folder, 2)
    finally:
        other_engine.drop("numbers")
    parts = sorted(path.parent.name for path in folder.glob("part=*/*"))
    assert parts == ["part=10", "part=11", "part=13"]
    with engine("duckdb", threads=1, memory_limit="100MB") as duckdb:
        duckdb.read("numbers", "*", sorted(folder.glob("part=*/*")), "")
        actual = duckdb.fetch("numbers", ["acct"])
    assert actual["person"].tolist() == numbers["person"].tolist()
    assert actual["person"].dtype == numbers["person"].dtype
