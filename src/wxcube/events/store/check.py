"""Problems of a store, file by file, and how to repair each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from wxcube.errors import WxcubeError
from wxcube.events.store import backlog, keys, orphan_files, segment_list
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.creation import require_format
from wxcube.events.store.durable import FileError, shared_lock_if_present
from wxcube.events.store.identity import OWNER
from wxcube.events.store.layout import DAMAGED, FORMAT, LOG
from wxcube.events.store.manifest import DayFile, Manifest, partition_folder
from wxcube.events.store.parquet import RESTORE_OR_FORGET, Parquet
from wxcube.events.store.segment import Damage
from wxcube.events.store.store import DEAD_LETTERS
from wxcube.i18n import NOTHING, Message, _, plural

LITTLE_SPACE = 1 << 30
"""Free bytes below which the disk counts as nearly full."""
CLOCK_SLACK = timedelta(minutes=5)


class Finding(msgspec.Struct, frozen=True):
    """One problem or notable fact: the file, what it is, and how to repair it."""

    file: str
    what: Message
    mend: Message
    is_serious: bool = True
    """Whether events may be missing or cannot be stored."""


def check(store: Path, now: datetime, *, user_key: str = "", deep: bool = False) -> list[Finding]:
    """All problems of a store; nothing is changed.

    The checksum of every file is compared; `deep` also counts the events of every Parquet file.

    Cost:    reads every file of the store.
    """
    if not store.exists():
        return []
    if not (store / FORMAT).exists():
        return _findings(store, lambda: _check_format(store))
    findings = [
        *_check_log_folder(store),
        *_findings(store, lambda: _check_segments(store)),
        *_findings(store, lambda: _check_key(store, user_key)),
        *_findings(store, lambda: _check_accounts(store)),
        *_findings(store, lambda: _check_state(store, now, deep=deep)),
        *_check_damaged(store),
        *_check_dead_letters(store),
        *_check_space(store),
    ]
    return list(dict.fromkeys(findings))


def _findings(store: Path, check_part: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of a check; an error that ends it is a finding too."""
    findings: list[Finding] = []
    try:
        findings.extend(check_part())
    except WxcubeError as error:
        findings.append(Finding(str(store), error.message, error.hint))
    return findings


def _check_format(store: Path) -> Iterator[Finding]:
    require_format(store)
    yield from ()


def _check_log_folder(store: Path) -> Iterator[Finding]:
    folder = store / LOG
    if not folder.is_dir():
        yield Finding(
            str(folder),
            _("the folder of the log is missing"),
            _(
                "if it had events, restore it from a backup or send them again; otherwise do "
                "nothing: the next write creates it"
            ),
            is_serious=False,
        )


def _check_segments(store: Path) -> Iterator[Finding]:
    for path in backlog.missing(store):
        yield Finding(str(path), _("it is missing: its batches are lost"), _AFTER_LOSS)


def _check_key(store: Path, user_key: str) -> Iterator[Finding]:
    keys.check_keys(store, layouts.read(store), keys.load_keys(store, user_key))
    yield from ()


def _check_accounts(store: Path) -> Iterator[Finding]:
    AccountNumbers(store, layouts.read(store).accounts)
    yield from ()


def _check_state(store: Path, now: datetime, *, deep: bool) -> Iterator[Finding]:
    # with this lock, a compaction that runs meanwhile removes no file listed now
    with shared_lock_if_present(store / orphan_files.READERS_LOCK):
        manifest = state.load(store)
        yield from _check_clock(store, manifest, now)
        yield from _check_log(store, manifest)
        yield from _check_files(store, manifest, deep=deep)
        yield from _check_orphans(store)


def _check_clock(store: Path, manifest: Manifest, now: datetime) -> Iterator[Finding]:
    if manifest.last_seen and manifest.last_seen > now + CLOCK_SLACK:
        yield Finding(
            str(store / state.FILE),
            _(
                "the clock was set back: it shows {now:%Y-%m-%d %H:%M}, but the store was last "
                "changed at {last_change:%Y-%m-%d %H:%M}",
                now=now,
                last_change=manifest.last_seen,
            ),
            _("set the clock right; events have their own timestamps, none is changed"),
            is_serious=False,
        )


def _check_log(store: Path, manifest: Manifest) -> Iterator[Finding]:
    for path, part in backlog.pending(store, manifest.consumed):
        if isinstance(part, Damage):
            is_serious = not part.at_end or part.start == 0
            yield Finding(str(path), _damage(part), _AFTER_DAMAGE, is_serious=is_serious)


