"""Paths of Parquet files in statements for DuckDB, each taken as it is written.

DuckDB takes `*`, `?` and `[` in the name of a file to read for a pattern, and makes a column of
every folder called like `day=1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_PATTERN = re.compile(r"[*?\[]")


def reading(files: Iterable[Path], options: str = "") -> str:
    """A table of the rows of files: those of exactly these names, with their own columns alone.

    >>> reading([Path("/a[1]/b.parquet")])
    "read_parquet(['/a[[]1]/b.parquet'], hive_partitioning = false)"
    """
    given = ", ".join(part for part in ("hive_partitioning = false", options) if part)
    return f"read_parquet({listed(files)}, {given})"


def listed(files: Iterable[Path]) -> str:
    """Files to read, as an argument of a function of DuckDB."""
    return f"[{', '.join(quoted(_literal(file.absolute())) for file in files)}]"


def quoted(path: Path) -> str:
    """A path as a text of SQL, as `COPY … TO` takes it.

    >>> quoted(Path("it's"))
    "'it''s'"
    """
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _literal(path: Path) -> Path:
    """A pattern that only this path fits."""
    return Path(_PATTERN.sub(r"[\g<0>]", str(path)))
