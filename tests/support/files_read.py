"""Exported files read by other programs: the values of a table as Python has them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import openpyxl  # type: ignore[import-untyped]
import pandas as pd  # type: ignore[import-untyped]

from wxcube.beijing import BEIJING
from wxcube.export.table import Table
from wxcube.export.text import may_be_evaluated

Rows = list[tuple[Any, ...]]
PLANTED = (
    *("=1+1", "+1", "-3", "@SUM(A1)", "＝1", "＋1", "－1", "＠x", "|cmd", "\tx", "\rx", "\nx"),
    *("a\nb", "a\rb", "a,b", 'say "hi"', "'quoted", "{=1}", "https://example.com", " space "),
    *("<script>alert(1)</script>", "<r><t>rich</t></r>", "&amp;", "_x0041_"),
    *("\x00nul\x01", "\ufffe", "\u202egnp.exe", "\u200fرجل", "标题🙂", "题" * 500),
)
"""Texts that files must show as they are."""


def typed(column_type: type, value: Any) -> Any:
    """A value that was read from text or a sheet as one of a column's type."""
    if value is None or value is pd.NaT or value is pd.NA or value == "":
        return None
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - is not a number
        return None
    if column_type is date:
        return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))
    if column_type is datetime:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return time.astimezone(BEIJING) if time.tzinfo else time.replace(tzinfo=BEIJING)
    return column_type(value)


def _rows(table: Table, values: Any) -> Rows:
    types = [column.type for column in table.columns]
    return [tuple(map(typed, types, row)) for row in values]


def from_csv(table: Table, file: bytes) -> Rows:
    """The rows of a CSV file; an apostrophe before a formula is removed."""
    text = io.StringIO(file.decode("utf-8-sig"), newline="")
    header, *lines = csv.reader(text)
    assert len(header) == len(table.columns)
    return _rows(table, ([_without_guard(cell) for cell in line] for line in lines))


def _without_guard(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and may_be_evaluated(cell[1:]) else cell


def from_csv_by_pandas(table: Table, file: bytes) -> Rows:
    frame = pd.read_csv(
        io.BytesIO(file), encoding="utf-8-sig", dtype=str, keep_default_na=False, engine="python"
    )
    values = frame.itertuples(index=False, name=None)
    return _rows(table, ([_without_guard(cell) for cell in line] for line in values))


def from_xlsx(table: Table, file: bytes) -> Rows:
    """The rows of the first sheet by openpyxl, which leaves Excel's escapes as they are."""
    sheet = openpyxl.load_workbook(io.BytesIO(file)).worksheets[0]
    _header, *lines = sheet.iter_rows(values_only=True)
    return _rows(table, (map(unescaped, line) for line in lines))


def from_xlsx_by_pandas(table: Table, file: bytes) -> Rows:
    frame = pd.read_excel(io.BytesIO(file), keep_default_na=False, na_values=[""], dtype=object)
    return _rows(table, (map(unescaped, line) for line in frame.itertuples(index=False, name=None)))


def unescaped(value: Any) -> Any:
    """A text of a sheet as Excel shows it."""
    if not isinstance(value, str):
        return value
    return re.sub("_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), value)


def from_parquet(table: Table, file: bytes, folder: Path) -> Rows:
    path = folder / "read.parquet"
    path.write_bytes(file)
    with duckdb.connect() as connection:
        return _rows(table, connection.execute("FROM read_parquet(?)", [str(path)]).fetchall())


def from_parquet_by_pandas(table: Table, file: bytes) -> Rows:
    frame = pd.read_parquet(io.BytesIO(file), dtype_backend="numpy_nullable")
    return _rows(table, frame.astype(object).itertuples(index=False, name=None))


def from_json(table: Table, file: bytes) -> Rows:
    rows = msgspec.json.decode(file)["list"]
    return _rows(table, ([row[name] for name in table.names] for row in rows))


def from_json_lines(table: Table, file: bytes) -> Rows:
    rows = map(msgspec.json.decode, file.splitlines())
    return _rows(table, ([row[name] for name in table.names] for row in rows))


READERS: list[tuple[str, Callable[[Table, bytes], Rows]]] = [
    ("csv", from_csv),
    ("csv", from_csv_by_pandas),
    ("xlsx", from_xlsx),
    ("xlsx", from_xlsx_by_pandas),
    ("parquet", from_parquet_by_pandas),
    ("json", from_json),
    ("jsonl", from_json_lines),
]
"""Formats, and who reads them."""
