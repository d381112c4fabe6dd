"""Parquet files of a day's events, written and read with DuckDB."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from wxcube.errors import EngineError
from wxcube.events.columns import Columns
from wxcube.events.parquet_paths import quoted, read_parquet
from wxcube.events.store.durable import FileError, failed, sync_file
from wxcube.events.store.identity import COLUMNS_OF, identity
from wxcube.events.store.manifest import DayFile
from wxcube.i18n import _

if TYPE_CHECKING:
    import duckdb

_ERRNO = re.compile(r'"errno":"(\d+)"')
_OPTIONS = "(FORMAT parquet, COMPRESSION zstd)"
RESTORE_OR_FORGET = _(
    "restore it from a backup, or remove it with `wxcube events forget` and send that day's events "
    "again"
)


class UnreadableFileError(FileError):
    """A daily Parquet file is damaged or missing."""


class Parquet:
    """Writes and reads Parquet files; a context manager."""

    def __init__(self, memory_limit: str | None = None, threads: int | None = None) -> None:
        self._connection = _connect(memory_limit, threads)

    def write(self, path: Path, columns: Columns) -> None:
        """Write a family's columns to a file, durably and atomically.

        Raises:  EventStoreError if it cannot be written.
        """
        self._connection.register("incoming", columns)
        try:
            self._copy("SELECT * FROM incoming", path)
        finally:
            self._connection.unregister("incoming")

    def merge(self, paths: Sequence[Path], path: Path, condition: str = "TRUE") -> None:
        """Write the rows of several files that meet a condition to one, ordered by account."""
        query = f"SELECT * FROM {read_parquet(paths)} WHERE {condition} ORDER BY account"  # noqa: S608 - own names
        self._copy(query, path)

    def identities(self, folder: Path, file: DayFile) -> Columns:
        """The identity of every event of a listed file, whose checksum is compared first.

        Raises:  UnreadableFileError if it cannot be read, or was changed.
        """
        damage = file.damage(folder)
        if damage:
            path = folder / file.name
            raise UnreadableFileError(
                failed("read", path, damage), reason=damage, hint=RESTORE_OR_FORGET
            )
        return self.identities_of(folder / file.name)

    def identities_of(self, path: Path) -> Columns:
        """The identity of every event of a file, in its order.

        Raises:  UnreadableFileError if it cannot be read.
        """
        family = path.name.partition("-")[0]
        return identity(family, self.read(path, COLUMNS_OF[family]))

    def read(self, path: Path, columns: Iterable[str]) -> Columns:
        """Columns of every event of a file, in its order.

        Raises:  UnreadableFileError if it cannot be read.
        """
        names = ", ".join(f'"{name}"' for name in columns)
        return self._query(path, f"SELECT {names} FROM {read_parquet([path])}")  # noqa: S608 - own names

    def close(self) -> None:
        """Free DuckDB's memory."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _copy(self, query: str, path: Path) -> None:
        import duckdb

        draft = path.with_name(f"{path.name}.tmp")
        try:
            self._connection.execute(f"COPY ({query}) TO {quoted(draft)} {_OPTIONS}").fetchall()
            sync_file(draft)
            draft.replace(path)
        except (duckdb.Error, OSError) as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            reason = _reason(error)
            hint = _(
                "free space on that disk and run `wxcube events compact` again; the events are "
                "still in the log, none is lost"
            )
            raise FileError(failed("write", path, reason), reason=reason, hint=hint) from error

    def _query(self, path: Path, query: str) -> Columns:
        import duckdb

        try:
            return dict(self._connection.execute(query).fetchnumpy())
        except (duckdb.Error, OSError) as error:
            reason = _reason(error)
            raise UnreadableFileError(
                failed("read", path, reason), reason=reason, hint=RESTORE_OR_FORGET
            ) from error


def _connect(memory_limit: str | None, threads: int | None) -> duckdb.DuckDBPyConnection:
    import duckdb

    options: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads}
    try:
        return duckdb.connect(":memory:", config={k: v for k, v in options.items() if v})
    except duckdb.Error as error:
        raise EngineError(
            _("DuckDB refuses its options: {error}", error=error), hint=_("check memory_limit")
        ) from error


def _reason(error: Exception) -> str:
    """The operating system's error message, or the first line of DuckDB's."""
    code = _ERRNO.search(str(error))
    return os.strerror(int(code[1])) if code else str(error).partition("\n")[0]
