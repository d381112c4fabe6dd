"""Rows of tables, from CSV and Parquet, as records: the present members of events by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, get_args

import msgspec
import numpy as np
from msgspec import inspect
from numpy.typing import NDArray

from wxcube.events import kinds as ev
from wxcube.i18n import Message

KINDS: dict[str, type[ev.Event]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(ev.AnyEvent)
}
"""Every kind of event by its tag, the value of the member `event`."""
_TAG = str(ev.Open.__struct_config__.tag_field)

Column = Sequence[str] | NDArray[Any]
"""Cells of CSV, where an empty one is missing, or of Parquet, where a masked one is."""
MemberColumns = Mapping[str, Sequence[Any]]
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
        columns = [_cells(column) for column in self.columns]
        for row in zip(*columns, strict=True):
            cells = zip(self.names, row, strict=True)
            yield {name: cell for name, cell in cells if cell is not None}

    @property
    def are_regular(self) -> bool:
        """Whether names are distinct, rows have no problems, and integers as text have digits."""
        if self.problems or len(set(self.names)) < len(self.names):
            return False
        columns = zip(self.names, self.columns, strict=True)
        texts = (_text_of(column) for name, column in columns if name in INTEGERS)
        return all(is_integer(text) for text in texts if text)

    def batches(self, size: int) -> Iterator[list[dict[str, Any]]]:
        """The rows as records, at most `size` per batch, and in a batch by kind.

        PERF: by kind, because most rows lack half of the columns; leaving these out row by row took
        2.5 to 5.5 us per event.
        """
        columns = [_cells(column) for column in self.columns]
        for first in range(0, len(self), size):
            yield _by_kind(self.names, [column[first : first + size] for column in columns])


def _by_kind(names: Sequence[str], columns: Sequence[list[Any]]) -> list[dict[str, Any]]:
    """The records of rows; those of one kind have the same members, or nearly so."""
    rows_of: dict[str | None, list[int]] = defaultdict(list)
    for row, tag in enumerate(columns[names.index(_TAG)] if _TAG in names else columns[0]):
        rows_of[tag if isinstance(tag, str) else None].append(row)
    records: list[dict[str, Any]] = []
    for rows in rows_of.values():
        cells_of = {
            name: _picked(column, rows) for name, column in zip(names, columns, strict=True)
        }
        absent = {name: cells.count(None) for name, cells in cells_of.items()}
        shown = [name for name in cells_of if absent[name] < len(rows)]
        # with the rows themselves, because some have no cell at all
        of_kind = [
            dict(zip(shown, cells, strict=False))
            for _row, *cells in zip(rows, *(cells_of[name] for name in shown), strict=True)
        ]
        if any(absent[name] for name in shown):
            of_kind = [{n: c for n, c in one.items() if c is not None} for one in of_kind]
        records += of_kind
    return records


def _picked(column: list[Any], rows: Sequence[int]) -> tuple[Any, ...]:
    return itemgetter(*rows)(column) if len(rows) > 1 else (column[rows[0]],)


def _text_of(column: Column) -> str:
    """The cells that are strings, concatenated."""
    if not isinstance(column, np.ndarray):
        return "".join(column)
    texts = column.compressed() if isinstance(column, np.ma.MaskedArray) else column
    return "".join(c for c in texts.tolist() if isinstance(c, str)) if column.dtype == "O" else ""


def _cells(column: Column) -> list[Any]:
    """The cells of a column; None for a missing one."""
    if isinstance(column, np.ndarray):
        cells: list[Any] = column.tolist()
        return cells
    return [cell or None for cell in column]


def is_integer(text: str) -> bool:
    """Whether a string is an integer, written with ASCII digits alone."""
    return text.isdigit() and text.isascii()


def _is_of(kind: type[inspect.Type], hint: Any) -> bool:
    """Whether a member is of a type, apart from annotations and null."""
    known = inspect.type_info(hint)
    while isinstance(known, inspect.Metadata):
        known = known.type
    return isinstance(known, kind)


def _members_of(kind: type[inspect.Type]) -> frozenset[str]:
    return frozenset(
        member.name
        for event in KINDS.values()
        for member in msgspec.structs.fields(event)
        if _is_of(kind, member.type)
    )


INTEGERS = _members_of(inspect.IntType)
"""Members that are integers."""
NUMBERS = INTEGERS | _members_of(inspect.BoolType)
"""Members that are integers or booleans."""
