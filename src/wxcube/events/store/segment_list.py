"""The list of the log's segments, by which a missing one is noticed.

A segment is listed before its first batch is acknowledged, until all of them are in daily files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store.durable import locked
from wxcube.i18n import NOTHING

FILE, LOCK = "segments.json", "segments.lock"


def listed(store: Path) -> set[str]:
    """The names of the segments that a store must have.

    Empty for a store of an earlier version, and if the list itself is damaged: segments begun from
    then on are listed again.
    """
    try:
        return set(checksummed_json.read(store / FILE, list[str], hint=NOTHING))
    except EventStoreError:
        return set()


def change(store: Path, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Add segments to the list, and remove others.

    Raises:  EventStoreError if it cannot be written.
    """
    with locked(store / LOCK):
        before = listed(store)
        after = (before | set(add)) - set(remove)
        if after != before:
            checksummed_json.write(store / FILE, sorted(after))


def missing(store: Path, folder: Path) -> list[Path]:
    """The listed segments that are not in the folder of the log.

    Correct even while a compaction runs, which removes a segment from the list first.
    """
    gone = {name for name in listed(store) if not (folder / name).exists()}
    return [folder / name for name in sorted(gone & listed(store))] if gone else []
