"""The result of a query as a table."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from wxcube.contract.field import Column, Label
from wxcube.export.table import Table
from wxcube.i18n import Meaning
from wxcube.warehouse.databases.database import Result


def query_table(result: Result) -> Table:
    """Columns of the types of their values; bytes are base64, and a repeated name gets a number.

    >>> query_table(Result(("n", "n"), [(1, "a")])).names
    ('n', 'n_2')
    """
    names = _unique(result.columns)
    values = list(zip(*result.rows, strict=True)) or [()] * len(names)
    columns = tuple(
        Column(name, _type(of_column), Label(name, name), optional=True)
        for name, of_column in zip(names, values, strict=True)
    )
    rows = (tuple(map(_value, row)) for row in result.rows)
    return Table(names, columns, rows, Meaning("query", "查询"))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each different from all others in more than capitals."""
    unique = dict[str, str]()
    for name in names:
        number, candidate = 1, name
        while candidate.casefold() in unique:
            number += 1
            candidate = f"{name}_{number}"
        unique[candidate.casefold()] = candidate
    return tuple(unique.values())


def _type(values: Iterable[Any]) -> type:
    """The type of a column with these values; text if they are of several types."""
    types = {type(value) for value in values if value is not None}
    if types == {int}:
        return int
    return float if types and types <= {int, float} else str


def _value(value: object) -> object:
    return b64encode(value).decode() if isinstance(value, bytes) else value
