"""Paths of Parquet files in SQL for DuckDB, each taken literally.

DuckDB treats `*`, `?` and `[` in the name of a file to read as a pattern, and makes a column of
every folder with a name like `day=1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_PATTERN = re.compile(r"[*?\[]")


def read_parquet(files: Iterable[Path], options: str = "") -> str:
    """SQL for the rows of exactly these files, with no columns but their own.

    >>> read_parquet([Path("/a[1]/b.parquet")])
    "read_parquet(['/a[[]1]/b.parquet'], hive_partitioning = false)"
    """
    arguments = ", ".join(part for part in ("hive_partitioning = false", options) if part)
    return f"read_parquet({file_list(files)}, {arguments})"


def file_list(files: Iterable[Path]) -> str:
    """SQL for a list of files to read, as an argument of a function of DuckDB."""
    return f"[{', '.join(quoted(_literal(file.absolute())) for file in files)}]"


def quoted(path: Path) -> str:
    """A path as an SQL string, as `COPY … TO` takes it.

    >>> quoted(Path("it's"))
    "'it''s'"
    """
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _literal(path: Path) -> Path:
    """A pattern that matches only this path."""
    return Path(_PATTERN.sub(r"[\g<0>]", str(path)))
