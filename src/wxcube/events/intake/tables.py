"""Rows of tables, from CSV and Parquet: as single records, or checked column by column.

The check of whole columns accepts nothing that would be refused as a record; a row that it cannot
decide about is to be read as a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

import msgspec
import numpy as np
from msgspec import inspect
from numpy.typing import NDArray

from wxcube.events import kinds as ev
from wxcube.events.intake.families import string_array
from wxcube.events.intake.openid_filter import has_openid
from wxcube.events.intake.plain_csv import ABSENT, INVALID, MAX_DIGITS, Cells
from wxcube.i18n import Message

CACHE_SIZE = 500_000
"""Parsed cells, or article numbers, in a cache at most."""
KINDS: dict[str, type[ev.Event]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ev.AnyEvent)
}
"""Every kind of event by its tag, the value of the member `event`."""
_TAG = str(ev.Open.__struct_config__.tag_field)
_NO_KIND = len(KINDS)
_PYTHON_TYPES = {inspect.StrType: str, inspect.IntType: int, inspect.BoolType: bool}

Column = Sequence[str] | NDArray[Any]
"""Cells of CSV, where an empty one is missing, or of Parquet, where a masked one is.

PERF: columns that are `Cells` are read as arrays of bytes wherever possible.
"""
MemberColumns = Mapping[str, Sequence[Any] | NDArray[Any]]
"""The values of the events of one kind, by member."""


@dataclass(frozen=True)
class Records:
    """Rows of a table: their columns by name, and each row's number in its file."""

    names: tuple[str, ...]
    columns: tuple[Column, ...] = field(repr=False)
    numbers: Sequence[int] = field(repr=False)
    problems: Mapping[int, Message] = field(default_factory=dict)
    """For rows that could not be split into cells, by index: the reason."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        lists = [to_list(column) for column in self.columns]
        is_text = [not isinstance(column, np.ndarray) for column in self.columns]
        for row in zip(*lists, strict=True):
            cells = zip(self.names, row, is_text, strict=True)
            yield {
                name: cell
                for name, cell, of_text in cells
                if cell is not None and not (of_text and not cell)
            }

    def select(self, rows: NDArray[Any]) -> Records:
        """Some of the rows, by index."""
        indices = rows.tolist()
        return Records(
            self.names,
            tuple(_select(column, rows) for column in self.columns),
            [self.numbers[index] for index in indices],
            {new: self.problems[old] for new, old in enumerate(indices) if old in self.problems},
        )


class ColumnCheck(NamedTuple):
    """The outcome of checking whole columns."""

    valid_count: int
    kinds: Mapping[str, MemberColumns]
    """The members of the valid events, by kind, in the order of the rows."""
    undecided: NDArray[Any]
    """Indices of the other rows, each of which must be read as a record."""


def is_integer(text: str) -> bool:
    """Whether a string is an integer, written with ASCII digits alone."""
    return text.isdigit() and text.isascii()


class _Codes(dict[Any, int]):
    """The index of each kind among all kinds, by tag."""

    def __missing__(self, _: Any) -> int:
        return _NO_KIND


_EMPTY_CELL = {"": ABSENT}
_CODES = _Codes((tag, code) for code, tag in enumerate(KINDS))


class _NumberCache(dict[Any, int]):
    """Cells parsed as integers or booleans, with the rules for records."""

    def __init__(self, kind: type) -> None:
        super().__init__(_EMPTY_CELL)
        self._kind = kind

    def __missing__(self, cell: Any) -> int:
        try:
            value = int(msgspec.convert(cell, self._kind, strict=False))
        except (msgspec.ValidationError, UnicodeError):
            value = INVALID
        if not 0 <= value < 2**63 or (
            self._kind is int and isinstance(cell, str) and not is_integer(cell)
        ):
            value = INVALID
        self[cell] = value
        return value

    def parse(self, cells: Sequence[Any]) -> NDArray[Any]:
        """The value of each cell."""
        if len(self) > CACHE_SIZE:
            self.clear()
            self.update(_EMPTY_CELL)
        return np.fromiter(map(self.__getitem__, cells), "i8", len(cells))


class _PatternCache(dict[str, bool]):
    """Whether a string matches a pattern."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._search = re.compile(pattern).search

    def __missing__(self, text: str) -> bool:
        matches = self[text] = self._search(text) is not None
        return matches

    def match(self, strings: Sequence[str]) -> NDArray[Any]:
        """Whether each string matches."""
        if len(self) > CACHE_SIZE:
            self.clear()
        return np.fromiter(map(self.__getitem__, strings), "?", len(strings))


class _CheckedColumn(NamedTuple):
    """A column: its values, where it has one, and where that is valid."""

    values: Column
    is_present: NDArray[Any]
    is_valid: NDArray[Any]
    sizes: NDArray[Any]
    """What limits apply to: the number itself, or the length of a string."""


