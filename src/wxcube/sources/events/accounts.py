"""Numbers of accounts: given once, kept for ever, the same for every process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from wxcube.errors import EventStoreError
from wxcube.sources.events.durable import OWNER_ONLY, fdatasync, locked, reported

FILE, LOCK = "accounts.jsonl", "accounts.lock"


class _Line(msgspec.Struct, frozen=True):
    number: int
    account: str


class AccountNumbers(dict[str, int]):
    """The number of each known account; `add` gives numbers to others.

    A number is on the disk before any event that uses it. Several processes may add at once.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path, self._lock = folder / FILE, folder / LOCK
        self._read_bytes = 0
        self._learning = threading.RLock()
        self.refresh()

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts by number."""
        return tuple(self)

    def refresh(self) -> None:
        """Learn what other processes have added."""
        with self._learning:
            if self._path.exists():
                with reported(self._path, "read"), self._path.open("rb") as file:
                    file.seek(self._read_bytes)
                    self._learn(file.read())

    def add(self, accounts: Iterable[str]) -> None:
        """Give numbers to accounts that have none.

        Raises:  EventStoreError if they cannot be written down.
        """
        with self._learning, locked(self._lock):
            self.refresh()
            new = [account for account in dict.fromkeys(accounts) if account not in self]
            if new:
                lines = (_Line(len(self) + place, one) for place, one in enumerate(new))
                self._append(msgspec.json.Encoder().encode_lines(lines))

    def _append(self, lines: bytes) -> None:
        with reported(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
            with os.fdopen(descriptor, "r+b") as file:
                # a line that a killed process began was never used: it is written over
                file.seek(self._read_bytes)
                file.truncate()
                file.write(lines)
                file.flush()
                fdatasync(file.fileno())
        self._learn(lines)

    def _learn(self, added: bytes) -> None:
        whole = added[: added.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._learn_line(line)
        self._read_bytes += len(whole)

    def _learn_line(self, line: bytes) -> None:
        try:
            known = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeError):
            known = None
        if known is None or known.number != len(self) or known.account in self:
            raise EventStoreError(
                f"{self._path} is damaged at line {len(self) + 1}",
                hint="put the file back from a backup: the stored events use its numbers",
            )
        self[known.account] = known.number