def _damage(part: Damage) -> Message:
    if part.start == part.end:
        return _("it has no end mark: its writer was killed, or the file was shortened")
    if part.at_end:
        return _(
            "bytes {start} to {end} are not a complete batch: the writer was killed there, or the "
            "file was truncated",
            start=part.start,
            end=part.end,
        )
    return _(
        "bytes {start} to {end} are not a complete batch, but batches follow: the file is damaged",
        start=part.start,
        end=part.end,
    )


_AFTER_LOSS = _(
    "restore it from a backup, or send the events of that time again: events that are stored "
    "already are skipped"
)
_AFTER_DAMAGE = _(
    "`wxcube events compact` stores all other batches and saves these bytes in another file; if a "
    "writer was killed there, they were never acknowledged; if the disk lost them, send the events "
    "of that time again: events that are stored already are skipped"
)


def _check_files(store: Path, manifest: Manifest, *, deep: bool) -> Iterator[Finding]:
    with Parquet() as parquet:
        for day, group, partition in manifest.partitions():
            folder = partition_folder(store, day, group)
            for file in (file for files in partition.files.values() for file in files):
                what = file.damage(folder)
                if not what and (deep or file.crc32 is None):
                    what = _wrong_events(folder / file.name, file, parquet)
                if what:
                    yield Finding(str(folder / file.name), what, RESTORE_OR_FORGET)


def _wrong_events(path: Path, file: DayFile, parquet: Parquet) -> Message:
    """How the number of events differs from what was written; empty if it does not."""
    try:
        events = len(parquet.identities_of(path)[OWNER])
    except FileError as error:
        return _("it cannot be read ({reason})", reason=error.reason)
    if events == file.events:
        return NOTHING
    return _("it has {events} events instead of {expected}", events=events, expected=file.events)


def _check_orphans(store: Path) -> Iterator[Finding]:
    for one in orphan_files.newer_files(store):
        yield Finding(
            str(one.path),
            _(
                "it is newer than {manifest} and not listed in it: an older {manifest} was "
                "restored",
                manifest=state.FILE,
            ),
            _("`wxcube events compact` adds it again"),
        )


def _check_damaged(store: Path) -> Iterator[Finding]:
    for path in sorted((store / DAMAGED).glob("*")):
        if path.name.endswith(orphan_files.QUARANTINE_SUFFIX):
            what = _(
                "a file of events newer than {manifest} that could not be added again completely",
                manifest=state.FILE,
            )
            yield Finding(str(path), what, _SEND_DAY_AGAIN)
        elif path.suffix == _PARQUET:
            what = _("a file of events that was removed by `wxcube events forget`")
            yield Finding(str(path), what, _SEND_DAY_AGAIN, is_serious=False)
        elif path.suffix == backlog.MISSING_SUFFIX:
            what = _("stands for a segment of the log that disappeared with its batches")
            yield Finding(str(path), what, _SEND_LOST_AGAIN)
        elif path.suffix == segment_list.REPLACED_SUFFIX:
            what = _(
                "the list of the log's segments as it was when it was found damaged or missing: a "
                "segment that was lost by then was not noticed"
            )
            yield Finding(str(path), what, _SEND_LOST_AGAIN)
        else:
            what = _("bytes of the log that are not a complete batch")
            yield Finding(str(path), what, _SEND_TIME_AGAIN, is_serious=False)


_PARQUET = ".parquet"
_SEND_DAY_AGAIN = _("send that day's events again, then delete the file")
_SEND_LOST_AGAIN = _("send the events of that time again, then delete this file")
_SEND_TIME_AGAIN = _(
    "if a writer was killed at that time, delete the file; otherwise send the events of that time "
    "again"
)


def _check_dead_letters(store: Path) -> Iterator[Finding]:
    files = sorted((store / DEAD_LETTERS).glob("*.jsonl"))
    if files:
        yield Finding(
            str(store / DEAD_LETTERS),
            plural(
                "refused lines in {n} dead-letter file",
                "refused lines in {n} dead-letter files",
                n=len(files),
            ),
            _("correct these lines at their source, send them again, then delete the files"),
            is_serious=False,
        )


def _check_space(store: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(store).free
    if free < LITTLE_SPACE:
        yield Finding(
            str(store),
            _("only {free} MiB are free on its disk", free=free >> 20),
            _("free space, or keep fewer days with retention_days_events"),
        )
