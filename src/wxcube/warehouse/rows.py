"""Conversion of the contract's rows to records of tables, and back. Pure.

The converted rows are equal to the stored ones, including nested lists and their order; of two
elements of a list with the same key only the first is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

from wxcube.contract.field import Column, Nested, Row, members
from wxcube.contract.withdrawn import WITHDRAWN_AT, withdrawn
from wxcube.errors import ShapeError
from wxcube.i18n import _
from wxcube.warehouse.tables import ABSENT, RowTable

Values = Sequence[Any]
Record = tuple[Any, ...]
"""Values in the order of a table's columns, as the driver takes and gives them."""
Records = list[list[Record]]
"""Records of a day, one list per table of `RowTable.walk()`."""

LARGEST = 2**63 - 1
"""Largest integer of a database column (64 bits)."""


def to_records(table: RowTable, scope: Values, rows: Iterable[Row]) -> Records:
    """Records of the rows of a day, one list per table of `table.walk()`.

    Every record of the first table begins with `scope`: appid, origin and, if the endpoint has any,
    params. None is marked as withdrawn.

    Raises:  ShapeError for a number of more than 64 bits.
    """
    records: dict[RowTable, list[Record]] = {one: [] for one in table.walk()}
    _add_records(table, tuple(scope), rows, records)
    return list(records.values())


def _add_records(
    table: RowTable,
    inherited: Record,
    rows: Iterable[Row],
    records: dict[RowTable, list[Record]],
) -> None:
    to_record, key_of = _to_record(table), key_reader(table)
    of_table, seen = records[table], set()
    for place, row in enumerate(rows):
        record = to_record(inherited, row, place)
        key = key_of(record)
        if key in seen:
            continue
        seen.add(key)
        of_table.append(record)
        for child in table.lists:
            elements = _elements(row, child.path)
            if elements:
                _add_records(child, key, elements, records)


@cache
def key_reader(table: RowTable, width: int | None = None) -> Callable[[Values], Record]:
    """The key of a record, or its first columns: those of the parent row."""
    order = [column.name for column in table.table.columns]
    places = [order.index(name) for name in table.key[:width]]
    return itemgetter(*places)


@cache
def _to_record(table: RowTable) -> Callable[[Record, Row, int], Record]:
    values = attrgetter(*(column.path for column in table.columns))
    kinds = [column.column.type for column in table.columns]
    texts = [place for place, kind in enumerate(kinds) if kind is str]
    numbers = [place for place, kind in enumerate(kinds) if kind is int]
    days = [place for place, kind in enumerate(kinds) if kind is date]
    several, paths, implied = len(kinds) > 1, _parts(table.row), table.implied_key
    has_absent, has_all_parts = ABSENT in table.table.c, _has_all_parts(paths)

    def to_record(inherited: Record, row: Row, place: int) -> Record:
        cells: list[Any]
        if has_all_parts(row):
            cells, missing = [*values(row)] if several else [values(row)], ""
        else:
            cells = [_part_of(row, column.path) for column in table.columns]
            missing = " ".join(path for path in paths if _part_of(row, path) is None)
        if implied and isinstance(row, implied.row):
            missing = implied.column
        for at in days:
            cells[at] = stored_day(cells[at])
        for at in texts:
            text = cells[at]
            if text is not None and not text.isascii():
                cells[at] = _storable(text)
        for at in numbers:
            number = cells[at]
            if number is not None and not -LARGEST <= number <= LARGEST:
                raise _too_large(table.columns[at].name, number)
        if has_absent:
            return (*inherited, *cells, place, missing or None, None)
        return (*inherited, *cells, place, None)

    return to_record


def _has_all_parts(paths: Sequence[str]) -> Callable[[Row], bool]:
    if not paths:
        return lambda _row: True
    parts_of = attrgetter(*paths, paths[0])

    def has_all(row: Row) -> bool:
        try:
            return None not in parts_of(row)
        except AttributeError:  # of a part that is missing
            return False

    return has_all


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


