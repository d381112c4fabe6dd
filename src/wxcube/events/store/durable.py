"""Crash-safe files: atomic writes, folder syncs, and locks that end with their process."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

from wxcube.errors import EventStoreError
from wxcube.i18n import NOTHING, Message, _

OWNER_ONLY = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
FOLDER_MODE = 0o700
_SYNC_THREADS = 16
fdatasync = getattr(os, "fdatasync", os.fsync)
"""Flushes a file's content to the disk; on systems without it, its metadata too."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
SEE_DOCTOR = _("run `wxcube doctor` for details; acknowledged events are not affected")

Operation: TypeAlias = Literal["write", "read", "create", "move", "remove", "lock", "clean up"]


class FileError(EventStoreError):
    """A file of the store cannot be used, for the given `reason`."""

    def __init__(self, message: Message, *, reason: str, hint: Message = NOTHING) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


def failed(operation: Operation, path: Path, reason: str) -> Message:
    """The message that an operation on a file failed."""
    values = {"path": path, "reason": reason}
    messages: dict[Operation, Message] = {
        "write": _("{path} cannot be written ({reason})", **values),
        "read": _("{path} cannot be read ({reason})", **values),
        "create": _("{path} cannot be created ({reason})", **values),
        "move": _("{path} cannot be moved ({reason})", **values),
        "remove": _("{path} cannot be removed ({reason})", **values),
        "lock": _("{path} cannot be locked ({reason})", **values),
        "clean up": _("{path} cannot be cleaned up ({reason})", **values),
    }
    return messages[operation]


def file_error(path: Path, error: OSError, operation: Operation = "write") -> FileError:
    """The error for a failed operation on a file, with a hint that depends on its cause."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        hint = _("free space on that disk and send again; no acknowledged event is lost")
    elif error.errno in _FORBIDDEN:
        hint = _("give this user read and write permission there")
    else:
        hint = SEE_DOCTOR
    return FileError(failed(operation, path, reason), reason=reason, hint=hint)


@contextmanager
def file_operation(path: Path, operation: Operation = "write") -> Iterator[None]:
    """A block in which an operating system error becomes a FileError that names the file."""
    try:
        yield
    except OSError as error:
        raise file_error(path, error, operation) from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk."""
    _sync(folder)


def sync_file(path: Path) -> None:
    """Flush a finished file's content to the disk."""
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, unsynced: set[Path] | None = None) -> None:
    """Create a folder and its missing parents, durably; an existing one is left unchanged.

    With `unsynced` the folders that still need a sync are added to it instead of being synced.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, unsynced)
    with file_operation(folder, "create"):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if unsynced is None:
            sync_folder(folder.parent)
        else:
            unsynced.add(folder.parent)


def sync_folders(folders: Iterable[Path]) -> None:
    """Flush the entries of many folders to the disk, in parallel.

    Raises:  EventStoreError if that fails.
    """

    def sync(folder: Path) -> None:
        with file_operation(folder):
            sync_folder(folder)

    # PERF: the disk syncs several in parallel in little more time than one
    with ThreadPoolExecutor(_SYNC_THREADS) as threads:
        for _result in threads.map(sync, folders):
            """Iterating raises the error of a failed sync."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically: after a crash it has the old content or the new, never a part.

    Raises:  EventStoreError if it cannot be written; the old file is then unchanged.
    """
    draft = path.with_name(f"{path.name}.tmp")
    with file_operation(path):
        try:
            descriptor = os.open(draft, _NEW | os.O_TRUNC, OWNER_ONLY)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """A block that holds the lock of a lock file, after waiting until it is free."""
    with file_operation(path, "lock"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared_lock_if_present(path: Path) -> Iterator[None]:
    """A block that shares the lock of a lock file, if the file exists; nothing is written."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """A block that holds the lock of a lock file if nobody else does; yields whether it does."""
    with file_operation(path, "lock"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Whether an open file could be locked without waiting; if so, it now is."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
