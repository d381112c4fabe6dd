"""The secret keys of a store: one hashes openids, the other hashes event ids.

The openid key may come from the settings and may be rotated (see the guide to events). The event id
key never changes, so that duplicates are recognised across a rotation.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from wxcube.errors import EventStoreError, SettingsError
from wxcube.events.store.durable import file_operation, replace_file
from wxcube.events.store.layout import Format
from wxcube.i18n import _
from wxcube.settings import read_private_file

KEY_BYTES = 32
_KEY = re.compile(r"[0-9a-f]{64}")
USER_KEY, ID_KEY = "key", "key-ids"
_RESTORE_HINTS = {
    USER_KEY: _(
        "restore it from a backup: with another key no user is recognised; only if it is lost for "
        "good, start with a new key by `wxcube events rotate-key`: users from before and after "
        "are then counted as different users"
    ),
    ID_KEY: _(
        "restore it from a backup: with another key, events sent again would be counted twice; if "
        "it is lost for good, move the folder away and send all events to a new one"
    ),
}


@dataclass(frozen=True)
class Keys:
    """Both keys of a store; repr shows neither."""

    users: bytes = field(repr=False)
    ids: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """A digest that identifies the openid key without revealing it."""
        return blake2b(self.users, digest_size=8, person=b"wxcube-key").hexdigest()

    @property
    def ids_fingerprint(self) -> str:
        """A digest that identifies the event id key without revealing it."""
        return blake2b(self.ids, digest_size=8, person=b"wxcube-ids").hexdigest()


def load_keys(folder: Path, user_key: str = "") -> Keys:
    """The keys of a store.

    `user_key` is the openid key of the settings; without it, the store's own file `key` is read.

    Raises:  EventStoreError if a key file is missing, cannot be read or is not a key.
    """
    users = _derived(user_key) if user_key else _read(folder / USER_KEY)
    return Keys(users, _read(folder / ID_KEY))


def create_keys(folder: Path, user_key: str = "") -> Keys:
    """The keys of a new store; missing key files are written with random keys.

    Raises:  EventStoreError if a key file cannot be written or is not a key.
    """
    for name in (ID_KEY,) if user_key else (USER_KEY, ID_KEY):
        path = folder / name
        with file_operation(path, "read"):
            # a link or a device is not replaced, but refused when it is read
            is_present = os.path.lexists(path) and not _is_empty(path)
        if not is_present:
            replace_file(path, _random_key())
    return load_keys(folder, user_key)


def check_keys(folder: Path, layout: Format, keys: Keys) -> None:
    """Check that the store's events were hashed with these keys.

    Raises:  EventStoreError if they were hashed with others.
    """
    if layout.key != keys.fingerprint:
        raise EventStoreError(
            _(
                "the openids in {folder} were hashed with another key than the current one",
                folder=folder,
            ),
            hint=_(
                "use the previous key: in the settings or, if the store had its own, by restoring "
                "its file `{file}` from a backup; only if it is lost for good, start with a new "
                "key by `wxcube events rotate-key`: users from before and after are then counted "
                "as different users",
                file=USER_KEY,
            ),
        )
    if layout.ids and layout.ids != keys.ids_fingerprint:
        raise EventStoreError(
            _("{path} is the key of another store", path=folder / ID_KEY),
            hint=_RESTORE_HINTS[ID_KEY],
        )


def replace_user_key(folder: Path) -> None:
    """Replace the store's own openid key by a random one."""
    replace_file(folder / USER_KEY, _random_key())


def _derived(text: str) -> bytes:
    """The key derived from a secret text of any length."""
    return blake2b(text.strip().encode(), digest_size=KEY_BYTES, person=b"wxcube-text").digest()


def _read(path: Path) -> bytes:
    if not path.exists():
        raise EventStoreError(_("{path} is missing", path=path), hint=_RESTORE_HINTS[path.name])
    text = _private(path).strip()
    if not _KEY.fullmatch(text):
        raise EventStoreError(
            _("{path} is damaged (not a key)", path=path), hint=_RESTORE_HINTS[path.name]
        )
    return bytes.fromhex(text)


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0


def _private(path: Path) -> str:
    try:
        with file_operation(path, "read"):
            return read_private_file(path)
    except UnicodeDecodeError:
        return ""
    except SettingsError as error:
        raise EventStoreError(error.message, hint=error.hint) from None


def _random_key() -> bytes:
    return f"{secrets.token_hex(KEY_BYTES)}\n".encode()
