"""Causes of SQLite's errors."""

from __future__ import annotations

from wxcube.i18n import _
from wxcube.warehouse.databases.database import Cause

BUSY_SECONDS = 30
"""How long a writer waits for another one."""
_CAUSES = {
    "SQLITE_FULL": (
        _("the disk is full"),
        _("free some space and run it again; stored data is not affected"),
    ),
    "SQLITE_NOTADB": (
        _("it is not an SQLite database"),
        _("name another file, or restore a backup"),
    ),
    "SQLITE_CORRUPT": (
        _("the file is damaged"),
        _("restore a backup, or try `sqlite3 FILE .recover`"),
    ),
    "SQLITE_READONLY": (
        _("it is read-only"),
        _("change the permissions of the file and its directory"),
    ),
    "SQLITE_CANTOPEN": (
        _("the file cannot be opened"),
        _("check that its directory exists and that you may read and write both"),
    ),
    "SQLITE_PERM": (
        _("access is denied"),
        _("change the permissions of the file and its directory"),
    ),
    "SQLITE_BUSY": (
        _("another program has been writing for {seconds} seconds", seconds=BUSY_SECONDS),
        _("end that program, or try again later"),
    ),
    "SQLITE_LOCKED": (_("another program is writing"), _("try again later")),
    "SQLITE_IOERR": (
        _("the disk cannot be read or written"),
        _("check the disk and the space on it; stored data is not affected"),
    ),
}
"""Reasons and hints, by the beginning of SQLite's name of the error."""


def cause_of(error: BaseException) -> Cause | None:
    """The reason of an error and what to do; None if it is the statement's."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return next((cause for code, cause in _CAUSES.items() if name.startswith(code)), None)


def is_file_error(error: BaseException) -> bool:
    """Whether an error comes from the file or disk, not from the statement."""
    return cause_of(error) is not None and "readonly" not in str(error)
