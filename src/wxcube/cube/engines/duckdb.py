"""What runs the cube's steps: a database in this process, or anything with the same calls."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError
from wxcube.events.columns import Columns
from wxcube.events.parquet_paths import quoted, reading

if TYPE_CHECKING:
    import duckdb

_T = TypeVar("_T")
_Option = str | bool | int | float | list[str]


class Engine(Protocol):
    """A place with tables of numbers, where steps make new tables out of others."""

    def load(self, name: str, columns: Columns) -> None:
        """Make a table of these columns."""
        ...

    def run(self, step: Step) -> None:
        """Make the table a step describes."""
        ...

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table by column, ordered by some of them."""
        ...

    def drop(self, name: str) -> None:
        """Forget a table."""
        ...


class DuckDbEngine:
    """DuckDB inside this process; a context manager that gives its memory back at the end.

    `memory_limit` is DuckDB's own notation ("2GB"); what does not fit goes to files below
    `spill_directory` (the system's place for temporary files by default) until the end.
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
        }
        try:
            self._connection = _connect({k: v for k, v in options.items() if v is not None})
            self._execute("SET enable_progress_bar = false")
        except Exception:
            self._spill.cleanup()
            raise

    def load(self, name: str, columns: Columns) -> None:
        """Make a table of these columns."""
        self._try(name, lambda: self._load(name, columns))

    def run(self, step: Step) -> None:
        """Make the table a step describes."""
        self._try(step.name, lambda: self._execute(f"CREATE TABLE {step.name} AS {step.sql}"))

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table by column, ordered by some of them."""
        query = f"SELECT * FROM {name} ORDER BY {', '.join(order)}"  # noqa: S608 - our own names
        return self._try(name, lambda: dict(self._connection.execute(query).fetchnumpy()))

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Make a table of some columns of files; without files an empty one of these types."""
        if not files:
            self._try(name, lambda: self._execute(f"CREATE TABLE {name} ({empty})"))
            return
        self.run(Step(name, (), f"SELECT {columns} FROM {reading(files)}"))  # noqa: S608 - own names

    def ask(self, query: str) -> Columns:
        """The rows of a query by column."""
        return self._try("a query", lambda: dict(self._connection.execute(query).fetchnumpy()))

    def take(self, query: str) -> Columns:
        """The rows of a query by column, as `ask`, from any thread and beside others."""

        def rows() -> Columns:
            with self._connection.cursor() as beside:
                return dict(beside.execute(query).fetchnumpy())

        return self._try("a query", rows)

    def put(self, columns: Columns, file: Path) -> None:
        """Write columns as one Parquet file, from any thread and beside others."""

        def copy() -> None:
            with self._connection.cursor() as beside:
                beside.register("outgoing", columns)
                options = "FORMAT parquet, COMPRESSION zstd"
                beside.execute(f"COPY (FROM outgoing) TO {quoted(file)} ({options})").fetchall()

        self._try(str(file), copy)

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table as files by day and group: `part=<day * group_count + group>/…`."""
        query = f"SELECT *, d * {group_count} + acct % {group_count} AS part FROM {name}"  # noqa: S608 - own names
        options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part)"
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._try(name, lambda: self._execute(f"COPY ({query}) TO {quoted(folder)} ({options})"))

    def drop(self, name: str) -> None:
        """Forget a table."""
        self._try(name, lambda: self._execute(f"DROP TABLE {name}"))

    def close(self) -> None:
        """Give memory and files back."""
        with suppress(Exception):
            self._connection.close()
        self._spill.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _load(self, name: str, columns: Columns) -> None:
        self._connection.register("incoming", columns)
        try:
            self._execute(f"CREATE TABLE {name} AS FROM incoming")
        finally:
            self._connection.unregister("incoming")

    def _execute(self, statement: str) -> None:
        # ENGINE: an unread result blocks DuckDB's connection for the next statement.
        self._connection.execute(statement).fetchall()

    def _try(self, name: str, action: Callable[[], _T]) -> _T:
        import duckdb

        try:
            return action()
        except duckdb.OutOfMemoryException as error:
            raise EngineError(
                f"computing {name} needs more memory than the engine may use: {error}",
                hint="give DuckDbEngine a larger memory_limit or fewer threads",
            ) from error
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise EngineError(
                f"computing {name} failed: {error}",
                hint="if a file is damaged, `wxcube doctor` says which and how to mend it",
            ) from error
        except duckdb.Error as error:
            raise EngineError(f"computing {name} failed: {error}") from error


def _connect(options: dict[str, _Option]) -> duckdb.DuckDBPyConnection:
    try:
        import duckdb
    except ImportError as missing:
        raise SettingsError(
            "computing rows from events needs DuckDB",
            hint='install it with: pip install "wxcube[cube]"',
        ) from missing
    try:
        return duckdb.connect(":memory:", config=options)
    except duckdb.Error as error:
        raise EngineError(
            f"DuckDB refuses its options: {error}", hint="check threads and memory_limit"
        ) from error
