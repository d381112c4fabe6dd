"""ClickHouse as the cube's engine: a server behind a URL, or one inside this process for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import uuid4

from wxcube.cube.engines.dialect import Dialect, empty_table, translated, type_name
from wxcube.cube.engines.local_parquet import column_types, write_parts
from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_T = TypeVar("_T")

IN_PROCESS = "chdb:"
"""URL of a ClickHouse inside this process, made by the package chdb."""
ROWS_AT_ONCE = 1_000_000
"""Rows that are sent to the server in one request."""

_SETTINGS = {
    # Without these ClickHouse reads an alias where a column is meant, joins to 0 instead of NULL,
    # and turns dates by the server's own time zone.
    "prefer_column_name_to_alias": 1,
    "join_use_nulls": 1,
    "session_timezone": "UTC",
}
_KINDS = {"b": "Bool", "i1": "Int8", "i2": "Int16", "i4": "Int32", "i8": "Int64"}
_NUMPY = {
    "Bool": "?",
    **{f"{u}Int{8 * n}": f"{u.lower() or 'i'}{n}" for u in ("", "U") for n in (1, 2, 4, 8)},
}


class ClickHouseEngine:
    """ClickHouse, in a database of its own that is dropped at the end; a context manager.

    `url` is http(s)://user:password@host:port, or "chdb:" for one inside this process.
    `memory_limit` is what one step may use, in bytes: half of it before grouping and sorting go to
    disk. `table_engine` is how tables between the steps are kept.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        memory_limit: int | None = None,
        table_engine: str | None = None,
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        is_server = url != IN_PROCESS
        self._tables = table_engine or ("MergeTree ORDER BY tuple()" if is_server else "Memory")
        self._client = _connect(
            url, password, {**_SETTINGS, **_memory(memory_limit), **(settings or {})}
        )
        self._database = f"wxcube_{uuid4().hex}"
        try:
            self._try("the database", lambda: self._command(f"CREATE DATABASE {self._database}"))
        except Exception:
            self._client.close()
            raise
        self._client.database = self._database

    def load(self, name: str, columns: Columns) -> None:
        """Make a table of these columns."""
        self._try(name, lambda: self._load(name, columns))

    def run(self, step: Step) -> None:
        """Make the table a step describes."""
        query = translated(step.sql, Dialect.CLICKHOUSE)
        create = f"CREATE TABLE {step.name} ENGINE = {self._tables} AS {query}"
        self._try(step.name, lambda: self._command(create))

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table by column, ordered by some of them."""
        query = f"SELECT * FROM {name} ORDER BY {', '.join(order)}"  # noqa: S608 - our own names
        return self._try(name, lambda: self._rows(query))

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Make a table of some columns of Parquet files of this machine, which are sent over.

        Without files the table is an empty one of the types in `empty`.
        """
        if files:
            self._try(name, lambda: self._read(name, columns, files))
        else:
            self.run(Step(name, (), empty_table(empty)))

    def ask(self, query: str) -> Columns:
        """The rows of a query by column, in the query's order."""
        return self._try("a query", lambda: self._rows(translated(query, Dialect.CLICKHOUSE)))

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table as files by day and group: `part=<day * group_count + group>/…`."""
        rows = self._try(name, lambda: self._rows(f"SELECT * FROM {name}"))  # noqa: S608 - our own names
        write_parts(rows, folder, group_count)

    def drop(self, name: str) -> None:
        """Forget a table."""
        self._try(name, lambda: self._command(f"DROP TABLE {name} SYNC"))

    def close(self) -> None:
        """Drop the database and end the connection."""
        with suppress(Exception):
            self._command(f"DROP DATABASE IF EXISTS {self._database} SYNC")
        self._client.close()

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
        lines = ", ".join(f"{column} {_kind(array)}" for column, array in columns.items())
        self._command(f"CREATE TABLE {name} ({lines}) ENGINE = {self._tables}")
        for block in _blocks(columns):
            self._client.raw_insert(name, list(columns), block, fmt="RowBinary")

    def _read(self, name: str, columns: str, files: Sequence[Path]) -> None:
        sent = f"{name}_files"
        types = {c: type_name(t, Dialect.CLICKHOUSE) for c, t in column_types(files[0]).items()}
        lines = ", ".join(f"`{column}` {kind}" for column, kind in types.items())
        self._command(f"CREATE TABLE {sent} ({lines}) ENGINE = {self._tables}")
        try:
            for path in files:
                with path.open("rb") as file:
                    self._client.raw_insert(sent, insert_block=file, fmt="Parquet")
            self.run(Step(name, (sent,), f"SELECT {columns} FROM {sent}"))  # noqa: S608 - our own names
        finally:
            self._command(f"DROP TABLE {sent} SYNC")

    def _rows(self, query: str) -> Columns:
        shown = self._client.query(f"DESCRIBE TABLE ({query})").result_columns[:2]
        types = dict(zip(*shown, strict=True))
        if not set(types.values()) <= _NUMPY.keys():
            columns = self._client.query(query).result_columns
            values = columns or [()] * len(types)
            return {c: np.asarray(v, "O") for c, v in zip(types, values, strict=True)}
        kind = np.dtype([(column, _NUMPY[kind]) for column, kind in types.items()])
        rows = np.frombuffer(self._client.raw_query(query, fmt="RowBinary"), kind)
        return {column: np.ascontiguousarray(rows[column]) for column in types}

    def _command(self, statement: str) -> None:
        self._client.command(statement)

    def _try(self, name: str, action: Callable[[], _T]) -> _T:
        from clickhouse_connect.driver.exceptions import ClickHouseError

        try:
            return action()
        except (ClickHouseError, OSError) as error:
            raise EngineError(f"computing {name} failed: {_first_line(error)}") from error


def _memory(limit: int | None) -> dict[str, int]:
    if limit is None:
        return {}
    spill = ("max_bytes_before_external_group_by", "max_bytes_before_external_sort")
    return {"max_memory_usage": limit, **dict.fromkeys(spill, limit // 2)}


def _kind(array: NDArray[Any]) -> str:
    return _KINDS["b" if array.dtype.kind == "b" else array.dtype.str[1:]]


def _blocks(columns: Columns) -> Iterator[bytes]:
    """The rows as ClickHouse's RowBinary, which is what a packed record of numpy is."""
    kind = np.dtype([(name, array.dtype.newbyteorder("<")) for name, array in columns.items()])
    number = len(next(iter(columns.values())))
    for start in range(0, number, ROWS_AT_ONCE):
        rows = np.empty(min(ROWS_AT_ONCE, number - start), kind)
        for name, array in columns.items():
            rows[name] = array[start : start + len(rows)]
        yield rows.tobytes()


