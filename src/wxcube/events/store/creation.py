"""A new store, made so that a kill at any moment leaves what the next opening finishes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wxcube import beijing
from wxcube.beijing import Clock
from wxcube.errors import EventStoreError
from wxcube.events.store import accounts, backlog
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import locked, make_folder
from wxcube.events.store.keys import Keys, make_keys
from wxcube.events.store.layout import FORMAT, FORMAT_LOCK, LAYOUT, Format


def make(folder: Path, user_key: str, groups: int, clock: Clock) -> None:
    """Make a store in a folder; one that is there already is left alone.

    Raises:  EventStoreError if it cannot be written, or holds events of a store without FORMAT.
    """
    make_folder(folder)
    with locked(folder / FORMAT_LOCK):
        if (folder / FORMAT).exists():
            return
        refuse_if_gone(folder)
        keys = make_keys(folder, user_key)
        make_folder(folder / backlog.LOG)
        state.save(folder, state.Manifest())
        today = beijing.day_of(clock.now())
        # TRICKY: the last, since a folder with it counts as a store that has all the rest
        layouts.write(folder, Format(LAYOUT, groups, keys.fingerprint, today, keys.ids_fingerprint))


def refuse_if_gone(folder: Path) -> None:
    """See to it that a folder has FORMAT or no events.

    Raises:  EventStoreError if it has events only.
    """
    if not (folder / FORMAT).exists() and _holds_events(folder):
        raise EventStoreError(
            f"{folder / FORMAT} is gone, though the folder holds events", hint=layouts.OLD_WILL_DO
        )


def complete(folder: Path, keys: Keys) -> None:
    """Give a store of an earlier version what this one keeps besides.

    Raises:  EventStoreError if it cannot be written.
    """
    if not (folder / state.FILE).exists():
        with locked(folder / LOCK):
            state.save(folder, state.load(folder))
    ids = keys.ids_fingerprint
    layouts.change(folder, lambda layout: msgspec.structs.replace(layout, ids=ids))


def _holds_events(folder: Path) -> bool:
    path = folder / accounts.FILE
    has_accounts = path.exists() and path.stat().st_size > 0
    has_files = any((folder / state.DAYS).glob("*/g*/*.parquet"))
    return has_accounts or has_files or bool(backlog.segments(folder))
