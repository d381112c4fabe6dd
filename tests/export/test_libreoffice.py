"""LibreOffice, which is not part of the tests' environment, reads the files as others do."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from support.files_read import PLANTED, typed
from support.rows import sample_rows
from wxcube import contract
from wxcube.beijing import BEIJING
from wxcube.contract.field import Column, Label, Times
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.export.files import write_table
from wxcube.export.marked import marked_table
from wxcube.export.table import Table
from wxcube.i18n import Meaning
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.day_rows import DayRows

OFFICE = shutil.which("soffice")
needs_office = pytest.mark.skipif(
    OFFICE is None,
    reason="LibreOffice is not installed (apt-get install libreoffice-calc): nothing but openpyxl and pandas read the XLSX and CSV files",
)
NOW = datetime(2026, 4, 10, 9, tzinfo=BEIJING)
pytestmark = needs_office


def by_office(file: Path, folder: Path) -> list[list[object]]:
    """The first sheet of a file as LibreOffice has it, saved as a workbook again."""
    assert OFFICE
    command = [OFFICE, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
    # Unicode, comma, double quotes, from line 1 on, text columns as they are
    options = ["--infilter=CSV:44,34,76,1,,0,false,false,false"] if file.suffix == ".csv" else []
    target = folder / "office"
    subprocess.run(
        [*command, *options, "--convert-to", "xlsx", "--outdir", str(target), str(file)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sheet = openpyxl.load_workbook(target / f"{file.stem}.xlsx").worksheets[0]
    return [list(row) for row in sheet.iter_rows(min_row=2, values_only=True)]


def articles() -> Table:
    endpoint, by_day = contract.named("getarticletotaldetail"), dict[date, list[Any]]()
    for row in sample_rows(endpoint, Window.parse("2026-03-01..2026-03-07"), 3):
        by_day.setdefault(row.ref_date, []).append(row)
    final = DayState(State.FINAL, NOW, NOW, revision=2)
    days = [DayRows("wx1", day, Origin.WECHAT, rows, final) for day, rows in by_day.items()]
    return marked_table(endpoint, days, "detail_list")


def test_a_workbook_has_the_same_types_and_values(tmp_path: Path) -> None:
    table = articles()
    rows = list(table.rows)
    file = tmp_path / "x.xlsx"
    with file.open("wb") as target:
        write_table(target, articles(), "xlsx")
    read = by_office(file, tmp_path)
    types = [column.type for column in table.columns]
    assert [tuple(map(typed, types, row)) for row in read] == rows
    of_values = {date: datetime, datetime: datetime, int: int, str: str}
    for row in read:
        for value, type_ in zip(row, types, strict=True):
            assert value is None or isinstance(value, of_values.get(type_, (int, float)))


@pytest.mark.parametrize("file_format", ["xlsx", "csv"])
def test_no_text_is_evaluated(tmp_path: Path, file_format: str) -> None:
    texts = [text for text in PLANTED if text.isprintable()]
    columns = (
        Column("title", str, Label("标题", "title"), optional=False),
        Column("net", int, Times("净增", "net growth"), optional=True),
    )
    rows = [(text, -5) for text in texts]
    table = Table(("title", "net"), columns, rows, Meaning("planted", "标题"))
    buffer = io.BytesIO()
    write_table(buffer, table, "csv" if file_format == "csv" else "xlsx", bom=True)
    file = tmp_path / f"x.{file_format}"
    file.write_bytes(buffer.getvalue())
    read = by_office(file, tmp_path)
    assert [net for _, net in read] == [-5] * len(rows)
    shown = [str(title).removeprefix("'") for title, _ in read]
    assert shown == [text.removeprefix("'") for text in texts]
