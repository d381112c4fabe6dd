"""The ledger in the database: coverage by day, and the accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from wxcube.contract.window import Window
from wxcube.i18n import NOTHING
from wxcube.warehouse.coverage import SETTLED, DayState, State
from wxcube.warehouse.ledger_messages import from_columns, to_columns
from wxcube.warehouse.series import SERIES, SeriesKey, params_of
from wxcube.warehouse.statements import Statement, replacing, skipping
from wxcube.warehouse.tables import accounts, coverage, stored_time

_ENTRY = (
    "ref_date",
    "state",
    "asked_at",
    "fetched_at",
    "errcode",
    "message",
    "message_data",
    "revision",
    "revised_at",
    "doubts",
)
_OF_SERIES = [coverage.c[name] == sa.bindparam(f"b_{name}") for name in SERIES]
_SERIES_NAMES = tuple(f"b_{name}" for name in SERIES)
_ALL = (
    sa.select(*(coverage.c[name] for name in _ENTRY))
    .where(*_OF_SERIES)
    .order_by(coverage.c.ref_date)
)
_SELECT_ALL = Statement(_ALL, *_SERIES_NAMES)
_SELECT = Statement(
    _ALL.where(coverage.c.ref_date.between(sa.bindparam("b_first"), sa.bindparam("b_last"))),
    *_SERIES_NAMES,
    "b_first",
    "b_last",
)
_SELECT_OPEN = Statement(
    _ALL.where(
        sa.or_(
            coverage.c.state.not_in(
                [sa.literal_column(f"'{state.value}'") for state in sorted(SETTLED)]
            ),
            coverage.c.asked_at > sa.bindparam("b_latest"),
        )
    ),
    *_SERIES_NAMES,
    "b_latest",
)
_SELECT_DAYS = Statement(
    sa.select(coverage.c.ref_date).where(
        *_OF_SERIES,
        coverage.c.ref_date.between(sa.bindparam("b_first"), sa.bindparam("b_last")),
    ),
    *_SERIES_NAMES,
    "b_first",
    "b_last",
)
_WRITE = Statement(replacing(coverage), *SERIES, *_ENTRY)
_DELETE = Statement(
    coverage.delete().where(*_OF_SERIES, coverage.c.ref_date == sa.bindparam("b_ref_date")),
    *_SERIES_NAMES,
    "b_ref_date",
)


def entries(
    connection: sa.Connection, series: SeriesKey, window: Window | None = None
) -> dict[date, DayState]:
    """The entries of a series by day, of a window or of all days."""
    key = _key(series)
    if window is None:
        cursor = _SELECT_ALL.execute(connection, key)
    else:
        cursor = _SELECT.execute(
            connection, (*key, window.first.isoformat(), window.last.isoformat())
        )
    return {date.fromisoformat(row[0]): _entry(row) for row in cursor}


def open_entries(
    connection: sa.Connection, series: SeriesKey, latest: datetime
) -> dict[date, DayState]:
    """The entries of a series that are not settled, or are from after a time."""
    cursor = _SELECT_OPEN.execute(connection, (*_key(series), stored_time(latest)))
    return {date.fromisoformat(row[0]): _entry(row) for row in cursor}


def days(connection: sa.Connection, series: SeriesKey, window: Window) -> set[date]:
    """The days of a window that have entries."""
    key = (*_key(series), window.first.isoformat(), window.last.isoformat())
    return {date.fromisoformat(day) for (day,) in _SELECT_DAYS.execute(connection, key)}


def _key(series: SeriesKey) -> tuple[object, ...]:
    return tuple(series[name] for name in SERIES)


def _entry(row: Any) -> DayState:
    _day, state, asked, fetched, errcode, text, data, revision, revised, doubts = row
    return DayState(
        State(state),
        datetime.fromisoformat(asked),
        datetime.fromisoformat(fetched) if fetched else None,
        errcode,
        from_columns(text, data) if text else NOTHING,
        revision,
        datetime.fromisoformat(revised) if revised else None,
        doubts,
    )


def entries_by_params(
    connection: sa.Connection, appid: str, origin: str, endpoint: str, window: Window | None = None
) -> dict[str, dict[date, DayState]]:
    """The entries of an endpoint by day, for each of the params it has entries of."""
    key = {"appid": appid, "origin": origin, "endpoint": endpoint}
    params = sa.select(coverage.c.params).distinct().order_by(coverage.c.params)
    params = params.where(*(coverage.c[name] == value for name, value in key.items()))
    return {
        text: entries(connection, {**key, "params": text}, window)
        for text in connection.execute(params).scalars().all()
    }


def known_series(
    connection: sa.Connection, appid: str, origin: str
) -> list[tuple[str, dict[str, str]]]:
    """The endpoints of an account that have entries, with their params."""
    column = coverage.c
    rows = connection.execute(
        sa.select(column.endpoint, column.params)
        .where(column.appid == appid, column.origin == origin)
        .distinct()
        .order_by(column.endpoint, column.params)
    )
    return [(row.endpoint, params_of(row.params)) for row in rows]


def last_days(connection: sa.Connection, endpoint: str, origin: str) -> dict[str, date]:
    """The newest day of an endpoint by account; accounts without any are left out."""
    # PERF: one step into the primary key per account, instead of all entries of all of them
    newest = (
        sa.select(sa.func.max(coverage.c.ref_date))
        .where(coverage.c.appid == accounts.c.appid, coverage.c.origin == origin)
        .where(coverage.c.endpoint == endpoint, coverage.c.params == "")
        .scalar_subquery()
    )
    rows = connection.execute(sa.select(accounts.c.appid, newest)).all()
    return {appid: day for appid, day in rows if day is not None}


def write(connection: sa.Connection, series: SeriesKey, changed: Mapping[date, DayState]) -> None:
    """Write entries; entries of the same days are replaced."""
    if changed:
        key = _key(series)
        rows = [(*key, *_values(day, entry)) for day, entry in changed.items()]
        _WRITE.execute_many(connection, rows)


def _values(day: date, entry: DayState) -> tuple[object, ...]:
    text, data = to_columns(entry.message) if entry.message else ("", None)
    return (
        day.isoformat(),
        entry.state.value,
        stored_time(entry.asked_at),
        stored_time(entry.fetched_at) if entry.fetched_at else None,
        entry.errcode,
        text,
        data,
        entry.revision,
        stored_time(entry.revised_at) if entry.revised_at else None,
        entry.doubts,
    )


def delete(connection: sa.Connection, series: SeriesKey, days: Collection[date]) -> None:
    """Delete the entries of days."""
    key = _key(series)
    _DELETE.execute_many(connection, [(*key, day.isoformat()) for day in days])


_KNOWN = Statement(
    sa.select(accounts.c.appid).where(accounts.c.appid == sa.bindparam("b_appid")), "b_appid"
)
_ADD = Statement(skipping(accounts), "appid", "first_seen")


def add_account(connection: sa.Connection, appid: str, first_seen: datetime) -> None:
    """Add an account, unless it is known."""
    if _KNOWN.execute(connection, (appid,)).fetchone() is None:
        _ADD.execute(connection, (appid, stored_time(first_seen)))


def known_accounts(connection: sa.Connection) -> dict[str, datetime]:
    """The accounts, each with the time of its first answer or refusal."""
    rows = sa.select(accounts.c.appid, accounts.c.first_seen).order_by(accounts.c.appid)
    return {appid: seen for appid, seen in connection.execute(rows).all()}  # noqa: C416 - rows are not pairs to mypy
