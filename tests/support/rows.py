"""Rows of any endpoint, generated from the contract: random for Hypothesis, or fixed by a seed.

They have the properties that readers rely on: natural keys are unique, rows are in natural order,
nested lists have each of their days, codes or labels once and in order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, timedelta
from operator import attrgetter
from typing import Any, TypeVar, cast

from hypothesis import strategies as st

from wxcube.contract.codes import TABLES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Code, Column, Day, Hour, Label, Nested, Row, members
from wxcube.contract.window import Window

RowT = TypeVar("RowT", bound=Row)

LARGEST = 2**63 - 1
NESTED = 4
"""At most this many entries in a nested list."""
HOURS = tuple(range(0, 2400, 100))


def recent_window(endpoint: Endpoint[Any], labels: int = 2) -> Window:
    """A window in early 2026 that one call allows, with up to `labels` ref_dates."""
    first = endpoint.labels(Window(date(2026, 1, 1), date(2026, 1, 7)))[0]
    days = 1 if endpoint.has_labels else min(labels, endpoint.span_days)
    return Window(first, first + timedelta(days=days - 1))


def natural_order(endpoint: Endpoint[RowT], rows: Iterable[RowT]) -> list[RowT]:
    """The rows by natural key, the last of each key only."""
    key = attrgetter(*endpoint.key)
    by_key = {key(row): row for row in rows}
    return [by_key[k] for k in sorted(by_key)]


def _identity(entry: type[Row]) -> str:
    """The column that identifies entries of a nested list: its day, code or label."""
    columns = (m for m in members(entry) if isinstance(m, Column))
    return next(c.name for c in columns if isinstance(c.kind, Day | Code | Label))


# --- random rows -------------------------------------------------------------------------------


def rows_strategy(
    endpoint: Endpoint[RowT], window: Window | None = None, *, max_size: int = 6
) -> st.SearchStrategy[list[RowT]]:
    """Lists of an endpoint's rows of a window, in natural order."""
    labels = endpoint.labels(window or recent_window(endpoint))
    row = st.builds(endpoint.row, **_arguments(endpoint.row, st.sampled_from(labels)))
    return st.lists(row, max_size=max_size).map(lambda rows: natural_order(endpoint, rows))


def _arguments(row: type[Row], days: st.SearchStrategy[date]) -> dict[str, Any]:
    return {m.name: _member_strategy(m, days) for m in members(row)}


def _member_strategy(member: Column | Nested, days: st.SearchStrategy[date]) -> Any:
    strategy = (
        _column_strategy(member, days)
        if isinstance(member, Column)
        else _nested_strategy(member, days)
    )
    return st.none() | strategy if member.optional else strategy


def _nested_strategy(part: Nested, days: st.SearchStrategy[date]) -> Any:
    row = st.builds(part.row, **_arguments(part.row, days.flatmap(_stat_dates)))
    if not part.many:
        return row
    key = attrgetter(_identity(part.row))
    return st.lists(row, max_size=NESTED, unique_by=key).map(lambda rows: sorted(rows, key=key))


def _stat_dates(day: date) -> st.SearchStrategy[date]:
    return st.dates(day, day + timedelta(days=6))


def _column_strategy(column: Column, days: st.SearchStrategy[date]) -> Any:
    if column.type is date:
        return days
    if isinstance(column.kind, Hour):
        return st.sampled_from(HOURS)
    if isinstance(column.kind, Code | Label) and column.kind.table:
        return st.sampled_from(_codes(column)) | _any_value(column)
    if column.name == "msgid":
        return st.from_regex(r"\A[1-9][0-9]{0,9}_[1-8]\Z")
    return _any_value(column)


def _any_value(column: Column) -> Any:
    if column.type is int:
        return st.integers(0, LARGEST)
    if column.type is float:
        return st.floats(0, 1) | st.floats(0, 1e6)
    return st.text(max_size=20)


def _codes(column: Column) -> list[Any]:
    table = TABLES[cast("Code | Label", column.kind).table]
    return [meaning.code for meaning in table.meanings]


# --- fixed rows --------------------------------------------------------------------------------


def sample_rows(endpoint: Endpoint[RowT], window: Window, seed: int = 0) -> list[RowT]:
    """Rows for every ref_date of a window, in natural order; the same seed gives the same rows."""
    chance = random.Random(f"{endpoint.name} {seed}")
    rows = [
        _sample(endpoint.row, day, chance)
        for day in endpoint.labels(window)
        for _ in range(chance.randint(1, 4))
    ]
    return natural_order(endpoint, rows)


def _sample(row: type[RowT], day: date, chance: random.Random) -> RowT:
    values = {m.name: _sample_member(m, day, chance) for m in members(row)}
    return row(**values)


def _sample_member(member: Column | Nested, day: date, chance: random.Random) -> Any:
    if member.optional and chance.random() < 0.3:
        return None
    if isinstance(member, Column):
        return _sample_value(member, day, chance)
    if not member.many:
        return _sample(member.row, day, chance)
    key = attrgetter(_identity(member.row))
    days = [day + timedelta(days=n) for n in range(chance.randint(1, NESTED))]
    entries = {key(entry): entry for entry in (_sample(member.row, d, chance) for d in days)}
    return [entries[k] for k in sorted(entries)]


def _sample_value(column: Column, day: date, chance: random.Random) -> Any:
    if column.type is date:
        return day
    if isinstance(column.kind, Hour):
        return chance.choice(HOURS)
    if isinstance(column.kind, Code | Label) and column.kind.table:
        return chance.choice(_codes(column))
    if column.name == "msgid":
        return f"{chance.randint(1, 2**31)}_{chance.randint(1, 8)}"
    by_type = {
        float: round(chance.random(), 7),
        int: chance.randint(0, 10**6),
        str: f"标题 {chance.randint(0, 999)} “引号” 🙂",
    }
    return by_type[column.type]
