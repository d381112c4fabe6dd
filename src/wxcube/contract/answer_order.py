"""The order of an answer's rows, as WeChat's documents show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from wxcube.contract.codes import TABLES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Code


def in_answer_order(endpoint: Endpoint[Any], rows: Sequence[Any]) -> Sequence[Any]:
    """Rows, given in the order of their natural key, in that of WeChat's answers.

    The row of all channels comes before those of the channels. Rows are structs or mappings.
    """
    whole = whole_of(endpoint)
    if whole is None or not rows:
        return rows
    column, code = whole
    group = [name for name in endpoint.key if name != column]
    value = _member if isinstance(rows[0], Mapping) else getattr
    return sorted(rows, key=lambda row: (*(value(row, n) for n in group), value(row, column) != code))


def _member(row: Mapping[str, Any], name: str) -> Any:
    """A member of a row, None for the column that answers of the first years leave out."""
    return row.get(name)


@cache
def whole_of(endpoint: Endpoint[Any]) -> tuple[str, int | str] | None:
    """The key column with a code for all channels, and that code."""
    for column in endpoint.columns:
        if column.name in endpoint.key and isinstance(column.kind, Code) and column.kind.table:
            whole = TABLES[column.kind.table].whole
            if whole is not None:
                return column.name, whole
    return None
