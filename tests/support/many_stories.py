"""A batch with events of every era: many random histories, each in accounts of its own."""

from __future__ import annotations

from datetime import date
from functools import cache

import msgspec
import numpy as np

from support.events import EDGE_DAYS, crowded
from wxcube.events.columns import Batch, to_batch
from wxcube.events.kinds import AnyEvent

SEEDS = (0, 1, 5, 7, 9, 14, 19)
"""Seeds whose histories are around every day on which rules change."""


@cache
def many_stories(events_each: int = 700) -> tuple[Batch, date]:
    """The events of all histories, and the last day of the latest."""
    all_events, last = [], EDGE_DAYS[0]
    for seed in SEEDS:
        events, through = crowded(seed, events_each)
        all_events += [_renamed(event, seed) for event in events]
        last = max(last, through)
    return to_batch(all_events), last


def together(first: Batch, second: Batch) -> Batch:
    """Two batches of different accounts as one."""
    after = len(first.accounts)
    columns = {
        name: {column: np.concatenate([one[column], other[column]]) for column in one}
        for (name, one), (_, other) in zip(
            first.families(), _renumbered(second, after).families(), strict=True
        )
    }
    return Batch(accounts=first.accounts + second.accounts, **columns)


def _renumbered(batch: Batch, after: int) -> Batch:
    columns = {
        name: {**columns, "account": columns["account"] + np.int32(after)}
        for name, columns in batch.families()
    }
    return Batch(accounts=batch.accounts, **columns)


def _renamed(event: AnyEvent, seed: int) -> AnyEvent:
    renamed: AnyEvent = msgspec.structs.replace(event, account=f"{event.account}-{seed}")
    return renamed
