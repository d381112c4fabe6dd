"""Impossible figures among the stored rows: which account and day, why, and what to do.

`rules.py` has the rules. Withdrawn rows count for one only: that they are there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from wxcube.beijing import day_of
from wxcube.contract import named
from wxcube.contract.endpoint import Balance, Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.i18n import Message, _, plural
from wxcube.warehouse import rules
from wxcube.warehouse.coverage import SETTLED, State
from wxcube.warehouse.finding import Finding, found_in_row, row_key
from wxcube.warehouse.origin_comparison import differences, is_compared
from wxcube.warehouse.rules import NOTES, Hours, Rule, Whole, breaks
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.tables import ROW_TABLES, RowTable, coverage

DAYS = 31
"""Days of hours, or of followers, that are compared at a time."""
_DAY = timedelta(days=1)


def check(
    connection: sa.Connection,
    appid: str,
    endpoint: Endpoint[Any],
    window: Window | None = None,
    origins: Collection[Origin] = tuple(Origin),
) -> Iterator[Finding]:
    """What is impossible among the rows of an account and endpoint, rule by rule.

    Rows that break a rule are selected by the database; hours and followers are read by the month.
    """
    for key in _series(connection, appid, endpoint, window, origins):
        one = _Series(connection, endpoint, key, window)
        for part in ROW_TABLES[endpoint.name].walk():
            yield from _beyond_limits(one, part)
            yield from _above_whole(one, part)
        yield from _falling(one)
        yield from _hours(one)
        yield from _balance(one)
        yield from _ledger(one)
        yield from _withdrawn(one)
        if key["origin"] == Origin.CUBE.value and Origin.WECHAT in origins:
            yield from _origins(one)


def marked_days(connection: sa.Connection, appid: str) -> dict[str, Window]:
    """Endpoints with computed days that a build marked, from the first to the last of them."""
    ends = sa.func.min(coverage.c.ref_date), sa.func.max(coverage.c.ref_date)
    marked = (
        sa.select(coverage.c.endpoint, *ends)
        .where(coverage.c.appid == appid, coverage.c.origin == Origin.CUBE.value)
        .where(coverage.c.message != "")
        .group_by(coverage.c.endpoint)
    )
    found = connection.execute(marked).all()
    return {endpoint: Window(first, last) for endpoint, first, last in found}


@dataclass(frozen=True, slots=True)
class _Series:
    """The rows of one series of days in a window."""

    connection: sa.Connection
    endpoint: Endpoint[Any]
    key: SeriesKey
    window: Window | None

    def scope(
        self, table: sa.FromClause, window: Window | None = None
    ) -> list[sa.ColumnElement[bool]]:
        """The rows or entries of the series."""
        names = [name for name in self.key if name in table.c]
        found = [table.c[name] == self.key[name] for name in names]
        days = window or self.window
        return [*found, table.c.ref_date.between(days.first, days.last)] if days else found

    def where(
        self, table: sa.FromClause, window: Window | None = None
    ) -> list[sa.ColumnElement[bool]]:
        """The rows that are not withdrawn."""
        return [*self.scope(table, window), table.c[WITHDRAWN_AT].is_(None)]

    def rows(self, statement: sa.Select[Any]) -> Iterator[Any]:
        with self.connection.execute(statement.execution_options(yield_per=1000)) as result:
            yield from result.mappings()

    def other(self, endpoint: Endpoint[Any]) -> _Series:
        key = {**self.key, "endpoint": endpoint.name}
        return _Series(self.connection, endpoint, key, self.window)

    def months(self) -> list[Window]:
        """Windows of some days that have all entries of the series."""
        ends = sa.select(sa.func.min(coverage.c.ref_date), sa.func.max(coverage.c.ref_date))
        first, last = self.connection.execute(ends.where(*self.scope(coverage))).one()
        return Window(first, last).split(DAYS) if first else []

    def states(self, window: Window) -> dict[date, str]:
        entry = sa.select(coverage.c.ref_date, coverage.c.state)
        found = self.rows(entry.where(*self.scope(coverage, window)))
        return {row["ref_date"]: row["state"] for row in found}

    def finding(
        self,
        rule: Rule,
        day: date,
        what: Message,
        column: str = "",
        key: Mapping[str, Any] | None = None,
        *,
        is_note: bool = False,
    ) -> Finding:
        params = {"params": self.key["params"]} if self.key["params"] else {}
        return Finding(
            rule,
            str(self.key["appid"]),
            self.endpoint.name,
            Origin(str(self.key["origin"])),
            day,
            what,
            column,
            params | dict(key or {}),
            is_note or rule in NOTES,
        )


def _series(
    connection: sa.Connection,
    appid: str,
    endpoint: Endpoint[Any],
    window: Window | None,
    origins: Collection[Origin],
) -> list[dict[str, object]]:
    """The series that have rows or entries in a window, the most trusted origin first."""

    def within(table: sa.Table) -> list[sa.ColumnElement[bool]]:
        # PERF: with origins, a window is a range of the primary key
        found = [table.c.appid == appid, table.c.origin.in_([one.value for one in origins])]
        days = [table.c.ref_date.between(window.first, window.last)] if window else []
        return [*found, *days]

    of_entries = sa.select(coverage.c.origin, coverage.c.params).where(
        *within(coverage), coverage.c.endpoint == endpoint.name
    )
    rows = ROW_TABLES[endpoint.name].table
    params = rows.c.params if "params" in rows.c else sa.literal("").label("params")
    of_rows = sa.select(rows.c.origin, params).where(*within(rows))
    found = connection.execute(sa.union(of_entries, of_rows)).all()
    return [
        {"appid": appid, "origin": origin.value, "endpoint": endpoint.name, "params": params}
        for origin in Origin
        for stored, params in sorted(found)
        if stored == origin
    ]


# --- inside a row --------------------------------------------------------------------------------


def _beyond_limits(one: _Series, part: RowTable) -> Iterator[Finding]:
    limits = rules.limits(part)
    if not limits:
        return
    table = part.table
    broken = sa.or_(*(_value(table, limit.lower) > _value(table, limit.upper) for limit in limits))
    for row in one.rows(sa.select(table).where(*one.where(table), broken)):
        for limit in limits:
            if breaks(limit, row):
                yield found_in_row(one.endpoint, part, limit, row)


def _value(table: sa.Table, name_or_number: str | int) -> sa.ColumnElement[Any]:
    if isinstance(name_or_number, str):
        return table.c[name_or_number]
    return sa.literal(name_or_number)


# --- rows against each other ---------------------------------------------------------------------


def _above_whole(one: _Series, part: RowTable) -> Iterator[Finding]:
    whole = rules.whole(part)
    if whole is None:
        return
    rows, covering = part.table, part.table.alias("covering")
    shared = [name for name in part.key if name != whole.column]
    joined = sa.and_(
        *(rows.c[name] == covering.c[name] for name in shared),
        covering.c[whole.column] == whole.code,
        covering.c[WITHDRAWN_AT].is_(None),
    )
    in_all = [covering.c[name].label(f"{name}_in_all") for name in whole.users]
    above = sa.or_(*(rows.c[name] > covering.c[name] for name in whole.users))
    selected = sa.select(rows, *in_all).join(covering, joined)
    for row in one.rows(selected.where(*one.where(rows), above)):
        yield from _above(one, part, whole, row)


def _above(one: _Series, part: RowTable, whole: Whole, row: Mapping[str, Any]) -> Iterator[Finding]:
    for name in whole.users:
        value, most = row[name], row[f"{name}_in_all"]
        if value is not None and most is not None and value > most:
            what = _(
                "{column} is {value}; {code_column} {code}, which covers it, has {most}",
                column=name,
                value=value,
                most=most,
                code_column=whole.column,
                code=whole.code,
            )
            day, key = row["ref_date"], row_key(part, row)
            yield one.finding(Rule.PART_ABOVE_WHOLE, day, what, name, key)


def _falling(one: _Series) -> Iterator[Finding]:
    running = rules.running_totals(one.endpoint)
    if running is None:
        return
    part, may_fall = running
    table = part.table
    article = [table.c[name] for name in part.key if name != "stat_date"]
    before = [
        sa.func.lag(table.c[name])
        .over(partition_by=article, order_by=table.c.stat_date)
        .label(f"{name}_before")
        for name in may_fall
    ]
    for window in one.months():
        # PERF: the database has the totals of a window in memory
        totals = sa.select(table, *before).where(*one.where(table, window)).subquery()
        falls = sa.or_(*(totals.c[name] < totals.c[f"{name}_before"] for name in may_fall))
        for row in one.rows(sa.select(totals).where(falls)):
            yield from _falls(one, part, may_fall, row)


def _falls(
    one: _Series, part: RowTable, may_fall: Mapping[str, bool], row: Mapping[str, Any]
) -> Iterator[Finding]:
    for name, is_note in may_fall.items():
        value, previous = row[name], row[f"{name}_before"]
        if value is not None and previous is not None and value < previous:
            what = _(
                "{column} falls from {before} to {value} at stat_date {stat_date}",
                column=name,
                before=previous,
                value=value,
                stat_date=row["stat_date"],
            )
            day, key = row["ref_date"], row_key(part, row)
            yield one.finding(Rule.FALLING, day, what, name, key, is_note=is_note)


def _hours(one: _Series) -> Iterator[Finding]:
    """Hours and days that are both settled; others may have been fetched at different times."""
    comparison = rules.hours(one.endpoint)
    if comparison is None:
        return
    days = one.other(comparison.days)
    rows = ROW_TABLES[one.endpoint.name].table
    for window in one.months():
        settled = _settled(one, window) & _settled(days, window)
        by_hour = _sums(one, comparison, rows, window)
        by_day = _sums(days, comparison, ROW_TABLES[comparison.days.name].table, window)
        for day_and_key in sorted(by_hour.keys() | by_day.keys()):
            if day_and_key[0] in settled:
                ours, theirs = by_hour.get(day_and_key, {}), by_day.get(day_and_key, {})
                yield from _differences(one, comparison, day_and_key, ours, theirs)


def _settled(one: _Series, window: Window) -> set[date]:
    return {day for day, state in one.states(window).items() if State(state) in SETTLED}


def _sums(
    one: _Series, comparison: Hours, table: sa.Table, window: Window
) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Sums and largest figures by day and the key that hours and days share."""
    key = [table.c.ref_date, *(table.c[name] for name in comparison.key)]
    figures = [
        *(sa.func.sum(table.c[name]).label(name) for name in comparison.added),
        *(sa.func.max(table.c[name]).label(name) for name in comparison.largest),
    ]
    select = sa.select(*key, *figures).where(*one.where(table, window)).group_by(*key)
    return {tuple(row[column.name] for column in key): row for row in one.rows(select)}


