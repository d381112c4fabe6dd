"""Numbers of accounts: given once, kept for ever, the same for every process."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store.durable import OWNER_ONLY, fdatasync, locked, reported, sync_folder
from wxcube.events.store.layout import Beginning

FILE, LOCK = "accounts.jsonl", "accounts.lock"


_HINT = (
    "put it back from the newest backup: the stored events use its numbers; without one write it "
    'anew by hand, the accounts in the order in which they first came: {"number":0,"account":"…"}'
)


class _Line(msgspec.Struct, frozen=True):
    number: int
    account: str


_NOTHING = Beginning()


class AccountNumbers(dict[str, int]):
    """The number of each known account; `add` gives numbers to others.

    A number is on the disk before any event that uses it. Several processes may add at once.
    The file must begin as is `noted`; of what is added `note` is called before it is used.
    """

    def __init__(
        self,
        folder: Path,
        noted: Beginning = _NOTHING,
        note: Callable[[Beginning], object] = lambda _: None,
    ) -> None:
        super().__init__()
        self._path, self._lock = folder / FILE, folder / LOCK
        self._known, self._noted, self._note = _NOTHING, noted, note
        self._learning = threading.RLock()
        self.refresh()
        self._compare()

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts by number."""
        return tuple(self)

    def refresh(self) -> None:
        """Learn what other processes have added.

        Raises:  EventStoreError if the file is gone, cut or damaged.
        """
        with self._learning:
            self._learn(self._added())

    def add(self, accounts: Iterable[str]) -> None:
        """Give numbers to accounts that have none.

        Raises:  EventStoreError if they cannot be written down.
        """
        with self._learning, locked(self._lock):
            self._learn(self._added(), is_noted=False)
            new = [account for account in dict.fromkeys(accounts) if account not in self]
            lines = (_Line(len(self) + place, one) for place, one in enumerate(new))
            added = msgspec.json.Encoder().encode_lines(lines)
            if added:
                self._append(added)
                self._learn(added, is_noted=False)

    def keep_in_mind(self) -> None:
        """Have all that is known noted."""
        self._keep_in_mind(self._known)

    def _keep_in_mind(self, beginning: Beginning) -> None:
        if beginning.bytes > self._noted.bytes:
            self._note(beginning)
            self._noted = beginning

    def _compare(self) -> None:
        """See to it that the file begins as was noted."""
        if self._noted.bytes:
            with reported(self._path, "read"):
                content = self._path.read_bytes() if self._path.exists() else b""
            if len(content) < self._noted.bytes:
                raise self._damaged("is gone or was cut")
            if grown(_NOTHING, content[: self._noted.bytes]) != self._noted:
                raise self._damaged("is damaged (its checksum is another)")

    def _added(self) -> bytes:
        """What the file has beyond what is known."""
        if not self._path.exists() and not self._known.bytes:
            return b""
        with reported(self._path, "read"), self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._known.bytes:
                raise self._damaged("was cut")
            file.seek(self._known.bytes)
            return file.read()

    def _append(self, lines: bytes) -> None:
        is_new = not self._path.exists()
        with reported(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
            with os.fdopen(descriptor, "r+b") as file:
                # a line that a killed process began was never used: it is written over
                file.seek(self._known.bytes)
                file.truncate()
                file.write(lines)
                file.flush()
                fdatasync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)

    def _learn(self, added: bytes, *, is_noted: bool = True) -> None:
        """Take in the whole lines of what was added; if it may not be noted yet, after that."""
        whole = added[: added.rfind(b"\n") + 1]
        found = [self._read_line(*line) for line in enumerate(whole.splitlines(), len(self))]
        if len({*self, *found}) != len(self) + len(found):
            raise self._damaged("is damaged: it has an account twice")
        known = grown(self._known, whole)
        if not is_noted:
            self._keep_in_mind(known)
        self.update({account: number for number, account in enumerate(found, len(self))})
        self._known = known

    def _read_line(self, number: int, line: bytes) -> str:
        try:
            found = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeError):
            found = None
        if found is None or found.number != number:
            raise self._damaged(f"is damaged at line {number + 1}")
        return found.account

    def _damaged(self, how: str) -> EventStoreError:
        return EventStoreError(f"{self._path} {how}", hint=_HINT)


def grown(beginning: Beginning, added: bytes) -> Beginning:
    """A file's beginning with what comes after it."""
    return Beginning(beginning.bytes + len(added), zlib.crc32(added, beginning.crc32))
