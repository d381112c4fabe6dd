"""Rows as text files: CSV, JSON, JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import BinaryIO, Literal, TextIO

import msgspec

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.export.flat import flatten

Format = Literal["csv", "json", "jsonl"]
BOM = "\ufeff"
"""Excel takes a CSV file for UTF-8 only when it begins with this."""


def write_csv(
    file: TextIO,
    endpoint: Endpoint[RowT],
    rows: Iterable[RowT],
    *,
    part: str = "",
    header: str = "wire",
    bom: bool = False,
) -> int:
    """Write a part of the rows as CSV and give back how many lines it has."""
    table = flatten(endpoint, rows, part)
    if bom:
        file.write(BOM)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.header(header))
    count = 0
    for count, values in enumerate(table.rows, start=1):  # noqa: B007 - counts the rows
        writer.writerow(_safe(value) for value in values)
    return count


def write_json(file: BinaryIO, rows: list[RowT]) -> int:
    """Write the rows as WeChat would answer them."""
    file.write(msgspec.json.encode({"list": rows}) + b"\n")
    return len(rows)


def write_jsonl(file: BinaryIO, rows: Iterable[RowT]) -> int:
    """Write the rows one to a line."""
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - counts the rows
        file.write(msgspec.json.encode(row) + b"\n")
    return count


def _safe(value: object) -> object:
    """A cell a spreadsheet will not run as a formula; titles come from outside."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value
