"""Account numbers: assigned once, never changed, the same in every process."""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from wxcube.errors import EventStoreError
from wxcube.events.store.durable import OWNER_ONLY, fdatasync, file_operation, locked, sync_folder
from wxcube.events.store.layout import Prefix
from wxcube.i18n import Message, _

FILE, LOCK = "accounts.jsonl", "accounts.lock"

_RESTORE_HINT = _(
    "restore it from the newest backup: the stored events use its numbers; without a backup write "
    "it by hand, with the accounts in the order in which they first appeared: "
    '{{"number":0,"account":"…"}}'
)


class _Entry(msgspec.Struct, frozen=True):
    number: int
    account: str


_EMPTY = Prefix()


class AccountNumbers(dict[str, int]):
    """The number of each known account; `add` assigns numbers to others.

    A number is on the disk before any event that uses it. Several processes may add accounts at the
    same time. The file must begin with the `recorded` prefix; `record` is called with the longer
    prefix before new numbers are used.
    """

    def __init__(
        self,
        folder: Path,
        recorded: Prefix = _EMPTY,
        record: Callable[[Prefix], object] = lambda _prefix: None,
    ) -> None:
        super().__init__()
        self._path, self._lock = folder / FILE, folder / LOCK
        self._read, self._recorded, self._record = _EMPTY, recorded, record
        self._loading = threading.RLock()
        self.refresh()
        self._check_prefix()

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts by number."""
        return tuple(self)

    def refresh(self) -> None:
        """Load the accounts that other processes have added.

        Raises:  EventStoreError if the file is missing, truncated or damaged.
        """
        with self._loading:
            self._load(self._unread())

    def add(self, accounts: Iterable[str]) -> None:
        """Assign numbers to accounts that have none.

        Raises:  EventStoreError if they cannot be written.
        """
        with self._loading, locked(self._lock):
            self._load(self._unread(), is_recorded=False)
            new = [account for account in dict.fromkeys(accounts) if account not in self]
            entries = (_Entry(len(self) + place, one) for place, one in enumerate(new))
            lines = msgspec.json.Encoder().encode_lines(entries)
            if lines:
                self._append(lines)
                self._load(lines, is_recorded=False)

    def record_all(self) -> None:
        """Record the prefix with all known accounts."""
        self._record_prefix(self._read)

    def _record_prefix(self, prefix: Prefix) -> None:
        if prefix.bytes > self._recorded.bytes:
            self._record(prefix)
            self._recorded = prefix

    def _check_prefix(self) -> None:
        """Check that the file begins with the recorded prefix."""
        if self._recorded.bytes:
            with file_operation(self._path, "read"):
                content = self._path.read_bytes() if self._path.exists() else b""
            if len(content) < self._recorded.bytes:
                raise self._error(_("{path} is missing or truncated", path=self._path))
            if extended(_EMPTY, content[: self._recorded.bytes]) != self._recorded:
                raise self._error(_("{path} is damaged (wrong checksum)", path=self._path))

    def _unread(self) -> bytes:
        """The part of the file that was not read yet."""
        if not self._path.exists() and not self._read.bytes:
            return b""
        with file_operation(self._path, "read"), self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._read.bytes:
                raise self._error(_("{path} was truncated", path=self._path))
            file.seek(self._read.bytes)
            return file.read()

    def _append(self, lines: bytes) -> None:
        is_new = not self._path.exists()
        with file_operation(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
            with os.fdopen(descriptor, "r+b") as file:
                # the partial line of a killed process was never used: it is overwritten
                file.seek(self._read.bytes)
                file.truncate()
                file.write(lines)
                file.flush()
                fdatasync(file.fileno())
            if is_new:
                sync_folder(self._path.parent)

    def _load(self, added: bytes, *, is_recorded: bool = True) -> None:
        """Load the complete lines of what was added, once their prefix is recorded."""
        complete = added[: added.rfind(b"\n") + 1]
        accounts = [self._account(*line) for line in enumerate(complete.splitlines(), len(self))]
        if len({*self, *accounts}) != len(self) + len(accounts):
            raise self._error(_("{path} is damaged (duplicate account)", path=self._path))
        read = extended(self._read, complete)
        if not is_recorded:
            self._record_prefix(read)
        self.update({account: number for number, account in enumerate(accounts, len(self))})
        self._read = read

    def _account(self, number: int, line: bytes) -> str:
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except (msgspec.DecodeError, UnicodeError):
            entry = None
        if entry is None or entry.number != number:
            line_number = number + 1
            raise self._error(
                _("{path} is damaged at line {line}", path=self._path, line=line_number)
            )
        return entry.account

    def _error(self, message: Message) -> EventStoreError:
        return EventStoreError(message, hint=_RESTORE_HINT)


def extended(prefix: Prefix, added: bytes) -> Prefix:
    """A file's prefix together with the bytes that follow it."""
    return Prefix(prefix.bytes + len(added), zlib.crc32(added, prefix.crc32))