def _differences(
    one: _Series,
    comparison: Hours,
    day_and_key: tuple[Any, ...],
    of_hours: Mapping[str, Any],
    of_day: Mapping[str, Any],
) -> Iterator[Finding]:
    day, *rest = day_and_key
    key = dict(zip(comparison.key, rest, strict=True))
    for name in comparison.added:
        added, whole = of_hours.get(name) or 0, of_day.get(name) or 0
        if added != whole:
            what = _(
                "{column} of the hours adds up to {added}; {endpoint} has {whole}",
                column=name,
                added=added,
                endpoint=comparison.days,
                whole=whole,
            )
            yield one.finding(Rule.HOURS_DIFFER, day, what, name, key)
    for name in comparison.largest:
        largest, most = of_hours.get(name) or 0, of_day.get(name) or 0
        if largest > most:
            what = _(
                "{column} of an hour is {largest}, more than {most} of the day in {endpoint}",
                column=name,
                largest=largest,
                most=most,
                endpoint=comparison.days,
            )
            yield one.finding(Rule.PART_ABOVE_WHOLE, day, what, name, key)


def _balance(one: _Series) -> Iterator[Finding]:
    balance = one.endpoint.balance
    if balance is None:
        return
    total = named(balance.of)
    table = ROW_TABLES[total.name].table
    totals = one.other(total)
    for window in one.months():
        changes = _changes(one, balance, window)
        # the day before the window too
        days = Window(window.first - _DAY, window.last)
        select = sa.select(table.c.ref_date, table.c[balance.total].label("total"))
        found = totals.rows(select.where(*totals.where(table, days)))
        by_day = {row["ref_date"]: row["total"] for row in found}
        for day in sorted(_settled(one, window) & by_day.keys()):
            before, after, change = by_day.get(day - _DAY), by_day[day], changes.get(day, 0)
            if before is not None and after is not None and after - before != change:
                yield one.finding(
                    Rule.BALANCE,
                    day,
                    _(
                        "{total} of {endpoint} changes from {before} to {after}; {plus} less "
                        "{minus} is {change}",
                        total=balance.total,
                        endpoint=balance.of,
                        before=before,
                        after=after,
                        plus=balance.plus,
                        minus=balance.minus,
                        change=change,
                    ),
                    balance.plus,
                )


