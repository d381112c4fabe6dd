"""Watermarks: whether a sink still has everything that earlier builds wrote. Pure functions.

Every build gives the sink a random token. A sink counts the batches it has stored, and the ledger
records that count with whatever it records as done. If the sink's count is lower than the recorded
one, or its token is another, the sink was replaced, restored from a backup, or last written by
another copy of the ledger. It is then unknown which rows it has, so everything that can be computed
is written again: all days that still have events. Rows of earlier days stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from wxcube.cube.incremental.schedule import NO_EVENTS, REBUILD, NumberedPartition


class Watermark(NamedTuple):
    """The number of batches that a sink has stored, and the token of the build that was last."""

    build: str
    batches: int


STORES_NOTHING = Watermark("", 0)
"""The watermark of a sink that stores no rows and so cannot lack any."""


def is_current(recorded: Collection[Watermark], sink: Watermark | None) -> bool:
    """Whether a sink has everything that the ledger recorded.

    The ledger has recorded a second watermark if a build was killed while it gave the sink a new
    one. The sink may have more: an interrupted build did not record all that it wrote.
    """
    if not recorded or sink == STORES_NOTHING:
        return True
    return sink is not None and any(
        sink.build == one.build and sink.batches >= one.batches for one in recorded
    )


def first_days(partitions: Iterable[NumberedPartition]) -> dict[int, int]:
    """The first day of each group."""
    first: dict[int, int] = {}
    for day, group in partitions:
        first[group] = min(day, first.get(group, day))
    return first


def to_rebuild(
    built: Mapping[NumberedPartition, int], since: Mapping[int, int]
) -> tuple[dict[NumberedPartition, int], list[NumberedPartition]]:
    """The partitions to be rebuilt, with revision REBUILD, and those whose record is to be deleted.

    The record of days without events is deleted, because the build finds these days again.
    """
    partitions = [(day, group) for day, group in built if group in since and day >= since[group]]
    rebuilt = {partition: REBUILD for partition in partitions if built[partition] != NO_EVENTS}
    return rebuilt, [partition for partition in partitions if built[partition] == NO_EVENTS]


def through_before_rebuild(through: Mapping[int, int], since: Mapping[int, int]) -> dict[int, int]:
    """The last day of which each group to be rebuilt still has all rows."""
    return {group: min(day, since[group] - 1) for group, day in through.items() if group in since}


def has_lost_rows(
    accounts: Mapping[int, int],
    last_days: Mapping[int, int],
    since: Mapping[int, int],
    group_count: int,
) -> bool:
    """Whether a sink lacks rows that cannot be recomputed, because their events were removed.

    `accounts` and `last_days` are the days of each account's first event and of its newest rows.
    """
    return any(
        first < since.get(account % group_count, first)
        and last_days.get(account, first - 1) < since[account % group_count] - 1
        for account, first in accounts.items()
    )
