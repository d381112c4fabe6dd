"""The ledger in the database: coverage by day, accounts, calls per day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

import sqlalchemy as sa

from wxcube.contract.window import Window
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.ledger_messages import from_columns, to_columns
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.tables import accounts, calls, coverage

SERIES = ("appid", "origin", "endpoint", "params")
_OF_SERIES = [coverage.c[name] == sa.bindparam(name) for name in SERIES]
_ENTRY = (
    coverage.c.ref_date,
    coverage.c.state,
    coverage.c.asked_at,
    coverage.c.fetched_at,
    coverage.c.errcode,
    coverage.c.message,
    coverage.c.message_data,
)
_ALL = sa.select(*_ENTRY).where(*_OF_SERIES).order_by(coverage.c.ref_date)
_BETWEEN = _ALL.where(coverage.c.ref_date.between(sa.bindparam("first"), sa.bindparam("last")))
_DELETE = coverage.delete().where(
    *(coverage.c[name] == sa.bindparam(f"b_{name}") for name in (*SERIES, "ref_date"))
)


def entries(
    connection: sa.Connection, series: SeriesKey, window: Window | None = None
) -> dict[date, DayState]:
    """The entries of a series by day, of a window or of all days."""
    if window is None:
        rows = connection.execute(_ALL, dict(series))
    else:
        rows = connection.execute(_BETWEEN, {**series, "first": window.first, "last": window.last})
    return {
        day: DayState(State(state), asked, fetched, errcode, from_columns(text, data))
        for day, state, asked, fetched, errcode, text, data in rows.all()
    }


def entries_by_params(
    connection: sa.Connection, appid: str, origin: str, endpoint: str
) -> dict[str, dict[date, DayState]]:
    """The entries of an endpoint by day, for each of the params it has entries of."""
    key = {"appid": appid, "origin": origin, "endpoint": endpoint}
    params = sa.select(coverage.c.params).distinct().order_by(coverage.c.params)
    params = params.where(*(coverage.c[name] == value for name, value in key.items()))
    return {
        text: entries(connection, {**key, "params": text})
        for text in connection.execute(params).scalars().all()
    }


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
    if not changed:
        return
    delete(connection, series, changed)
    connection.execute(coverage.insert(), [_record(series, *item) for item in changed.items()])


def _record(series: SeriesKey, day: date, entry: DayState) -> dict[str, object]:
    text, data = to_columns(entry.message)
    return {
        **series,
        "ref_date": day,
        "state": entry.state.value,
        "asked_at": entry.asked_at,
        "fetched_at": entry.fetched_at,
        "errcode": entry.errcode,
        "message": text,
        "message_data": data,
    }


def delete(connection: sa.Connection, series: SeriesKey, days: Collection[date]) -> None:
    """Delete the entries of days."""
    scope = {f"b_{name}": value for name, value in series.items()}
    if days:
        connection.execute(_DELETE, [{**scope, "b_ref_date": day} for day in days])


def add_account(connection: sa.Connection, appid: str, first_seen: datetime) -> None:
    """Add an account, unless it is known."""
    known = sa.select(accounts.c.appid).where(accounts.c.appid == sa.bindparam("appid"))
    if connection.execute(known, {"appid": appid}).first() is None:
        connection.execute(accounts.insert(), {"appid": appid, "first_seen": first_seen})


def known_accounts(connection: sa.Connection) -> dict[str, datetime]:
    """The accounts, each with the time of its first answer or refusal."""
    rows = sa.select(accounts.c.appid, accounts.c.first_seen).order_by(accounts.c.appid)
    return {appid: seen for appid, seen in connection.execute(rows).all()}  # noqa: C416 - rows are not pairs to mypy


# --- calls per day -------------------------------------------------------------------------------

_OF_DAY = [calls.c[name] == sa.bindparam(f"b_{name}") for name in ("appid", "endpoint", "day")]
_COUNT = sa.select(calls.c.calls, calls.c.exhausted).where(*_OF_DAY)
_SET = (
    calls.update()
    .where(*_OF_DAY)
    .values(calls=sa.bindparam("b_calls"), exhausted=sa.bindparam("b_exhausted"))
)


def call_count(connection: sa.Connection, appid: str, endpoint: str, day: date) -> tuple[int, bool]:
    """The number of calls of a day, and whether WeChat allows no more (45009)."""
    keys = {"b_appid": appid, "b_endpoint": endpoint, "b_day": day}
    row = connection.execute(_COUNT, keys).first()
    return (row[0], row[1]) if row else (0, False)


def add_calls(
    connection: sa.Connection,
    appid: str,
    endpoint: str,
    day: date,
    *,
    more: int = 0,
    exhausted: bool = False,
) -> None:
    """Add to the calls of a day, or record that WeChat allows no more."""
    keys = {"b_appid": appid, "b_endpoint": endpoint, "b_day": day}
    row = connection.execute(_COUNT, keys).first()
    if row is None:
        record = {"appid": appid, "endpoint": endpoint, "day": day}
        connection.execute(calls.insert(), {**record, "calls": more, "exhausted": exhausted})
        return
    new = {"b_calls": row[0] + more, "b_exhausted": row[1] or exhausted}
    connection.execute(_SET, {**keys, **new})
