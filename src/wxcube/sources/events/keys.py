"""The secret keys of a store: one hashes openids, the other the ids of events.

The key for openids may come from the settings and may be changed (see the guide to events); the
one for ids stays for the life of the store, so that an event sent twice is known across a change.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.sources.events.durable import OWNER_ONLY, replace_file, reported, sync_folder

KEY_BYTES = 32
_KEY = re.compile(r"[0-9a-f]{64}")
USER_KEY, ID_KEY = "key", "key-ids"


@dataclass(frozen=True)
class Keys:
    """Both keys of a store; neither ever shows itself."""

    users: bytes = field(repr=False)
    ids: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What tells the openid key from others without giving it away."""
        return blake2b(self.users, digest_size=8, person=b"wxcube-key").hexdigest()


def load_keys(folder: Path, given: str = "") -> Keys:
    """The keys of a store; those that are not there yet are made by chance.

    `given` is the openid key of the settings; without it the store's own file `key` counts.

    Raises:  EventStoreError if a key file cannot be read or is not a key.
    """
    users = key_of(given) if given else _own(folder / USER_KEY)
    return Keys(users, _own(folder / ID_KEY))


def key_of(text: str) -> bytes:
    """The key a secret text stands for."""
    return blake2b(text.strip().encode(), digest_size=KEY_BYTES, person=b"wxcube-text").digest()


def renew(folder: Path) -> None:
    """Put a key made by chance in place of the store's own openid key."""
    replace_file(folder / USER_KEY, _chance())


def _own(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    with reported(path, "read"):
        text = path.read_text(encoding="ascii", errors="replace").strip()
    if not _KEY.fullmatch(text):
        raise EventStoreError(
            f"{path} is not a key of this store",
            hint="put it back from a backup: with another key nobody is recognised",
        )
    return bytes.fromhex(text)


def _make(path: Path) -> None:
    with reported(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_chance())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def _chance() -> bytes:
    return f"{secrets.token_hex(KEY_BYTES)}\n".encode()
