"""What the stored days of other endpoints say about a day without rows. ADR 11 has the evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from wxcube.contract import ENDPOINTS, named
from wxcube.contract.endpoint import Balance, Endpoint, Grain
from wxcube.contract.window import Window
from wxcube.warehouse.coverage import DayState, Proof, State, awaits_second_look
from wxcube.warehouse.days import Days
from wxcube.warehouse.series import SeriesKey

PROVED_BY: Mapping[str, str] = {e.name: e.part_of for e in ENDPOINTS if e.part_of}
"""If the day of the second is confirmed empty, that of the first is too."""


def _contradicting(endpoint: Endpoint[Any]) -> tuple[str, ...]:
    if endpoint.grain is Grain.HOUR:
        return (endpoint.part_of,)
    return tuple(part for part, whole in PROVED_BY.items() if whole == endpoint.name)


CONTRADICTED_BY: Mapping[str, tuple[str, ...]] = {e.name: _contradicting(e) for e in ENDPOINTS}
"""If a day of one of the second has rows, that of the first has too."""


def related(endpoints: Iterable[Endpoint[Any]]) -> list[list[Endpoint[Any]]]:
    """All endpoints whose days can have an effect on those of some endpoints, in groups.

    Endpoints of different groups have no effect on one another.
    """
    groups: list[set[str]] = [{endpoint.name} for endpoint in ENDPOINTS]
    for endpoint in ENDPOINTS:
        balanced = {endpoint.balance.of} if endpoint.balance else set()
        linked = {endpoint.name, endpoint.part_of, *balanced}
        joined = set().union(*(group for group in groups if group & linked))
        groups = [*(group for group in groups if not group & linked), joined]
    names = {endpoint.name for endpoint in endpoints}
    return [[named(name) for name in sorted(group)] for group in groups if group & names]


def proofs(
    days: Days,
    key: SeriesKey,
    window: Window,
    *,
    filled: Collection[date],
    final: Collection[date],
) -> Mapping[date, Proof]:
    """What is known about the days of a window without rows; days that are left out: nothing.

    `filled` are the days with rows in the same answer, `final` those whose figures are final.
    """
    endpoint = named(str(key["endpoint"]))
    empty = [day for day in window if day not in filled]
    if not empty:
        return {}
    if endpoint.has_every_day:
        stored = days.first_day(key)
        first = min((*filled, stored) if stored else filled, default=None)
        return {day: Proof.CONTRADICTED for day in empty if first and day > first}
    newest = max(final, default=date.min)
    known = {day: Proof.COMPUTED for day in empty if day < newest}
    if endpoint.balance:
        return known | _by_balance(days, key, window, empty, endpoint.balance)
    return known | _by_ledger(days, key, window, empty)


def settle_proved(days: Days, key: SeriesKey, entries: Mapping[date, DayState]) -> None:
    """Settle the days of other endpoints that await a second look and are proved by these entries.

    Otherwise their states would depend on the order of the calls.
    """
    proved = [name for name, proving in PROVED_BY.items() if proving == key["endpoint"]]
    if not proved:
        return
    empty = sorted(day for day, entry in entries.items() if entry.state is State.EMPTY)
    for name in proved if empty else ():
        other = {**key, "endpoint": name}
        waiting = days.entries(other, Window(empty[0], empty[-1]))
        settled = {
            day: replace(entry, state=State.EMPTY)
            for day, entry in waiting.items()
            if day in empty and awaits_second_look(entry)
        }
        days.write(other, settled, {})


def _by_balance(
    days: Days, key: SeriesKey, window: Window, empty: Collection[date], balance: Balance
) -> dict[date, Proof]:
    """Days on which the total differs from that of the day before must have rows."""
    day_before = timedelta(days=1)
    other = {**key, "endpoint": balance.of}
    totals = days.numbers(other, balance.total, Window(window.first - day_before, window.last))
    return {
        day: Proof.CONTRADICTED
        for day in empty
        if day in totals and totals.get(day - day_before, totals[day]) != totals[day]
    }


def _by_ledger(
    days: Days, key: SeriesKey, window: Window, empty: Collection[date]
) -> dict[date, Proof]:
    name, known = str(key["endpoint"]), dict[date, Proof]()
    if proving := PROVED_BY.get(name):
        entries = days.entries({**key, "endpoint": proving}, window)
        settled = {day for day, entry in entries.items() if entry.state is State.EMPTY}
        known |= {day: Proof.COMPUTED for day in empty if day in settled}
    for other in CONTRADICTED_BY.get(name, ()):
        entries = days.entries({**key, "endpoint": other}, window)
        loaded = {day for day, entry in entries.items() if entry.fetched_at}
        known |= {day: Proof.CONTRADICTED for day in empty if day in loaded}
    return known
