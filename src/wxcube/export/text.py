"""Rows as text files: CSV, JSON, JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from typing import Any, BinaryIO, Literal, TextIO

import msgspec

from wxcube.export.flat import FlatTable

Format = Literal["csv", "json", "jsonl"]
FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""Formats by the ending of a file's name."""
BOM = "\ufeff"
"""Excel reads a CSV file as UTF-8 only if it begins with this."""


def write_csv(file: TextIO, table: FlatTable, *, header: str = "wire", bom: bool = False) -> int:
    """Write a table as CSV, and return the number of its rows."""
    if bom:
        file.write(BOM)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.header(header))
    count = 0
    for count, values in enumerate(table.rows, start=1):  # noqa: B007 - counts the rows
        writer.writerow(_safe(value) for value in values)
    return count


def write_json(file: BinaryIO, rows: Iterable[Any]) -> int:
    """Write the rows like an answer of WeChat, and return their number."""
    count = 0
    file.write(b'{"list":[')
    for count, row in enumerate(rows, start=1):
        file.write((b"," if count > 1 else b"") + msgspec.json.encode(row))
    file.write(b"]}\n")
    return count


def write_jsonl(file: BinaryIO, rows: Iterable[Any]) -> int:
    """Write the rows one per line, and return their number."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - counts the rows
        file.write(msgspec.json.encode(row) + b"\n")
    return count


def _safe(value: object) -> object:
    """The value as text, changed where a spreadsheet would evaluate it: titles are not our own."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value