def _changes(one: _Series, balance: Balance, window: Window) -> dict[date, int]:
    table = ROW_TABLES[one.endpoint.name].table
    change = sa.func.sum(table.c[balance.plus] - table.c[balance.minus]).label("change")
    select = sa.select(table.c.ref_date, change).where(*one.where(table, window))
    found = one.rows(select.group_by(table.c.ref_date))
    return {row["ref_date"]: row["change"] or 0 for row in found}


# --- computed rows against WeChat's ---------------------------------------------------------------


def _origins(one: _Series) -> Iterator[Finding]:
    """Days that both origins have settled, of figures that callbacks have the events of."""
    if not is_compared(one.endpoint):
        return
    theirs = _Series(
        one.connection, one.endpoint, {**one.key, "origin": Origin.WECHAT.value}, one.window
    )
    for window in one.months():
        days = _settled(one, window) & _settled(theirs, window)
        wechat, computed = _rows_by_day(theirs, window), _rows_by_day(one, window)
        for day in sorted(days):
            for found in differences(one.endpoint, wechat.get(day, []), computed.get(day, [])):
                finding = one.finding(Rule.ORIGINS_DIFFER, day, found.what, found.column)
                yield replace(finding, known_cause=found.cause)


def _rows_by_day(one: _Series, window: Window) -> dict[date, list[Mapping[str, Any]]]:
    table = ROW_TABLES[one.endpoint.name].table
    by_day: dict[date, list[Mapping[str, Any]]] = {}
    for row in one.rows(sa.select(table).where(*one.where(table, window))):
        by_day.setdefault(row["ref_date"], []).append(dict(row))
    return by_day