class _Member:
    """One member of events: the kinds that have or require it, and their limits for its values."""

    def __init__(self, name: str) -> None:
        fields = {tag: _field(kind, name) for tag, kind in KINDS.items()}
        known = {tag: one for tag, one in fields.items() if one is not None}
        types = {tag: _unwrapped(one.type) for tag, one in known.items()}
        self.allowed = _by_code({tag: tag in known for tag in KINDS}, "?")
        self.required = _by_code({tag: one.required for tag, one in known.items()}, "?")
        self.kind = _PYTHON_TYPES[type(next(iter(types.values())))]
        defaults = {tag: None if one.required else one.default for tag, one in known.items()}
        if self.kind is str:
            self.defaults = _by_code(defaults, "O")
        else:
            self.defaults = _by_code({t: int(d or 0) for t, d in defaults.items()}, "i8")
        limits = {tag: _limits(one) for tag, one in types.items()}
        self.low = _by_code({tag: low for tag, (low, _) in limits.items()}, "i8")
        self.high = _by_code({tag: high for tag, (_, high) in limits.items()}, "i8")
        patterns = {getattr(one, "pattern", None) for one in types.values()}
        [pattern] = patterns
        self._pattern = _PatternCache(pattern) if pattern else None
        self._numbers = _NumberCache(self.kind)

    def check(self, column: Column, codes: NDArray[Any]) -> _CheckedColumn:
        """A column of this member, for rows of these kinds."""
        checked = self._check_strings(column) if self.kind is str else self._check_numbers(column)
        is_within = (self.low[codes] <= checked.sizes) & (checked.sizes <= self.high[codes])
        is_valid = checked.is_valid & is_within
        if isinstance(checked.values, Cells):
            return checked._replace(is_valid=is_valid)
        values = np.where(checked.is_present, checked.values, self.defaults[codes])
        return checked._replace(values=values, is_valid=is_valid)

    def _check_numbers(self, column: Column) -> _CheckedColumn:
        if isinstance(column, Cells):
            return _checked_numbers(self._parse_cells(column))
        if not isinstance(column, np.ndarray):
            values = _integers_of_equal_length(column)
            if values is None or self.kind is bool:
                values = self._numbers.parse(column)
            return _checked_numbers(values)
        is_present = ~np.ma.getmaskarray(column)
        if column.dtype.kind in ("iu" if self.kind is int else "iub"):
            values = np.ma.filled(column, 0).astype("i8")
            return _CheckedColumn(values, is_present, is_present, values)
        cells = column[is_present].tolist()
        values = np.full(len(column), INVALID)
        if column.dtype.kind in "bf" or _are_strings(cells):
            values[is_present] = _NumberCache(self.kind).parse(cells)
        return _CheckedColumn(values, is_present, values >= 0, values)

    def _parse_cells(self, cells: Cells) -> NDArray[Any]:
        if self.kind is int:
            return cells.integers()
        values = np.full(len(cells), ABSENT)
        is_present = cells.lengths > 0
        values[is_present] = self._numbers.parse(cells.select(is_present).strings())
        return values

    def _check_strings(self, column: Column) -> _CheckedColumn:
        is_present = _is_present(column)
        if isinstance(column, Cells) and self._pattern is None:
            # every string that may be left out has the default ""
            return _CheckedColumn(column, is_present, np.ones(len(column), "?"), column.lengths)
        values = string_array([""] * len(column))
        if isinstance(column, Cells):
            values[is_present] = column.select(is_present).strings()
        elif isinstance(column, np.ndarray):
            values[is_present] = np.ma.getdata(column)[is_present]
        else:
            values[:] = column
        cells = values.tolist()
        if not _are_strings(cells):
            zeros = np.zeros(len(cells), "i8")
            return _CheckedColumn(values, is_present, zeros > 0, zeros)
        lengths = np.fromiter(map(len, cells), "i8", len(cells))
        is_valid = _are_encodable(cells)
        if self._pattern is not None:
            is_valid &= self._pattern.match(cells)
        return _CheckedColumn(values, is_present, is_valid, lengths)


def check_columns(records: Records, earliest: int = 0) -> ColumnCheck:
    """The valid rows as columns by kind, as far as whole columns decide it."""
    count = len(records)
    columns = dict(zip(records.names, records.columns, strict=True))
    codes = _kind_codes(columns.pop(_TAG, [""] * count))
    undecided = codes == _NO_KIND
    undecided[list(records.problems)] = True
    if len(set(records.names)) < len(records.names):
        undecided[:] = True
    for name in columns.keys() - _MEMBERS.keys():
        undecided |= _is_present(columns[name])
    values: dict[str, Column] = {}
    for name, member in _MEMBERS.items():
        if name in columns:
            values[name], is_present, is_valid, _ = member.check(columns[name], codes)
            is_wrong = ~(is_valid & member.allowed[codes])
            undecided |= np.where(is_present, is_wrong, member.required[codes])
        else:
            values[name] = member.defaults[codes]
            undecided |= member.required[codes]
    if "content_url" in columns:
        links = to_list(values["content_url"])
        undecided |= [isinstance(link, str) and has_openid(link) for link in links]
    if earliest:
        undecided |= np.asarray(values["at"]) < earliest
    codes[undecided] = _NO_KIND
    kinds = {}
    for tag, kind in KINDS.items():
        rows = np.flatnonzero(codes == _CODES[tag])
        if len(rows):
            kinds[tag] = {name: _select(values[name], rows) for name in kind.__struct_fields__}
    undecided_rows = np.flatnonzero(undecided)
    return ColumnCheck(count - len(undecided_rows), kinds, undecided_rows)


