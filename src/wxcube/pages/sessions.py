"""Sessions: who is logged in. The browser has a random id, the file only its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import timedelta

from wxcube.beijing import Clock

IDLE_LIMIT = timedelta(hours=12)
"""A session that was not used for this long has ended."""
USED_EVERY = timedelta(minutes=1)
"""How often the use of a session is written, since each write waits for the disk."""
AGE_LIMIT = timedelta(days=14)
"""A session that began this long ago has ended."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    id: str
    name: str

    def __repr__(self) -> str:
        return f"Session(name={self.name!r})"

    @property
    def form_token(self) -> str:
        """The token that each form of this session sends along."""
        return hmac.new(self.id.encode(), b"form", hashlib.sha256).hexdigest()


class Sessions:
    """The sessions of a login database."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def begin(self, name: str) -> Session:
        """A new session; those that have ended are deleted."""
        now = self._now()
        self._connection.execute(
            "delete from sessions where used_at < ? or begun_at < ?", self._limits(now)
        )
        session = Session(secrets.token_urlsafe(32), name)
        self._connection.execute(
            "insert into sessions values (?, ?, ?, ?)", (_hash(session.id), name, now, now)
        )
        return session

    def find(self, session_id: str) -> Session | None:
        """The session with an id, which counts as used; None if it has ended or never was."""
        now = self._now()
        row = self._connection.execute(
            "select name, used_at from sessions "
            "where id_hash = ? and used_at >= ? and begun_at >= ?",
            (_hash(session_id), *self._limits(now)),
        ).fetchone()
        if row is None:
            return None
        name, used_at = row
        if now - used_at >= USED_EVERY.total_seconds():
            self._connection.execute(
                "update sessions set used_at = ? where id_hash = ?", (now, _hash(session_id))
            )
        return Session(session_id, name)

    def end(self, session: Session) -> None:
        """End a session."""
        self._connection.execute("delete from sessions where id_hash = ?", (_hash(session.id),))

    def end_all(self, name: str) -> None:
        """End all sessions of a person, as after a change of the password."""
        self._connection.execute("delete from sessions where name = ?", (name,))

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _limits(self, now: float) -> tuple[float, float]:
        return now - IDLE_LIMIT.total_seconds(), now - AGE_LIMIT.total_seconds()


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
