"""The warehouse as it was at a moment, from the asks and replies up to then.

Days that the log says nothing about, such as computed ones, are as they are now if they were last
written up to that moment; those written later are left out, because what they were is not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from wxcube.beijing import in_beijing
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window, cover
from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse import asks, ledger, reading
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.reading import Scope
from wxcube.warehouse.rebuilding import keeps
from wxcube.warehouse.replaying import MemoryDays, replay
from wxcube.warehouse.rows import Record, Records
from wxcube.warehouse.series import SERIES, SeriesKey
from wxcube.warehouse.statements import skipping
from wxcube.warehouse.stored_days import StoredDays
from wxcube.warehouse.tables import RowTable, coverage, replies
from wxcube.warehouse.tables import asks as ask_table
from wxcube.warehouse.witnesses import related

DAYS_AT_A_TIME = 31
"""Days whose records are copied in one step."""


@dataclass(slots=True)
class PastDays:
    """Days, by origin, that are not from the log."""

    as_now: Counter[Origin] = field(default_factory=Counter)
    """Last written up to the moment: they are as they are now."""
    left_out: Counter[Origin] = field(default_factory=Counter)
    """Written later: what they were is not known."""


# --- into a new database -------------------------------------------------------------------------


def write_past(
    source: sa.Connection,
    target: sa.Connection,
    moment: datetime,
    appids: Collection[str] | None,
    endpoints: Collection[Endpoint[Any]] | None,
) -> PastDays:
    """Fill a new database with what another one had at a moment, of some accounts and endpoints.

    Raises:  WarehouseError if no account had any data.
    """
    groups = related(ENDPOINTS if endpoints is None else endpoints)
    total = PastDays()
    for appid, first_seen in _known_accounts(source, moment, appids).items():
        ledger.add_account(target, appid, first_seen)
        for group in groups:
            _copy_log(source, target, moment, appid, group)
            _write_days(source, target, moment, appid, group, total)
    return total


def _known_accounts(
    source: sa.Connection, moment: datetime, appids: Collection[str] | None
) -> dict[str, datetime]:
    """The accounts that had data, with the time of their first answer or refusal."""
    known = ledger.known_accounts(source)
    wanted = {appid: seen for appid, seen in known.items() if appids is None or appid in appids}
    then = {appid: seen for appid, seen in wanted.items() if seen <= moment}
    if not then:
        first = min(wanted.values(), default=None)
        raise WarehouseError(
            _("nothing was stored yet at {moment:%Y-%m-%d %H:%M}", moment=in_beijing(moment)),
            hint=_("the first data is of {first:%Y-%m-%d %H:%M} (Beijing time)", first=first)
            if first
            else _("fetch data with `wxcube sync`"),
        )
    return then


def _copy_log(
    source: sa.Connection,
    target: sa.Connection,
    moment: datetime,
    appid: str,
    endpoints: Iterable[Endpoint[Any]],
) -> None:
    """Copy the asks up to the moment, and their replies."""
    names = [endpoint.name for endpoint in endpoints]
    up_to_then = (
        ask_table.c.appid == appid,
        ask_table.c.endpoint.in_(names),
        ask_table.c.asked_at <= moment,
    )
    hashes = sa.select(ask_table.c.sha256).where(*up_to_then)
    _copy(source, target, replies, replies.c.sha256.in_(hashes))
    _copy(source, target, ask_table, *up_to_then)


def _copy(
    source: sa.Connection,
    target: sa.Connection,
    table: sa.Table,
    *where: sa.ColumnElement[bool],
) -> None:
    rows = source.execute(sa.select(table).where(*where).execution_options(yield_per=100))
    insert = skipping(table)(target.dialect)
    for part in rows.mappings().partitions():
        target.execute(insert, [dict(row) for row in part])


def _write_days(
    source: sa.Connection,
    target: sa.Connection,
    moment: datetime,
    appid: str,
    endpoints: Collection[Endpoint[Any]],
    total: PastDays,
) -> None:
    stored = StoredDays(target)
    # PERF: into the database at once, so that a long history needs no more memory
    replay(source, asks.in_order(source, appid, endpoints=endpoints, until=moment), stored)
    for endpoint in endpoints:
        for series in _series_of(source, appid, endpoint):
            logged = ledger.entries(target, series)
            unlogged = _unlogged(source, series, moment, logged, total=total)
            for entries, records in _stored_parts(source, series, unlogged):
                stored.write(series, entries, records)


def _stored_parts(
    source: sa.Connection, series: SeriesKey, entries: Mapping[date, DayState]
) -> Iterator[tuple[dict[date, DayState], dict[date, Records]]]:
    """Entries of a series with the records of their days, some days at a time."""
    for window in cover(entries, DAYS_AT_A_TIME):
        of_window = {day: entries[day] for day in window if day in entries}
        records = StoredDays(source).records(series, window)
        yield of_window, {day: records[day] for day in of_window if day in records}


# --- days that are not from the log --------------------------------------------------------------


def _series_of(
    connection: sa.Connection, appid: str, endpoint: Endpoint[Any]
) -> list[dict[str, object]]:
    """The series of an endpoint that the ledger has."""
    columns = [coverage.c[name] for name in SERIES]
    of_endpoint = (coverage.c.appid == appid, coverage.c.endpoint == endpoint.name)
    rows = connection.execute(sa.select(*columns).where(*of_endpoint).distinct())
    return [dict(row) for row in rows.mappings()]


def _unlogged(
    connection: sa.Connection,
    series: SeriesKey,
    moment: datetime,
    logged: Mapping[date, DayState],
    window: Window | None = None,
    total: PastDays | None = None,
) -> dict[date, DayState]:
    """The entries of days that the log says nothing about, if they were written up to a moment."""
    origin = Origin(str(series["origin"]))
    now = ledger.entries(connection, series, window)
    unknown = {
        day: entry for day, entry in now.items() if day not in logged or keeps(entry, logged[day])
    }
    then = {day: entry for day, entry in unknown.items() if entry.asked_at <= moment}
    if total is not None:
        total.as_now[origin] += len(then)
        # later days of WeChat are in the log: they were not asked yet
        total.left_out[origin] += 0 if origin is Origin.WECHAT else len(unknown) - len(then)
    return then


# --- records of a window -------------------------------------------------------------------------


def past_records(
    connection: sa.Connection,
    table: RowTable,
    scope: Scope,
    endpoint: Endpoint[Any],
    window: Window,
    moment: datetime,
) -> list[list[Record]]:
    """The records of a window as they were at a moment, one list per table of `table.walk()`."""
    (appid,), days = scope["appid"], MemoryDays()
    of_window = asks.in_order(connection, appid, until=moment, window=window, endpoints=[endpoint])
    replay(connection, list(of_window), days)
    for series in _series_of(connection, appid, endpoint):
        logged = days.entries(series, window)
        unlogged = _unlogged(connection, series, moment, logged, window)
        for entries, records in _stored_parts(connection, series, unlogged):
            days.write(series, entries, records)
    found: list[list[Record]] = [[] for _table in table.walk()]
    for key, by_day in days.records_by_series.items():
        series = dict(zip(SERIES, key, strict=True))
        if all(series[name] in values for name, values in scope.items()):
            for day in (day for day in by_day if day in window):
                for of_table, of_day in zip(found, by_day[day], strict=True):
                    of_table.extend(of_day)
    ordered = [
        reading.in_order(one, of_table) for one, of_table in zip(table.walk(), found, strict=True)
    ]
    return reading.of_best_origin(table, ordered)


def check_moment(connection: sa.Connection, moment: datetime, now: datetime) -> None:
    """Check that a moment is not in the future.

    Raises:  WarehouseError if it is later than now and than everything in the database.
    """
    newest = connection.execute(sa.select(sa.func.max(coverage.c.asked_at))).scalar()
    if moment > max(now, newest or now):
        raise WarehouseError(
            _(
                "{moment:%Y-%m-%d %H:%M} is in the future; it is {now:%Y-%m-%d %H:%M} (Beijing "
                "time)",
                moment=in_beijing(moment),
                now=in_beijing(now),
            ),
            hint=_("name an earlier moment"),
        )
