"""Tables rebuilt from asks and replies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from wxcube.warehouse import asks, ledger
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.replaying import Key, MemoryDays, ReplayResult, replay
from wxcube.warehouse.rows import Records
from wxcube.warehouse.series import SERIES
from wxcube.warehouse.stored_days import StoredDays, delete
from wxcube.warehouse.tables import ROW_TABLES


def rebuild(connection: sa.Connection, appid: str) -> ReplayResult:
    """Recompute the rows and states of an account from its asks and replies.

    Days whose rows are from no reply that can be decoded today retain them, and days that were
    settled without rows stay settled: an older version did not log every answer.
    """
    days = MemoryDays()
    result = replay(connection, list(asks.in_order(connection, appid)), days)
    for key, entries in days.entries_by_series.items():
        _replace(connection, key, entries, days.records_by_series.get(key, {}))
    return result


def _replace(
    connection: sa.Connection,
    key: Key,
    entries: Mapping[date, DayState],
    records: Mapping[date, Records],
) -> None:
    series = dict(zip(SERIES, key, strict=True))
    before = ledger.entries(connection, series)
    replayed = {day: entry for day, entry in entries.items() if not keeps(before.get(day), entry)}
    table = ROW_TABLES[str(series["endpoint"])]
    delete(connection, table, series, [day for day in replayed if day not in records])
    written = {day: of_day for day, of_day in records.items() if day in replayed}
    StoredDays(connection).write(series, replayed, written)


def keeps(before: DayState | None, replayed: DayState) -> bool:
    """Whether a day says more than the log knows about it."""
    if before is None or replayed.fetched_at:
        return False
    return bool(before.fetched_at) or before.state is State.EMPTY
