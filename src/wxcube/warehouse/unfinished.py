"""Computed rows that WeChat would not answer yet: of a running day, or before 08:00."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from wxcube.beijing import latest_ready_day, yesterday
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.warehouse.rows import Record
from wxcube.warehouse.tables import RowTable


def has_computed(table: RowTable, found: list[list[Record]]) -> bool:
    """Whether any record of the first table was computed from events."""
    origin = _names(table).index("origin")
    return any(record[origin] == Origin.CUBE.value for record in found[0])


def without_unfinished(
    endpoint: Endpoint[Any],
    table: RowTable,
    found: list[list[Record]],
    computed_at: Mapping[date, datetime],
    now: datetime,
) -> list[list[Record]]:
    """The records that WeChat would answer at a time, one list per table of `table.walk()`.

    `computed_at` says when each day was computed. A day that was running when it was computed is
    left out until it is computed again; so are running totals of such a day.
    """
    ends = finished_through(endpoint, computed_at, now)
    return [
        list(filter(_shown(part, ends), records))
        for part, records in zip(table.walk(), found, strict=True)
    ]


def finished_through(
    endpoint: Endpoint[Any], computed_at: Mapping[date, datetime], now: datetime
) -> dict[str, str]:
    """The last day whose figures WeChat would answer at a time, for each computed day; "": none."""
    newest = latest_ready_day(now)
    through = {label: min(yesterday(at), newest) for label, at in computed_at.items()}
    return {
        label.isoformat(): end.isoformat() if endpoint.period(label).last <= end else ""
        for label, end in through.items()
    }


def is_finished(origin: str, day: str, last: str, ends: Mapping[str, str]) -> bool:
    """Whether WeChat would answer a row of a day whose figures reach until another day."""
    end = ends.get(day)
    return origin != Origin.CUBE.value or end is None or last <= end


def _shown(part: RowTable, ends: Mapping[str, str]) -> Callable[[Record], bool]:
    """A function that says whether a record is shown, given the end of each day's figures."""
    names = _names(part)
    origin, day = names.index("origin"), names.index("ref_date")
    last = names.index("stat_date") if "stat_date" in names else day
    return lambda record: is_finished(record[origin], record[day], record[last], ends)


def _names(table: RowTable) -> list[str]:
    return [column.name for column in table.table.columns]
