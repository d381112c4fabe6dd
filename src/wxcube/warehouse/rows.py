"""Rows of the contract as records of tables, and back. Pure.

Reading gives structs equal to the ones written, nested lists and their order included; two
elements of a list with the same key are one, the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any

from wxcube.contract.field import Column, Row, members
from wxcube.errors import ShapeError
from wxcube.warehouse.tables import PLACE, Part

Record = dict[str, Any]
Lists = list[dict[tuple[Any, ...], list[Any]]]

LARGEST = 2**63 - 1
"""Databases count with 64 bits."""


def spread(part: Part, scope: Mapping[str, object], rows: Iterable[Row]) -> list[list[Record]]:
    """Records of each table of a part, in the order of `part.walk()`.

    `scope` is what every record starts with: appid, origin and, if the endpoint has them, params.

    Raises:  ShapeError for a number that no database can hold.
    """
    found: dict[str, list[Record]] = {below.table.name: [] for below in part.walk()}
    _spread(part, scope, rows, found)
    return list(found.values())


def _spread(
    part: Part, above: Mapping[str, object], rows: Iterable[Row], found: dict[str, list[Record]]
) -> None:
    take, key_of = _taker(part), itemgetter(*part.key)
    records, seen = found[part.table.name], set()
    for place, row in enumerate(rows):
        record = {**above, **take(row), PLACE: place}
        key = key_of(record)
        if key in seen:
            continue
        seen.add(key)
        records.append(record)
        for below in part.lists:
            inherited = {name: record[name] for name in part.key}
            _spread(below, inherited, attrgetter(below.path)(row), found)


@cache
def _taker(part: Part) -> Callable[[Row], Record]:
    names = [cell.name for cell in part.cells]
    values = attrgetter(*(cell.path for cell in part.cells))
    texts = [cell.name for cell in part.cells if cell.column.type is str]
    numbers = [cell.name for cell in part.cells if cell.column.type is int]
    several = len(names) > 1

    def take(row: Row) -> Record:
        record = dict(zip(names, values(row) if several else (values(row),), strict=True))
        for name in texts:
            record[name] = _storable(record[name])
        for name in numbers:
            _check_size(name, record[name])
        return record

    return take


def _storable(text: str | None) -> str | None:
    """The text, with lone surrogates, which no database takes, as U+FFFD."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check_size(name: str, number: int | None) -> None:
    if number is not None and not -LARGEST <= number <= LARGEST:
        raise ShapeError(f"{name} is {number}, more than 64 bits", hint="the answer was kept")


def gather(part: Part, records: Sequence[Sequence[Sequence[Any]]]) -> list[Any]:
    """Rows out of the records of each table, in the order of the first table's records.

    Records are values in the order of the tables' columns, one sequence per table of
    `part.walk()`, each in the order of its lists.
    """
    by_part = dict(zip(part.walk(), records, strict=True))
    return [row for _, row in _rows(part, by_part)]


def _rows(
    part: Part, records: Mapping[Part, Sequence[Sequence[Any]]]
) -> list[tuple[tuple[Any, ...], Any]]:
    lists = [_by_upper(part, below, records) for below in part.lists]
    key_of, make = _key_reader(part, part.key), _maker(part)
    keyed = ((key_of(record), record) for record in records[part])
    return [(key, make(record, [found.get(key, []) for found in lists])) for key, record in keyed]


def _by_upper(
    upper: Part, part: Part, records: Mapping[Part, Sequence[Sequence[Any]]]
) -> dict[tuple[Any, ...], list[Any]]:
    found: dict[tuple[Any, ...], list[Any]] = {}
    width = len(upper.key)
    for key, row in _rows(part, records):
        found.setdefault(key[:width], []).append(row)
    return found


@cache
def _key_reader(part: Part, names: tuple[str, ...]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    order = [column.name for column in part.table.columns]
    return itemgetter(*(order.index(name) for name in names))


@cache
def _maker(part: Part) -> Callable[[Sequence[Any], Sequence[list[Any]]], Any]:
    order = [column.name for column in part.table.columns]
    lists = {below.path: index for index, below in enumerate(part.lists)}
    return _make(part.row, "", order, lists)


def _make(
    row: type[Row], prefix: str, order: Sequence[str], lists: Mapping[str, int]
) -> Callable[[Sequence[Any], Sequence[list[Any]]], Any]:
    plain = [(m.name, order.index(m.name)) for m in members(row) if isinstance(m, Column)]
    many = [(m.name, lists[prefix + m.name]) for m in members(row) if prefix + m.name in lists]
    inner = [
        (m.name, _make(m.row, f"{prefix}{m.name}.", order, lists))
        for m in members(row)
        if not isinstance(m, Column) and not m.many
    ]

    def make(record: Sequence[Any], found: Sequence[list[Any]]) -> Any:
        values = {name: record[index] for name, index in plain}
        values.update((name, found[index]) for name, index in many)
        values.update((name, below(record, found)) for name, below in inner)
        return row(**values)

    return make