def _storable(text: str) -> str:
    """The text, with lone surrogates, which no database accepts, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _too_large(name: str, number: int) -> ShapeError:
    return ShapeError(
        _("{column} is {number}, more than 64 bits", column=name, number=number),
        hint=_("the answer itself is stored as it came"),
    )


def stored_day(day: date | None) -> str | None:
    """A day as stored: ISO text."""
    return day.isoformat() if day else None


def to_rows(table: RowTable, records: Sequence[Sequence[Values]]) -> list[Any]:
    """Rows from the records of each table, in the order of the first table's records.

    There is one list of records per table of `table.walk()`, in the order of its lists.
    """
    if not table.lists:
        to_row = _to_row(table)
        return [to_row(record, ()) for record in records[0]]
    by_table = dict(zip(table.walk(), records, strict=True))
    return [row for _key, row in _keyed_rows(table, by_table)]


def _keyed_rows(
    table: RowTable, records: Mapping[RowTable, Sequence[Values]]
) -> list[tuple[Record, Any]]:
    key_of, to_row = key_reader(table), _to_row(table)
    lists = [_by_parent_key(table, child, records) for child in table.lists]
    keyed = ((key_of(record), record) for record in records[table])
    return [(key, to_row(record, [of.get(key, []) for of in lists])) for key, record in keyed]


def _by_parent_key(
    parent: RowTable, table: RowTable, records: Mapping[RowTable, Sequence[Values]]
) -> dict[Record, list[Any]]:
    by_key: dict[Record, list[Any]] = {}
    width = len(parent.key)
    if table.lists:
        for key, row in _keyed_rows(table, records):
            by_key.setdefault(key[:width], []).append(row)
        return by_key
    parent_key, to_row = key_reader(table, width), _to_row(table)
    for record in records[table]:
        by_key.setdefault(parent_key(record), []).append(to_row(record, ()))
    return by_key


@cache
def _to_row(table: RowTable) -> Callable[[Values, Sequence[list[Any]]], Any]:
    order = [column.name for column in table.table.columns]
    lists = {child.path: index for index, child in enumerate(table.lists)}
    within = {
        path: [at for name, at in lists.items() if f"{name}.".startswith(f"{path}.")]
        for path in _parts(table.row)
    }
    whole = _struct_maker(table.row, "", order, lists, frozenset())
    implied, mark = table.implied_key, order.index(WITHDRAWN_AT)
    absent = order.index(ABSENT) if ABSENT in order else None

    @cache
    def without(paths: str) -> Callable[[Values, Sequence[list[Any]]], Any]:
        return _struct_maker(table.row, "", order, lists, frozenset(paths.split()))

    def to_row(record: Values, nested: Sequence[list[Any]]) -> Any:
        paths = record[absent] if absent is not None else None
        if paths:
            # a list that only earlier answers had is there, with its withdrawn rows
            missing = (p for p in paths.split() if not any(nested[at] for at in within.get(p, ())))
            row = without(" ".join(missing))(record, nested)
            row = implied.marked(row) if implied else row
        else:
            row = whole(record, nested)
        withdrawn_at = record[mark]
        return withdrawn(row, datetime.fromisoformat(withdrawn_at)) if withdrawn_at else row

    return to_row


def _struct_maker(
    row: type[Row],
    prefix: str,
    order: Sequence[str],
    lists: Mapping[str, int],
    absent: frozenset[str],
) -> Callable[[Values, Sequence[list[Any]]], Any]:
    plain = [m for m in members(row) if isinstance(m, Column)]
    names, values_of = [m.name for m in plain], _reader([order.index(m.name) for m in plain])
    days = [m.name for m in plain if m.type is date]
    nested_members = [m for m in members(row) if isinstance(m, Nested)]
    missing = [m.name for m in nested_members if prefix + m.name in absent]
    present = [m for m in nested_members if m.name not in missing]
    many = [(m.name, lists[prefix + m.name]) for m in present if m.many]
    inner = [
        (m.name, _struct_maker(m.row, f"{prefix}{m.name}.", order, lists, absent))
        for m in present
        if not m.many
    ]

    def own(record: Values) -> dict[str, Any]:
        values = dict(zip(names, values_of(record), strict=True))
        for name in days:
            if values[name] is not None:
                values[name] = date.fromisoformat(values[name])
        return values

    if not nested_members:
        return lambda record, _nested: row(**own(record))

    def make(record: Values, nested: Sequence[list[Any]]) -> Any:
        values = own(record)
        for name in missing:
            values[name] = None
        for name, index in many:
            values[name] = nested[index]
        for name, make_inner in inner:
            values[name] = make_inner(record, nested)
        return row(**values)

    return make


def _reader(places: Sequence[int]) -> Callable[[Values], Values]:
    """What gives the values at some places of a record."""
    first = places[0]
    if list(places) == list(range(first, first + len(places))):
        return itemgetter(slice(first, first + len(places)))
    return lambda record: [record[place] for place in places]
