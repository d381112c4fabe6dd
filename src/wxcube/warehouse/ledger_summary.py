"""What the ledger says about an endpoint in all: counts by state, and the days that are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from wxcube.contract.window import Window
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse import ledger
from wxcube.warehouse.clock_check import CLOCK_TOLERANCE
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.series import SERIES, SeriesKey
from wxcube.warehouse.tables import ROW_TABLES, coverage


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """The days of an endpoint: how many are in which state, and the open ones one by one."""

    counts: Mapping[State, int]
    stored: Window | None
    """From the oldest to the newest day that has rows."""
    open_days: Mapping[date, DayState | None]
    """Days that are not settled, or have no entry, oldest first."""
    revisions: int
    """How often days changed after they were settled."""
    withdrawn: int
    """Rows that the last answer lacked."""


def summary(
    connection: sa.Connection, series: SeriesKey, labels: Sequence[date], now: datetime
) -> LedgerSummary:
    """The summary of a series; `labels` are days that may have no entry yet."""
    of_series = [coverage.c[name] == series[name] for name in SERIES]
    day = coverage.c.ref_date
    within = day.between(labels[0], labels[-1]) if labels else sa.false()
    filled = sa.case((coverage.c.fetched_at.is_not(None), day))
    rows = connection.execute(
        sa.select(
            coverage.c.state,
            sa.func.count(),
            sa.func.min(filled),
            sa.func.max(filled),
            sa.func.sum(coverage.c.revision),
            sa.func.sum(sa.case((within, 1), else_=0)),
        )
        .where(*of_series)
        .group_by(coverage.c.state)
    ).all()
    counts = {State(row[0]): row[1] for row in rows}
    stored = [row for row in rows if row[2]]
    unknown = _without_entry(connection, series, labels, sum(row[5] for row in rows))
    if unknown:
        counts[State.NEVER] = counts.get(State.NEVER, 0) + len(unknown)
    entries = ledger.open_entries(connection, series, now + CLOCK_TOLERANCE)
    open_days: dict[date, DayState | None] = {**dict.fromkeys(unknown), **entries}
    return LedgerSummary(
        counts,
        Window(min(row[2] for row in stored), max(row[3] for row in stored)) if stored else None,
        dict(sorted(open_days.items())),
        sum(row[4] for row in rows),
        _withdrawn(connection, series),
    )


def _without_entry(
    connection: sa.Connection, series: SeriesKey, labels: Sequence[date], entries: int
) -> list[date]:
    if entries == len(labels):
        return []
    known = ledger.days(connection, series, Window(labels[0], labels[-1]))
    return [label for label in labels if label not in known]


def _withdrawn(connection: sa.Connection, series: SeriesKey) -> int:
    count = 0
    for one in ROW_TABLES[str(series["endpoint"])].walk():
        column = one.table.c
        names = [name for name in ("appid", "origin", "params") if name in column]
        where = (column[name] == series[name] for name in names)
        marked = sa.select(sa.func.count()).where(column[WITHDRAWN_AT].is_not(None), *where)
        count += connection.execute(marked).scalar_one()
    return count
