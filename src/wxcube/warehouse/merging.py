"""Rows of an earlier and of a later answer for the same day, merged. Pure.

What the later answer lacks is withdrawn: it stays, marked with the time. The mark goes when the row
comes back. A nested row whose parent is withdrawn needs no mark of its own. A figure that the later
answer lacks keeps its earlier value.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any

from wxcube.contract.withdrawn import WITHDRAWN_AT
from wxcube.warehouse.rows import Record, Records, key_reader
from wxcube.warehouse.tables import ABSENT, PLACE, RowTable


@dataclass(frozen=True, slots=True)
class Merged:
    """The records of a day after an answer, and how they differ from those before it."""

    records: Records
    is_different: bool
    """Whether anything is to be written."""
    is_changed: bool
    """Whether rows have other figures, or there are further rows."""
    lost: int
    """Rows that are marked now and were not before."""
    withdrawn: int
    """Rows that are marked, with those marked before."""
    incomplete: int
    """Rows that lack figures which they had before."""


def merge(
    table: RowTable, before: Records, answered: Records, withdrawn_at: str, *, may_withdraw: bool
) -> Merged:
    """The records of a day: those of an answer, and those that it lacks.

    An answer that is not complete by its own word, `may_withdraw` false, marks nothing.
    """
    if not any(before):
        return Merged(
            answered, is_different=True, is_changed=True, lost=0, withdrawn=0, incomplete=0
        )
    parts = [
        _merge_table(one, old, new, withdrawn_at if may_withdraw else "", parents)
        for one, old, new, parents in zip(
            table.walk(), before, answered, _parent_keys(table, answered), strict=True
        )
    ]
    return Merged(
        [part.records for part in parts],
        any(part.is_different for part in parts),
        any(part.is_changed for part in parts),
        sum(part.lost for part in parts),
        sum(part.withdrawn for part in parts),
        sum(part.incomplete for part in parts),
    )


@dataclass(frozen=True, slots=True)
class _MergedTable:
    records: list[Record]
    is_different: bool
    is_changed: bool
    lost: int
    withdrawn: int
    incomplete: int


def _merge_table(
    table: RowTable,
    before: list[Record],
    answered: list[Record],
    withdrawn_at: str,
    parents: Collection[Record] | None,
) -> _MergedTable:
    key_of, figures, width = key_reader(table), _figures(table), _parent_width(table)
    mark = len(table.table.columns) - 1
    old = {key_of(record): record for record in before}
    records, is_different, is_changed, incomplete = list[Record](), False, False, 0
    for answer in answered:
        known = old.pop(key_of(answer), None)
        record = answer if known is None or known == answer else _completed(table, known, answer)
        records.append(record)
        incomplete += record is not answer
        if known != record:
            is_different = True
            is_changed = is_changed or known is None or figures(known) != figures(record)
    lost = withdrawn = 0
    for key, record in old.items():
        is_lost = parents is None or key[:width] in parents
        if record[mark]:
            withdrawn += is_lost
        elif is_lost and withdrawn_at:
            records.append((*record[:mark], withdrawn_at))
            lost += 1
            continue
        records.append(record)
    is_different = is_different or lost > 0
    return _MergedTable(records, is_different, is_changed, lost, withdrawn + lost, incomplete)


def _completed(table: RowTable, known: Record, answer: Record) -> Record:
    """The record of an answer, with the earlier values of figures that it lacks."""
    places = _figure_places(table)
    missing = [at for at in places if answer[at] is None and known[at] is not None]
    if not missing:
        return answer
    cells = list(answer)
    for at in (*missing, *_absent_place(table)):
        cells[at] = known[at]
    return tuple(cells)


def _parent_keys(table: RowTable, answered: Records) -> list[Collection[Record] | None]:
    """For each table the keys of the parent rows that were answered; None for the first table."""
    by_table = dict(zip(table.walk(), answered, strict=True))
    keys: list[Collection[Record] | None] = [None]

    def add(parent: RowTable) -> None:
        of_parent = {key_reader(parent)(record) for record in by_table[parent]}
        for child in parent.lists:
            keys.append(of_parent)
            add(child)

    add(table)
    return keys


@cache
def _figures(table: RowTable) -> Any:
    """The cells of a record that are not its place or marks."""
    return itemgetter(*_figure_places(table))


@cache
def _figure_places(table: RowTable) -> tuple[int, ...]:
    own = {PLACE, ABSENT, WITHDRAWN_AT}
    names = enumerate(column.name for column in table.table.columns)
    return tuple(place for place, name in names if name not in own)


@cache
def _absent_place(table: RowTable) -> tuple[int, ...]:
    names = enumerate(column.name for column in table.table.columns)
    return tuple(place for place, name in names if name == ABSENT)


@cache
def _parent_width(table: RowTable) -> int:
    """The number of key columns that the parent row has too; 0 for the first table."""
    foreign = next(iter(table.table.foreign_key_constraints), None)
    return len(foreign.columns) if foreign is not None else 0
