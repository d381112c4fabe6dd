"""ClickHouse as the cube's engine: a server at a URL, or one inside this process for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from wxcube.cube.engines.dialect import Dialect, empty_table, translated, type_name
from wxcube.cube.engines.duckdb import QUERY, computing, failed
from wxcube.cube.engines.local_parquet import column_types, write_parts
from wxcube.cube.steps import Step
from wxcube.errors import EngineError, SettingsError
from wxcube.events.columns import Columns
from wxcube.i18n import Message, _

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_T = TypeVar("_T")

IN_PROCESS = "chdb:"
"""The URL of a ClickHouse inside this process, which the package chdb provides."""
ROWS_PER_REQUEST = 1_000_000
"""The number of rows sent to the server in one request."""

_SETTINGS = {
    # Without these, ClickHouse resolves a name to a column where an alias is meant, joins to 0
    # instead of NULL, and converts dates in the server's own time zone.
    "prefer_column_name_to_alias": 1,
    "join_use_nulls": 1,
    "session_timezone": "UTC",
}
_TYPES = {"b": "Bool", "i1": "Int8", "i2": "Int16", "i4": "Int32", "i8": "Int64"}
_NUMPY = {
    "Bool": "?",
    **{f"{u}Int{8 * n}": f"{u.lower() or 'i'}{n}" for u in ("", "U") for n in (1, 2, 4, 8)},
}


class ClickHouseEngine:
    """ClickHouse, in a database of its own that is dropped at the end; a context manager.

    `url` is http(s)://user:password@host:port, or "chdb:" for one inside this process.
    `memory_limit` is the limit for one step, in bytes; grouping and sorting spill to disk from half
    of it. `table_engine` is the table engine of the steps' tables.
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
            create = f"CREATE DATABASE {self._database}"
            self._try(_("creating a database"), lambda: self._command(create))
        except Exception:
            self._client.close()
            raise
        self._client.database = self._database

    def load(self, name: str, columns: Columns) -> None:
        """Load columns into a new table."""
        self._try(computing(name), lambda: self._load(name, columns))

    def run(self, step: Step) -> None:
        """Make the table of a step."""
        query = translated(step.sql, Dialect.CLICKHOUSE)
        create = f"CREATE TABLE {step.name} ENGINE = {self._tables} AS {query}"
        self._try(computing(step.name), lambda: self._command(create))

    def fetch(self, name: str, order: Sequence[str]) -> Columns:
        """All rows of a table, by column, ordered by some of the columns."""
        query = f"SELECT * FROM {name} ORDER BY {', '.join(order)}"  # noqa: S608 - our own names
        return self._try(computing(name), lambda: self._rows(query))

    def read(self, name: str, columns: str, files: Sequence[Path], empty: str) -> None:
        """Load some columns of local Parquet files, which are sent to the server, into a table.

        Without files, the table is empty, with the types in `empty`.
        """
        if files:
            self._try(computing(name), lambda: self._read(name, columns, files))
        else:
            self.run(Step(name, (), empty_table(empty)))

    def query(self, query: str) -> Columns:
        """The rows of a query, by column, in the query's order."""
        return self._try(QUERY, lambda: self._rows(translated(query, Dialect.CLICKHOUSE)))

    def write(self, name: str, folder: Path, group_count: int) -> None:
        """Write a table to one file per day and group: `part=<day * group_count + group>/…`."""
        query = f"SELECT * FROM {name}"  # noqa: S608 - our own names
        rows = self._try(computing(name), lambda: self._rows(query))
        write_parts(rows, folder, group_count)

    def drop(self, name: str) -> None:
        """Drop a table."""
        self._try(computing(name), lambda: self._command(f"DROP TABLE {name} SYNC"))

    def close(self) -> None:
        """Drop the database and close the connection."""
        with suppress(Exception):
            self._command(f"DROP DATABASE IF EXISTS {self._database} SYNC")
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _load(self, name: str, columns: Columns) -> None:
        types = ", ".join(f"{column} {_type(array)}" for column, array in columns.items())
        self._command(f"CREATE TABLE {name} ({types}) ENGINE = {self._tables}")
        for block in _blocks(columns):
            self._client.raw_insert(name, list(columns), block, fmt="RowBinary")

    def _read(self, name: str, columns: str, files: Sequence[Path]) -> None:
        sent = f"{name}_files"
        types = {c: type_name(t, Dialect.CLICKHOUSE) for c, t in column_types(files[0]).items()}
        typed = ", ".join(f"`{column}` {kind}" for column, kind in types.items())
        self._command(f"CREATE TABLE {sent} ({typed}) ENGINE = {self._tables}")
        try:
            for path in files:
                with path.open("rb") as file:
                    self._client.raw_insert(sent, insert_block=file, fmt="Parquet")
            self.run(Step(name, (sent,), f"SELECT {columns} FROM {sent}"))  # noqa: S608 - our own names
        finally:
            self._command(f"DROP TABLE {sent} SYNC")

    def _rows(self, query: str) -> Columns:
        names_and_types = self._client.query(f"DESCRIBE TABLE ({query})").result_columns[:2]
        types = dict(zip(*names_and_types, strict=True))
        if not set(types.values()) <= _NUMPY.keys():
            columns = self._client.query(query).result_columns
            values = columns or [()] * len(types)
            return {c: np.asarray(v, "O") for c, v in zip(types, values, strict=True)}
        dtype = np.dtype([(column, _NUMPY[kind]) for column, kind in types.items()])
        rows = np.frombuffer(self._client.raw_query(query, fmt="RowBinary"), dtype)
        return {column: np.ascontiguousarray(rows[column]) for column in types}

    def _command(self, statement: str) -> None:
        self._client.command(statement)

    def _try(self, task: Message, action: Callable[[], _T]) -> _T:
        from clickhouse_connect.driver.exceptions import ClickHouseError

        try:
            return action()
        except (ClickHouseError, OSError) as error:
            raise EngineError(failed(task, _first_line(error))) from error


