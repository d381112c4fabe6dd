"""The log of asks: every attempt that was sent, whoever sent it, and what came of it.

An ask is written before the attempt is sent, so that budgets hold even if the process is killed.
Its outcome is added once. The order of outcomes (`finished`) is the order in which they changed the
account's days, so that rows and states of any moment can be computed from asks and replies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from wxcube.beijing import day_of, in_beijing
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.i18n import NOTHING, Message
from wxcube.warehouse.ledger_messages import from_columns, to_columns
from wxcube.warehouse.next_ask import Refusal, concerns_endpoint
from wxcube.warehouse.series import SERIES, SeriesKey
from wxcube.warehouse.statements import Statement, new_number, numbered
from wxcube.warehouse.tables import asks, stored_time

_MOST_IN_PROGRESS = 1000
"""Asks that may be sent and not finished at the same time, over all accounts."""
EXHAUSTED = 45009
"""WeChat allows no more calls of the endpoint on that day."""


class Outcome(StrEnum):
    """What came of an attempt."""

    SENT = "sent"
    """Not known: it is still running, its process was killed, or its answer was not stored."""
    ANSWERED = "answered"
    REFUSED = "refused"
    """WeChat answered an errcode."""
    UNREADABLE = "unreadable"
    """The answer is not what the contract says."""
    UNANSWERED = "unanswered"
    """No complete answer arrived."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A finished attempt: what was asked when, and what came."""

    number: int
    series: Mapping[str, object]
    window: Window | None
    """None: known only as one of a number of calls."""
    sender: str
    asked_at: datetime
    outcome: Outcome
    server_date: datetime | None = None
    errcode: int | None = None
    is_delay: bool | None = None
    rows: int | None = None
    unreadable: int | None = None
    sha256: str | None = None
    message: Message = NOTHING
    clock_offset: int | None = None
    """Seconds by which this machine's clock was ahead, if it was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an attempt, to be added to its ask."""

    outcome: Outcome
    server_date: datetime | None = None
    errcode: int | None = None
    is_delay: bool | None = None
    rows: int | None = None
    unreadable: int | None = None
    sha256: str | None = None
    message: Message = NOTHING


# --- writing -------------------------------------------------------------------------------------

_NEW = (*SERIES, "first_date", "last_date", "sender", "asked_at", "outcome")
_RESULT = (
    "outcome",
    "server_date",
    "errcode",
    "is_delay",
    "rows",
    "unreadable",
    "sha256",
    "message",
    "message_data",
    "finished",
    "clock_offset",
)
_INSERT = Statement(numbered(asks), *_NEW)
_FINISH = Statement(
    asks.update()
    .where(asks.c.id == sa.bindparam("b_id"), asks.c.finished.is_(None))
    .values(
        {name: sa.bindparam(f"b_{name}") for name in _RESULT}
        | {"asked_at": sa.func.coalesce(sa.bindparam("b_asked_at"), asks.c.asked_at)}
    ),
    *(f"b_{name}" for name in _RESULT),
    "b_asked_at",
    "b_id",
)
_SENT_AT = Statement(sa.select(asks.c.asked_at).where(asks.c.id == sa.bindparam("id")), "id")
_SAME = Statement(
    sa.select(asks.c.id, asks.c.sha256)
    .where(
        *(asks.c[name] == sa.bindparam(name) for name in (*SERIES, "first_date", "last_date")),
        *(asks.c[name] == sa.bindparam(name) for name in ("sender", "asked_at", "outcome")),
    )
    .order_by(asks.c.id.desc()),
    *_NEW,
)
_LAST = Statement(
    sa.select(sa.func.max(asks.c.finished)).where(asks.c.appid == sa.bindparam("appid")), "appid"
)


def begin(
    connection: sa.Connection,
    series: SeriesKey,
    window: Window,
    asked_at: datetime,
    sender: str,
) -> int:
    """Write an ask that is about to be sent, and return its number."""
    values = _values(series, window, asked_at, sender, Outcome.SENT)
    return new_number(_INSERT.execute(connection, values))


