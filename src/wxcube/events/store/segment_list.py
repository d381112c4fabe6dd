"""The list of the log's segments, by which a missing one is noticed.

A segment is listed before its first batch is acknowledged, until all of them are in daily files.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.store import checksummed_json
from wxcube.events.store import layout as layouts
from wxcube.events.store.durable import file_operation, locked, make_folder, replace_file
from wxcube.events.store.layout import DAMAGED, LOG
from wxcube.events.store.segment import SUFFIX, written_name
from wxcube.i18n import _

FILE, LOCK = "segments.json", "segments.lock"
REPLACED_SUFFIX = ".list"
"""The end of the name of a damaged list, or of an empty file that stands for a missing one."""

_RENEW = _(
    "run `wxcube events compact`: it makes a new list of the segments that are there; batches of "
    "others are lost, so send the events since the last compaction again: events that are stored "
    "already are skipped"
)


def listed(store: Path) -> set[str]:
    """The names of the segments that a store must have; empty for one of an earlier version.

    Raises:  EventStoreError if the list is damaged or was removed.
    """
    path = store / FILE
    if not path.exists():
        if not _is_required(store):
            return set()
        raise EventStoreError(
            _("{path} is missing: it lists the segments of the log", path=path), hint=_RENEW
        )
    return set(checksummed_json.read_checked(path, list[str], hint=_RENEW))


def create(store: Path) -> None:
    """Make the list of a store that has none: its segments are all that are there.

    Raises:  EventStoreError if it cannot be written.
    """
    with locked(store / LOCK):
        if not (store / FILE).exists():
            _write(store, _present(store))


def change(store: Path, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Add segments to the list, and remove others; a damaged list is moved away and made anew.

    Raises:  EventStoreError if it cannot be written.
    """
    with locked(store / LOCK):
        is_damaged = False
        try:
            before = listed(store)
        except EventStoreError:
            before, is_damaged = _set_aside(store), True
        after = (before | set(add)) - set(remove)
        if is_damaged or after != before:
            _write(store, after)


def _set_aside(store: Path) -> set[str]:
    """Copy a damaged list to the damaged files; the segments that are there."""
    content = b""
    with file_operation(store / FILE, "read"), suppress(FileNotFoundError):
        content = (store / FILE).read_bytes()
    make_folder(store / DAMAGED)
    name = f"segments-{secrets.token_hex(4)}{REPLACED_SUFFIX}"
    replace_file(store / DAMAGED / name, content)
    return _present(store)


def _write(store: Path, names: Iterable[str]) -> None:
    checksummed_json.write(store / FILE, sorted(names))


def _present(store: Path) -> set[str]:
    return {path.name for path in (store / LOG).glob(f"*{SUFFIX}")}


def _is_required(store: Path) -> bool:
    """Whether a store must have a list: all but those of an earlier version."""
    try:
        return layouts.read(store).lists_segments
    except EventStoreError:
        return True


def missing(store: Path) -> list[Path]:
    """The listed segments that are not in the log, under their own name or another.

    Correct even while a compaction runs, which removes a segment from the list first.

    Raises:  EventStoreError if the list is damaged or was removed.
    """
    gone = listed(store) - set(_written(store))
    return [store / LOG / name for name in sorted(gone & listed(store))] if gone else []


def _written(store: Path) -> Iterator[str]:
    """The names under which the segments that are there were written."""
    for name in _present(store):
        path = store / LOG / name
        try:
            yield written_name(path)
        except EventStoreError:
            if path.exists():
                raise
