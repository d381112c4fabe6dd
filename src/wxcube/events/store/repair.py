"""Changes by hand: a file of events taken out, another key for openids."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from wxcube import beijing
from wxcube.errors import EventStoreError
from wxcube.events.store import keys
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.backlog import DAMAGED
from wxcube.events.store.compaction import LOCK
from wxcube.events.store.durable import locked, make_folder, reported
from wxcube.events.store.orphan_files import relist
from wxcube.events.store.parquet import Parquet


def forget(store: Path, file: Path) -> int:
    """Take a Parquet file out of the store, into the folder `damaged`; how many events it had.

    Raises:  EventStoreError if the file is none of the store's.
    """
    with locked(store / LOCK):
        manifest = state.load(store)
        with Parquet() as parquet:
            relist(store, manifest, parquet)
        events = _forget(store, manifest, file)
        state.save(store, manifest)
        _move_away(store, file)
    return events


def _forget(store: Path, manifest: state.Manifest, file: Path) -> int:
    for day, group, cell in manifest.cells():
        folder = state.cell_folder(store, day, group)
        for family, files in cell.files.items():
            for listed in files:
                if (folder / listed.name).resolve() == file.resolve():
                    manifest.revision += 1
                    cell.revision = manifest.revision
                    cell.files[family] = [other for other in files if other is not listed]
                    return listed.events
    raise EventStoreError(
        f"{file} is no file of events in {store}", hint="`wxcube doctor` names them"
    )


def _move_away(store: Path, file: Path) -> None:
    if file.exists():
        make_folder(store / DAMAGED)
        place = "-".join(file.absolute().parts[-3:])
        with reported(file, "moved"):
            file.replace(store / DAMAGED / place)


def rotate_key(store: Path, now: datetime, user_key: str = "") -> None:
    """Hash openids with another key from now on: the one given, or a new one made by chance.

    Raises:  EventStoreError if the given key is the one of before.
    """
    with locked(store / LOCK):
        layout = layouts.read(store)
        if user_key and keys.load_keys(store, user_key).fingerprint == layout.key:
            raise EventStoreError(
                f"{store} uses this key already",
                hint="put the new key into the settings first, then rotate",
            )
        if not user_key:
            keys.renew(store)
        fingerprint = keys.load_keys(store, user_key).fingerprint
        today = beijing.day_of(now)
        layouts.change(
            store, lambda one: msgspec.structs.replace(one, key=fingerprint, key_since=today)
        )
