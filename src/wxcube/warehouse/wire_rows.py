"""Records as the members of WeChat's JSON, without a row object for each. Pure.

The JSON is that of `to_rows` encoded: members that an answer did not have are absent, and a
withdrawn row has the further member `withdrawn_at`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from wxcube.contract.field import Column, Nested, Row, members
from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.rows import Record, Values, key_reader
from wxcube.warehouse.tables import ABSENT, RowTable

Members = dict[str, Any]
_Make = Callable[[Values, Sequence[list[Members]]], Members]


def to_wire(table: RowTable, records: Sequence[Sequence[Values]]) -> list[Members]:
    """The members of each row, in the order of the first table's records."""
    if not table.lists:
        make = _maker(table)
        return [make(record, ()) for record in records[0]]
    by_table = dict(zip(table.walk(), records, strict=True))
    return [row for _key, row in _keyed(table, by_table)]


def _keyed(
    table: RowTable, records: Mapping[RowTable, Sequence[Values]]
) -> list[tuple[Record, Members]]:
    key_of, make = key_reader(table), _maker(table)
    lists = [_by_parent_key(table, child, records) for child in table.lists]
    found = []
    for record in records[table]:
        key = key_of(record)
        found.append((key, make(record, [of.get(key, []) for of in lists])))
    return found


def _by_parent_key(
    parent: RowTable, table: RowTable, records: Mapping[RowTable, Sequence[Values]]
) -> dict[Record, list[Members]]:
    by_key: dict[Record, list[Members]] = {}
    if table.lists:
        width = len(parent.key)
        for key, row in _keyed(table, records):
            by_key.setdefault(key[:width], []).append(row)
        return by_key
    parent_key, make = key_reader(table, len(parent.key)), _maker(table)
    for record in records[table]:
        by_key.setdefault(parent_key(record), []).append(make(record, ()))
    return by_key


@cache
def _maker(table: RowTable) -> _Make:
    order = [column.name for column in table.table.columns]
    lists = {child.path: number for number, child in enumerate(table.lists)}
    implied, mark = table.implied_key, order.index(WITHDRAWN_AT)
    absent = order.index(ABSENT) if ABSENT in order else None
    whole = _struct(table.row, "", order, lists)

    def make(record: Values, nested: Sequence[list[Members]]) -> Members:
        row = whole(record, nested)
        if absent is not None and record[absent]:
            for path in record[absent].split():
                if implied and path == implied.column:
                    del row[path]
                elif not (path in lists and nested[lists[path]]):
                    _remove(row, path)
        if record[mark]:
            row[WITHDRAWN_AT] = record[mark]
        return row

    return make


def _remove(row: Members, path: str) -> None:
    *parents, name = path.split(".")
    part: Any = row
    for parent in parents:
        part = part.get(parent, {})
    part.pop(name, None)


def _struct(row: type[Row], prefix: str, order: Sequence[str], lists: Mapping[str, int]) -> _Make:
    """A function that makes the members of a row, or of a part of one."""
    parts = members(row)
    if all(isinstance(part, Column) for part in parts):
        return _columns_only(row, order)
    getters = [(part.name, _getter(part, prefix + part.name, order, lists)) for part in parts]

    def make(record: Values, nested: Sequence[list[Members]]) -> Members:
        return {name: value for name, get in getters if (value := get(record, nested)) is not None}

    return make


def _getter(
    part: Column | Nested, path: str, order: Sequence[str], lists: Mapping[str, int]
) -> Callable[[Values, Sequence[list[Members]]], Any]:
    """A function that gives the value of a member."""
    if isinstance(part, Column):
        column = order.index(part.name)
        return lambda record, _nested: record[column]
    if part.many:
        number = lists[path]
        return lambda _record, nested: nested[number]
    return _struct(part.row, f"{path}.", order, lists)


def _columns_only(row: type[Row], order: Sequence[str]) -> _Make:
    """The same for a row without parts, whose columns are side by side in the record."""
    names = [part.name for part in members(row)]
    first = order.index(names[-1]) - len(names) + 1
    if list(order[first : first + len(names)]) != names:
        places = [(name, order.index(name)) for name in names]
        return lambda record, _nested: {
            name: record[place] for name, place in places if record[place] is not None
        }
    end = first + len(names)

    def make(record: Values, _nested: Sequence[list[Members]]) -> Members:
        cells = record[first:end]
        made = dict(zip(names, cells, strict=True))
        if None in cells:
            return {name: cell for name, cell in made.items() if cell is not None}
        return made

    return make