def _connect(url: str, password: str | None, settings: dict[str, Any]) -> Client:
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
    except ImportError as missing:
        raise SettingsError(
            "the engine clickhouse needs clickhouse-connect",
            hint='install it with: pip install "wxcube[clickhouse]"',
        ) from missing
    try:
        return clickhouse_connect.get_client(**_address(url, password), settings=settings)
    except ImportError as missing:
        raise SettingsError(
            "ClickHouse inside this process needs chdb", hint="install it with: pip install chdb"
        ) from missing
    except ClickHouseError as error:
        raise EngineError(
            f"ClickHouse does not answer: {_first_line(error)}",
            hint="check its address, user, password and that it runs",
        ) from error


def _address(url: str, password: str | None) -> dict[str, Any]:
    """What the driver asks for; the password apart, so that no error shows it."""
    if url == IN_PROCESS:
        return {"interface": "chdb"}
    parts = split_url(url)
    return {
        "interface": parts.scheme,
        "host": parts.hostname,
        "port": parts.port,
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password or "") if password is None else password,
    }


def split_url(url: str) -> SplitResult:
    """The parts of a server's URL: scheme, user, password, host and port, nothing behind.

    Raises:  SettingsError if it is none; the error does not show it.
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        rest = parts.path.strip("/") + parts.query + parts.fragment
        # asking for the port is what finds a wrong one
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not rest:
            return parts
    raise SettingsError(
        "the address of ClickHouse is not a URL of its HTTP interface",
        hint=f'write it like "http://user@localhost:8123", or "{IN_PROCESS}" for one inside this '
        "process; signs like / # ? @ in a user or password are written as %2F %23 %3F %40",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
