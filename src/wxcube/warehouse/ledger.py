"""The ledger in the database: lines of coverage, accounts seen, calls counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

import sqlalchemy as sa

from wxcube.contract.window import Window
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.series import Keys
from wxcube.warehouse.tables import accounts, calls, coverage

SERIES = ("appid", "origin", "endpoint", "params")
_OF_SERIES = [coverage.c[name] == sa.bindparam(name) for name in SERIES]
_LINE = (
    coverage.c.ref_date,
    coverage.c.state,
    coverage.c.asked_at,
    coverage.c.fetched_at,
    coverage.c.errcode,
    coverage.c.message,
)
_ALL = sa.select(*_LINE).where(*_OF_SERIES).order_by(coverage.c.ref_date)
_BETWEEN = _ALL.where(coverage.c.ref_date.between(sa.bindparam("first"), sa.bindparam("last")))
_REMOVE = coverage.delete().where(
    *(coverage.c[name] == sa.bindparam(f"b_{name}") for name in (*SERIES, "ref_date"))
)


def lines(
    connection: sa.Connection, series: Keys, window: Window | None = None
) -> dict[date, DayState]:
    """The lines of a series by day, of a window or of all days."""
    if window is None:
        found = connection.execute(_ALL, dict(series))
    else:
        found = connection.execute(_BETWEEN, {**series, "first": window.first, "last": window.last})
    return {
        day: DayState(State(state), asked, fetched, errcode, message)
        for day, state, asked, fetched, errcode, message in found.all()
    }


def last_days(connection: sa.Connection, endpoint: str, origin: str) -> dict[str, date]:
    """The newest day of an endpoint by account; accounts without any are left out."""
    # PERF: one step into the primary key per account, instead of all lines of all of them
    newest = (
        sa.select(sa.func.max(coverage.c.ref_date))
        .where(coverage.c.appid == accounts.c.appid, coverage.c.origin == origin)
        .where(coverage.c.endpoint == endpoint, coverage.c.params == "")
        .scalar_subquery()
    )
    found = connection.execute(sa.select(accounts.c.appid, newest)).all()
    return {appid: day for appid, day in found if day is not None}


def write(connection: sa.Connection, series: Keys, changed: Mapping[date, DayState]) -> None:
    """Put lines into the ledger over the ones that are there."""
    if not changed:
        return
    remove(connection, series, changed)
    connection.execute(coverage.insert(), [_record(series, *item) for item in changed.items()])


def _record(series: Keys, day: date, line: DayState) -> dict[str, object]:
    return {
        **series,
        "ref_date": day,
        "state": line.state.value,
        "asked_at": line.asked_at,
        "fetched_at": line.fetched_at,
        "errcode": line.errcode,
        "message": line.message,
    }


def remove(connection: sa.Connection, series: Keys, days: Collection[date]) -> None:
    """Take lines out of the ledger."""
    scope = {f"b_{name}": value for name, value in series.items()}
    if days:
        connection.execute(_REMOVE, [{**scope, "b_ref_date": day} for day in days])


def see(connection: sa.Connection, appid: str, moment: datetime) -> None:
    """Remember an account when it is met for the first time."""
    known = sa.select(accounts.c.appid).where(accounts.c.appid == sa.bindparam("appid"))
    if connection.execute(known, {"appid": appid}).first() is None:
        connection.execute(accounts.insert(), {"appid": appid, "first_seen": moment})


def accounts_seen(connection: sa.Connection) -> dict[str, datetime]:
    """When each account was first met."""
    found = sa.select(accounts.c.appid, accounts.c.first_seen).order_by(accounts.c.appid)
    return {appid: seen for appid, seen in connection.execute(found).all()}  # noqa: C416 - rows are not pairs to mypy


# --- calls of a day ------------------------------------------------------------------------------

_DAY = [calls.c[name] == sa.bindparam(f"b_{name}") for name in ("appid", "endpoint", "day")]
_COUNTED = sa.select(calls.c.calls, calls.c.exhausted).where(*_DAY)
_SET = (
    calls.update()
    .where(*_DAY)
    .values(calls=sa.bindparam("b_calls"), exhausted=sa.bindparam("b_exhausted"))
)


def counted(connection: sa.Connection, appid: str, endpoint: str, day: date) -> tuple[int, bool]:
    """How many calls a day had, and whether WeChat said that they are used up."""
    keys = {"b_appid": appid, "b_endpoint": endpoint, "b_day": day}
    found = connection.execute(_COUNTED, keys).first()
    return (found[0], found[1]) if found else (0, False)


def count(
    connection: sa.Connection,
    appid: str,
    endpoint: str,
    day: date,
    *,
    more: int = 0,
    exhausted: bool = False,
) -> None:
    """Add to the calls of a day, or mark them as used up."""
    keys = {"b_appid": appid, "b_endpoint": endpoint, "b_day": day}
    found = connection.execute(_COUNTED, keys).first()
    if found is None:
        record = {"appid": appid, "endpoint": endpoint, "day": day}
        connection.execute(calls.insert(), {**record, "calls": more, "exhausted": exhausted})
        return
    new = {"b_calls": found[0] + more, "b_exhausted": found[1] or exhausted}
    connection.execute(_SET, {**keys, **new})
