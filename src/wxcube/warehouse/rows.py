"""Conversion of the contract's rows to records of tables, and back. Pure.

The converted rows are equal to the stored ones, including nested lists and their order; of two
elements of a list with the same key only the first is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

from wxcube.contract.field import Column, Nested, Row, members
from wxcube.errors import ShapeError
from wxcube.i18n import _
from wxcube.warehouse.tables import ABSENT, PLACE, RowTable

Record = dict[str, Any]
Values = Sequence[Any]
"""Values in the order of a table's columns."""

LARGEST = 2**63 - 1
"""Largest integer of a database column (64 bits)."""


def to_records(
    table: RowTable, scope: Mapping[str, object], rows: Iterable[Row]
) -> list[list[Record]]:
    """Records of each table, in the order of `table.walk()`.

    Every record begins with `scope`: appid, origin and, if the endpoint has them, params.

    Raises:  ShapeError for a number of more than 64 bits.
    """
    records: dict[str, list[Record]] = {one.table.name: [] for one in table.walk()}
    _add_records(table, scope, rows, records)
    return list(records.values())


def _add_records(
    table: RowTable,
    inherited: Mapping[str, object],
    rows: Iterable[Row],
    records: dict[str, list[Record]],
) -> None:
    to_record, key_of = _to_record(table), itemgetter(*table.key)
    of_table, seen = records[table.table.name], set()
    for place, row in enumerate(rows):
        record = {**inherited, **to_record(row), PLACE: place}
        key = key_of(record)
        if key in seen:
            continue
        seen.add(key)
        of_table.append(record)
        for child in table.lists:
            key_values = {name: record[name] for name in table.key}
            elements = _elements(row, child.path)
            if elements:
                _add_records(child, key_values, elements, records)


@cache
def _to_record(table: RowTable) -> Callable[[Row], Record]:
    names = [column.name for column in table.columns]
    values = attrgetter(*(column.path for column in table.columns))
    texts = [column.name for column in table.columns if column.column.type is str]
    numbers = [column.name for column in table.columns if column.column.type is int]
    several, paths, implied = len(names) > 1, _parts(table.row), table.implied_key

    parts_of = attrgetter(*paths, paths[0]) if paths else None

    def has_all_parts(row: Row) -> bool:
        try:
            return parts_of is None or not any(part is None for part in parts_of(row))
        except AttributeError:  # of a part that is missing
            return False

    def to_record(row: Row) -> Record:
        if not paths or has_all_parts(row):
            cells, missing = values(row) if several else (values(row),), ""
        else:
            cells = tuple(_part_of(row, column.path) for column in table.columns)
            missing = " ".join(path for path in paths if _part_of(row, path) is None)
        record = dict(zip(names, cells, strict=True))
        if implied and isinstance(row, implied.row):
            missing = implied.column
        if paths or implied:
            record[ABSENT] = missing or None
        for name in texts:
            record[name] = _storable(record[name])
        for name in numbers:
            _check_size(name, record[name])
        return record

    return to_record


@cache
def _parts(row: type[Row], prefix: str = "") -> tuple[str, ...]:
    """Paths of a row's nested parts and lists, without those of the elements of lists."""
    paths: list[str] = []
    for member in members(row):
        if isinstance(member, Nested):
            paths.append(prefix + member.name)
            if not member.many:
                paths += _parts(member.row, f"{prefix}{member.name}.")
    return tuple(paths)


def _part_of(row: Any, path: str) -> Any:
    """The value at a path; None if a part on the way is missing."""
    for name in path.split("."):
        if row is None:
            return None
        row = getattr(row, name)
    return row


def _elements(row: Row, path: str) -> Any:
    return _part_of(row, path) if "." in path else getattr(row, path)


def _storable(text: str | None) -> str | None:
    """The text, with lone surrogates, which no database accepts, as U+FFFD."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check_size(name: str, number: int | None) -> None:
    if number is not None and not -LARGEST <= number <= LARGEST:
        raise ShapeError(
            _("{column} is {number}, more than 64 bits", column=name, number=number),
            hint=_("the answer itself is stored as it came"),
        )


def to_rows(table: RowTable, records: Sequence[Sequence[Values]]) -> list[Any]:
    """Rows from the records of each table, in the order of the first table's records.

    Records are sequences of values in the order of the tables' columns; there is one list of
    records per table of `table.walk()`, in the order of its lists.
    """
    by_table = dict(zip(table.walk(), records, strict=True))
    return [row for _key, row in _keyed_rows(table, by_table)]


def _keyed_rows(
    table: RowTable, records: Mapping[RowTable, Sequence[Values]]
) -> list[tuple[tuple[Any, ...], Any]]:
    lists = [_by_parent_key(table, child, records) for child in table.lists]
    key_of, to_row = _key_reader(table, table.key), _to_row(table)
    keyed = ((key_of(record), record) for record in records[table])
    return [(key, to_row(record, [of.get(key, []) for of in lists])) for key, record in keyed]


def _by_parent_key(
    parent: RowTable, table: RowTable, records: Mapping[RowTable, Sequence[Values]]
) -> dict[tuple[Any, ...], list[Any]]:
    by_key: dict[tuple[Any, ...], list[Any]] = {}
    width = len(parent.key)
    for key, row in _keyed_rows(table, records):
        by_key.setdefault(key[:width], []).append(row)
    return by_key


@cache
def _key_reader(table: RowTable, names: tuple[str, ...]) -> Callable[[Values], tuple[Any, ...]]:
    order = [column.name for column in table.table.columns]
    return itemgetter(*(order.index(name) for name in names))


@cache
def _to_row(table: RowTable) -> Callable[[Values, Sequence[list[Any]]], Any]:
    order = [column.name for column in table.table.columns]
    lists = {child.path: index for index, child in enumerate(table.lists)}
    whole = _struct_maker(table.row, "", order, lists, frozenset())
    if ABSENT not in order:
        return whole
    absent, implied = order.index(ABSENT), table.implied_key

    @cache
    def without(paths: str) -> Callable[[Values, Sequence[list[Any]]], Any]:
        return _struct_maker(table.row, "", order, lists, frozenset(paths.split()))

    def to_row(record: Values, nested: Sequence[list[Any]]) -> Any:
        paths = record[absent]
        row = (without(paths) if paths else whole)(record, nested)
        return implied.marked(row) if implied and paths else row

    return to_row


def _struct_maker(
    row: type[Row],
    prefix: str,
    order: Sequence[str],
    lists: Mapping[str, int],
    absent: frozenset[str],
) -> Callable[[Values, Sequence[list[Any]]], Any]:
    plain = [(m.name, order.index(m.name)) for m in members(row) if isinstance(m, Column)]
    nested_members = [m for m in members(row) if isinstance(m, Nested)]
    missing = [m.name for m in nested_members if prefix + m.name in absent]
    present = [m for m in nested_members if m.name not in missing]
    many = [(m.name, lists[prefix + m.name]) for m in present if m.many]
    inner = [
        (m.name, _struct_maker(m.row, f"{prefix}{m.name}.", order, lists, absent))
        for m in present
        if not m.many
    ]

    def make(record: Values, nested: Sequence[list[Any]]) -> Any:
        values = {name: record[index] for name, index in plain}
        values.update(dict.fromkeys(missing))
        values.update((name, nested[index]) for name, index in many)
        values.update((name, make_inner(record, nested)) for name, make_inner in inner)
        return row(**values)

    return make
