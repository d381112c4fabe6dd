"""One batch with every era's rules in it: many crowded histories, each in accounts of its own."""

from __future__ import annotations

from datetime import date
from functools import cache

import msgspec
import numpy as np

from support.events import EDGE_DAYS, crowded
from wxcube.events.columns import Batch, to_batch
from wxcube.events.kinds import AnyEvent

SEEDS = (0, 1, 5, 7, 9, 14, 19)
"""Seeds whose histories lie around every edge day."""


@cache
def many_stories(events_each: int = 700) -> tuple[Batch, date]:
    """The events of all histories, and the last day of the latest."""
    found, last = [], EDGE_DAYS[0]
    for seed in SEEDS:
        events, through = crowded(seed, events_each)
        found += [_moved(event, seed) for event in events]
        last = max(last, through)
    return to_batch(found), last


def together(first: Batch, second: Batch) -> Batch:
    """Two batches of different accounts as one."""
    after = len(first.accounts)
    columns = {
        name: {column: np.concatenate([found[column], added[column]]) for column in found}
        for (name, found), (_, added) in zip(
            first.families(), _renumbered(second, after).families(), strict=True
        )
    }
    return Batch(accounts=first.accounts + second.accounts, **columns)


def _renumbered(batch: Batch, after: int) -> Batch:
    moved = {
        name: {**columns, "account": columns["account"] + np.int32(after)}
        for name, columns in batch.families()
    }
    return Batch(accounts=batch.accounts, **moved)


def _moved(event: AnyEvent, seed: int) -> AnyEvent:
    moved: AnyEvent = msgspec.structs.replace(event, account=f"{event.account}-{seed}")
    return moved
