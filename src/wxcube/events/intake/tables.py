"""Rows of tables, from CSV and Parquet: one by one as records, or checked column by column.

Column by column nothing is accepted that would be refused as a record; a row in doubt is left for
who reads it as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import inspect

from wxcube.events import kinds as ev
from wxcube.events.arrays import NDArray, np
from wxcube.events.intake.families import texts
from wxcube.events.intake.openid_filter import names_a_person
from wxcube.events.intake.plain_csv import ABSENT, MOST_DIGITS, REFUSED, Cells

MOST_REMEMBERED = 500_000
"""Cells, or articles, whose numbers are kept at hand at most."""
KINDS: dict[str, type[ev.Event]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ev.AnyEvent)
}
"""Every kind of event by the word that `event` has."""
_TAG = str(ev.Open.__struct_config__.tag_field)
_NO_KIND = len(KINDS)
_KINDS_OF_VALUES = {inspect.StrType: str, inspect.IntType: int, inspect.BoolType: bool}

Column = Sequence[str] | NDArray[Any]
"""Cells of CSV, where an empty one says nothing, or of Parquet, where a masked one does.

PERF: columns that are `Cells` are looked at as numbers of bytes wherever they can be.
"""
Given = Mapping[str, Sequence[Any] | NDArray[Any]]
"""What events of one kind say, by member."""


@dataclass(frozen=True)
class Records:
    """Rows of a table: their columns by name, and the number that each row has in its file."""

    names: tuple[str, ...]
    columns: tuple[Column, ...] = field(repr=False)
    numbers: Sequence[int] = field(repr=False)
    complaints: Mapping[int, str] = field(default_factory=dict)
    """Of rows, by their place here, that could not be told apart into cells: why."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        lists = [listed(column) for column in self.columns]
        is_text = [not isinstance(column, np.ndarray) for column in self.columns]
        for row in zip(*lists, strict=True):
            cells = zip(self.names, row, is_text, strict=True)
            yield {
                name: cell
                for name, cell, of_text in cells
                if cell is not None and not (of_text and not cell)
            }

    def only(self, places: NDArray[Any]) -> Records:
        """Some of the rows."""
        return Records(
            self.names,
            tuple(_picked(column, places) for column in self.columns),
            [self.numbers[place] for place in places.tolist()],
            {
                new: self.complaints[old]
                for new, old in enumerate(places.tolist())
                if old in self.complaints
            },
        )


class Sifted(NamedTuple):
    """Rows after a look at whole columns."""

    events: int
    kinds: Mapping[str, Given]
    """The members of the events that are good, by kind, each in the order of the rows."""
    doubtful: NDArray[Any]
    """Places of the other rows."""


def is_whole(text: str) -> bool:
    """Whether a text is a whole number, written with digits alone."""
    return text.isdigit() and text.isascii()


class _Codes(dict[Any, int]):
    """The place of each kind among all kinds."""

    def __missing__(self, _: Any) -> int:
        return _NO_KIND


_CODES = _Codes((tag, code) for code, tag in enumerate(KINDS))


