"""Retraction: removes single events, given their account and id, from the daily files."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np

from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import locked, sync_folder
from wxcube.events.store.identity import accounts_of
from wxcube.events.store.manifest import DayFile, Partition, partition_folder
from wxcube.events.store.orphan_files import begin_round, end_round, relist, remove_orphans
from wxcube.events.store.parquet import Parquet

IdHash = tuple[int, int]
"""Both halves of the hash of an event's id."""
_SHOWN = re.compile(r"#([0-9a-f]{16})([0-9a-f]{16})")


def shown_hash(text: str) -> IdHash | None:
    """The hash of an id, if the text is one as it is shown; else None."""
    match = _SHOWN.fullmatch(text)
    if not match:
        return None
    high, low = (int.from_bytes(bytes.fromhex(half), signed=True) for half in match.groups())
    return high, low


def retract(store: Path, account: int, id_hash: IdHash, day: date | None = None) -> Counter[date]:
    """Remove the events of an account with an id, of one day or of all; their number by day.

    Events in the log are not found: compact first. A removed event can be sent again.

    Cost:    reads the ids of all events of the account's group.
    Raises:  EventStoreError if a file cannot be read or written; nothing is removed then.
    """
    removed = Counter[date]()
    with locked(store / LOCK), Parquet() as parquet:
        manifest = state.load(store)
        relist(store, manifest, parquet)
        manifest.revision += 1
        begin_round(store, manifest)
        group = account % layouts.read(store).groups
        for of_day, of_group, partition in manifest.partitions():
            if of_group == group and day in {None, of_day}:
                folder = partition_folder(store, of_day, group)
                number = _rewrite(folder, partition, manifest.revision, parquet, account, id_hash)
                removed[of_day] += number
        state.save(store, manifest)
        end_round(store)
        remove_orphans(store, manifest)
    return +removed


def _rewrite(
    folder: Path,
    partition: Partition,
    revision: int,
    parquet: Parquet,
    account: int,
    id_hash: IdHash,
) -> int:
    """Replace the files of families that have the event; the number of events left out."""
    removed = 0
    for family, files in partition.files.items():
        number = sum(_count(parquet, folder, file, account, id_hash) for file in files)
        if number:
            name = f"{family}-{revision:06d}-all.parquet"
            high, low = id_hash
            others = f"NOT (account = {account} AND id_high = {high} AND id_low = {low})"
            parquet.merge([folder / file.name for file in files], folder / name, others)
            events = sum(file.events for file in files) - number
            partition.files[family] = [DayFile.written(folder / name, events)] if events else []
            sync_folder(folder)
            partition.revision = revision
        removed += number
    return removed


def _count(parquet: Parquet, folder: Path, file: DayFile, account: int, id_hash: IdHash) -> int:
    identities = parquet.identities(folder, file)
    is_it = accounts_of(identities) == account
    for name, half in zip(("id_high", "id_low"), id_hash, strict=True):
        is_it &= identities[name] == half
    return int(np.count_nonzero(is_it))
