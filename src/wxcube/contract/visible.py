"""What WeChat shows of rows on a given day: nothing newer, running totals only up to then."""

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
    """The rows as they are answered when `last_day` is the newest day with figures.

    Rows whose day, week or month ended by then stay; running totals end with `last_day`.
    """
    shown = [row for row in rows if _ref_date(row) <= last_day]
    over = {label: endpoint.period(label).last <= last_day for label in map(_ref_date, shown)}
    shown = [row for row in shown if over[_ref_date(row)]]
    running = endpoint.running
    return [_cut(row, running.name, last_day) for row in shown] if running else shown


def _cut(row: RowT, name: str, last_day: date) -> RowT:
    totals: list[Row] = getattr(row, name)
    kept = [total for total in totals if _stat_date(total) <= last_day]
    change: dict[str, Any] = {name: kept}
    return row if len(kept) == len(totals) else msgspec.structs.replace(row, **change)
