"""What the stored days of other endpoints say about a day without rows. ADR 11 has the evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta

import sqlalchemy as sa

from wxcube.contract import named
from wxcube.contract.window import Window
from wxcube.warehouse import ledger
from wxcube.warehouse.coverage import DayState, Proof, State, awaits_second_look
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.tables import ROW_TABLES

FOLLOWERS = "getusercumulate"
"""Has a row of every day from the first follower on."""
FOLLOWER_CHANGES = "getusersummary"
"""Its days without rows are days on which the number of followers stays the same."""

_HOURS = {
    "getupstreammsghour": "getupstreammsg",
    "getinterfacesummaryhour": "getinterfacesummary",
    "getuserreadhour": "getuserread",
    "getusersharehour": "getusershare",
}
_READS = ("getarticleread", "getarticleshare")

PROVED_BY: Mapping[str, str] = {**_HOURS, **dict.fromkeys(_READS, "getbizsummary")}
"""If the day of the second is confirmed empty, that of the first is too."""
CONTRADICTED_BY: Mapping[str, tuple[str, ...]] = {
    **{hours: (days,) for hours, days in _HOURS.items()},
    **{days: (hours,) for hours, days in _HOURS.items()},
    "getbizsummary": _READS,
}
"""If a day of one of the second has rows, that of the first has too."""


def proofs(
    connection: sa.Connection,
    key: SeriesKey,
    window: Window,
    *,
    filled: Collection[date],
    final: Collection[date],
) -> Mapping[date, Proof]:
    """What is known about the days of a window without rows; days that are left out: nothing.

    `filled` are the days with rows in the same answer, `final` those whose figures are final.
    """
    name = str(key["endpoint"])
    empty = [day for day in window if day not in filled]
    if not empty:
        return {}
    if name == FOLLOWERS:
        first = _first_day(connection, key, filled)
        return {day: Proof.CONTRADICTED for day in empty if first and day > first}
    newest = max(final, default=date.min)
    known = {day: Proof.COMPUTED for day in empty if day < newest}
    if name == FOLLOWER_CHANGES:
        return known | _by_followers(connection, key, window, empty)
    return known | _by_ledger(connection, key, window, empty)


def settle_proved(
    connection: sa.Connection, key: SeriesKey, entries: Mapping[date, DayState]
) -> None:
    """Settle the days of other endpoints that await a second look and are proved by these entries.

    Otherwise their states would depend on the order of the calls.
    """
    empty = sorted(day for day, entry in entries.items() if entry.state is State.EMPTY)
    proved = [name for name, proving in PROVED_BY.items() if proving == key["endpoint"]]
    for name in proved if empty else ():
        other = {**key, "endpoint": name}
        waiting = ledger.entries(connection, other, Window(empty[0], empty[-1]))
        settled = {
            day: replace(entry, state=State.EMPTY)
            for day, entry in waiting.items()
            if day in empty and awaits_second_look(named(name), day, entry)
        }
        ledger.write(connection, other, settled)


def _first_day(connection: sa.Connection, key: SeriesKey, filled: Collection[date]) -> date | None:
    table = ROW_TABLES[FOLLOWERS].table
    oldest = sa.select(sa.func.min(table.c.ref_date)).where(
        table.c.appid == key["appid"], table.c.origin == key["origin"]
    )
    stored: date | None = connection.execute(oldest).scalar()
    return min((*filled, stored) if stored else filled, default=None)


def _by_followers(
    connection: sa.Connection, key: SeriesKey, window: Window, empty: Collection[date]
) -> dict[date, Proof]:
    """Days whose followers differ from those of the day before must have rows."""
    table = ROW_TABLES[FOLLOWERS].table
    day_before = timedelta(days=1)
    rows = sa.select(table.c.ref_date, table.c.cumulate_user).where(
        table.c.appid == key["appid"],
        table.c.origin == key["origin"],
        table.c.ref_date.between(window.first - day_before, window.last),
    )
    followers = {day: count for day, count in connection.execute(rows).all()}  # noqa: C416 - rows are not pairs to mypy
    return {
        day: Proof.CONTRADICTED
        for day in empty
        if day in followers and followers.get(day - day_before, followers[day]) != followers[day]
    }


def _by_ledger(
    connection: sa.Connection, key: SeriesKey, window: Window, empty: Collection[date]
) -> dict[date, Proof]:
    name, known = str(key["endpoint"]), dict[date, Proof]()
    if proving := PROVED_BY.get(name):
        entries = ledger.entries(connection, {**key, "endpoint": proving}, window)
        settled = {day for day, entry in entries.items() if entry.state is State.EMPTY}
        known |= {day: Proof.COMPUTED for day in empty if day in settled}
    for other in CONTRADICTED_BY.get(name, ()):
        entries = ledger.entries(connection, {**key, "endpoint": other}, window)
        loaded = {day for day, entry in entries.items() if entry.fetched_at}
        known |= {day: Proof.CONTRADICTED for day in empty if day in loaded}
    return known