def _kind_codes(column: Column) -> NDArray[Any]:
    """The index of each row's kind among all kinds."""
    cells = to_list(column)
    try:
        return np.fromiter(map(_CODES.__getitem__, cells), "i8", len(cells))
    except TypeError:
        return np.full(len(cells), _NO_KIND)


def _integers_of_equal_length(cells: Sequence[str]) -> NDArray[Any] | None:
    """The values of cells with the same number of digits, as timestamps have; None for others."""
    lengths, digits = set(map(len, cells)), "".join(cells)
    if len(lengths) != 1 or not is_integer(digits) or len(cells[0]) > MAX_DIGITS:
        return None
    columns = (np.frombuffer(digits.encode(), "u1") - ord("0")).reshape(len(cells), -1).T
    if len(columns) > 1 and not columns[0].all():
        return None
    values = np.zeros(len(cells), "i8")
    for column in columns:
        values = values * 10 + column
    return values


def _are_strings(cells: Sequence[Any]) -> bool:
    try:
        "".join(cells)
    except TypeError:
        return False
    return True


def _are_encodable(cells: Sequence[str]) -> NDArray[Any]:
    """Whether each string can be encoded as UTF-8."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return np.fromiter((_is_encodable(cell) for cell in cells), "?", len(cells))
    return np.ones(len(cells), "?")


def _is_encodable(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _checked_numbers(values: NDArray[Any]) -> _CheckedColumn:
    return _CheckedColumn(values, values != ABSENT, values != INVALID, values)


def to_list(column: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    """A column's values as Python objects."""
    if isinstance(column, np.ndarray):
        objects: list[Any] = column.tolist()
        return objects
    return column.strings() if isinstance(column, Cells) else column


def _is_present(column: Column) -> NDArray[Any]:
    """Where a column has a value."""
    if isinstance(column, np.ndarray):
        return ~np.ma.getmaskarray(column)
    if isinstance(column, Cells):
        return column.lengths > 0
    return np.fromiter(map(bool, column), "?", len(column))


def _select(column: Column, rows: NDArray[Any]) -> Column:
    if isinstance(column, np.ndarray):
        selected: NDArray[Any] = column[rows]
        return selected
    if isinstance(column, Cells):
        return column.select(rows)
    return [column[row] for row in rows.tolist()]


def _field(kind: type[ev.Event], name: str) -> Any:
    return next((f for f in msgspec.structs.fields(kind) if f.name == name), None)


def _unwrapped(hint: Any) -> inspect.Type:
    """A member's type without annotations and without null."""
    known = inspect.type_info(hint)
    while isinstance(known, inspect.Metadata):
        known = known.type
    if isinstance(known, inspect.UnionType):
        [known] = [one for one in known.types if not isinstance(one, inspect.NoneType)]
        while isinstance(known, inspect.Metadata):
            known = known.type
    return known


def _limits(known: inspect.Type) -> tuple[int, int]:
    """The smallest and the largest number, or length of a string."""
    match known:
        case inspect.StrType():
            low, high = known.min_length, known.max_length
            return low or 0, 2**62 if high is None else high
        case inspect.IntType(ge=int(low), le=int(high)):
            return low, high
        case inspect.IntType(ge=int(low), lt=int(high)):
            return low, high - 1
        case inspect.BoolType():
            return 0, 1
    raise TypeError(f"no limits are known for {known}")


def _by_code(by_tag: Mapping[str, Any], dtype: str) -> NDArray[Any]:
    """Values by the index of their kind; the last one, for rows of no kind, is zero."""
    values = np.zeros(len(KINDS) + 1, dtype)
    for tag, value in by_tag.items():
        values[_CODES[tag]] = value
    return values


_MEMBERS = {
    name: _Member(name)
    for name in dict.fromkeys(n for kind in KINDS.values() for n in kind.__struct_fields__)
}
NUMBERS = frozenset(name for name, member in _MEMBERS.items() if member.kind is not str)
"""Members that are integers or booleans."""
INTEGERS = frozenset(name for name, member in _MEMBERS.items() if member.kind is int)
"""Members that are integers."""
