"""A table as a file of any format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Literal, TypeAlias

from wxcube.export.table import Header, Table
from wxcube.export.text import records, write_csv, write_json, write_jsonl
from wxcube.i18n import message as i18n

Format: TypeAlias = Literal["csv", "xlsx", "json", "jsonl", "parquet"]
FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".xlsx": "xlsx",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""Formats by the extension of a file."""
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
"""Media types of the formats, for HTTP."""
BINARY: frozenset[Format] = frozenset({"xlsx", "parquet"})
"""Formats that are no text."""


def write_table(
    file: BinaryIO,
    table: Table,
    file_format: Format,
    *,
    header: Header = "wire",
    language: i18n.Code = "en",
    bom: bool = False,
) -> int:
    """Write a table to a binary file, and return the number of its rows.

    `header` is that of CSV, XLSX and Parquet; with labels, codes have their meanings beside them.
    Members of JSON have WeChat's names. `language` is that of the explanations in a workbook whose
    header is WeChat's. `bom` is for CSV: Excel needs it to read UTF-8.
    """
    match file_format:
        case "csv":
            return write_csv(file, table.labelled(header), header=header, bom=bom)
        case "xlsx":
            return sum(write_workbook(file, [table], header=header, language=language))
        case "parquet":
            from wxcube.export.parquet import write_parquet

            return write_parquet(file, table.labelled(header), header=header)
        case "json":
            return write_json(file, records(table, table.names))
        case "jsonl":
            return write_jsonl(file, records(table, table.names))


def write_workbook(
    file: BinaryIO, tables: Iterable[Table], *, header: Header = "wire", language: i18n.Code = "en"
) -> list[int]:
    """Write tables as the sheets of an Excel workbook, and return the number of rows of each."""
    from wxcube.export.xlsx import write_xlsx

    labelled = (table.labelled(header) for table in tables)
    return write_xlsx(file, labelled, header=header, language=language)
