"""Local Parquet files, read and written with DuckDB for engines that run elsewhere."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from wxcube.errors import EngineError
from wxcube.events.columns import Columns
from wxcube.events.parquet_paths import quoted, read_parquet
from wxcube.i18n import _

if TYPE_CHECKING:
    import duckdb


def column_types(file: Path) -> dict[str, str]:
    """The columns of a file and their DuckDB types.

    Raises:  EngineError if it cannot be read.
    """
    import duckdb

    try:
        with closing(_connection()) as connection:
            rows = connection.execute(f"DESCRIBE FROM {read_parquet([file])}").fetchall()
    except duckdb.Error as error:
        raise EngineError(
            _("{file} cannot be read: {reason}", file=file, reason=_first_line(error))
        ) from error
    return {row[0]: row[1] for row in rows}


def write_parts(columns: Columns, folder: Path, group_count: int) -> None:
    """Write rows to one file per day and group: `part=<day * group_count + group>/…`.

    Raises:  EngineError if they cannot be written.
    """
    import duckdb

    query = f"SELECT *, d * {group_count} + acct % {group_count} AS part FROM rows"  # noqa: S608 - a number
    options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part)"
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_connection()) as connection:
            connection.register("rows", columns)
            connection.execute(f"COPY ({query}) TO {quoted(folder)} ({options})").fetchall()
    except duckdb.Error as error:
        raise EngineError(
            _("{folder} cannot be written: {reason}", folder=folder, reason=_first_line(error))
        ) from error


def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(":memory:")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
