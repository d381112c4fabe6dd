"""Spark as the cube's engine: tables are Parquet in a folder that the whole cluster sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

from wxcube.cube.engines.dialect import Dialect, empty_table, translated
from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError
from wxcube.events.arrays import np
from wxcube.events.columns import Columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_T = TypeVar("_T")

ROWS_AT_ONCE = 1_000_000
"""Rows in one Parquet file of a loaded table; executors read several files at the same time."""

_SETTINGS = {
    "spark.app.name": "wxcube",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_NUMPY = {
    "boolean": "?",
    "tinyint": "i1",
    "smallint": "i2",
    "int": "i4",
    "bigint": "i8",
    "string": "O",
}
_ASKED = "asked"
_FILES = "incoming_files"
_INCOMING, _PROBE, _WAREHOUSE = "_incoming", "_probe", "_warehouse"
_MASTER = re.compile(r"(spark|k8s)://.+|yarn|local(\[.+\])?")


class SparkEngine:
    """Spark, with its tables in a folder that is removed at the end; a context manager.

    `master` is spark://host:port, yarn, k8s://… or local[n]; `folder` a path under which this
    process and every executor see the same files. A table with accounts is kept in `partitions`
    parts by account, so that no step after the first moves its rows between machines. `settings`
    go to Spark as they are.
    """

    def __init__(
        self,
        master: str,
        folder: str | Path,
        *,
        partitions: int = 16,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        if not _MASTER.fullmatch(master):
            raise SettingsError(
                f"{master!r} is no master of Spark's",
                hint="write it like spark://host:7077, yarn, k8s://… or local[2]",
            )
        self._partitions = partitions
        self._database = f"wxcube_{uuid4().hex}"
        # as it was given: a link that only this machine has must not be followed
        self._folder = Path(folder).absolute() / self._database
        own = {
            "spark.master": master,
            "spark.sql.shuffle.partitions": str(partitions),
            "spark.sql.warehouse.dir": _place(self._folder / _WAREHOUSE),
        }
        is_local = master.startswith("local")
        local = _LOOPBACK if is_local else {}
        self._spark = _started(own | _SETTINGS | local | dict(settings or {}))
        try:
            self._try("the tables' folder", self._make_database)
            if not is_local:
                self._try("a first table", lambda: self._check_shared(self._folder))
        except BaseException:
            self.close()
            raise

    def load(self, name: str, columns: Columns) -> None:
        """Make a table of these columns."""
        self._try(name, lambda: self._load(name, columns))

    def run(self, step: Step) -> None:
        """Make the table a step describes."""
        query = translated(step.sql, Dialect.SPARK)
        self._try(step.name, lambda: self._save(step.name, self._spark.sql(query)))

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table by column, ordered by some of them."""
        found = self._try(name, lambda: self._read(name))
        line = np.lexsort([found[column] for column in reversed(order)])
        return {column: array[line] for column, array in found.items()}

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Make a table of some columns of Parquet files that every executor sees.

        Without files the table is an empty one of the types in `empty`.
        """
        if files:
            self._try(name, lambda: self._take(name, columns, files))
        else:
            self.run(Step(name, (), empty_table(empty)))

    def ask(self, query: str) -> Columns:
        """The rows of a query by column, in the query's order."""
        return self._try("a query", lambda: self._ask(translated(query, Dialect.SPARK)))

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table as files by day and group: `part=<day * group_count + group>/…`."""
        self._try(name, lambda: self._write(name, folder, group_count))

    def drop(self, name: str) -> None:
        """Forget a table."""
        self._try(name, lambda: self._spark.sql(f"DROP TABLE {name}"))

    def close(self) -> None:
        """Remove the tables and leave the cluster."""
        with suppress(Exception):
            self._spark.sql(f"DROP DATABASE IF EXISTS {self._database} CASCADE")
        with suppress(Exception):
            self._spark.stop()
        rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _make_database(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        place = str(self._folder).replace("\\", "\\\\").replace("'", "\\'")
        self._spark.sql(f"CREATE DATABASE {self._database} LOCATION 'file:{place}'")
        self._spark.catalog.setCurrentDatabase(self._database)

    def _check_shared(self, folder: Path) -> None:
        """Refuse a folder of which executors have another: tables would come out empty."""
        probe = folder / _PROBE
        try:
            parts = self._partitions
            self._spark.range(0, parts, 1, parts).write.parquet(_place(probe))
            found = sum(len(_arrow().parquet.read_table(file)) for file in _files(probe))
        finally:
            rmtree(probe, ignore_errors=True)
        if found != parts:
            raise EngineError(
                f"{folder.parent} is not the same folder here and on Spark's machines",
                hint="name a folder that all of them share under the same path",
            )

    def _load(self, name: str, columns: Columns) -> None:
        incoming = self._folder / _INCOMING
        try:
            _write(incoming, columns)
            frame = self._spark.read.parquet(_place(incoming))
            by_account = frame.repartition(self._partitions, "acct") if "acct" in columns else frame
            self._save(name, by_account)
        finally:
            rmtree(incoming, ignore_errors=True)

    def _ask(self, query: str) -> Columns:
        # SPARK: it has no DISTINCT ON, and sqlglot's way around it leaves a column of its own.
        frame = self._spark.sql(query).drop("_row_number")
        # Parts of a sorted frame are in order; by account they would not be.
        self._clear(_ASKED)
        frame.write.format("parquet").saveAsTable(_ASKED)
        try:
            return self._read(_ASKED)
        finally:
            self.drop(_ASKED)

    def _take(self, name: str, columns: str, files: Sequence[Path]) -> None:
        self._spark.read.parquet(*map(_place, files)).createOrReplaceTempView(_FILES)
        query = translated(f"SELECT {columns} FROM {_FILES}", Dialect.SPARK)  # noqa: S608 - our own names
        self._save(name, self._spark.sql(query).repartition(self._partitions, "acct"))

    def _write(self, name: str, folder: Path, group_count: int) -> None:
        part = f"d * {group_count} + acct % {group_count} AS part"
        frame = self._spark.table(name).selectExpr("*", part).repartition("part")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # one file for each part, whatever Spark is told elsewhere
        options = {"compression": "zstd", "maxRecordsPerFile": "0"}
        frame.write.partitionBy("part").options(**options).parquet(_place(folder))
        for extra in (*folder.rglob(".*.crc"), folder / "_SUCCESS"):
            extra.unlink(missing_ok=True)

    def _clear(self, name: str) -> None:
        """Remove what a failed write left, which Spark would not write over."""
        folder = self._folder / name
        if folder.exists() and not self._spark.catalog.tableExists(name):
            rmtree(folder)

    def _save(self, name: str, frame: DataFrame) -> None:
        self._clear(name)
        writer = frame.write.format("parquet")
        if "acct" in frame.columns:
            writer = writer.bucketBy(self._partitions, "acct")
        writer.saveAsTable(name)

    def _read(self, name: str) -> Columns:
        """The table's files, without Spark: rows through the driver would cost it their memory."""
        parquet = _arrow().parquet
        schema = self._spark.table(name).schema
        found = {f.name: np.zeros(0, _NUMPY[f.dataType.simpleString()]) for f in schema}
        parts = [parquet.read_table(file) for file in _files(self._folder / name)]
        for column, empty in found.items():
            arrays = [part[column].to_numpy() for part in parts]
            found[column] = np.concatenate([empty, *arrays])
        return found

    def _try(self, name: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except _failures() as error:
            raise EngineError(f"computing {name} failed: {_first_line(error)}") from error


def _place(path: Path) -> str:
    return f"file:{path.absolute()}"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _write(folder: Path, columns: Columns) -> None:
    arrow = _arrow()
    table = arrow.table(columns)
    folder.mkdir()
    for start in range(0, max(1, len(table)), ROWS_AT_ONCE):
        part = table.slice(start, ROWS_AT_ONCE)
        arrow.parquet.write_table(part, folder / f"{start}.parquet", compression="zstd")


def _started(settings: Mapping[str, str]) -> SparkSession:
    try:
        _arrow()
        from pyspark.sql import SparkSession
    except ImportError as missing:
        raise SettingsError(
            "the engine spark needs pyspark and pyarrow",
            hint='install them with: pip install "wxcube[spark]"',
        ) from missing
    if SparkSession.getActiveSession() is not None:
        raise SettingsError(
            "Spark runs in this process already, maybe with another master",
            hint="stop that session first",
        )
    try:
        return SparkSession.builder.config(map=dict(settings)).getOrCreate()
    except _failures() as error:
        raise EngineError(
            f"Spark does not start: {_first_line(error)}",
            hint="check that Java 17 or newer is installed and that the master runs",
        ) from error


def _arrow() -> Any:
    """pyarrow, whose types nobody has written down."""
    import_module("pyarrow.parquet")
    return import_module("pyarrow")


def _failures() -> tuple[type[Exception], ...]:
    pyspark, py4j = import_module("pyspark.errors"), import_module("py4j.protocol")
    return pyspark.PySparkException, py4j.Py4JError, _arrow().ArrowException, OSError


def _first_line(error: Exception) -> str:
    # what py4j itself says of an error in Java is only where it was called
    text = getattr(error, "java_exception", None) or error
    return str(text).strip().partition("\n")[0]
