"""The warehouse: rows of every account and origin in one file, with the ledger of days.

Every write is one transaction: rows, nested rows, ledger and reply together or not at all.
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
from wxcube.warehouse import ledger, rebuilding, records, replies, schema
from wxcube.warehouse.computed import Computed
from wxcube.warehouse.computed import store as store_computed
from wxcube.warehouse.coverage import DayState, State, erred
from wxcube.warehouse.database import connect, in_words, path_of, writing, writing_in_bulk
from wxcube.warehouse.query import Result, query
from wxcube.warehouse.records import Replaced
from wxcube.warehouse.rows import gather
from wxcube.warehouse.series import scope_of, series
from wxcube.warehouse.tables import PARTS, builds

MESSAGE_LENGTH = 500


class Warehouse:
    """Rows, ledger and replies in one SQLite file.

    Any thread may use it; several processes may have the same file open.
    """

    def __init__(self, engine: sa.Engine, path: Path, *, read_only: bool) -> None:
        self._engine = engine
        self._path = path
        self._read_only = read_only
        self._seen: set[str] = set()

    @classmethod
    def open(cls, url_or_path: str | Path, *, read_only: bool = False) -> Self:
        """The warehouse in a file, which is made if it is not there and may be written.

        Raises:  WarehouseError that says what is wrong with the file and what to do.
        """
        path = path_of(url_or_path)
        _check_path(path, read_only=read_only)
        engine = connect(path, read_only=read_only)
        try:
            with in_words(path):
                (schema.require if read_only else schema.prepare)(engine, path)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, path, read_only=read_only)

    def close(self) -> None:
        """Let go of the file."""
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
    ) -> Replaced:
        """Put an answer in the place of what its window had.

        Days with rows are replaced whole; days without keep the rows they have. Doing it twice
        changes nothing.

        Raises:  ShapeError for numbers beyond 64 bits; WarehouseError, after which nothing of the
            answer is in the file.
        """
        endpoint, asked_at = answer.endpoint, _to_second(answer.asked_at)
        keys = series(appid, origin, endpoint, params)
        with self._writing() as connection:
            self._see(connection, appid, asked_at)
            replaced = records.store(connection, keys, answer, asked_at)
            replies.keep(connection, keys, answer.window, answer.body, asked_at)
        self._seen.add(appid)
        return replaced

    def replace_computed(self, computed: Computed, asked_at: datetime) -> int:
        """Put rows computed in bulk in the place of all there was of their accounts and days.

        Gives the number of rows, nested ones counted too. Doing it twice changes nothing.

        Raises:  WarehouseError, after which nothing of it is in the file.
        """
        with self._writing(in_bulk=True) as connection:
            connection.execute(builds.update().values(parts=builds.c.parts + 1))
            return store_computed(connection, computed, _to_second(asked_at))

    def record(  # noqa: PLR0913, PLR0917 - one line of the ledger
        self,
        appid: str,
        origin: Origin,
        endpoint: Endpoint[Any],
        labels: Iterable[date],
        state: State,
        asked_at: datetime,
        errcode: int | None = None,
        message: str = "",
        body: bytes = b"",
        *,
        params: Mapping[str, object] | None = None,
    ) -> None:
        """Write down that days gave an error; their rows stay, and settled days stay settled.

        Raises:  WarehouseError.
        """
        days, asked_at = sorted(set(labels)), _to_second(asked_at)
        if not days:
            return
        keys = series(appid, origin, endpoint, params)
        window = Window(days[0], days[-1])
        with self._writing() as connection:
            self._see(connection, appid, asked_at)
            before = ledger.lines(connection, keys, window)
            text = message[:MESSAGE_LENGTH]
            lines = {d: erred(before.get(d), state, asked_at, errcode, text) for d in days}
            ledger.write(connection, keys, lines)
            replies.keep(connection, keys, window, body, asked_at)
        self._seen.add(appid)

    def count_call(
        self, appid: str, endpoint: Endpoint[Any], day: date, limit: int | None = None
    ) -> bool:
        """Count a call that is about to be made; False if the day has none left.

        It is counted before it is made, so that a killed process has never made more than counted.
        """
        with self._writing() as connection:
            made, exhausted = ledger.counted(connection, appid, endpoint.name, day)
            if exhausted or (limit is not None and made >= limit):
                return False
            ledger.count(connection, appid, endpoint.name, day, more=1)
        return True

    def mark_exhausted(self, appid: str, endpoint: Endpoint[Any], day: date) -> None:
        """Write down that WeChat allows no more calls of an endpoint on a day (45009)."""
        with self._writing() as connection:
            ledger.count(connection, appid, endpoint.name, day, exhausted=True)

    def _see(self, connection: sa.Connection, appid: str, moment: datetime) -> None:
        if appid not in self._seen:
            ledger.see(connection, appid, moment)

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

        Without an origin each day comes from the best one that has rows of it: wechat, import,
        cube, derived. `params` chooses among answers to different params, as in `replace`; left
        out, it means the endpoint's default params, or all where they have no default.
        """
        part = PARTS[endpoint.name]
        with self._reading() as connection:
            scope = scope_of(appid, endpoint, origin, params)
            found = [records.fetch(connection, p, scope, window) for p in part.walk()]
        if origin is None:
            found[0] = records.best(part, found[0])
        return gather(part, found)

    def coverage(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        origin: Origin = Origin.WECHAT,
        *,
        params: Mapping[str, object] | None = None,
    ) -> dict[date, DayState]:
        """The ledger of an endpoint: its known days, oldest first."""
        with self._reading() as connection:
            return ledger.lines(connection, series(appid, origin, endpoint, params))

    def extent(
        self, appid: str, endpoint: Endpoint[Any], origin: Origin | None = None
    ) -> Window | None:
        """From the oldest to the newest day that has rows, or None."""
        table = PARTS[endpoint.name].table
        asked = sa.select(sa.func.min(table.c.ref_date), sa.func.max(table.c.ref_date)).where(
            table.c.appid == appid,
            table.c.origin.in_([origin] if origin else Origin),
        )
        with self._reading() as connection:
            first, last = connection.execute(asked).one()
        return Window(first, last) if first else None

    def last_days(self, endpoint: Endpoint[Any], origin: Origin) -> dict[str, date]:
        """The newest day the ledger knows of an endpoint, by account."""
        with self._reading() as connection:
            return ledger.last_days(connection, endpoint.name, origin.value)

    def parts(self) -> tuple[str, int] | None:
        """The ledger of the cube that fills this warehouse, and how many parts came of it."""
        with self._reading() as connection:
            found = connection.execute(sa.select(builds.c.ledger, builds.c.parts)).first()
        return (found.ledger, found.parts) if found else None

    def set_parts(self, ledger: str, parts: int) -> None:
        """Begin to count the parts of a cube; `replace_computed` counts each."""
        with self._writing() as connection:
            connection.execute(builds.delete())
            connection.execute(builds.insert().values(ledger=ledger, parts=parts))

    def accounts(self) -> dict[str, datetime]:
        """Every account the warehouse knows, and when it was first seen."""
        with self._reading() as connection:
            return ledger.accounts_seen(connection)

    def calls_today(self, appid: str, endpoint: Endpoint[Any], day: date) -> int:
        """How many calls of an endpoint were made on a Beijing day."""
        with self._reading() as connection:
            return ledger.counted(connection, appid, endpoint.name, day)[0]

    def is_exhausted(self, appid: str, endpoint: Endpoint[Any], day: date) -> bool:
        """Whether WeChat said on a Beijing day that its calls are used up."""
        with self._reading() as connection:
            return ledger.counted(connection, appid, endpoint.name, day)[1]

    def query(self, sql: str) -> Result:
        """The columns and rows of one SELECT; nothing can be changed with it.

        Raises:  WarehouseError if the query is wrong, writes, or is more than one statement.
        """
        return query(self._path, sql)

    def rebuild(self, decode: rebuilding.Decode) -> rebuilding.Rebuilt:
        """Make rows and ledger anew from the replies that were kept, series by series.

        `decode` reads a reply's body as an answer. Days without replies stay as they are.
        """
        with self._reading() as connection:
            found = replies.series_with_replies(connection)
        total = rebuilding.Rebuilt()
        for keys in found:
            with self._writing() as connection:
                total += rebuilding.rebuild(connection, keys, decode)
        return total

    # --- transactions ----------------------------------------------------------------------------

    @contextmanager
    def _writing(self, *, in_bulk: bool = False) -> Iterator[sa.Connection]:
        if self._read_only:
            raise WarehouseError(f"{self._path} was opened for reading", hint="open it for writing")
        begin = writing_in_bulk if in_bulk else writing
        with in_words(self._path), begin(self._engine) as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with in_words(self._path), self._engine.connect() as connection:
            yield connection


def _check_path(path: Path, *, read_only: bool) -> None:
    if path.is_dir():
        raise WarehouseError(f"{path} is a directory", hint="name a file, like wxcube.db")
    if read_only and not path.exists():
        raise WarehouseError(f"there is no warehouse at {path}", hint="fill it with `wxcube sync`")
    if not path.absolute().parent.is_dir():
        raise WarehouseError(
            f"there is no directory {path.absolute().parent}", hint="make it, or name another file"
        )


def _to_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
