"""Rows of several views as one: the union of their parts, and one row per key.

The retired article endpoints give the figures of days before `SEAM`, their successors those from
then on; the column `era` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from wxcube.contract.endpoint import EARLIEST_CONTENT, VIEW_PREFIX, Endpoint, Group
from wxcube.contract.field import Adding, Column
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.sql_dates import day_literal
from wxcube.warehouse.views import View, views

SEAM = EARLIEST_CONTENT
"""The first day with the figures of the endpoints that replaced the retired ones."""
MIXED = "mixed"
"""Origin of a row with figures of several origins."""
MOVING = "moving"
"""State of a row with figures of several states: some may still change."""
_HAVE_ERAS = frozenset({Group.ARTICLE, Group.CONTENT})


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a view that are part of another; with `endpoint`, those of its era."""

    rows: sa.TableClause
    values: Mapping[str, sa.ColumnElement[Any]]
    endpoint: Endpoint[Any] | None = None

    @property
    def types(self) -> dict[str, sa.types.TypeEngine[Any]]:
        """The types of its values."""
        return {name: value.type for name, value in self.values.items()}

    def select(self, types: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.Select[Any]:
        """The rows with a column for each name in `types`, null where this part lacks it."""
        rows = self.rows
        values = {name: self.values.get(name, _null(kind)) for name, kind in types.items()}
        if self.endpoint:
            values["era"] = sa.literal(self.endpoint.life.value)
        named = (value.label(name) for name, value in values.items())
        shared = (rows.c.appid, rows.c.ref_date, rows.c.origin, rows.c.state)
        return sa.select(*shared, *named).where(is_current(rows), *self._days())

    def _days(self) -> Iterator[sa.ColumnElement[bool]]:
        if self.endpoint and self.endpoint.group in _HAVE_ERAS:
            seam, day = day_literal(SEAM), self.rows.c.ref_date
            yield day < seam if self.endpoint.is_retired else day >= seam


def union(parts: Sequence[Part]) -> sa.Subquery:
    """The rows of all parts."""
    types: dict[str, sa.types.TypeEngine[Any]] = {}
    for part in parts:
        types = {**part.types, **types}
    return sa.union_all(*(part.select(types) for part in parts)).subquery("parts")


def _null(kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """Null of a type. PostgreSQL needs it for integers; a text would get the server's collation."""
    return sa.cast(sa.null(), kind) if isinstance(kind, sa.BigInteger) else sa.null()


def one_row_per(
    key: Sequence[str],
    figures: Sequence[Column],
    parts: sa.Subquery,
    texts: Sequence[str] = (),
) -> sa.Subquery:
    """One row per key: changes are added up, anything else is of one part only."""
    return (
        sa.select(
            *(parts.c[name] for name in key),
            *(sa.func.max(parts.c[name]).label(name) for name in texts),
            *(_combined(parts, column).label(column.name) for column in figures),
            _if_equal(parts.c.origin, MIXED).label("origin"),
            _if_equal(parts.c.state, MOVING).label("state"),
        )
        .group_by(*(parts.c[name] for name in key))
        .subquery("days")
    )


def _combined(parts: sa.Subquery, column: Column) -> sa.ColumnElement[Any]:
    value = parts.c[column.name]
    if column.kind.adding is Adding.SUM:
        return sa.cast(sa.func.sum(value), sa.BigInteger())
    return sa.func.max(value)


def _if_equal(value: sa.ColumnElement[Any], otherwise: str) -> sa.ColumnElement[Any]:
    """The value that all rows of a group have."""
    least = sa.func.min(value)
    return sa.case((least == sa.func.max(value), least), else_=otherwise)


def rows_of(table: str) -> sa.TableClause:
    """The rows of the view of a table."""
    view = view_of(table)
    return sa.table(view.name, *(sa.column(one.name, one.expression.type) for one in view.columns))


@cache
def view_of(table: str) -> View:
    """The view of a table."""
    return next(view for view in views() if view.name == VIEW_PREFIX + table)


def is_current(rows: sa.TableClause) -> sa.ColumnElement[bool]:
    """Whether the newest answer has the row."""
    return rows.c[WITHDRAWN_AT].is_(None)