class _Parsed(dict[Any, int]):
    """What a cell says as a number or a truth value, as a record of this cell would."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self._kind = kind
        self.kept = {"": ABSENT}
        self.update(self.kept)

    def __missing__(self, cell: Any) -> int:
        try:
            found = int(msgspec.convert(cell, self._kind, strict=False))
        except (msgspec.ValidationError, UnicodeError):
            found = REFUSED
        if not 0 <= found < 2**63 or (
            self._kind is int and isinstance(cell, str) and not is_whole(cell)
        ):
            found = REFUSED
        self[cell] = found
        return found

    def of(self, cells: Sequence[Any]) -> NDArray[Any]:
        """The numbers of cells."""
        if len(self) > MOST_REMEMBERED:
            self.clear()
            self.update(self.kept)
        return np.fromiter(map(self.__getitem__, cells), "i8", len(cells))


class _Fits(dict[str, bool]):
    """Whether a text fits a pattern."""

    def __init__(self, pattern: str) -> None:
        super().__init__()
        self._search = re.compile(pattern).search

    def __missing__(self, text: str) -> bool:
        found = self[text] = self._search(text) is not None
        return found

    def of(self, texts: Sequence[str]) -> NDArray[Any]:
        """Which of the texts do."""
        if len(self) > MOST_REMEMBERED:
            self.clear()
        return np.fromiter(map(self.__getitem__, texts), "?", len(texts))


class _Read(NamedTuple):
    """A column: its values, where it says something, and where that can be read."""

    values: Column
    given: NDArray[Any]
    good: NDArray[Any]
    sizes: NDArray[Any]
    """What has limits: numbers themselves, and how long texts are."""


class _Member:
    """One member of events: which kinds have it, need it, and what they let it say."""

    def __init__(self, name: str) -> None:
        found = {tag: _field(kind, name) for tag, kind in KINDS.items()}
        known = {tag: one for tag, one in found.items() if one is not None}
        types = {tag: _bare(one.type) for tag, one in known.items()}
        self.allowed = _by_code({tag: tag in known for tag in KINDS}, "?")
        self.required = _by_code({tag: one.required for tag, one in known.items()}, "?")
        self.kind = _KINDS_OF_VALUES[type(next(iter(types.values())))]
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
        self._fits = _Fits(pattern) if pattern else None
        self._parsed = _Parsed(self.kind)

    def read(self, column: Column, codes: NDArray[Any]) -> _Read:
        """A column of this member, of rows of these kinds."""
        found = self._texts(column) if self.kind is str else self._numbers(column)
        fits = (self.low[codes] <= found.sizes) & (found.sizes <= self.high[codes])
        good = found.good & fits
        if isinstance(found.values, Cells):
            return found._replace(good=good)
        values = np.where(found.given, found.values, self.defaults[codes])
        return found._replace(values=values, good=good)

    def _numbers(self, column: Column) -> _Read:
        if isinstance(column, Cells):
            return _read_numbers(self._numbers_of(column))
        if not isinstance(column, np.ndarray):
            values = _equally_long(column)
            if values is None or self.kind is bool:
                values = self._parsed.of(column)
            return _read_numbers(values)
        given = ~np.ma.getmaskarray(column)
        if column.dtype.kind in ("iu" if self.kind is int else "iub"):
            values = np.ma.filled(column, 0).astype("i8")
            return _Read(values, given, given, values)
        cells = column[given].tolist()
        values = np.full(len(column), REFUSED)
        if column.dtype.kind in "bf" or _are_texts(cells):
            values[given] = _Parsed(self.kind).of(cells)
        return _Read(values, given, values >= 0, values)

    def _numbers_of(self, cells: Cells) -> NDArray[Any]:
        if self.kind is int:
            return cells.whole_numbers()
        values = np.full(len(cells), ABSENT)
        values[cells.sizes > 0] = self._parsed.of(cells.only(cells.sizes > 0).texts())
        return values

    def _texts(self, column: Column) -> _Read:
        given = _given(column)
        if isinstance(column, Cells) and self._fits is None:
            # an empty cell is the text that is meant where a text may be left out
            return _Read(column, given, np.ones(len(column), "?"), column.sizes)
        values = texts([""] * len(column))
        if isinstance(column, Cells):
            values[given] = column.only(given).texts()
        elif isinstance(column, np.ndarray):
            values[given] = np.ma.getdata(column)[given]
        else:
            values[:] = column
        cells = values.tolist()
        if not _are_texts(cells):
            nothing = np.zeros(len(cells), "i8")
            return _Read(values, given, nothing > 0, nothing)
        sizes = np.fromiter(map(len, cells), "i8", len(cells))
        good = _writable(cells)
        if self._fits is not None:
            good &= self._fits.of(cells)
        return _Read(values, given, good, sizes)


def sift(records: Records, earliest: int = 0) -> Sifted:
    """The good rows as columns by kind, as far as a look at whole columns tells."""
    number = len(records)
    columns = dict(zip(records.names, records.columns, strict=True))
    codes = _codes(columns.pop(_TAG, [""] * number))
    doubtful = codes == _NO_KIND
    doubtful[list(records.complaints)] = True
    if len(set(records.names)) < len(records.names):
        doubtful[:] = True
    for name in columns.keys() - _MEMBERS.keys():
        doubtful |= _given(columns[name])
    values: dict[str, Column] = {}
    for name, member in _MEMBERS.items():
        if name in columns:
            values[name], given, good, _ = member.read(columns[name], codes)
            doubtful |= np.where(given, ~(good & member.allowed[codes]), member.required[codes])
        else:
            values[name] = member.defaults[codes]
            doubtful |= member.required[codes]
    if "content_url" in columns:
        links = listed(values["content_url"])
        doubtful |= [isinstance(one, str) and names_a_person(one) for one in links]
    if earliest:
        doubtful |= np.asarray(values["at"]) < earliest
    codes[doubtful] = _NO_KIND
    kinds = {}
    for tag, kind in KINDS.items():
        rows = np.flatnonzero(codes == _CODES[tag])
        if len(rows):
            kinds[tag] = {name: _picked(values[name], rows) for name in kind.__struct_fields__}
    places = np.flatnonzero(doubtful)
    return Sifted(number - len(places), kinds, places)


def _codes(column: Column) -> NDArray[Any]:
    """The place of each row's kind among all kinds."""
    cells = listed(column)
    try:
        return np.fromiter(map(_CODES.__getitem__, cells), "i8", len(cells))
    except TypeError:
        return np.full(len(cells), _NO_KIND)


