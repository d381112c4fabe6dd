"""Answers and errors applied to the days of a series: rows merged, states changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from wxcube.beijing import day_of
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Row
from wxcube.contract.source import Answer
from wxcube.contract.window import Window
from wxcube.i18n import Message
from wxcube.warehouse.clock_check import AskedAt
from wxcube.warehouse.coverage import (
    Change,
    DayAnswer,
    DayState,
    Proof,
    State,
    after_answer,
    after_error,
)
from wxcube.warehouse.days import Days
from wxcube.warehouse.merging import Merged, merge
from wxcube.warehouse.next_ask import next_ask
from wxcube.warehouse.rows import to_records
from wxcube.warehouse.series import SeriesKey, scope_values
from wxcube.warehouse.tables import ROW_TABLES, stored_time
from wxcube.warehouse.witnesses import proofs, settle_proved


@dataclass(frozen=True, slots=True)
class Replacement:
    """Effect of an answer: the state of each of its days, and the number of rows it brought."""

    states: Mapping[date, State]
    rows: int
    revised: tuple[date, ...] = ()
    """Days whose figures changed after they were settled."""
    withdrawn: int = 0
    """Rows that this answer is the first to lack."""


def store_answer(days: Days, key: SeriesKey, answer: Answer[Any], asked_at: AskedAt) -> Replacement:
    """Merge the rows of an answer into its days, and change the states of these days."""
    endpoint = answer.endpoint
    by_day = _by_day(answer)
    before = days.entries(key, answer.window)
    merged = _merged(days, key, answer, by_day, before, asked_at)
    known = _proofs(days, key, answer, by_day, asked_at)
    changes = {
        day: after_answer(
            endpoint,
            day,
            before.get(day),
            _day_answer(answer, day, rows, before.get(day), merged.get(day), known, asked_at),
        )
        for day, rows in by_day.items()
        if rows or _is_over(endpoint, day, asked_at.time)
    }
    entries = {day: change.entry for day, change in changes.items()}
    written = _written(changes, merged)
    days.write(key, entries, {day: one.records for day, one in written.items()})
    settle_proved(days, key, entries)
    return Replacement(
        {day: entry.state for day, entry in entries.items()},
        sum(len(by_day[day]) for day, change in changes.items() if change.writes_rows),
        tuple(day for day, entry in entries.items() if _is_revised(before.get(day), entry)),
        sum(one.lost for one in written.values()),
    )


def _by_day(answer: Answer[Any]) -> dict[date, list[Row]]:
    by_day: dict[date, list[Row]] = {day: [] for day in answer.endpoint.labels(answer.window)}
    for day, rows in groupby(answer.rows, attrgetter("ref_date")):
        # a row of another day would replace that day's rows
        if day in answer.window:
            by_day.setdefault(day, []).extend(rows)
    return by_day


def _merged(
    days: Days,
    key: SeriesKey,
    answer: Answer[Any],
    by_day: Mapping[date, list[Row]],
    before: Mapping[date, DayState],
    asked_at: AskedAt,
) -> dict[date, Merged]:
    """The records of each day with rows, merged with the stored ones."""
    table, scope = ROW_TABLES[answer.endpoint.name], scope_values(answer.endpoint, key)
    has_stored = any(entry.fetched_at and by_day.get(day) for day, entry in before.items())
    stored = days.records(key, answer.window) if has_stored else {}
    nothing: list[list[Any]] = [[] for _table in table.walk()]
    time = stored_time(asked_at.time)
    return {
        day: merge(
            table,
            stored.get(day, nothing),
            to_records(table, scope, rows),
            time,
            may_withdraw=not (answer.is_delay or answer.unreadable_on(day)),
        )
        for day, rows in by_day.items()
        if rows
    }


def _proofs(
    days: Days,
    key: SeriesKey,
    answer: Answer[Any],
    by_day: Mapping[date, list[Row]],
    asked_at: AskedAt,
) -> Mapping[date, Proof]:
    endpoint = answer.endpoint
    filled = [day for day, rows in by_day.items() if rows]
    final = [d for d in filled if not answer.is_delay and asked_at.time >= endpoint.final_at(d)]
    return proofs(days, key, answer.window, filled=filled, final=final)


def _day_answer(  # noqa: PLR0913, PLR0917 - all that is known about a day
    answer: Answer[Any],
    day: date,
    rows: Sequence[Row],
    before: DayState | None,
    merged: Merged | None,
    known: Mapping[date, Proof],
    asked_at: AskedAt,
) -> DayAnswer:
    in_doubt = before is not None and before.doubts > 0
    lost_rows = 0
    if merged:
        lost_rows = (merged.withdrawn if in_doubt else merged.lost) + merged.incomplete
    return DayAnswer(
        asked_at=asked_at.time,
        has_rows=bool(rows),
        is_delay=answer.is_delay,
        unreadable=answer.unreadable_on(day),
        lost_rows=lost_rows,
        lacks_newest=_lacks_newest(answer.endpoint, day, rows),
        is_changed=merged.is_changed if merged else False,
        proof=known.get(day, Proof.NONE),
        can_settle=asked_at.can_settle,
    )


def _lacks_newest(endpoint: Endpoint[Any], day: date, rows: Sequence[Row]) -> bool:
    """Whether running totals of a row lack their last day."""
    if endpoint.running is None:
        return False
    name, last = endpoint.running.name, endpoint.last_stat_date(day)
    return any(
        last not in {element.stat_date for element in getattr(row, name) or ()} for row in rows
    )


def _written(changes: Mapping[date, Change], merged: Mapping[date, Merged]) -> dict[date, Merged]:
    return {
        day: merged[day]
        for day, change in changes.items()
        if change.writes_rows and merged[day].is_different
    }


def _is_revised(before: DayState | None, entry: DayState) -> bool:
    return entry.revision > (before.revision if before else 0)


def _is_over(endpoint: Endpoint[Any], label: date, now: datetime) -> bool:
    return endpoint.period(label).last < day_of(now)


def store_error(  # noqa: PLR0913, PLR0917 - one error
    days: Days,
    key: SeriesKey,
    endpoint: Endpoint[Any],
    window: Window,
    state: State,
    asked_at: AskedAt,
    errcode: int | None,
    message: Message,
) -> dict[date, DayState]:
    """Change the states of the days of a call that gave an error, and return their entries.

    Settled days do not change, nor do days that are not worth a call at that time.
    """
    before = days.entries(key, window)
    if not asked_at.can_settle and state is State.REFUSED:
        state = State.FAILED
    entries = {
        day: after_error(before.get(day), state, asked_at.time, errcode, message)
        for day in endpoint.labels(window)
        if _is_over(endpoint, day, asked_at.time)
        and not _is_waiting_for_its_time(endpoint, day, before.get(day), asked_at.time)
    }
    days.write(key, entries, {})
    return entries


def _is_waiting_for_its_time(
    endpoint: Endpoint[Any], label: date, entry: DayState | None, now: datetime
) -> bool:
    """Whether a day that has rows, or awaits a second look, is asked again later than now."""
    if entry is None or entry.state not in {State.MOVING, State.WAITING}:
        return False
    return not next_ask(endpoint, label, entry).is_due(now)
