"""The file with the people who may log in, and their sessions; no figures are in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.settings import check_private_file

_TABLES = """
create table if not exists people (
    name text primary key, password_hash text not null
) strict;
create table if not exists sessions (
    id_hash text primary key, name text not null, begun_at real not null, used_at real not null
) strict;
"""


def open_login_database(path: Path) -> sqlite3.Connection:
    """The connection to the file, which is created if it is missing; threads may share it.

    Raises:  SettingsError if it cannot be used.
    """
    try:
        path.touch(mode=0o600)
        check_private_file(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.executescript(_TABLES)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            _("the login database {path} cannot be used: {reason}", path=path, reason=error),
            hint=_("name another file with `file` in [pages], or correct its permissions"),
        ) from None
    return connection
