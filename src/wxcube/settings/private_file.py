"""Files with secrets: regular files that only their user, and perhaps a group, can read."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from wxcube.errors import SettingsError
from wxcube.i18n import Message, _

OTHERS = stat.S_IWGRP | stat.S_IRWXO
"""The permissions that a file with secrets must not give: 0600 and 0640 are safe."""
_LIMIT = 1 << 20
"""Bytes; more is no file of secrets."""


def read_private_file(path: Path, *, follow_links: bool = False) -> str:
    """The content of a file with secrets, in UTF-8 with or without a byte order mark.

    Raises:  SettingsError if it is a device, a folder or, unless they are followed, a link; if it
        belongs to another user or others can read it; OSError or UnicodeDecodeError if it cannot
        be read.
    """
    # NONBLOCK: opening a named pipe would wait for somebody who writes
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
    if path.is_symlink() and not follow_links:
        raise _unsafe(path, _("it is a link"), _("name the file itself"))
    descriptor = os.open(path, flags)
    try:
        _check(path, os.fstat(descriptor))
        return os.read(descriptor, _LIMIT).decode("utf-8-sig")
    finally:
        os.close(descriptor)


def check_private_file(path: Path) -> None:
    """Check that a file is a regular one that only its user, and perhaps a group, can read.

    Raises:  SettingsError if it is not, or is a link; OSError if there is none.
    """
    if path.is_symlink():
        raise _unsafe(path, _("it is a link"), _("name the file itself"))
    _check(path, path.stat())


def write_private_file(path: Path, text: str) -> None:
    """Write a file that only its user can read, in place of an earlier one or of a link.

    Raises:  OSError if it cannot be written; an earlier file is then as it was.
    """
    _written(path, text, Path.replace)


def create_private_file(path: Path, text: str) -> bool:
    """Write a new file that only its user can read, completely or not at all.

    Returns False, and writes nothing, where there is something of that name already.

    Raises:  OSError if it cannot be written.
    """
    try:
        # unlike a rename, a link replaces nothing
        _written(path, text, lambda draft, target: target.hardlink_to(draft))
    except FileExistsError:
        return False
    return True


def _written(path: Path, text: str, move: Callable[[Path, Path], object]) -> None:
    """Write a draft beside a file, and give it its name."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.absolute().parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        move(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unsafe(path, _("it is not a regular file"), _("name a file"))
    if found.st_uid not in {os.geteuid(), 0}:
        raise _unsafe(path, _("it belongs to another user"), _("make a copy that belongs to you"))
    if found.st_mode & OTHERS:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise _unsafe(
            path,
            _("other users can read or change it: its mode is {mode}", mode=mode),
            _("close it with: chmod 600 {path}", path=path),
        )


def _unsafe(path: Path, reason: Message, hint: Message) -> SettingsError:
    return SettingsError(
        _("{path} may not be used for secrets: {reason}", path=path, reason=reason), hint=hint
    )