def _equally_long(cells: Sequence[str]) -> NDArray[Any] | None:
    """The numbers of cells that all have as many digits, as times have; None of others."""
    lengths, digits = set(map(len, cells)), "".join(cells)
    if len(lengths) != 1 or not is_whole(digits) or len(cells[0]) > MOST_DIGITS:
        return None
    columns = (np.frombuffer(digits.encode(), "u1") - ord("0")).reshape(len(cells), -1).T
    if len(columns) > 1 and not columns[0].all():
        return None
    values = np.zeros(len(cells), "i8")
    for column in columns:
        values = values * 10 + column
    return values


def _are_texts(cells: Sequence[Any]) -> bool:
    try:
        "".join(cells)
    except TypeError:
        return False
    return True


def _writable(cells: Sequence[str]) -> NDArray[Any]:
    """Which texts UTF-8 can write down."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return np.fromiter((_is_writable(cell) for cell in cells), "?", len(cells))
    return np.ones(len(cells), "?")


def _is_writable(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_numbers(values: NDArray[Any]) -> _Read:
    return _Read(values, values != ABSENT, values != REFUSED, values)


def listed(column: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    """A column's values as objects."""
    if isinstance(column, np.ndarray):
        objects: list[Any] = column.tolist()
        return objects
    return column.texts() if isinstance(column, Cells) else column


def _given(column: Column) -> NDArray[Any]:
    """Where a column says something."""
    if isinstance(column, np.ndarray):
        return ~np.ma.getmaskarray(column)
    if isinstance(column, Cells):
        return column.sizes > 0
    return np.fromiter(map(bool, column), "?", len(column))


def _picked(column: Column, places: NDArray[Any]) -> Column:
    if isinstance(column, np.ndarray):
        found: NDArray[Any] = column[places]
        return found
    if isinstance(column, Cells):
        return column.only(places)
    return [column[place] for place in places.tolist()]


def _field(kind: type[ev.Event], name: str) -> Any:
    return next((f for f in msgspec.structs.fields(kind) if f.name == name), None)


def _bare(hint: Any) -> inspect.Type:
    """A member's type without what is told of it, and without null."""
    known = inspect.type_info(hint)
    while isinstance(known, inspect.Metadata):
        known = known.type
    if isinstance(known, inspect.UnionType):
        [known] = [one for one in known.types if not isinstance(one, inspect.NoneType)]
        while isinstance(known, inspect.Metadata):
            known = known.type
    return known


def _limits(known: inspect.Type) -> tuple[int, int]:
    """The smallest and largest number, or length of a text."""
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
    raise TypeError(f"no limits are known of {known}")


def _by_code(of: Mapping[str, Any], kind: str) -> NDArray[Any]:
    """A value for each kind, and for none of them, at its place."""
    found = np.zeros(len(KINDS) + 1, kind)
    for tag, value in of.items():
        found[_CODES[tag]] = value
    return found


_MEMBERS = {
    name: _Member(name)
    for name in dict.fromkeys(n for kind in KINDS.values() for n in kind.__struct_fields__)
}
NUMBERS = frozenset(name for name, member in _MEMBERS.items() if member.kind is not str)
"""Members that are numbers or truth values."""
INTEGERS = frozenset(name for name, member in _MEMBERS.items() if member.kind is int)
"""Members that are numbers."""
