"""Rows as WeChat answers them on a given day: without anything that was not known then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from operator import attrgetter
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.field import Row

_ref_date = attrgetter("ref_date")
_stat_date = attrgetter("stat_date")


def visible(endpoint: Endpoint[RowT], rows: Iterable[RowT], last_day: date) -> list[RowT]:
    """The rows as answered when `last_day` is the newest day with figures.

    These are the rows whose day, week or month ended by then; their running totals end with
    `last_day`.
    """
    begun = [row for row in rows if _ref_date(row) <= last_day]
    is_over = {label: endpoint.period(label).last <= last_day for label in map(_ref_date, begun)}
    over = [row for row in begun if is_over[_ref_date(row)]]
    running = endpoint.running
    return [_truncated(row, running.name, last_day) for row in over] if running else over


def _truncated(row: RowT, name: str, last_day: date) -> RowT:
    """The row without running totals of days after `last_day`."""
    totals: list[Row] = getattr(row, name)
    until_then = [total for total in totals if _stat_date(total) <= last_day]
    change: dict[str, Any] = {name: until_then}
    return row if len(until_then) == len(totals) else msgspec.structs.replace(row, **change)
