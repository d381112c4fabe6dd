"""Spark as the cube's engine: tables are Parquet files in a folder shared by the whole cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

import numpy as np

from wxcube.cube.engines.dialect import Dialect, empty_table, translated
from wxcube.cube.engines.duckdb import QUERY, computing, failed
from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError
from wxcube.events.columns import Columns
from wxcube.i18n import Message, _

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_T = TypeVar("_T")

ROWS_PER_FILE = 1_000_000
"""Rows in one Parquet file of a loaded table; executors read several files in parallel."""

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
_RESULT = "query_result"
_FILES = "incoming_files"
_INCOMING, _PROBE, _WAREHOUSE = "_incoming", "_probe", "_warehouse"
_MASTER = re.compile(r"(spark|k8s)://.+|yarn|local(\[.+\])?")


class SparkEngine:
    """Spark, with its tables in a folder that is deleted at the end; a context manager.

    `master` is spark://host:port, yarn, k8s://… or local[n]; `folder` is a path under which this
    process and every executor see the same files. Tables with accounts are split by account into
    `partitions` partitions, so that no step after the first moves rows between machines. `settings`
    are passed to Spark unchanged.
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
                _("{master!r} is not a Spark master", master=master),
                hint=_("write it like spark://host:7077, yarn, k8s://… or local[2]"),
            )
        self._partitions = partitions
        self._database = f"wxcube_{uuid4().hex}"
        # not resolved: a symbolic link may exist on this machine only
        self._folder = Path(folder).absolute() / self._database
        own = {
            "spark.master": master,
            "spark.sql.shuffle.partitions": str(partitions),
            "spark.sql.warehouse.dir": _uri(self._folder / _WAREHOUSE),
        }
        is_local = master.startswith("local")
        local = _LOOPBACK if is_local else {}
        self._spark = _started(own | _SETTINGS | local | dict(settings or {}))
        try:
            self._try(_("creating the folder of tables"), self._make_database)
            if not is_local:
                self._try(_("writing a first table"), lambda: self._check_shared(self._folder))
        except BaseException:
            self.close()
            raise

    def load(self, name: str, columns: Columns) -> None:
        """Load columns into a new table."""
        self._try(computing(name), lambda: self._load(name, columns))

    def run(self, step: Step) -> None:
        """Make the table of a step."""
        query = translated(step.sql, Dialect.SPARK)
        self._try(computing(step.name), lambda: self._save(step.name, self._spark.sql(query)))

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table, by column, ordered by some of the columns."""
        table = self._try(computing(name), lambda: self._read(name))
        sorting = np.lexsort([table[column] for column in reversed(order)])
        return {column: array[sorting] for column, array in table.items()}

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Load some columns of Parquet files, which every executor must see, into a table.

        Without files, the table is empty, with the types in `empty`.
        """
        if files:
            self._try(computing(name), lambda: self._load_files(name, columns, files))
        else:
            self.run(Step(name, (), empty_table(empty)))

    def query(self, query: str) -> Columns:
        """The rows of a query, by column, in the query's order."""
        return self._try(QUERY, lambda: self._query(translated(query, Dialect.SPARK)))

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table to one file per day and group: `part=<day * group_count + group>/…`."""
        self._try(computing(name), lambda: self._write(name, folder, group_count))

    def drop(self, name: str) -> None:
        """Drop a table."""
        self._try(computing(name), lambda: self._spark.sql(f"DROP TABLE {name}"))

    def close(self) -> None:
        """Delete the tables and disconnect from the cluster."""
        with suppress(Exception):
            self._spark.sql(f"DROP DATABASE IF EXISTS {self._database} CASCADE")
        with suppress(Exception):
            self._spark.stop()
        rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _make_database(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        location = str(self._folder).replace("\\", "\\\\").replace("'", "\\'")
        self._spark.sql(f"CREATE DATABASE {self._database} LOCATION 'file:{location}'")
        self._spark.catalog.setCurrentDatabase(self._database)

    def _check_shared(self, folder: Path) -> None:
        """Refuse a folder that executors do not share: tables would be read as empty."""
        probe = folder / _PROBE
        try:
            parts = self._partitions
            self._spark.range(0, parts, 1, parts).write.parquet(_uri(probe))
            rows = sum(len(_arrow().parquet.read_table(file)) for file in _files(probe))
        finally:
            rmtree(probe, ignore_errors=True)
        if rows != parts:
            raise EngineError(
                _(
                    "{folder} is not the same folder on this machine and on Spark's machines",
                    folder=folder.parent,
                ),
                hint=_("choose a folder that all of them share under the same path"),
            )

    def _load(self, name: str, columns: Columns) -> None:
        incoming = self._folder / _INCOMING
        try:
            _write(incoming, columns)
            frame = self._spark.read.parquet(_uri(incoming))
            by_account = frame.repartition(self._partitions, "acct") if "acct" in columns else frame
            self._save(name, by_account)
        finally:
            rmtree(incoming, ignore_errors=True)

    def _query(self, query: str) -> Columns:
        # Spark has no DISTINCT ON; sqlglot's replacement leaves a column of its own
        frame = self._spark.sql(query).drop("_row_number")
        # the files of a sorted frame are in order; bucketed by account they would not be
        self._clear(_RESULT)
        frame.write.format("parquet").saveAsTable(_RESULT)
        try:
            return self._read(_RESULT)
        finally:
            self.drop(_RESULT)

    def _load_files(self, name: str, columns: str, files: Sequence[Path]) -> None:
        self._spark.read.parquet(*map(_uri, files)).createOrReplaceTempView(_FILES)
        query = translated(f"SELECT {columns} FROM {_FILES}", Dialect.SPARK)  # noqa: S608 - our own names
        self._save(name, self._spark.sql(query).repartition(self._partitions, "acct"))

    def _write(self, name: str, folder: Path, group_count: int) -> None:
        part = f"d * {group_count} + acct % {group_count} AS part"
        frame = self._spark.table(name).selectExpr("*", part).repartition("part")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # one file per part, whatever other settings say
        options = {"compression": "zstd", "maxRecordsPerFile": "0"}
        frame.write.partitionBy("part").options(**options).parquet(_uri(folder))
        for extra in (*folder.rglob(".*.crc"), folder / "_SUCCESS"):
            extra.unlink(missing_ok=True)

    def _clear(self, name: str) -> None:
        """Delete the leftovers of a failed write, which Spark would not overwrite."""
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
        """The rows of a table, read from its files without using the memory of Spark's driver."""
        parquet = _arrow().parquet
        schema = self._spark.table(name).schema
        columns = {f.name: np.zeros(0, _NUMPY[f.dataType.simpleString()]) for f in schema}
        parts = [parquet.read_table(file) for file in _files(self._folder / name)]
        for column, empty in columns.items():
            arrays = [part[column].to_numpy() for part in parts]
            columns[column] = np.concatenate([empty, *arrays])
        return columns

    def _try(self, task: Message, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except _failures() as error:
            raise EngineError(failed(task, _first_line(error))) from error


def _uri(path: Path) -> str:
    return f"file:{path.absolute()}"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _write(folder: Path, columns: Columns) -> None:
    arrow = _arrow()
    table = arrow.table(columns)
    folder.mkdir()
    for start in range(0, max(1, len(table)), ROWS_PER_FILE):
        part = table.slice(start, ROWS_PER_FILE)
        arrow.parquet.write_table(part, folder / f"{start}.parquet", compression="zstd")


def _started(settings: Mapping[str, str]) -> SparkSession:
    try:
        _arrow()
        from pyspark.sql import SparkSession
    except ImportError as missing:
        raise SettingsError(
            _("the engine spark needs pyspark and pyarrow"),
            hint=_('install them with: pip install "wxcube[spark]"'),
        ) from missing
    if SparkSession.getActiveSession() is not None:
        raise SettingsError(
            _("this process already runs Spark, possibly with another master"),
            hint=_("stop that session first"),
        )
    try:
        return SparkSession.builder.config(map=dict(settings)).getOrCreate()
    except _failures() as error:
        raise EngineError(
            _("Spark does not start: {reason}", reason=_first_line(error)),
            hint=_("check that Java 17 or newer is installed and that the master is running"),
        ) from error


def _arrow() -> Any:
    """The module pyarrow, which has no type hints."""
    import_module("pyarrow.parquet")
    return import_module("pyarrow")


def _failures() -> tuple[type[Exception], ...]:
    pyspark, py4j = import_module("pyspark.errors"), import_module("py4j.protocol")
    return pyspark.PySparkException, py4j.Py4JError, _arrow().ArrowException, OSError


def _first_line(error: Exception) -> str:
    # py4j's own text of a Java error only says which call failed
    text = getattr(error, "java_exception", None) or error
    return str(text).strip().partition("\n")[0]