def written(
    connection: sa.Connection,
    series: SeriesKey,
    window: Window,
    asked_at: datetime,
    sender: str,
    result: Result | None = None,
) -> int | None:
    """The number of the newest such ask, if it has this result; None if there is none."""
    outcome = result.outcome if result else Outcome.SENT
    values = _values(series, window, asked_at, sender, outcome)
    row = _SAME.execute(connection, values).fetchone()
    return int(row[0]) if row and row[1] == (result and result.sha256) else None


def _values(
    series: SeriesKey, window: Window, asked_at: datetime, sender: str, outcome: Outcome
) -> tuple[object, ...]:
    ends = (window.first.isoformat(), window.last.isoformat())
    key = (series[name] for name in SERIES)
    return (*key, *ends, sender, moment_text(asked_at), outcome.value)


def sent_at(connection: sa.Connection, number: int | None) -> datetime | None:
    """When an ask was sent; None if there is none."""
    row = _SENT_AT.execute(connection, (number,)).fetchone() if number is not None else None
    return datetime.fromisoformat(row[0]) if row else None


def finish(
    connection: sa.Connection,
    appid: str,
    number: int,
    result: Result,
    clock_offset: timedelta | None = None,
) -> None:
    """Add the outcome to an ask; an ask that has one keeps it.

    With an offset of this machine's clock, the server's Date replaces the time of sending.
    """
    (last,) = _LAST.execute(connection, (appid,)).fetchone()
    text, data = to_columns(result.message) if result.message else ("", None)
    server_date = stored_time(result.server_date) if result.server_date else None
    true_time = moment_text(result.server_date) if clock_offset and result.server_date else None
    values = (
        result.outcome.value,
        server_date,
        result.errcode,
        result.is_delay,
        result.rows,
        result.unreadable,
        result.sha256,
        text,
        data,
        (last or 0) + 1,
        round(clock_offset.total_seconds()) if clock_offset else None,
        true_time,
        number,
    )
    _FINISH.execute(connection, values)


def moment_text(time: datetime) -> str:
    """A time as stored in `asked_at`."""
    return in_beijing(time).isoformat(timespec="milliseconds")


# --- reading -------------------------------------------------------------------------------------

_OF_ENDPOINT = (
    asks.c.appid == sa.bindparam("appid"),
    asks.c.endpoint == sa.bindparam("endpoint"),
)
_OF_DAY = Statement(
    sa.select(
        sa.func.count(),
        sa.func.count(sa.case((asks.c.errcode == sa.literal_column(str(EXHAUSTED)), asks.c.id))),
    ).where(
        *_OF_ENDPOINT,
        asks.c.asked_at >= sa.bindparam("first"),
        asks.c.asked_at < sa.bindparam("end"),
    ),
    "appid",
    "endpoint",
    "first",
    "end",
)
_NEWEST = Statement(
    sa.select(asks.c.outcome, asks.c.errcode, asks.c.asked_at)
    .where(
        *_OF_ENDPOINT,
        asks.c.params == sa.bindparam("params"),
        asks.c.origin == sa.bindparam("origin"),
        asks.c.finished.is_not(None),
        asks.c.clock_offset.is_(None),
    )
    .order_by(asks.c.asked_at.desc()),
    "appid",
    "endpoint",
    "params",
    "origin",
)


_RECENT = 100
_OFFSET = Statement(
    sa.select(asks.c.clock_offset)
    .where(
        asks.c.appid == sa.bindparam("appid"),
        asks.c.finished > sa.bindparam("after"),
        asks.c.server_date.is_not(None),
    )
    .order_by(asks.c.finished.desc()),
    "appid",
    "after",
)


@dataclass(frozen=True, slots=True)
class DayCount:
    """The calls of an endpoint on a Beijing day."""

    calls: int
    is_exhausted: bool
    """Whether WeChat said that it allows no more (45009)."""


def of_day(connection: sa.Connection, appid: str, endpoint: str, day: date) -> DayCount:
    """The calls of an endpoint on a Beijing day."""
    ends = (day.isoformat(), (day + timedelta(days=1)).isoformat())
    calls, exhausted = _OF_DAY.execute(connection, (appid, endpoint, *ends)).fetchone()
    return DayCount(calls, bool(exhausted))


