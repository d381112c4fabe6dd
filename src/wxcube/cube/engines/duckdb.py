"""The interface of an engine that runs the cube's steps, and DuckDB in this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from wxcube.cube.steps import Step
from wxcube.errors import EngineError
from wxcube.events.columns import Columns
from wxcube.events.parquet_paths import quoted, read_parquet
from wxcube.i18n import Message, _

if TYPE_CHECKING:
    import duckdb

_T = TypeVar("_T")
_Option = str | bool | int | float | list[str]


class Engine(Protocol):
    """A database with tables of numbers, in which steps make new tables from others."""

    def load(self, name: str, columns: Columns) -> None:
        """Load columns into a new table."""
        ...

    def run(self, step: Step) -> None:
        """Make the table of a step."""
        ...

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table, by column, ordered by some of the columns."""
        ...

    def drop(self, name: str) -> None:
        """Drop a table."""
        ...


class DuckDbEngine:
    """DuckDB inside this process; a context manager that releases its memory at the end.

    `memory_limit` is in DuckDB's notation ("2GB"). Data that does not fit is spilled to files in
    `spill_directory` (default: the system's folder for temporary files) until the end.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        memory_limit: str | None = None,
        spill_directory: str | None = None,
    ) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._spill = tempfile.TemporaryDirectory(
            prefix="wxcube-", dir=spill_directory, ignore_cleanup_errors=True
        )
        options: dict[str, _Option | None] = {
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": self._spill.name,
            # PERF: files are on local disks, where passing each read to another thread costs more
            "async_threads": 0,
        }
        try:
            self._connection = _connect({k: v for k, v in options.items() if v is not None})
            self._execute("SET enable_progress_bar = false")
        except Exception:
            self._spill.cleanup()
            raise

    def load(self, name: str, columns: Columns) -> None:
        """Load columns into a new table."""
        self._try(computing(name), lambda: self._load(name, columns))

    def run(self, step: Step) -> None:
        """Make the table of a step."""
        create = f"CREATE TABLE {step.name} AS {step.sql}"
        self._try(computing(step.name), lambda: self._execute(create))

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table, by column, ordered by some of the columns."""
        query = f"SELECT * FROM {name} ORDER BY {', '.join(order)}"  # noqa: S608 - our own names
        return self._try(
            computing(name), lambda: dict(self._connection.execute(query).fetchnumpy())
        )

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Load some columns of files into a table; without files, it is empty, of these types."""
        if not files:
            create = f"CREATE TABLE {name} ({empty})"
            self._try(computing(name), lambda: self._execute(create))
            return
        select = f"SELECT {columns} FROM {read_parquet(files)}"  # noqa: S608 - own names
        self.run(Step(name, (), select))

    def query(self, query: str) -> Columns:
        """The rows of a query, by column, in the query's order."""
        return self._try(QUERY, lambda: dict(self._connection.execute(query).fetchnumpy()))

    def query_in_thread(self, query: str) -> Columns:
        """The rows of a query, as `query`; callable from several threads at the same time."""

        def rows() -> Columns:
            with self._connection.cursor() as cursor:
                return dict(cursor.execute(query).fetchnumpy())

        return self._try(QUERY, rows)

    def write_in_thread(self, columns: Columns, file: Path) -> None:
        """Write columns to one Parquet file; callable from several threads at the same time."""

        def copy() -> None:
            with self._connection.cursor() as cursor:
                cursor.register("outgoing", columns)
                # PERF: a higher level takes a third longer, and saves 1 % of the bytes
                options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
                cursor.execute(f"COPY (FROM outgoing) TO {quoted(file)} ({options})").fetchall()

        self._try(_("writing {file}", file=file), copy)

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table to one file per day and group: `part=<day * group_count + group>/…`."""
        query = f"SELECT *, d * {group_count} + acct % {group_count} AS part FROM {name}"  # noqa: S608 - own names
        options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part)"
        folder.parent.mkdir(parents=True, exist_ok=True)
        copy = f"COPY ({query}) TO {quoted(folder)} ({options})"
        self._try(computing(name), lambda: self._execute(copy))

    def drop(self, name: str) -> None:
        """Drop a table."""
        self._try(computing(name), lambda: self._execute(f"DROP TABLE {name}"))

    def close(self) -> None:
        """Release the memory and delete the temporary files."""
        with suppress(Exception):
            self._connection.close()
        self._spill.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _load(self, name: str, columns: Columns) -> None:
        self._connection.register("incoming", columns)
        try:
            self._execute(f"CREATE TABLE {name} AS FROM incoming")
        finally:
            self._connection.unregister("incoming")

    def _execute(self, statement: str) -> None:
        # an unread result blocks the connection for the next statement
        self._connection.execute(statement).fetchall()

    def _try(self, task: Message, action: Callable[[], _T]) -> _T:
        import duckdb

        try:
            return action()
        except duckdb.OutOfMemoryException as error:
            raise EngineError(
                _(
                    "{task} needs more memory than the engine may use: {reason}",
                    task=task,
                    reason=error,
                ),
                hint=_("give DuckDbEngine a larger memory_limit or fewer threads"),
            ) from error
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise EngineError(
                failed(task, str(error)),
                hint=_("if a file is damaged, `wxcube doctor` explains how to repair it"),
            ) from error
        except duckdb.Error as error:
            raise EngineError(failed(task, str(error))) from error


QUERY = _("a query")
"""The task of running a query, in an error message."""


def computing(table: str) -> Message:
    """The task of computing or reading a table, in an error message."""
    return _("computing {table}", table=table)


def failed(task: Message, reason: str) -> Message:
    """The message of a task that failed."""
    return _("{task} failed: {reason}", task=task, reason=reason)


def _connect(options: dict[str, _Option]) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return duckdb.connect(":memory:", config=options)
    except duckdb.Error as error:
        raise EngineError(
            _("DuckDB refuses its options: {reason}", reason=error),
            hint=_("check threads and memory_limit"),
        ) from error
