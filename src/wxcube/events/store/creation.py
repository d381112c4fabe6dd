"""Creation of a store: if it is killed at any step, the next opening completes the store."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wxcube import beijing
from wxcube.beijing import Clock
from wxcube.errors import EventStoreError
from wxcube.events.store import accounts, backlog, segment_list
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import locked, make_folder
from wxcube.events.store.keys import Keys, create_keys
from wxcube.events.store.layout import FORMAT, FORMAT_LOCK, LAYOUT, LOG, Format
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
        make_folder(folder / LOG)
        state.save(folder, state.Manifest())
        segment_list.create(folder)
        layout = Format(
            LAYOUT,
            groups,
            key=keys.fingerprint,
            key_since=beijing.day_of(clock.now()),
            ids=keys.ids_fingerprint,
            lists_segments=True,
        )
        # TRICKY: written last, because a folder with FORMAT is taken for a complete store
        layouts.write(folder, layout)


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
    with locked(folder / LOCK):
        if layouts.read(folder).is_current:
            return
        # now with a checksum, which it must have from then on
        state.save(folder, state.load(folder))
        segment_list.create(folder)
        ids = keys.ids_fingerprint
        layouts.update(
            folder, lambda one: msgspec.structs.replace(one, ids=ids, lists_segments=True)
        )


def _has_events(folder: Path) -> bool:
    path = folder / accounts.FILE
    has_accounts = path.exists() and path.stat().st_size > 0
    has_files = any((folder / state.DAYS).glob("*/g*/*.parquet"))
    return has_accounts or has_files or bool(backlog.segments(folder))
