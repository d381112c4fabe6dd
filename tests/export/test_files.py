"""Files of any format have the values of the database, in the types of their columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import openpyxl  # type: ignore[import-untyped]
import pytest

from support.files_read import PLANTED, READERS, Rows, from_parquet
from support.rows import sample_rows
from wxcube import contract
from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Column, Label, Rate, Times
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.export.files import FORMATS, MEDIA_TYPES, Format, write_table, write_workbook
from wxcube.export.flat import flatten, parts
from wxcube.export.marked import marked_table
from wxcube.export.stored_rows import StoredRows
from wxcube.export.table import Table
from wxcube.i18n import Meaning
from wxcube.warehouse.store import Warehouse

WINDOW = Window.parse("2026-01-01..2026-02-28")
NOW = datetime(2026, 3, 20, 9, tzinfo=BEIJING)
DAY = date(2026, 3, 1)


def written(table: Table, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    write_table(file, table, cast("Format", file_format), **options)
    return file.getvalue()


def tables(stored: StoredRows) -> Iterator[Table]:
    """A table for each part of the rows, read from the database anew each time."""
    for part in parts(stored.endpoint):
        yield marked_table(stored.endpoint, stored.days(), part, with_account=True)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield warehouse


@pytest.mark.parametrize("endpoint", contract.ENDPOINTS, ids=str)
def test_a_file_read_back_equals_the_warehouse(
    warehouse: Warehouse, endpoint: Endpoint[Any], tmp_path: Path
) -> None:
    params = {p.name: "p1" for p in endpoint.params if p.required and p.default is None}
    for appid, seed in (("wx1", 1), ("wx2", 2)):
        rows = sample_rows(endpoint, WINDOW, seed)
        answer = Answer(endpoint, WINDOW, rows, b"{}", NOW)
        warehouse.replace(appid, Origin.WECHAT, answer, params)
    stored = StoredRows(warehouse, endpoint, ("wx1", "wx2"))
    expected: list[Rows] = [list(table.rows) for table in tables(stored)]
    assert len(expected[0]) == sum(
        len(warehouse.read(a, endpoint, WINDOW, params=params)) for a in ("wx1", "wx2")
    )
    for file_format, read in READERS:
        for table, values in zip(tables(stored), expected, strict=True):
            assert read(table, written(table, file_format)) == values
    for table, values in zip(tables(stored), expected, strict=True):
        assert from_parquet(table, written(table, "parquet"), tmp_path) == values


# --- texts that are not what they seem -----------------------------------------------------------


def table_of(texts: tuple[str, ...], **changes: Any) -> Table:
    """A table of texts, each with its number, which is negative, and a rate."""
    columns = (
        Column("title", str, Label("标题", "title"), optional=False),
        Column("net", int, Times("净增", "net growth"), optional=True),
        Column("share", float, Rate("占比", "share"), optional=True),
    )
    names = tuple(column.name for column in columns)
    rows = [(text, -number, number / 8) for number, text in enumerate(texts, start=1)]
    return replace(Table(names, columns, rows, Meaning("planted", "标题")), **changes)


@pytest.mark.parametrize(("file_format", "read"), READERS, ids=lambda x: getattr(x, "__name__", x))
def test_planted_texts_are_shown_as_text(file_format: str, read: Any) -> None:
    table = table_of(PLANTED)
    assert read(table, written(table, file_format)) == table.rows


def test_planted_texts_are_in_parquet_as_they_are(tmp_path: Path) -> None:
    table = table_of(PLANTED)
    assert from_parquet(table, written(table, "parquet"), tmp_path) == table.rows


@pytest.mark.parametrize(("file_format", "read"), READERS, ids=lambda x: getattr(x, "__name__", x))
def test_half_of_a_surrogate_pair_becomes_a_replacement_character(
    file_format: str, read: Any
) -> None:
    table = table_of(("half \ud83d",))
    [(text, *_numbers)] = read(table, written(table, file_format))
    assert text == "half \ufffd"


# --- CSV ------------------------------------------------------------------------------------------


def test_a_cell_cannot_become_a_formula_in_csv() -> None:
    starts = [text for text in PLANTED if text[0] in "=+-@＝＋－＠|\t\r\n"]
    table = table_of(tuple(starts))
    lines = written(table, "csv").decode()
    for text in starts:
        assert f"'{text}" in lines
        assert f"\n{text}" not in lines.replace(f"'{text}", "")
    assert ",-1,0.125\n" in lines


def test_cells_with_line_breaks_are_quoted() -> None:
    file = written(table_of(("a\rb", "a\nb", "\rc")), "csv").decode()
    assert file == 'title,net,share\n"a\rb",-1,0.125\n"a\nb",-2,0.25\n"\'\rc",-3,0.375\n'


def test_excel_reads_a_csv_file_with_a_bom_as_utf_8() -> None:
    assert written(table_of(("a",)), "csv", bom=True).startswith(b"\xef\xbb\xbftitle,")
    assert written(table_of(("a",)), "csv").startswith(b"title,")


# --- XLSX -----------------------------------------------------------------------------------------


def workbook(*tables: Table, **options: Any) -> Any:
    file = io.BytesIO()
    write_workbook(file, tables, **options)
    return openpyxl.load_workbook(file)


def test_cells_have_the_types_of_their_columns(warehouse: Warehouse) -> None:
    endpoint = contract.named("getarticletotaldetail")
    answer = Answer(endpoint, WINDOW, sample_rows(endpoint, WINDOW, 1), b"{}", NOW)
    warehouse.replace("wx1", Origin.WECHAT, answer)
    table = marked_table(endpoint, StoredRows(warehouse, endpoint, ("wx1",)).days(), "detail_list")
    sheet = workbook(table).worksheets[0]
    kinds = {date: "d", datetime: "d", int: "n", float: "n", str: "s"}
    for row in sheet.iter_rows(min_row=2):
        for cell, column in zip(row, table.columns, strict=True):
            assert cell.value is None or cell.data_type == kinds[column.type]
    formats = {c.value: sheet.cell(2, c.column).number_format for c in sheet[1]}
    assert formats["ref_date"] == "yyyy-mm-dd"
    assert formats["fetched_at"] == "yyyy-mm-dd hh:mm:ss"
    assert formats["read_user"] == "#,##0"
    assert formats["read_delivery_rate"] == "0.00%"


def test_the_header_is_frozen_and_has_filters() -> None:
    sheet = workbook(table_of(("a", "b"))).worksheets[0]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:C3"
    assert all(sheet.column_dimensions[letter].width >= 8 for letter in "ABC")


def test_each_code_has_its_meaning_beside_it() -> None:
    endpoint = contract.named("getusersummary")
    rows = [
        endpoint.row(ref_date=DAY, user_source=code, new_user=1, cancel_user=0)
        for code in (17, 998)
    ]
    for header, words in (("zh", "名片分享"), ("en", "shared name card")):
        sheet = workbook(flatten(endpoint, rows), header=header).worksheets[0]
        _header, known, unknown = sheet.iter_rows(values_only=True)
        assert known[1:3] == (17, words)
        assert unknown[1:3] == (998, "998")
    wire = workbook(flatten(endpoint, rows)).worksheets[0]
    assert [c.value for c in wire[1]] == ["ref_date", "user_source", "new_user", "cancel_user"]


def test_a_sheet_explains_every_column() -> None:
    endpoint = contract.named("getusersummary")
    book = workbook(marked_table(endpoint, ()), header="zh")
    assert book.sheetnames == ["用户增减数据", "字段说明"]
    heads, *rows = book["字段说明"].iter_rows(values_only=True)
    assert heads[:3] == ("工作表", "字段", "名称")
    explained = {row[2]: row for row in rows if row[2]}
    titles = [cell.value for cell in book["用户增减数据"][1]]
    assert [row[1] for row in explained.values()] == titles
    assert explained["new_user"][3:6] == ("新增的用户数量", "人", "是")
    assert "17 = 名片分享" in explained["user_source"][6]
    assert "final = 已定稿" in explained["state"][6]
    assert any("渠道 0" in str(row[3]) for row in rows if not row[2])


def test_more_rows_than_a_sheet_holds_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxcube.export.xlsx.ROWS", 2)
    table = table_of(tuple("abcde"))
    book = workbook(table, table_of(("x", "y")))
    assert book.sheetnames[:4] == ["planted", "planted (2)", "planted (3)", "planted (4)"]
    sheets = [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets[:4]]
    assert all(rows[0] == table.names for rows in sheets)
    texts = [[row[0] for row in rows[1:]] for rows in sheets]
    assert texts == [["a", "b"], ["c", "d"], ["e"], ["x", "y"]]


@pytest.mark.parametrize("title", ["a/b:c[d]*?\\", "'quoted'", "x" * 40, "\x00", "", "History"])
def test_any_title_gives_a_valid_name_of_a_sheet(title: str) -> None:
    tables = [table_of(("a",), title=Meaning(title, title)) for _ in range(2)]
    book = workbook(*tables)
    assert len(set(book.sheetnames)) == 3
    assert all(0 < len(name) <= 31 for name in book.sheetnames)


def test_a_text_that_is_too_long_ends_with_an_ellipsis() -> None:
    sheet = workbook(table_of(("x" * 40_000, "🙂" * 20_000))).worksheets[0]
    for row in (2, 3):
        text = sheet.cell(row, 1).value
        assert text.endswith("…")
        assert len(text.encode("utf-16-le")) // 2 <= 32_767


def test_numbers_beyond_the_digits_of_excel_are_text() -> None:
    columns = (Column("n", int, Times("次数", "times"), optional=True),)
    table = Table(("n",), columns, [(2**63 - 1,), (-(2**53),), (10**14,)], Meaning("n", "n"))
    cells = [row[0].value for row in workbook(table).worksheets[0].iter_rows(min_row=2)]
    assert cells == [str(2**63 - 1), str(-(2**53)), 10**14]


def test_every_format_has_a_media_type() -> None:
    assert set(FORMATS.values()) == set(MEDIA_TYPES)
