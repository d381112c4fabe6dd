"""Results of queries as files."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path

import duckdb
import openpyxl  # type: ignore[import-untyped]
import pytest

from support.command_line import Site
from support.files_read import PLANTED
from wxcube.beijing import BEIJING, ManualClock
from wxcube.export.text import may_be_evaluated
from wxcube.warehouse.store import Warehouse

QUERY = (
    "select 'a' as title, -5 as net, 0.5 as share, null as nil union all select '=1+1', 7, 1, null"
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING)))
    Warehouse.open(site.database).close()
    return site


def literal(text: str) -> str:
    """A text in SQL, by its characters."""
    return "||".join(f"char({ord(letter)})" for letter in text)


def test_a_text_cannot_become_a_formula_and_numbers_stay_numbers(site: Site) -> None:
    result = site.run("sql", QUERY, "--format", "csv")
    assert result.out == "title,net,share,nil\na,-5,0.5,\n'=1+1,7,1,\n"


@pytest.mark.parametrize("text", [text for text in PLANTED if len(text) < 50], ids=ascii)
def test_planted_texts_come_back(site: Site, text: str) -> None:
    result = site.run("sql", f"select {literal(text)} as title", "--format", "csv")
    [[name], [cell]] = csv.reader(io.StringIO(result.raw.decode(), newline=""))
    assert name == "title"
    assert cell == (f"'{text}" if may_be_evaluated(text) else text)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json", "x.xlsx", "x.parquet"])
def test_the_extension_selects_the_format(site: Site, name: str) -> None:
    result = site.run("sql", QUERY, "--out", name)
    assert (result.code, result.out) == (0, "")
    assert f"2 rows → {name}" in result.err
    assert (site.folder / name).stat().st_size


def test_columns_have_the_types_of_their_values(site: Site) -> None:
    site.run("sql", QUERY, "--out", "x.parquet")
    site.run("sql", QUERY, "--out", "x.xlsx")
    with duckdb.connect() as connection:
        file = str(site.folder / "x.parquet")
        types = connection.execute("DESCRIBE FROM read_parquet(?)", [file]).fetchall()
    assert [type_ for _, type_, *_ in types] == ["VARCHAR", "BIGINT", "DOUBLE", "VARCHAR"]
    rows = openpyxl.load_workbook(site.folder / "x.xlsx")["query"].iter_rows(values_only=True)
    assert list(rows)[1:] == [("a", -5, 0.5, None), ("=1+1", 7, 1, None)]


def test_names_that_come_again_get_a_number_and_bytes_are_base64(site: Site) -> None:
    query = "select 1 as n, 2 as N, x'00ff' as n"
    for name in ("x.csv", "x.parquet", "x.xlsx"):
        assert site.run("sql", query, "--out", name).code == 0
    assert (site.folder / "x.csv").read_text() == "n,N_2,n_3\n1,2,AP8=\n"
    assert site.run("sql", query, "--json").lines == [{"n": 1, "N_2": 2, "n_3": "AP8="}]


def test_a_query_without_rows_gives_a_file_with_a_header(site: Site) -> None:
    for name in ("x.csv", "x.xlsx", "x.parquet"):
        assert site.run("sql", "select 1 as n where 0", "--out", name).code == 0
    assert (site.folder / "x.csv").read_text() == "n\n"


def test_a_table_is_for_the_terminal(site: Site) -> None:
    result = site.run("sql", QUERY, "--format", "table", "--out", "x")
    assert result.code == 2
    assert "--format table is for the terminal" in result.err
    assert not (site.folder / "x").exists()