# --- rows against the ledger ---------------------------------------------------------------------


def _ledger(one: _Series) -> Iterator[Finding]:
    rows = ROW_TABLES[one.endpoint.name].table
    of_series = [rows.c[name] == value for name, value in one.key.items() if name in rows.c]
    has_rows = sa.exists().where(*of_series, rows.c.ref_date == coverage.c.ref_date)
    final = sa.select(coverage.c.ref_date).where(
        *one.scope(coverage), coverage.c.state == State.FINAL.value, ~has_rows
    )
    for row in one.rows(final):
        what = _("the day is final, and its rows are missing")
        yield one.finding(Rule.NO_ROWS, row["ref_date"], what)
    entries = [coverage.c[name] == value for name, value in one.key.items()]
    has_entry = sa.exists().where(*entries, coverage.c.ref_date == rows.c.ref_date)
    count = sa.func.count().label("count")
    unknown = sa.select(rows.c.ref_date, count).where(*one.scope(rows), ~has_entry)
    for row in one.rows(unknown.group_by(rows.c.ref_date)):
        what = plural(
            "{n} row of a day that has no state",
            "{n} rows of a day that has no state",
            n=row["count"],
        )
        yield one.finding(Rule.NO_ENTRY, row["ref_date"], what)


def _withdrawn(one: _Series) -> Iterator[Finding]:
    for part in ROW_TABLES[one.endpoint.name].walk():
        table = part.table
        marked = [*one.scope(table), table.c[WITHDRAWN_AT].is_not(None)]
        figures = (
            sa.func.count().label("count"),
            sa.func.max(table.c[WITHDRAWN_AT]).label("newest"),
        )
        by_day = sa.select(table.c.ref_date, *figures).where(*marked).group_by(table.c.ref_date)
        for row in one.rows(by_day):
            what = plural(
                "{n} row of {table} is withdrawn: the answer of {day} lacked it",
                "{n} rows of {table} are withdrawn: the answer of {day} was the last to lack some",
                n=row["count"],
                table=table.name,
                day=day_of(row["newest"]),
            )
            yield one.finding(Rule.WITHDRAWN, row["ref_date"], what)
