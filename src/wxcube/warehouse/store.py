"""The warehouse: rows of all accounts and origins in one file, with the ledger of days.

Every write is one transaction of rows, nested rows, ledger and reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import WarehouseError
from wxcube.i18n import NOTHING, Message, _
from wxcube.warehouse import ledger, rebuilding, records, replies, schema
from wxcube.warehouse.computed import Computed
from wxcube.warehouse.computed import store as store_computed
from wxcube.warehouse.coverage import DayState, State, after_error
from wxcube.warehouse.database import (
    connect,
    database_errors,
    path_of,
    writing,
    writing_in_bulk,
)
from wxcube.warehouse.query import Result, query
from wxcube.warehouse.records import Replacement
from wxcube.warehouse.rows import to_rows
from wxcube.warehouse.series import scope_of, series
from wxcube.warehouse.tables import ROW_TABLES, builds


class Warehouse:
    """Rows, ledger and replies in one SQLite file.

    Threads may share it; several processes may have the same file open.
    """

    def __init__(self, engine: sa.Engine, path: Path, *, read_only: bool) -> None:
        self._engine = engine
        self._path = path
        self._read_only = read_only
        self._known_accounts: set[str] = set()

    @classmethod
    def open(cls, url_or_path: str | Path, *, read_only: bool = False) -> Self:
        """The warehouse in a file; for writing, a missing file is created.

        Raises:  WarehouseError if the file cannot be used.
        """
        path = path_of(url_or_path)
        _check_path(path, read_only=read_only)
        engine = connect(path, read_only=read_only)
        try:
            with database_errors(path):
                check = schema.require_current if read_only else schema.create_or_migrate
                check(engine, path)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, path, read_only=read_only)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Warehouse({str(self._path)!r})"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    # --- writing ---------------------------------------------------------------------------------

    def replace(
        self,
        appid: str,
        origin: Origin,
        answer: Answer[RowT],
        params: Mapping[str, object] | None = None,
    ) -> Replacement:
        """Store an answer: replace the rows of each of its days.

        Days of which the answer has no rows retain the rows they have. Storing the same answer
        twice changes nothing.

        Raises:  ShapeError for numbers beyond 64 bits; WarehouseError, after which nothing of the
            answer is in the file.
        """
        endpoint, asked_at = answer.endpoint, _to_second(answer.asked_at)
        key = series(appid, origin, endpoint, params)
        with self._writing() as connection:
            self._add_account(connection, appid, asked_at)
            replacement = records.replace(connection, key, answer, asked_at)
            replies.save(connection, key, answer.window, answer.body, asked_at)
        self._known_accounts.add(appid)
        return replacement

    def replace_computed(self, computed: Computed, asked_at: datetime) -> int:
        """Replace all rows of some accounts and days by rows computed in bulk.

        Returns the number of rows, nested ones included. Storing the same rows twice changes
        nothing.

        Raises:  WarehouseError, after which nothing of it is in the file.
        """
        with self._writing(in_bulk=True) as connection:
            connection.execute(builds.update().values(parts=builds.c.parts + 1))
            return store_computed(connection, computed, _to_second(asked_at))

    def record_error(  # noqa: PLR0913, PLR0917 - one entry of the ledger
        self,
        appid: str,
        origin: Origin,
        endpoint: Endpoint[Any],
        labels: Iterable[date],
        state: State,
        asked_at: datetime,
        errcode: int | None = None,
        message: Message = NOTHING,
        body: bytes = b"",
        *,
        params: Mapping[str, object] | None = None,
    ) -> None:
        """Record an error for some days; their rows remain, and settled days do not change.

        Raises:  WarehouseError.
        """
        days, asked_at = sorted(set(labels)), _to_second(asked_at)
        if not days:
            return
        key = series(appid, origin, endpoint, params)
        window = Window(days[0], days[-1])
        with self._writing() as connection:
            self._add_account(connection, appid, asked_at)
            before = ledger.entries(connection, key, window)
            entries = {
                day: after_error(before.get(day), state, asked_at, errcode, message) for day in days
            }
            ledger.write(connection, key, entries)
            replies.save(connection, key, window, body, asked_at)
        self._known_accounts.add(appid)

    def count_call(
        self, appid: str, endpoint: Endpoint[Any], day: date, limit: int | None = None
    ) -> bool:
        """Count a call before it is made; False if no calls are left for the day.

        A killed process has then never made more calls than were counted.
        """
        with self._writing() as connection:
            count, exhausted = ledger.call_count(connection, appid, endpoint.name, day)
            if exhausted or (limit is not None and count >= limit):
                return False
            ledger.add_calls(connection, appid, endpoint.name, day, more=1)
        return True

    def mark_exhausted(self, appid: str, endpoint: Endpoint[Any], day: date) -> None:
        """Record that WeChat allows no more calls of an endpoint on a day (45009)."""
        with self._writing() as connection:
            ledger.add_calls(connection, appid, endpoint.name, day, exhausted=True)

    def _add_account(self, connection: sa.Connection, appid: str, seen: datetime) -> None:
        if appid not in self._known_accounts:
            ledger.add_account(connection, appid, seen)

    # --- reading ---------------------------------------------------------------------------------

    def read(
        self,
        appid: str,
        endpoint: Endpoint[RowT],
        window: Window,
        origin: Origin | None = None,
        *,
        params: Mapping[str, object] | None = None,
    ) -> list[RowT]:
        """Rows of a window, oldest day first, each day in the order of its answer.

        Without an origin each day is from the best one that has rows of it: wechat, import, cube,
        derived. `params` selects among answers to different params, as in `replace`; without it,
        the endpoint's default params are meant, or all where they have no default.
        """
        table = ROW_TABLES[endpoint.name]
        with self._reading() as connection:
            scope = scope_of(appid, endpoint, origin, params)
            by_table = [records.select(connection, t.table, scope, window) for t in table.walk()]
        if origin is None:
            by_table[0] = records.of_best_origin(table.table, by_table[0])
        return to_rows(table, by_table)

    def coverage(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        origin: Origin = Origin.WECHAT,
        *,
        params: Mapping[str, object] | None = None,
    ) -> dict[date, DayState]:
        """The ledger entries of an endpoint by day, oldest first."""
        with self._reading() as connection:
            return ledger.entries(connection, series(appid, origin, endpoint, params))

    def extent(
        self, appid: str, endpoint: Endpoint[Any], origin: Origin | None = None
    ) -> Window | None:
        """From the oldest to the newest day that has rows, or None."""
        table = ROW_TABLES[endpoint.name].table
        extent = sa.select(sa.func.min(table.c.ref_date), sa.func.max(table.c.ref_date)).where(
            table.c.appid == appid,
            table.c.origin.in_([origin] if origin else Origin),
        )
        with self._reading() as connection:
            first, last = connection.execute(extent).one()
        return Window(first, last) if first else None

    def coverage_by_params(
        self, appid: str, endpoint: Endpoint[Any], origin: Origin = Origin.WECHAT
    ) -> dict[str, dict[date, DayState]]:
        """The ledger entries of an endpoint by day, for each of the params it was called with."""
        with self._reading() as connection:
            return ledger.entries_by_params(connection, appid, origin.value, endpoint.name)

    def last_days(self, endpoint: Endpoint[Any], origin: Origin) -> dict[str, date]:
        """The newest day of an endpoint in the ledger, by account."""
        with self._reading() as connection:
            return ledger.last_days(connection, endpoint.name, origin.value)

    def build_watermark(self) -> tuple[str, int] | None:
        """The name of the cube's ledger, and the number of its parts stored so far."""
        with self._reading() as connection:
            row = connection.execute(sa.select(builds.c.ledger, builds.c.parts)).first()
        return (row.ledger, row.parts) if row else None

    def set_build_watermark(self, ledger: str, parts: int) -> None:
        """Set the cube's ledger and the number of parts; `replace_computed` adds one to it."""
        with self._writing() as connection:
            connection.execute(builds.delete())
            connection.execute(builds.insert().values(ledger=ledger, parts=parts))

    def accounts(self) -> dict[str, datetime]:
        """The accounts, each with the time of its first answer or refusal."""
        with self._reading() as connection:
            return ledger.known_accounts(connection)

    def calls_today(self, appid: str, endpoint: Endpoint[Any], day: date) -> int:
        """The number of calls of an endpoint on a Beijing day."""
        with self._reading() as connection:
            return ledger.call_count(connection, appid, endpoint.name, day)[0]

    def is_exhausted(self, appid: str, endpoint: Endpoint[Any], day: date) -> bool:
        """Whether WeChat allows no more calls of an endpoint on a Beijing day (45009)."""
        with self._reading() as connection:
            return ledger.call_count(connection, appid, endpoint.name, day)[1]

    def query(self, sql: str) -> Result:
        """The columns and rows of one SELECT.

        Raises:  WarehouseError if the query fails, writes, or is more than one statement.
        """
        return query(self._path, sql)

    def rebuild(self, decode: rebuilding.Decode) -> rebuilding.RebuildResult:
        """Recompute rows and ledger from the stored replies; days without replies do not change."""
        with self._reading() as connection:
            keys = replies.series_with_replies(connection)
        total = rebuilding.RebuildResult()
        for key in keys:
            with self._writing() as connection:
                total += rebuilding.rebuild(connection, key, decode)
        return total

    # --- transactions ----------------------------------------------------------------------------

    @contextmanager
    def _writing(self, *, in_bulk: bool = False) -> Iterator[sa.Connection]:
        if self._read_only:
            raise WarehouseError(
                _("{path} is open for reading only", path=self._path),
                hint=_("open it for writing"),
            )
        begin = writing_in_bulk if in_bulk else writing
        with database_errors(self._path), begin(self._engine) as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with database_errors(self._path), self._engine.connect() as connection:
            yield connection


def _check_path(path: Path, *, read_only: bool) -> None:
    if path.is_dir():
        raise WarehouseError(
            _("{path} is a directory", path=path), hint=_("name a file, like wxcube.db")
        )
    if read_only and not path.exists():
        raise WarehouseError(
            _("there is no database {path}", path=path), hint=_("fetch data with `wxcube sync`")
        )
    if not path.absolute().parent.is_dir():
        raise WarehouseError(
            _("there is no directory {directory}", directory=path.absolute().parent),
            hint=_("create it, or name another file"),
        )


def _to_second(time: datetime) -> datetime:
    return time.replace(microsecond=0)
