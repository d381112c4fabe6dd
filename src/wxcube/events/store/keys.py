"""The secret keys of a store: one hashes openids, the other the ids of events.

The key for openids may come from the settings and may be changed (see the guide to events); the
one for ids stays for the life of the store, so that an event sent twice is known across a change.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.store.durable import replace_file, reported
from wxcube.events.store.layout import Format

KEY_BYTES = 32
_KEY = re.compile(r"[0-9a-f]{64}")
USER_KEY, ID_KEY = "key", "key-ids"
_LOST = (
    "only if it is lost for good, begin with another one by `wxcube events rotate-key`: people of "
    "before and after are then counted as different ones"
)
_HINTS = {
    USER_KEY: f"put it back from a backup: with another key nobody is recognised; {_LOST}",
    ID_KEY: "put it back from a backup: with another key events sent again would count twice; if "
    "it is lost for good, move the folder away and send all events into a new one",
}


@dataclass(frozen=True)
class Keys:
    """Both keys of a store; neither ever shows itself."""

    users: bytes = field(repr=False)
    ids: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What tells the openid key from others without giving it away."""
        return blake2b(self.users, digest_size=8, person=b"wxcube-key").hexdigest()

    @property
    def ids_fingerprint(self) -> str:
        """The same of the key for ids."""
        return blake2b(self.ids, digest_size=8, person=b"wxcube-ids").hexdigest()


def load_keys(folder: Path, given: str = "") -> Keys:
    """The keys of a store.

    `given` is the openid key of the settings; without it the store's own file `key` counts.

    Raises:  EventStoreError if a key file is gone, cannot be read or is not a key.
    """
    users = key_of(given) if given else _own(folder / USER_KEY)
    return Keys(users, _own(folder / ID_KEY))


def make_keys(folder: Path, given: str = "") -> Keys:
    """The keys of a store that is being made; those that are not there yet are made by chance.

    Raises:  EventStoreError if a key file cannot be written or is not a key.
    """
    for name in (ID_KEY,) if given else (USER_KEY, ID_KEY):
        path = folder / name
        with reported(path, "read"):
            is_there = path.exists() and path.stat().st_size > 0
        if not is_there:
            replace_file(path, _chance())
    return load_keys(folder, given)


def check_keys(folder: Path, layout: Format, keys: Keys) -> None:
    """See to it that these keys hashed the store's events.

    Raises:  EventStoreError if others did.
    """
    if layout.key != keys.fingerprint:
        raise EventStoreError(
            f"the openids in {folder} were hashed with another key than the one given now",
            hint="give the key of before, in the settings or, if the store had one of its own, as "
            f"its file `{USER_KEY}` from a backup; {_LOST}",
        )
    if layout.ids and layout.ids != keys.ids_fingerprint:
        raise EventStoreError(
            f"{folder / ID_KEY} is another key than the one of this store", hint=_HINTS[ID_KEY]
        )


def key_of(text: str) -> bytes:
    """The key a secret text stands for."""
    return blake2b(text.strip().encode(), digest_size=KEY_BYTES, person=b"wxcube-text").digest()


def renew(folder: Path) -> None:
    """Put a key made by chance in place of the store's own openid key."""
    replace_file(folder / USER_KEY, _chance())


def _own(path: Path) -> bytes:
    if not path.exists():
        raise EventStoreError(f"{path} is gone", hint=_HINTS[path.name])
    with reported(path, "read"):
        text = path.read_text(encoding="ascii", errors="replace").strip()
    if not _KEY.fullmatch(text):
        raise EventStoreError(f"{path} is not a key of this store", hint=_HINTS[path.name])
    return bytes.fromhex(text)


def _chance() -> bytes:
    return f"{secrets.token_hex(KEY_BYTES)}\n".encode()
