"""Manual repairs: removal of a damaged file of events, rotation of the openid key."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from wxcube import beijing
from wxcube.errors import EventStoreError
from wxcube.events.store import keys
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import file_operation, locked, make_folder
from wxcube.events.store.layout import DAMAGED
from wxcube.events.store.orphan_files import relist
from wxcube.events.store.parquet import Parquet
from wxcube.i18n import _


def forget(store: Path, file: Path) -> int:
    """Move a Parquet file from the store to its folder `damaged`; the number of its events.

    Raises:  EventStoreError if the file does not belong to the store.
    """
    with locked(store / LOCK):
        manifest = state.load(store)
        with Parquet() as parquet:
            relist(store, manifest, parquet)
        events = _unlist(store, manifest, file)
        state.save(store, manifest)
        _move_to_damaged(store, file)
    return events


def _unlist(store: Path, manifest: state.Manifest, file: Path) -> int:
    for day, group, partition in manifest.partitions():
        folder = state.partition_folder(store, day, group)
        for family, files in partition.files.items():
            for listed in files:
                if (folder / listed.name).resolve() == file.resolve():
                    manifest.revision += 1
                    partition.revision = manifest.revision
                    partition.files[family] = [other for other in files if other is not listed]
                    return listed.events
    raise EventStoreError(
        _("{file} is not a file of events in {store}", file=file, store=store),
        hint=_("`wxcube doctor` lists damaged files"),
    )


def _move_to_damaged(store: Path, file: Path) -> None:
    if file.exists():
        make_folder(store / DAMAGED)
        name = "-".join(file.absolute().parts[-3:])
        with file_operation(file, "move"):
            file.replace(store / DAMAGED / name)


def rotate_key(store: Path, now: datetime, user_key: str = "") -> None:
    """Hash openids with another key from now on: the given one, or a new random one.

    Raises:  EventStoreError if the given key is the current one.
    """
    with locked(store / LOCK):
        layout = layouts.read(store)
        if user_key and keys.load_keys(store, user_key).fingerprint == layout.key:
            raise EventStoreError(
                _("{store} already uses this key", store=store),
                hint=_("put the new key into the settings first, then rotate"),
            )
        if not user_key:
            keys.replace_user_key(store)
        fingerprint = keys.load_keys(store, user_key).fingerprint
        today = beijing.day_of(now)
        layouts.update(
            store,
            lambda one: msgspec.structs.replace(
                one, key=fingerprint, key_since=today, is_rotated=True
            ),
        )
