"""The people who may log in, with their passwords as argon2 hashes."""

from __future__ import annotations

import sqlite3

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from wxcube.errors import SettingsError
from wxcube.i18n import _

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 500
LONGEST_NAME = 64


class People:
    """The people of a login database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._hasher = PasswordHasher()
        self._hash_of_nobody = self._hasher.hash("nobody has this password")

    def is_empty(self) -> bool:
        """Whether nobody may log in yet."""
        return self._connection.execute("select 1 from people").fetchone() is None

    def set_password(self, name: str, password: str) -> None:
        """Let a person log in with this password and no other.

        Raises:  SettingsError if the name or the password is too short or too long.
        """
        if not 0 < len(name) <= LONGEST_NAME:
            raise SettingsError(
                _("a name of {length} characters cannot be used", length=len(name)),
                hint=_("choose one with 1 to {most} characters", most=LONGEST_NAME),
            )
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise SettingsError(
                _("a password of {length} characters cannot be used", length=len(password)),
                hint=_(
                    "choose one with {least} to {most} characters",
                    least=SHORTEST_PASSWORD,
                    most=LONGEST_PASSWORD,
                ),
            )
        self._connection.execute(
            "insert or replace into people values (?, ?)", (name, self._hasher.hash(password))
        )

    def has_password(self, name: str, password: str) -> bool:
        """Whether a person has this password; takes as long for names that do not exist."""
        row = self._connection.execute(
            "select password_hash from people where name = ?", (name,)
        ).fetchone()
        try:
            self._hasher.verify(
                row[0] if row else self._hash_of_nobody, password[:LONGEST_PASSWORD]
            )
        except (VerificationError, InvalidHashError):
            return False
        return row is not None