def _memory(limit: int | None) -> dict[str, int]:
    if limit is None:
        return {}
    spill = ("max_bytes_before_external_group_by", "max_bytes_before_external_sort")
    return {"max_memory_usage": limit, **dict.fromkeys(spill, limit // 2)}


def _type(array: NDArray[Any]) -> str:
    return _TYPES["b" if array.dtype.kind == "b" else array.dtype.str[1:]]


def _blocks(columns: Columns) -> Iterator[bytes]:
    """The rows in ClickHouse's format RowBinary, which equals a packed record of numpy."""
    dtype = np.dtype([(name, array.dtype.newbyteorder("<")) for name, array in columns.items()])
    count = len(next(iter(columns.values())))
    for start in range(0, count, ROWS_PER_REQUEST):
        rows = np.empty(min(ROWS_PER_REQUEST, count - start), dtype)
        for name, array in columns.items():
            rows[name] = array[start : start + len(rows)]
        yield rows.tobytes()


def _connect(url: str, password: str | None, settings: dict[str, Any]) -> Client:
    try:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError
    except ImportError as missing:
        raise SettingsError(
            _("the engine clickhouse needs clickhouse-connect"),
            hint=_('install it with: pip install "wxcube[clickhouse]"'),
        ) from missing
    try:
        return clickhouse_connect.get_client(**_address(url, password), settings=settings)
    except ImportError as missing:
        raise SettingsError(
            _("ClickHouse inside this process needs chdb"),
            hint=_("install it with: pip install chdb"),
        ) from missing
    except ClickHouseError as error:
        raise EngineError(
            _("ClickHouse does not answer: {reason}", reason=_first_line(error)),
            hint=_("check its address, user and password, and that it is running"),
        ) from error


def _address(url: str, password: str | None) -> dict[str, Any]:
    """The driver's options; the password is separate, so that no error shows it."""
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
    """The parts of a server's URL, which has only scheme, user, password, host and port.

    Raises:  SettingsError if it is not such a URL; the error does not show the URL.
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        rest = parts.path.strip("/") + parts.query + parts.fragment
        # reading the port raises ValueError if it is not a number
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not rest:
            return parts
    raise SettingsError(
        _("the address of ClickHouse is not a URL of its HTTP interface"),
        hint=_(
            'write it like "http://user@localhost:8123", or "chdb:" for one inside this process; '
            "characters like / # ? @ in a user or password are written as %2F %23 %3F %40"
        ),
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
