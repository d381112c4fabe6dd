"""What a store is, and what it must have: written down in its file FORMAT."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store.durable import locked

FORMAT, FORMAT_LOCK = "FORMAT", "format.lock"
LAYOUT = 1
OLD_WILL_DO = "put it back from a backup of the folder; an old one will do"


class Beginning(msgspec.Struct, frozen=True):
    """The first bytes of a file that only grows: how many, and their checksum."""

    bytes: int = 0
    crc32: int = 0


class Format(msgspec.Struct, frozen=True):
    """A store's layout, how many groups of accounts it has, and whose keys hashed its events."""

    layout: int
    groups: Annotated[int, msgspec.Meta(ge=1)]
    key: str
    """Fingerprint of the openid key."""
    key_since: date
    ids: str = ""
    """Fingerprint of the key of ids; an earlier version wrote none."""
    accounts: Beginning = Beginning()
    """What the file of accounts must begin with: stored events use these numbers."""


def read(store: Path) -> Format:
    """What a store is.

    Raises:  EventStoreError if there is none, it is damaged, or it is of another layout.
    """
    path = store / FORMAT
    found, is_whole = checksummed_json.read_whole(path, Format, hint=OLD_WILL_DO)
    if found.layout != LAYOUT:
        raise EventStoreError(
            f"{path}: this store has layout {found.layout}, this wxcube knows {LAYOUT}",
            hint="use the version of wxcube that wrote it",
        )
    if found.ids and not is_whole:
        raise EventStoreError(f"{path} is damaged (its checksum is gone)", hint=OLD_WILL_DO)
    return found


def write(store: Path, layout: Format) -> None:
    """Write down what a new store is."""
    checksummed_json.write(store / FORMAT, layout)


def change(store: Path, changed: Callable[[Format], Format]) -> Format:
    """Change what is written down of a store, one process at a time; what it is then.

    Raises:  EventStoreError if it cannot be read or written.
    """
    with locked(store / FORMAT_LOCK):
        before = read(store)
        after = changed(before)
        if after != before:
            write(store, after)
        return after


def know_accounts(store: Path, beginning: Beginning) -> None:
    """Write down what the file of accounts begins with, unless more of it is known already."""

    def changed(layout: Format) -> Format:
        is_more = beginning.bytes > layout.accounts.bytes
        return msgspec.structs.replace(layout, accounts=beginning) if is_more else layout

    change(store, changed)
