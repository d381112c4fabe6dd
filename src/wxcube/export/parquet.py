"""A table as a Parquet file, by DuckDB."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from wxcube.errors import WarehouseError
from wxcube.export.table import Header, Table
from wxcube.export.text import records, write_jsonl
from wxcube.i18n import _

_TYPES = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    date: "DATE",
    datetime: "TIMESTAMPTZ",
}
_LIMITS: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "256MB", "threads": 1}
"""Enough for any number of rows: DuckDB writes what is beyond it to its temporary directory."""


def write_parquet(file: BinaryIO, table: Table, *, header: Header = "wire") -> int:
    """Write a table as Parquet with typed columns, and return the number of its rows.

    The rows pass through a temporary directory, so that memory is bounded.

    Raises:  WarehouseError if DuckDB cannot write it.
    """
    import duckdb

    with TemporaryDirectory(prefix="wxcube-") as folder:
        lines, parquet = Path(folder, "rows.jsonl"), Path(folder, "rows.parquet")
        titles = table.header(header)
        with lines.open("wb") as draft:
            count = write_jsonl(draft, records(table, titles))
        types = dict(zip(titles, (_TYPES[c.type] for c in table.columns), strict=True))
        rows = f"read_json({_quoted(lines)}, format='newline_delimited', columns={_struct(types)})"
        try:
            with duckdb.connect(config={**_LIMITS, "temp_directory": folder}) as connection:
                connection.execute(
                    f"COPY (FROM {rows}) TO {_quoted(parquet)} (FORMAT parquet, COMPRESSION zstd)"
                )
        except duckdb.Error as error:
            raise WarehouseError(
                _("the Parquet file cannot be written: {reason}", reason=error),
                hint=_("check the free space in the folder for temporary files (TMPDIR)"),
            ) from error
        with parquet.open("rb") as written:
            shutil.copyfileobj(written, file)
    return count


def _struct(types: dict[str, str]) -> str:
    """Columns and types as a value of DuckDB's SQL."""
    members = (f"{_quoted(name)}: {_quoted(type_)}" for name, type_ in types.items())
    return "{" + ", ".join(members) + "}"


def _quoted(text: object) -> str:
    """A text as a value of SQL."""
    return "'" + str(text).replace("'", "''") + "'"
