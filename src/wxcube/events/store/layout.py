"""The store's file FORMAT: its layout version, group count, key fingerprints and account prefix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store.durable import locked
from wxcube.i18n import _

FORMAT, FORMAT_LOCK = "FORMAT", "format.lock"
LOG, DAMAGED = "wal", "damaged"
"""The folders of the log, and of what was found damaged."""
LAYOUT = 1
RESTORE_HINT = _("restore it from a backup of the folder; an old backup is good enough")


class Prefix(msgspec.Struct, frozen=True):
    """The first bytes of an append-only file: their number and their checksum."""

    bytes: int = 0
    crc32: int = 0


class Format(msgspec.Struct, frozen=True):
    """A store's layout version, its number of account groups, and the fingerprints of its keys."""

    layout: int
    groups: Annotated[int, msgspec.Meta(ge=1)]
    key: str
    """Fingerprint of the openid key."""
    key_since: date
    ids: str = ""
    """Fingerprint of the event id key; empty in stores of an earlier version."""
    accounts: Prefix = Prefix()
    """The prefix that the file of account numbers must have: stored events use these numbers."""
    is_rotated: bool = False
    """Whether the openid key was ever changed, so that one user may have several hashes."""
    lists_segments: bool = False
    """Whether there must be a list of the log's segments."""

    @property
    def is_current(self) -> bool:
        """Whether the store has all that one of this version has."""
        return bool(self.ids) and self.lists_segments


def read(store: Path) -> Format:
    """The content of a store's FORMAT.

    Raises:  EventStoreError if it is missing, damaged or of another layout version.
    """
    path = store / FORMAT
    layout, has_checksum = checksummed_json.read_with_status(path, Format, hint=RESTORE_HINT)
    if layout.layout != LAYOUT:
        raise EventStoreError(
            _(
                "{path}: this store has layout {version}, this wxcube supports layout {supported}",
                path=path,
                version=layout.layout,
                supported=LAYOUT,
            ),
            hint=_("use the version of wxcube that wrote it"),
        )
    if layout.ids and not has_checksum:
        raise checksummed_json.without_checksum(path, hint=RESTORE_HINT)
    return layout


def write(store: Path, layout: Format) -> None:
    """Write the FORMAT of a new store."""
    checksummed_json.write(store / FORMAT, layout)


def update(store: Path, change: Callable[[Format], Format]) -> Format:
    """The new content of FORMAT after a change, made under a lock.

    Raises:  EventStoreError if it cannot be read or written.
    """
    with locked(store / FORMAT_LOCK):
        before = read(store)
        after = change(before)
        if after != before:
            write(store, after)
        return after


def record_accounts(store: Path, prefix: Prefix) -> None:
    """Record the prefix of the file of account numbers, unless a longer one is recorded already."""

    def change(layout: Format) -> Format:
        is_longer = prefix.bytes > layout.accounts.bytes
        return msgspec.structs.replace(layout, accounts=prefix) if is_longer else layout

    update(store, change)