def of_today(connection: sa.Connection, appid: str, endpoint: str, now: datetime) -> DayCount:
    """The calls of an endpoint on the Beijing day of a time by this machine's clock.

    If the last answer showed that this clock is wrong, those of the server's day count too: the
    log has them there.
    """
    counts = [of_day(connection, appid, endpoint, day) for day in _todays(connection, appid, now)]
    return DayCount(
        sum(count.calls for count in counts), any(count.is_exhausted for count in counts)
    )


def _todays(connection: sa.Connection, appid: str, now: datetime) -> set[date]:
    (last,) = _LAST.execute(connection, (appid,)).fetchone()
    row = _OFFSET.execute(connection, (appid, (last or 0) - _RECENT)).fetchone()
    offset = timedelta(seconds=(row[0] or 0) if row else 0)
    return {day_of(now), day_of(now - offset)}


def standing_refusal(connection: sa.Connection, series: SeriesKey) -> Refusal | None:
    """The last answer of a series, if it was a refusal of the whole endpoint.

    Attempts without an answer, errcodes about the dates of the call, and attempts by a wrong clock
    say nothing about that.
    """
    names = ("appid", "endpoint", "params", "origin")
    cursor = _NEWEST.execute(connection, tuple(series[name] for name in names))
    for outcome, errcode, asked_at in cursor:
        if outcome == Outcome.ANSWERED.value:
            return None
        if concerns_endpoint(errcode):
            return Refusal(errcode, datetime.fromisoformat(asked_at))
    return None


_COLUMNS = (
    asks.c.id,
    *(asks.c[name] for name in SERIES),
    asks.c.first_date,
    asks.c.last_date,
    asks.c.sender,
    asks.c.asked_at,
    asks.c.outcome,
    asks.c.server_date,
    asks.c.errcode,
    asks.c.is_delay,
    asks.c.rows,
    asks.c.unreadable,
    asks.c.sha256,
    asks.c.message,
    asks.c.message_data,
    asks.c.clock_offset,
)


def newest(connection: sa.Connection) -> str:
    """A text that changes when an ask begins or ends."""
    last = sa.select(sa.func.max(asks.c.id)).scalar_subquery()
    recent = sa.select(sa.func.max(asks.c.id), sa.func.sum(asks.c.finished)).where(
        asks.c.id > last - _MOST_IN_PROGRESS
    )
    return "-".join(map(str, connection.execute(recent).one()))


def in_order(
    connection: sa.Connection,
    appid: str,
    *,
    series: SeriesKey | None = None,
    endpoints: Collection[Endpoint[Any]] | None = None,
    until: datetime | None = None,
    window: Window | None = None,
) -> Iterator[Ask]:
    """The finished asks of an account in the order of their outcomes, up to a moment.

    `series` selects those of one, `endpoints` those of some, and `window` those whose days are in a
    window.
    """
    select = sa.select(*_COLUMNS).where(
        asks.c.appid == appid, asks.c.finished.is_not(None), asks.c.first_date.is_not(None)
    )
    if series is not None:
        select = select.where(*(asks.c[name] == series[name] for name in SERIES))
    if endpoints is not None:
        select = select.where(asks.c.endpoint.in_([endpoint.name for endpoint in endpoints]))
    if until is not None:
        select = select.where(asks.c.asked_at <= until)
    if window is not None:
        select = select.where(asks.c.first_date <= window.last, asks.c.last_date >= window.first)
    in_pieces = select.order_by(asks.c.finished).execution_options(yield_per=1000)
    for row in connection.execute(in_pieces):
        yield _as_ask(row)


def _as_ask(row: Any) -> Ask:
    return Ask(
        row.id,
        {name: getattr(row, name) for name in SERIES},
        Window(row.first_date, row.last_date) if row.first_date else None,
        row.sender,
        row.asked_at,
        Outcome(row.outcome),
        row.server_date,
        row.errcode,
        row.is_delay,
        row.rows,
        row.unreadable,
        row.sha256,
        from_columns(row.message, row.message_data),
        row.clock_offset,
    )
