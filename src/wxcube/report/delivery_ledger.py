"""The ledger of deliveries: what was sent to whom, written before and after each attempt."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from wxcube.beijing import parse_timestamp
from wxcube.errors import WarehouseError
from wxcube.i18n import _

_TABLE = """
CREATE TABLE IF NOT EXISTS deliveries (
    key TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (key, recipient)
) WITHOUT ROWID
"""
_WRITE = """
INSERT INTO deliveries VALUES (?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET state = excluded.state, at = excluded.at, attempts = attempts + ?
"""


class State(StrEnum):
    """What is known of a delivery."""

    SENDING = "sending"
    """It was being sent: whether it arrived is not known."""
    UNSURE = "unsure"
    """The attempt failed, but it may have arrived."""
    FAILED = "failed"
    """It did not arrive."""
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Entry:
    """The last attempt of a delivery."""

    state: State
    attempts: int
    at: datetime


class DeliveryLedger:
    """A file with one entry per letter and recipient, used in a `with` block.

    Raises:  WarehouseError if the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            # who is sent what is not for every user of the machine
            path.touch(mode=0o600)
            self._file = sqlite3.connect(path, isolation_level=None)
            self._file.execute(_TABLE)
        except (OSError, sqlite3.Error) as error:
            raise WarehouseError(
                _(
                    "the file of deliveries {path} cannot be opened ({reason})",
                    path=path,
                    reason=error,
                ),
                hint=_("name another one as deliveries_file in [report]"),
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def entry(self, key: str, recipient: str) -> Entry | None:
        """What is known of a delivery; None if it was never tried."""
        row = self._file.execute(
            "SELECT state, attempts, at FROM deliveries WHERE key = ? AND recipient = ?",
            (key, recipient),
        ).fetchone()
        return Entry(State(row[0]), row[1], parse_timestamp(row[2])) if row else None

    def begin(self, key: str, recipient: str, now: datetime) -> None:
        """Note that an attempt begins."""
        self._write(key, recipient, State.SENDING, now, attempts=1)

    def end(self, key: str, recipient: str, state: State, now: datetime) -> None:
        """Note what came of the attempt."""
        self._write(key, recipient, state, now, attempts=0)

    def _write(
        self, key: str, recipient: str, state: State, now: datetime, *, attempts: int
    ) -> None:
        values = (key, recipient, state.value, now.isoformat(), attempts)
        self._file.execute(_WRITE, values)
