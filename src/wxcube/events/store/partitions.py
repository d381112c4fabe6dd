"""Partitions of events by day and group of accounts, and removal of duplicates within them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.beijing import BEIJING_SECONDS, DAY_SECONDS, HOUR_SECONDS, day_of_number
from wxcube.events.action_bits import action_masks
from wxcube.events.columns import Columns
from wxcube.events.intake.families import ID_COLUMNS, Chunk, pick

_MIX_LOW, _MIX_ACCOUNT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
"""Odd multipliers that mix an event's id and account into 64 bits."""

PartitionKey = tuple[date, int]
"""A Beijing day and a group of accounts."""


def by_partition(chunk: Chunk, groups: int) -> dict[PartitionKey, Chunk]:
    """The chunk's events by day and group; those of a family ordered by account, then arrival."""
    partitions: dict[PartitionKey, Chunk] = {}
    for family, columns in chunk.items():
        for key, part in _split(columns, groups):
            partitions.setdefault(key, {})[family] = part
    return dict(sorted(partitions.items()))


def _split(columns: Columns, groups: int) -> Iterator[tuple[PartitionKey, Columns]]:
    numbers = day_numbers(columns) * groups + columns["account"] % groups
    order = np.lexsort((columns["account"], numbers))
    ordered = numbers[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    for rows in np.split(order, starts[1:]):
        day, group = divmod(int(numbers[rows[0]]), groups)
        yield (day_of_number(day), group), pick(columns, rows)


def day_numbers(columns: Columns) -> NDArray[Any]:
    """The Beijing day of each event, as days since 1970-01-01."""
    numbers: NDArray[Any] = (columns["at"] + BEIJING_SECONDS) // DAY_SECONDS
    return numbers


def with_derived_columns(family: str, columns: Columns) -> Columns:
    """A family's columns with day and hour and, for activity on articles, the action bits."""
    hours = (columns["at"] + BEIJING_SECONDS) % DAY_SECONDS // HOUR_SECONDS
    derived = {"d": day_numbers(columns).astype("i4"), "h": hours.astype("i4")}
    if family == "activity":
        derived["mask"] = action_masks(columns)
    return columns | derived


def deduplicated(chunk: Chunk, stored: Sequence[Columns]) -> tuple[Chunk, int]:
    """The chunk without events that are `stored` or repeated, and the number of these."""
    parts = [*stored, *chunk.values()]
    account, high, low = (
        np.concatenate([part[name] for part in parts]) for name in ("account", *ID_COLUMNS)
    )
    is_first = _is_first(account, high, low)
    position = len(account) - sum(len(part["account"]) for part in chunk.values())
    unique: Chunk = {}
    for family, columns in chunk.items():
        is_new = is_first[position : position + len(columns["at"])]
        position += len(columns["at"])
        if is_new.any():
            unique[family] = columns if is_new.all() else pick(columns, is_new)
    total = sum(len(part["at"]) for part in chunk.values())
    return unique, total - sum(len(part["at"]) for part in unique.values())


def has_duplicates(columns: Columns, stored: Sequence[Columns]) -> bool:
    """Whether one of these events is `stored` or repeated."""
    account, high, low = (
        np.concatenate([part[name] for part in (*stored, columns)])
        for name in ("account", *ID_COLUMNS)
    )
    return not _is_first(account, high, low).all()


def _is_first(account: NDArray[Any], high: NDArray[Any], low: NDArray[Any]) -> NDArray[Any]:
    """Whether each event is the first with its account and id."""
    is_first = np.ones(len(account), "?")
    if _all_differ(account, high, low):
        return is_first
    order = np.lexsort((low, high, account))
    same = np.ones(max(0, len(order) - 1), "?")
    for array in (account, high, low):
        same &= np.diff(array[order]) == 0
    is_first[order[1:][same]] = False
    return is_first


def _all_differ(account: NDArray[Any], high: NDArray[Any], low: NDArray[Any]) -> bool:
    """Whether 64-bit mixtures of account and id already are all different."""
    # PERF: one sort of numbers instead of an ordering by three columns, 12x less for 1 M events
    mixed = high.view("u8") ^ (low.view("u8") * _MIX_LOW)
    mixed ^= account.astype("u8") * _MIX_ACCOUNT
    mixed.sort()
    return bool((mixed[1:] != mixed[:-1]).all())
