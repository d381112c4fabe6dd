"""The warehouse: rows of all accounts and origins in one database, with the ledger of days.

Every write is one transaction of rows, nested rows, ledger and reply.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from wxcube.beijing import day_of
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.errors import BudgetError, ShapeError, WxcubeError
from wxcube.i18n import _
from wxcube.warehouse import (
    aggregates,
    asks,
    checks,
    clock_check,
    leases,
    ledger,
    reading,
    replies,
    schema,
)
from wxcube.warehouse.app_store import AppStore
from wxcube.warehouse.asks import Ask, DayCount
from wxcube.warehouse.change_watch import ChangeWatch
from wxcube.warehouse.computed import Computed
from wxcube.warehouse.computed import store as store_computed
from wxcube.warehouse.copying import OnRows, copy_all
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.databases.database import Database, Result, Work, is_in_doubt
from wxcube.warehouse.databases.opening import open_database
from wxcube.warehouse.day_rows import DayRows, day_rows
from wxcube.warehouse.failures import result_of, state_after
from wxcube.warehouse.finding import Finding
from wxcube.warehouse.lease_holder import Holder
from wxcube.warehouse.leases import Lease
from wxcube.warehouse.ledger_summary import LedgerSummary, summary
from wxcube.warehouse.next_ask import Standing
from wxcube.warehouse.past import PastDays, check_moment, past_records, write_past
from wxcube.warehouse.rebuilding import rebuild
from wxcube.warehouse.records import Replacement, store_answer, store_error
from wxcube.warehouse.replaying import ReplayResult
from wxcube.warehouse.rows import to_rows
from wxcube.warehouse.series import SeriesKey, scope_of, series
from wxcube.warehouse.served import ServedWindow, is_read_at_once, served_window
from wxcube.warehouse.stored_days import StoredDays
from wxcube.warehouse.tables import ROW_TABLES, builds

T = TypeVar("T")
_LEASES, _BUILDS = "leases", "builds"
"""The locks of what is not an account's; an account's lock is its AppID."""


class Warehouse:
    """Rows, ledger and replies in one database.

    Threads may share it; several processes may have the same database open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._transaction: sa.Connection | None = None
        """The transaction of all writes, if they share one."""

    @classmethod
    def open(cls, url_or_path: str | Path, *, read_only: bool = False, password: str = "") -> Self:
        """The warehouse in a file, or in a database on a server; for writing, it is created.

        `password` is for the URL of a server that has none.

        Raises:  WarehouseError if the database cannot be used.
        """
        database = open_database(url_or_path, read_only=read_only, password=password)
        try:
            check = schema.require_current if read_only else schema.prepare
            check(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @staticmethod
    def has_tables(url_or_path: str | Path, password: str = "") -> bool:
        """Whether a database on a server, or a file that exists, has any tables.

        Raises:  WarehouseError if the database cannot be used.
        """
        database = open_database(url_or_path, read_only=True, password=password)
        try:
            return schema.has_tables(database)
        finally:
            database.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Warehouse({self.name!r})"

    @property
    def name(self) -> str:
        """The file, or the URL without its password."""
        return self._database.name

    @property
    def apps(self) -> AppStore:
        """The apps that may call the server, with their tokens and calls."""
        return AppStore(self._database)

    # --- writing ---------------------------------------------------------------------------------

    def replace(
        self,
        appid: str,
        origin: Origin,
        answer: Answer[RowT],
        params: Mapping[str, object] | None = None,
    ) -> Replacement:
        """Store an answer: replace the rows of each of its days, and log what came of its ask.

        Rows that the answer lacks are marked as withdrawn, and days of which it has no rows retain
        those they have. Storing the same answer twice changes nothing.

        Raises:  ShapeError for numbers beyond 64 bits; WarehouseError, after which nothing of the
            answer is stored.
        """
        key = series(appid, origin, answer.endpoint, params)

        def work(connection: sa.Connection) -> Replacement:
            sent_at = asks.sent_at(connection, answer.ask) or answer.asked_at
            asked_at = clock_check.asked_at(sent_at, answer.server_date)
            ledger.add_account(connection, appid, asked_at.time)
            replacement = store_answer(StoredDays(connection), key, answer, asked_at)
            result = asks.Result(
                outcome=asks.Outcome.ANSWERED,
                server_date=answer.server_date,
                is_delay=answer.is_delay if answer.endpoint.has_delay_flag else None,
                rows=len(answer.rows),
                unreadable=len(answer.unreadable),
                sha256=replies.save(connection, answer.body),
            )
            self._finish(connection, key, answer.window, sent_at, answer.ask, result)
            return replacement

        return self._write(work, appid)

    def replace_computed(self, computed: Computed, asked_at: datetime) -> int:
        """Replace all rows of some accounts and days by rows computed in bulk.

        Returns the number of rows, nested ones included. Storing the same rows twice changes
        nothing.

        Raises:  WarehouseError, after which nothing of it is stored.
        """

        def work(connection: sa.Connection) -> int:
            connection.execute(builds.update().values(parts=builds.c.parts + 1))
            return store_computed(connection, computed, asked_at.replace(microsecond=0))

        return self._database.write(work, _BUILDS, in_bulk=True, is_repeatable=False)

    def begin_ask(  # noqa: PLR0913 - an ask has all of these
        self,
        appid: str,
        origin: Origin,
        endpoint: Endpoint[Any],
        window: Window,
        asked_at: datetime,
        *,
        sender: str,
        limit: int | None = None,
        params: Mapping[str, object] | None = None,
    ) -> int:
        """Log an attempt before it is sent, and return its number.

        A killed process has then never made more calls than are in the log. `limit` is the largest
        number of calls of the endpoint on a Beijing day, whoever makes them.

        Raises:  BudgetError if no calls are left for the day; WarehouseError.
        """
        key = series(appid, origin, endpoint, params)

        def work(connection: sa.Connection) -> int:
            if is_in_doubt(connection) and (
                ask := asks.written(connection, key, window, asked_at, sender)
            ):
                return ask
            made = asks.of_today(connection, appid, endpoint.name, asked_at)
            if made.is_exhausted or (limit is not None and made.calls >= limit):
                raise _no_calls_left(endpoint, made)
            return asks.begin(connection, key, window, asked_at, sender)

        return self._write(work, appid)

    def record_error(  # noqa: PLR0913 - an error of a call
        self,
        appid: str,
        origin: Origin,
        endpoint: Endpoint[Any],
        window: Window,
        error: WxcubeError,
        asked_at: datetime,
        *,
        params: Mapping[str, object] | None = None,
        ask: int | None = None,
    ) -> dict[date, State]:
        """Record the error of a call, and return the states of the days that it changed.

        Rows remain, and settled days do not change.

        Raises:  WarehouseError.
        """
        key = series(appid, origin, endpoint, params)

        def work(connection: sa.Connection) -> dict[date, DayState]:
            sent_at = asks.sent_at(connection, ask) or asked_at
            time = clock_check.asked_at(sent_at, error.server_date)
            ledger.add_account(connection, appid, time.time)
            body = error.body if isinstance(error, ShapeError) else b""
            result = result_of(error, replies.save(connection, body))
            state, entries = state_after(result.outcome, result.errcode), dict[date, DayState]()
            if state is not None:
                days, errcode = StoredDays(connection), result.errcode
                entries = store_error(
                    days, key, endpoint, window, state, time, errcode, result.message
                )
            self._finish(connection, key, window, sent_at, ask, result)
            return entries

        entries = self._write(work, appid)
        return {day: entry.state for day, entry in entries.items()}

    def take_leases(self, appids: Iterable[str], holder: Holder, now: datetime) -> dict[str, Lease]:
        """Take the leases of accounts; return those that others hold, which are not taken."""
        wanted = tuple(appids)
        return self._write(lambda c: leases.take(c, wanted, holder, now), _LEASES)

    def renew_leases(self, appids: Iterable[str], holder: Holder, now: datetime) -> set[str]:
        """Renew the leases of accounts, and return the accounts whose leases were lost."""
        wanted = tuple(appids)
        return self._write(lambda c: leases.renew(c, wanted, holder, now), _LEASES)

    def release_leases(self, holder: Holder) -> None:
        """Release the leases of a holder."""
        self._write(lambda c: leases.release(c, holder), _LEASES)

    def _finish(
        self,
        connection: sa.Connection,
        key: SeriesKey,
        window: Window,
        sent_at: datetime,
        ask: int | None,
        result: asks.Result,
    ) -> None:
        """Log the outcome of an attempt; of one that was not logged before, the attempt too."""
        if ask is None and is_in_doubt(connection):
            ask = asks.written(connection, key, window, sent_at, "direct", result)
        if ask is None:
            ask = asks.begin(connection, key, window, sent_at, "direct")
        offset = clock_check.clock_offset(sent_at, result.server_date)
        asks.finish(connection, str(key["appid"]), ask, result, offset)

    # --- reading ---------------------------------------------------------------------------------

    def read(
        self,
        appid: str,
        endpoint: Endpoint[RowT],
        window: Window,
        origin: Origin | None = None,
        *,
        params: Mapping[str, object] | None = None,
        as_of: datetime | None = None,
    ) -> list[RowT]:
        """Rows of a window, oldest day first, each day in the order of its answer.

        Without an origin each day is from the best one that has rows of it: wechat, import, cube,
        derived. `params` selects among answers to different params, as in `replace`; without it,
        the endpoint's default params are meant, or all where they have no default.

        Withdrawn rows, which the last answer lacked, come after the others of their day; each has a
        further member `withdrawn_at`. `as_of` gives the rows as the warehouse had them at that
        moment, computed from asks and replies; those that are not from an ask, such as computed
        ones, if they were stored by then and not replaced since.
        """
        table = ROW_TABLES[endpoint.name]
        scope = scope_of(appid, endpoint, origin, params)
        if as_of:
            with self._database.reading() as connection:
                found = past_records(connection, table, scope, endpoint, window, as_of)
        else:
            with self._database.reading_by_driver(is_one_statement=not table.lists) as connected:
                found = reading.records(connected, table, scope, window)
        return to_rows(table, found)

    def day_rows(
        self,
        appid: str,
        endpoint: Endpoint[RowT],
        window: Window,
        origin: Origin | None = None,
        *,
        params: Mapping[str, object] | None = None,
    ) -> Iterator[DayRows[RowT]]:
        """The rows of `read` by day, each day with its origin and ledger entry.

        They are read piece by piece, from one state of the database, so that a long history needs
        no more memory than a short one.
        """
        scope = scope_of(appid, endpoint, origin, params)
        with self._database.reading() as connection:
            yield from day_rows(connection, appid, endpoint, scope, window)

    def served_window(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        window: Window,
        params: Mapping[str, object],
        *,
        with_withdrawn: bool = True,
        answered_at: datetime | None = None,
    ) -> ServedWindow:
        """The rows of `read` as members of WeChat's JSON, with origin and state of each day.

        `answered_at` leaves out computed rows that WeChat would not answer at that time.
        """
        is_one = is_read_at_once(self._database.engine.dialect, endpoint)
        with self._database.reading_by_driver(is_one_statement=is_one) as connection:
            return served_window(
                connection,
                appid,
                endpoint,
                window,
                params,
                with_withdrawn=with_withdrawn,
                answered_at=answered_at,
            )

    def watch(self) -> ChangeWatch:
        """What tells a server whether its answers are still those of the database."""
        return ChangeWatch(self._database)

    def version(self) -> str:
        """A text that changes with the stored rows: equal texts mean equal figures."""
        with self._database.reading() as connection:
            # a new ledger counts its parts from the beginning
            build = connection.execute(sa.select(builds.c.ledger, builds.c.parts)).first()
            return "-".join(map(str, (asks.newest(connection), *(build or ()))))

    def coverage(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        origin: Origin = Origin.WECHAT,
        *,
        params: Mapping[str, object] | None = None,
        window: Window | None = None,
    ) -> dict[date, DayState]:
        """The ledger entries of an endpoint by day, oldest first; of a window or of all days."""
        with self._database.reading() as connection:
            return ledger.entries(connection, series(appid, origin, endpoint, params), window)

    def summary(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        labels: Sequence[date],
        now: datetime,
        *,
        params: Mapping[str, object] | None = None,
    ) -> LedgerSummary:
        """The counts of an endpoint's days by state, and the days that are not settled.

        `labels` are days that may have no entry yet.
        """
        key = series(appid, Origin.WECHAT, endpoint, params)
        with self._database.reading() as connection:
            return summary(connection, key, labels, now)

    def standing(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        now: datetime,
        *,
        params: Mapping[str, object] | None = None,
    ) -> Standing:
        """What holds for all days of an endpoint of an account."""
        key, today = series(appid, Origin.WECHAT, endpoint, params), day_of(now)
        with self._database.reading() as connection:
            made = asks.of_today(connection, appid, endpoint.name, now)
            refusal = asks.standing_refusal(connection, key)
        return Standing(refusal=refusal, exhausted_on=today if made.is_exhausted else None)

    def history(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        window: Window,
        *,
        params: Mapping[str, object] | None = None,
    ) -> list[Ask]:
        """The finished asks whose days are in a window, in the order of their outcomes."""
        key = series(appid, Origin.WECHAT, endpoint, params)
        with self._database.reading() as connection:
            return list(asks.in_order(connection, appid, series=key, window=window))

    def sums(
        self, appids: aggregates.Appids, selection: aggregates.Selection
    ) -> list[aggregates.Sums]:
        """The figures of a selection by account and day, each day from its best origin.

        Without AppIDs, those of all accounts.
        """
        with self._database.reading() as connection:
            return aggregates.sums(connection, appids, selection)

    def sums_over_range(
        self, appids: Sequence[str], selection: aggregates.Selection
    ) -> dict[tuple[str, tuple[Any, ...]], tuple[int, ...]]:
        """Sums over all days of a selection, whose columns may be added up, by account and `by`."""
        with self._database.reading() as connection:
            return aggregates.over_range(connection, appids, selection)

    def running_totals(
        self,
        appids: Sequence[str],
        selection: aggregates.Selection,
        *,
        is_newest_only: bool = False,
    ) -> list[aggregates.RunningTotals]:
        """Running totals of articles published in a window, by stat_date; or the newest of each."""
        with self._database.reading() as connection:
            return aggregates.running_totals(
                connection, appids, selection, is_newest_only=is_newest_only
            )

    def totals_of_days(
        self,
        appids: Sequence[str],
        selection: aggregates.Selection,
        ages: Collection[int] | None = None,
    ) -> list[aggregates.TotalOfDay]:
        """One column of the running totals of articles published in a window, day by day.

        `ages` limits them to numbers of days since publishing; the day of publishing is 1.
        """
        with self._database.reading() as connection:
            return aggregates.totals_of_days(connection, appids, selection, ages)

    def states(
        self, appids: aggregates.Appids, endpoint: Endpoint[Any], window: Window
    ) -> dict[tuple[str, date], aggregates.Entries]:
        """The entries of the ledger by account and day, of every origin that has one.

        Without AppIDs, those of all accounts.
        """
        with self._database.reading() as connection:
            return aggregates.states(connection, appids, endpoint, window)

    def reply(self, ask: Ask) -> bytes:
        """The body that answered an ask, as it came; empty if there is none."""
        with self._database.reading() as connection:
            return replies.body_of(connection, ask.sha256) if ask.sha256 else b""

    def extent(
        self, appid: str, endpoint: Endpoint[Any], origin: Origin | None = None
    ) -> Window | None:
        """From the oldest to the newest day that has rows, or None."""
        table = ROW_TABLES[endpoint.name]
        with self._database.reading() as connection:
            return reading.extent(connection, table, appid, [origin] if origin else list(Origin))

    def coverage_by_params(
        self, appid: str, endpoint: Endpoint[Any], origin: Origin = Origin.WECHAT
    ) -> dict[str, dict[date, DayState]]:
        """The ledger entries of an endpoint by day, for each of the params it was called with."""
        with self._database.reading() as connection:
            return ledger.entries_by_params(connection, appid, origin.value, endpoint.name)

    def known_series(self, appid: str) -> list[tuple[str, dict[str, str]]]:
        """The endpoints of an account that WeChat was called for, with their params, by name."""
        with self._database.reading() as connection:
            return ledger.known_series(connection, appid, Origin.WECHAT.value)

    def last_days(self, endpoint: Endpoint[Any], origin: Origin) -> dict[str, date]:
        """The newest day of an endpoint in the ledger, by account."""
        with self._database.reading() as connection:
            return ledger.last_days(connection, endpoint.name, origin.value)

    def build_watermark(self) -> tuple[str, int] | None:
        """The name of the cube's ledger, and the number of its parts stored so far."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(builds.c.ledger, builds.c.parts)).first()
        return (row.ledger, row.parts) if row else None

    def set_build_watermark(self, ledger: str, parts: int) -> None:
        """Set the cube's ledger and the number of parts; `replace_computed` adds one to it."""

        def work(connection: sa.Connection) -> None:
            connection.execute(builds.delete())
            connection.execute(builds.insert().values(ledger=ledger, parts=parts))

        self._write(work, _BUILDS)

    def accounts(self) -> dict[str, datetime]:
        """The accounts, each with the time of its first answer or refusal."""
        with self._database.reading() as connection:
            return ledger.known_accounts(connection)

    def calls_of_day(self, appid: str, endpoint: Endpoint[Any], day: date) -> DayCount:
        """The number of calls of an endpoint on a Beijing day, and whether WeChat allows more."""
        with self._database.reading() as connection:
            return asks.of_day(connection, appid, endpoint.name, day)

    def query(self, sql: str) -> Result:
        """The columns and rows of one SELECT.

        Raises:  WarehouseError if the query fails, writes, or is more than one statement.
        """
        return self._database.query(sql)

    def check(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        window: Window | None = None,
        origins: Collection[Origin] = tuple(Origin),
    ) -> Iterator[Finding]:
        """What is impossible among the rows of an account and endpoint; nothing is changed."""
        with self._database.reading() as connection:
            yield from checks.check(connection, appid, endpoint, window, origins)

    def marked_days(self, appid: str) -> dict[str, Window]:
        """Endpoints with computed days that a build marked as impossible, first to last."""
        with self._database.reading() as connection:
            return checks.marked_days(connection, appid)

    def rebuild(self) -> ReplayResult:
        """Recompute rows and ledger from asks and replies; days without replies do not change."""
        total = ReplayResult()
        for appid in self.accounts():
            total += self._database.write(partial(rebuild, appid=appid), appid, in_bulk=True)
        return total

    def write_past(
        self,
        path: Path,
        moment: datetime,
        now: datetime,
        *,
        appids: Collection[str] | None = None,
        endpoints: Collection[Endpoint[Any]] | None = None,
    ) -> PastDays:
        """Write what this warehouse had at a moment into a new file.

        It has asks, replies, rows and states up to then, of all accounts and endpoints or of some;
        endpoints whose figures prove something about those of others come with them.

        Raises:  WarehouseError if the moment is in the future or before all data, or the file
            cannot be written.
        """
        with type(self).open(path) as past, self._database.reading() as source:
            check_moment(source, moment, now)
            return past._database.write(  # noqa: SLF001 - of the same class
                lambda target: write_past(source, target, moment, appids, endpoints), in_bulk=True
            )

    def copy_to(
        self, url_or_path: str | Path, *, password: str = "", on_rows: OnRows = lambda *_: None
    ) -> dict[str, int]:
        """Copy everything into a new database, and return the number of rows by table.

        The copy has one state of this warehouse, whoever writes meanwhile; leases are not copied.
        After a break, the same call goes on. `password` is for the URL of a server that has none.

        Raises:  WarehouseError if the other database cannot be used or is not empty, or a table
            has another number of rows in the end.
        """
        with (
            closing(open_database(url_or_path, password=password)) as target,
            self._database.reading() as source,
        ):
            return copy_all(source, self._database.identity, target, on_rows)

    def write_together(self, writes: Sequence[Callable[[Self], Any]]) -> list[Any]:
        """Make writes to this warehouse in one transaction, and return their results.

        They may be made several times, each time after all that they wrote was undone.

        Raises:  WarehouseError, or the error of a write, after which none of them is made.
        """

        def work(connection: sa.Connection) -> list[Any]:
            shared = copy(self)
            shared._transaction = connection  # noqa: SLF001 - of the same class
            return [write(shared) for write in writes]

        return self._database.write(work)

    def _write(self, work: Work[T], lock: str) -> T:
        if self._transaction is None:
            return self._database.write(work, lock)
        self._database.lock(self._transaction, lock)
        return work(self._transaction)


def _no_calls_left(endpoint: Endpoint[Any], made: DayCount) -> BudgetError:
    if made.is_exhausted:
        return BudgetError(
            _("{endpoint}: WeChat allows no more calls today (45009)", endpoint=endpoint),
            hint=_("it is called again after midnight in Beijing"),
            is_quota=True,
        )
    return BudgetError(
        _(
            "{endpoint}: the {calls} calls of today are used up",
            endpoint=endpoint,
            calls=made.calls,
        ),
        hint=_("raise daily_calls_per_endpoint in the settings, or wait for midnight in Beijing"),
    )
