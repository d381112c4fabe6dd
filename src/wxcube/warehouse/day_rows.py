"""Rows by day with origin and ledger entry, read piece by piece: for exports and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.warehouse import ledger, reading
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.reading import Scope
from wxcube.warehouse.rows import to_rows
from wxcube.warehouse.series import SERIES
from wxcube.warehouse.tables import ROW_TABLES, RowTable

RECORDS = 5_000
"""The number of records, nested ones included, that a piece should have."""
LONGEST_PIECE = timedelta(days=31)
LONGEST_PIECE_OF_LABELS = timedelta(days=366)
"""Weeks and months have few records."""
GROWTH = 8
"""A piece has at most so many times the days of the piece before it, which may have had none."""


@dataclass(frozen=True, slots=True)
class DayRows(Generic[RowT]):
    """Rows of a day of one account and origin, withdrawn ones last."""

    appid: str
    day: date
    origin: Origin
    rows: list[RowT]
    entry: DayState | None
    """The day's entry in the ledger; None if it has none."""
    params: str = ""
    """Params of the calls other than the dates, such as `card_id=p1`."""


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries of a window, read for each series when it is first met."""

    connection: sa.Connection
    appid: str
    endpoint: Endpoint[Any]
    window: Window
    _known: dict[tuple[str, str], Mapping[date, DayState]] = field(default_factory=dict)

    def of(self, day: date, origin: str, params: str) -> DayState | None:
        key = (origin, params)
        if key not in self._known:
            values = (self.appid, origin, self.endpoint.name, params)
            series = dict(zip(SERIES, values, strict=True))
            self._known[key] = ledger.entries(self.connection, series, self.window)
        return self._known[key].get(day)


def day_rows(
    connection: sa.Connection, appid: str, endpoint: Endpoint[RowT], scope: Scope, window: Window
) -> Iterator[DayRows[RowT]]:
    """The rows of a window by day; only a piece of it is in memory at a time."""
    table, first, span = ROW_TABLES[endpoint.name], window.first, timedelta(days=1)
    longest = LONGEST_PIECE_OF_LABELS if endpoint.has_labels else LONGEST_PIECE
    while first <= window.last:
        piece = Window(first, min(first + span - timedelta(days=1), window.last))
        by_table = reading.records(connection, table, scope, piece)
        entries = _Entries(connection, appid, endpoint, piece)
        yield from _by_day(table, by_table, entries)
        first += span
        growth = min(RECORDS / max(sum(map(len, by_table)), 1), GROWTH)
        span = timedelta(days=max(int(span.days * growth), 1))
        span = min(span, longest)


def _by_day(
    table: RowTable, by_table: list[list[Any]], entries: _Entries
) -> Iterator[DayRows[Any]]:
    place = {column.name: number for number, column in enumerate(table.table.columns)}
    params = place.get("params")
    series_of = itemgetter(place["ref_date"], place["origin"], params or place["origin"])
    rows = iter(to_rows(table, by_table))
    for (text, origin, text_of_params), records in groupby(by_table[0], series_of):
        day, of_params = date.fromisoformat(text), text_of_params if params else ""
        of_day = [next(rows) for _record in records]
        entry = entries.of(day, origin, of_params)
        yield DayRows(entries.appid, day, Origin(origin), of_day, entry, of_params)
