"""Files that survive a crash: written whole or not at all, and locks that end with their holder."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from wxcube.errors import EventStoreError

OWNER_ONLY = 0o600
FOLDER_MODE = 0o700
_AT_ONCE = 16
fdatasync = getattr(os, "fdatasync", os.fsync)
"""Brings a file's content to the disk; where the system lacks it, all of the file."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def trouble(path: Path, error: OSError, what: str = "written") -> EventStoreError:
    """The error of a file of the store, with what to do about it."""
    reason = error.strerror or type(error).__name__
    if error.errno in _FULL:
        hint = "free space on that disk and send again; nothing acknowledged is lost"
    elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        hint = "let this user read and write there"
    else:
        hint = "`wxcube doctor` says more; nothing acknowledged is touched"
    return EventStoreError(f"{path} cannot be {what} ({reason})", hint=hint)


@contextmanager
def reported(path: Path, what: str = "written") -> Iterator[None]:
    """Turn an operating system's error into one that names the file."""
    try:
        yield
    except OSError as error:
        raise trouble(path, error, what) from error


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Bring a finished file's content to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, later: set[Path] | None = None) -> None:
    """Make a folder and those above it, durably; one that is there already is left alone.

    With `later` the folders that must be synced for that are added to it instead.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent, later)
    with reported(folder, "made"):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if later is None:
            sync_folder(folder.parent)
        else:
            later.add(folder.parent)


def sync_folders(folders: Iterable[Path]) -> None:
    """Bring the entries of many folders to the disk.

    Raises:  EventStoreError if that is not possible.
    """

    def sync(folder: Path) -> None:
        with reported(folder):
            sync_folder(folder)

    # PERF: the disk takes several at once in little more time than one
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(sync, folders):
            """Each raises its own error here."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old content or the new, never a part.

    Raises:  EventStoreError if it cannot be written; the old file then still stands.
    """
    draft = path.with_name(f"{path.name}.tmp")
    with reported(path):
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
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
    """Hold a lock file's lock, waiting for it; it ends with the process that holds it."""
    with reported(path, "locked"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Share a lock file's lock if the file is there; none is made, nothing is written."""
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
def locked_now(path: Path) -> Iterator[bool]:
    """Take a lock file's lock if nobody holds it; says whether it could."""
    with reported(path, "locked"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Lock an open file if nobody holds it; says whether it could."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
