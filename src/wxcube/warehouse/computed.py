"""Rows that were computed in bulk: written column by column, many accounts and days at once.

Unlike an answer of WeChat, a computation knows what it replaces: where it has no rows of a day,
the rows that were there go. Rows, nested rows and ledger change in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.warehouse.coverage import judge
from wxcube.warehouse.tables import PARTS, Moment, Part, accounts, coverage

Lines = Iterable[tuple[Any, ...]]
_MOMENT = Moment()


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of one table: names of columns, and lines in that order; other columns are null."""

    columns: tuple[str, ...]
    lines: Lines


@dataclass(frozen=True, kw_only=True)
class Computed:
    """Computed rows of an endpoint, and which accounts and days they replace."""

    endpoint: Endpoint[Any]
    origin: Origin
    windows: tuple[Window, ...]
    """The ref_dates replaced."""
    since: Mapping[str, date]
    """The accounts replaced, with the first day each can have rows of."""
    tables: Mapping[str, TableRows]
    """Rows by table name. Of running totals `ref_date` and `stat_date` are ISO text."""
    present: Mapping[str, AbstractSet[date]] = field(default_factory=dict)
    """The ref_dates that have rows, by account."""
    stats: Window | None = None
    """Running totals: only the lines of these stat_dates are replaced."""
    is_new: bool = False
    """Nothing of these accounts and days is there."""


def store(connection: sa.Connection, computed: Computed, asked_at: datetime) -> int:
    """Put computed rows in the place of what they replace; how many rows there are."""
    part = PARTS[computed.endpoint.name]
    if not computed.is_new:
        _remove(connection, part, computed)
    rows = sum(_insert(connection, part, p, computed) for p in part.walk())
    if computed.stats and not computed.is_new:
        _remove_childless(connection, part, computed)
    _see(connection, computed, asked_at)
    _cover(connection, computed, asked_at)
    return rows


_SCOPE = "appid = ? AND origin = ? AND ref_date BETWEEN ? AND ?"


def _scopes(computed: Computed) -> list[tuple[str, str, str, str]]:
    windows = [(w.first.isoformat(), w.last.isoformat()) for w in computed.windows]
    return [(appid, computed.origin.value, *w) for appid in computed.since for w in windows]


def _remove(connection: sa.Connection, part: Part, computed: Computed) -> None:
    """Take away the old rows, nested ones first; of running totals only their lines."""
    scopes = _scopes(computed)
    tables = [p.table for p in reversed(list(part.walk()))]
    if computed.stats:
        ends = (computed.stats.first.isoformat(), computed.stats.last.isoformat())
        where = f"{_SCOPE} AND stat_date BETWEEN ? AND ?"
        for table in tables[:-1]:
            statement = f"DELETE FROM {table.name} WHERE {where}"  # noqa: S608 - own names
            _each(connection, statement, ((*scope, *ends) for scope in scopes))
        return
    for table in tables:
        _each(connection, f"DELETE FROM {table.name} WHERE {_SCOPE}", scopes)  # noqa: S608 - own names


def _remove_childless(connection: sa.Connection, part: Part, computed: Computed) -> None:
    """Take away rows of running totals that have no lines any more."""
    below = part.lists[0].table.name
    same = " AND ".join(f"b.{name} = {part.table.name}.{name}" for name in part.key)
    statement = f"""DELETE FROM {part.table.name} WHERE {_SCOPE}
        AND NOT EXISTS (SELECT 1 FROM {below} b WHERE {same})"""  # noqa: S608 - own names
    _each(connection, statement, _scopes(computed))


def _insert(connection: sa.Connection, top: Part, part: Part, computed: Computed) -> int:
    rows = computed.tables[part.table.name]
    marks = ", ".join("?" * len(rows.columns))
    names = ", ".join(rows.columns)
    statement = f"INSERT INTO {part.table.name} ({names}) VALUES ({marks})"  # noqa: S608 - own names
    if part is top and computed.stats:
        changed = ", ".join(f"{n} = excluded.{n}" for n in rows.columns if n not in part.key)
        statement += f" ON CONFLICT DO UPDATE SET {changed}"
    return _each(connection, statement, rows.lines)


def _each(connection: sa.Connection, statement: str, lines: Lines) -> int:
    """Run a statement for every line, without one object per value; how many rows it changed."""
    cursor: Any = connection.connection.cursor()
    cursor.executemany(statement, lines)
    return max(int(cursor.rowcount), 0)


def _see(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    seen = _MOMENT.process_bind_param(asked_at, connection.dialect)
    statement = f"""INSERT INTO {accounts.name} (appid, first_seen) VALUES (?, ?)
        ON CONFLICT DO NOTHING"""  # noqa: S608 - own names
    _each(connection, statement, ((appid, seen) for appid in computed.since))


def _cover(connection: sa.Connection, computed: Computed, asked_at: datetime) -> None:
    """Write the ledger's lines of every account and label."""
    moment = _MOMENT.process_bind_param(asked_at, connection.dialect)
    labels = _labels(computed, asked_at)
    lines = (
        (appid, computed.origin.value, computed.endpoint.name, "", *line)
        for appid, since in computed.since.items()
        for line in _days(labels, computed.present.get(appid, frozenset()), since, moment)
    )
    statement = f"""INSERT OR REPLACE INTO {coverage.name} (appid, origin, endpoint, params,
        ref_date, state, asked_at, fetched_at, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""  # noqa: S608 - own names
    _each(connection, statement, lines)


_Labels = dict[date, tuple[date, str, str, str]]
"""Each label's last day, text, and state without and with rows."""


def _days(labels: _Labels, present: AbstractSet[date], since: date, moment: str | None) -> Lines:
    for label, (end, text, without, having) in labels.items():
        if end >= since:
            has = label in present
            yield text, having if has else without, moment, moment if has else None, ""


def _labels(computed: Computed, asked_at: datetime) -> _Labels:
    endpoint = computed.endpoint
    labels = [label for window in computed.windows for label in endpoint.labels(window)]
    return {
        label: (
            endpoint.period(label).last,
            label.isoformat(),
            judge(endpoint, label, has_rows=False, is_delay=False, asked_at=asked_at).value,
            judge(endpoint, label, has_rows=True, is_delay=False, asked_at=asked_at).value,
        )
        for label in labels
    }
