"""Creation of a store: if it is killed at any step, the next opening completes the store."""

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
from wxcube.events.store.keys import Keys, create_keys
from wxcube.events.store.layout import FORMAT, FORMAT_LOCK, LAYOUT, Format
from wxcube.i18n import _


def create(folder: Path, user_key: str, groups: int, clock: Clock) -> None:
    """Create a store in a folder; an existing store is left unchanged.

    Raises:  EventStoreError if it cannot be written, or has events but no FORMAT.
    """
    make_folder(folder)
    with locked(folder / FORMAT_LOCK):
        if (folder / FORMAT).exists():
            return
        require_format(folder)
        keys = create_keys(folder, user_key)
        make_folder(folder / backlog.LOG)
        state.save(folder, state.Manifest())
        today = beijing.day_of(clock.now())
        # TRICKY: written last, because a folder with FORMAT is taken for a complete store
        layouts.write(folder, Format(LAYOUT, groups, keys.fingerprint, today, keys.ids_fingerprint))


def require_format(folder: Path) -> None:
    """Check that a folder with events has a FORMAT.

    Raises:  EventStoreError if it has none.
    """
    if not (folder / FORMAT).exists() and _has_events(folder):
        raise EventStoreError(
            _("{path} is missing, but the folder has events", path=folder / FORMAT),
            hint=layouts.RESTORE_HINT,
        )


def upgrade(folder: Path, keys: Keys) -> None:
    """Add what a store of an earlier version lacks.

    Raises:  EventStoreError if it cannot be written.
    """
    if not (folder / state.FILE).exists():
        with locked(folder / LOCK):
            state.save(folder, state.load(folder))
    ids = keys.ids_fingerprint
    layouts.update(folder, lambda layout: msgspec.structs.replace(layout, ids=ids))


def _has_events(folder: Path) -> bool:
    path = folder / accounts.FILE
    has_accounts = path.exists() and path.stat().st_size > 0
    has_files = any((folder / state.DAYS).glob("*/g*/*.parquet"))
    return has_accounts or has_files or bool(backlog.segments(folder))
