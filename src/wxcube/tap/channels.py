"""The channel through which each follower came, so that their unfollowing counts for it.

Every following is remembered by the hash of the person, with its time: files of saved callbacks may
be read in any order. One that has ended, because the person unfollowed or followed again, is
forgotten `ENDED_DAYS` later, so that the file has about one row for each follower.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from wxcube.beijing import DAY_SECONDS
from wxcube.contract.codes import OTHER_FOLLOW_SOURCE
from wxcube.errors import EventStoreError
from wxcube.events.store.durable import OWNER_ONLY, file_error, make_folder
from wxcube.i18n import _

DATABASE = "channels.db"
ENDED_DAYS = 30
"""How long a following is remembered after its end: callbacks that are read late, or again."""
_LOCK_SECONDS = 60
"""How long a file of callbacks that is read waits for a tap that stores, and the other way."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS following (
    account TEXT, user TEXT, at INTEGER, source INTEGER, ended INTEGER,
    PRIMARY KEY (account, user, at)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ended ON following (account, ended) WHERE ended IS NOT NULL;
CREATE TABLE IF NOT EXISTS segment (name TEXT PRIMARY KEY, position INTEGER);
"""
_FOLLOW = "INSERT OR IGNORE INTO following VALUES (?, ?, ?, ?, NULL)"
_NEWEST = "SELECT max(at) FROM following WHERE account = ? AND user = ?"
_SUPERSEDE = (
    "UPDATE following SET ended = ? WHERE account = ? AND user = ? AND at < ? AND ended IS NULL"
)
_LATEST = (
    "SELECT at, source FROM following WHERE account = ? AND user = ? AND at <= ?"
    " ORDER BY at DESC LIMIT 1"
)
_END = "UPDATE following SET ended = ? WHERE account = ? AND user = ? AND at = ? AND ended IS NULL"
_FORGET = "DELETE FROM following WHERE account = ? AND ended < ?"


class Channels:
    """The channel of each follower, and how far each segment was read, in an SQLite file."""

    def __init__(self, folder: Path) -> None:
        """The channels of a folder.

        Raises:  EventStoreError if the file cannot be used.
        """
        make_folder(folder)
        path = folder / DATABASE
        try:
            path.touch(OWNER_ONLY)
            self._database = sqlite3.connect(path, timeout=_LOCK_SECONDS, check_same_thread=False)
            self._database.executescript(_SCHEMA)
            self._database.commit()
        except OSError as error:
            raise file_error(path, error) from error
        except sqlite3.Error as error:
            raise EventStoreError(
                _("{path} cannot be used ({reason})", path=path, reason=error),
                hint=_("move the file away: only the channels of followers are forgotten"),
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def complete(self, events: Iterable[bytes]) -> list[bytes]:
        """The events, with the channel of those who unfollow; followers are remembered."""
        return [self._completed(event) for event in events]

    def _completed(self, event: bytes) -> bytes:
        if b"follow" not in event:
            return event
        members: dict[str, Any] = msgspec.json.decode(event)
        if members["event"] == "follow":
            self._begin(members)
        elif members["event"] == "unfollow":
            return msgspec.json.encode(members | {"source": self._end(members)})
        return event

    def _begin(self, follow: dict[str, Any]) -> None:
        person = follow["account"], follow["user"]
        source = follow.get("source", OTHER_FOLLOW_SOURCE)
        self._database.execute(_FOLLOW, (*person, follow["at"], source))
        newest = self._database.execute(_NEWEST, person).fetchone()[0]
        self._database.execute(_SUPERSEDE, (newest, *person, newest))

    def _end(self, unfollow: dict[str, Any]) -> int:
        """The channel through which a person came who unfollows."""
        account, user, at = unfollow["account"], unfollow["user"], unfollow["at"]
        found = self._database.execute(_LATEST, (account, user, at)).fetchone()
        if found is None:
            return OTHER_FOLLOW_SOURCE
        began, source = found
        self._database.execute(_END, (at, account, user, began))
        self._database.execute(_FORGET, (account, at - ENDED_DAYS * DAY_SECONDS))
        return int(source)

    def position(self, segment: Path) -> int:
        """How far a segment was read."""
        row = self._database.execute(
            "SELECT position FROM segment WHERE name = ?", (segment.name,)
        ).fetchone()
        return row[0] if row else 0

    def commit(self, segment: Path | None = None, position: int = 0) -> None:
        """Record the channels, and how far a segment was read."""
        if segment:
            values = segment.name, position
            self._database.execute("INSERT OR REPLACE INTO segment VALUES (?, ?)", values)
        self._database.commit()

    def forget(self, segment: Path) -> None:
        """Remove the record of a segment that is no more."""
        self._database.execute("DELETE FROM segment WHERE name = ?", (segment.name,))
        self._database.commit()

    def roll_back(self) -> None:
        """Forget what was not recorded."""
        self._database.rollback()
