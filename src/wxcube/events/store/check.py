"""What is wrong with a store, file by file, and how each thing is mended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from wxcube.errors import EventStoreError, WxcubeError
from wxcube.events.store import backlog, keys, orphan_files
from wxcube.events.store import layout as layouts
from wxcube.events.store import manifest as state
from wxcube.events.store.accounts import AccountNumbers
from wxcube.events.store.creation import refuse_if_gone
from wxcube.events.store.durable import held
from wxcube.events.store.layout import FORMAT
from wxcube.events.store.manifest import DayFile, Manifest, cell_folder, checksum
from wxcube.events.store.parquet import Parquet
from wxcube.events.store.segment import Damage
from wxcube.events.store.store import DEAD

LITTLE_SPACE = 1 << 30
"""Free bytes below which the disk counts as nearly full."""
CLOCK_SLACK = timedelta(minutes=5)


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong, or should be known: the file, what it is, how to mend it."""

    file: str
    what: str
    mend: str
    is_serious: bool = True
    """Whether events may be missing or cannot be stored."""


def check(store: Path, now: datetime, *, user_key: str = "", deep: bool = False) -> list[Finding]:
    """Everything wrong with a store; nothing is changed.

    `deep` reads all of every Parquet file and compares its checksum, instead of only its end.

    Cost:    opens every file of the store.
    """
    if not store.exists():
        return []
    found: list[Finding] = []
    if not (store / FORMAT).exists():
        return _tried(store, lambda: _check_gone(store))
    found += _check_parts(store)
    found += _tried(store, lambda: _check_key(store, user_key))
    found += _tried(store, lambda: _check_accounts(store))
    found += _tried(store, lambda: _check_state(store, now, deep=deep))
    found += _check_damaged(store)
    found += _check_dead(store)
    found += _check_space(store)
    return list(dict.fromkeys(found))


def _tried(store: Path, part: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(part())
    except WxcubeError as error:
        found.append(Finding(str(store), error.message, error.hint))
    return found


def _check_gone(store: Path) -> Iterator[Finding]:
    refuse_if_gone(store)
    yield from ()


def _check_parts(store: Path) -> list[Finding]:
    if (store / backlog.LOG).is_dir():
        return []
    return [
        Finding(
            str(store / backlog.LOG),
            "the folder of the log is gone",
            "if events waited in it, put it back from a backup or send them again; otherwise "
            "there is nothing to do: the next write makes it again",
            is_serious=False,
        )
    ]


def _check_key(store: Path, user_key: str) -> Iterator[Finding]:
    keys.check_keys(store, layouts.read(store), keys.load_keys(store, user_key))
    yield from ()


def _check_accounts(store: Path) -> Iterator[Finding]:
    AccountNumbers(store, layouts.read(store).accounts)
    yield from ()


def _check_state(store: Path, now: datetime, *, deep: bool) -> Iterator[Finding]:
    # a compaction may run meanwhile: it removes no file that counts now
    with held(store / orphan_files.READERS_LOCK):
        manifest = state.load(store)
        yield from _check_clock(store, manifest, now)
        yield from _check_log(store, manifest)
        yield from _check_files(store, manifest, deep=deep)
        yield from _check_unlisted(store)


def _check_clock(store: Path, manifest: Manifest, now: datetime) -> Iterator[Finding]:
    if manifest.last_seen and manifest.last_seen > now + CLOCK_SLACK:
        yield Finding(
            str(store / state.FILE),
            f"the clock was set back: it shows {now:%Y-%m-%d %H:%M}, "
            f"the store was last changed at {manifest.last_seen:%Y-%m-%d %H:%M}",
            "set the clock right; events carry their own times, none is touched",
            is_serious=False,
        )


def _check_log(store: Path, manifest: Manifest) -> Iterator[Finding]:
    for path, part in backlog.waiting(store, manifest.consumed):
        if isinstance(part, Damage):
            yield Finding(str(path), _damage(part), _AFTER_DAMAGE, is_serious=not part.at_end)


def _damage(part: Damage) -> str:
    where = f"bytes {part.start} to {part.end} are no whole batch"
    if part.at_end:
        return f"{where}: the writer was killed there, or the file was cut"
    return f"{where}, though batches follow: the file was damaged"


_AFTER_DAMAGE = (
    "`wxcube events compact` stores all other batches and sets these bytes aside; a writer that "
    "was killed there had acknowledged none of them; if the disk lost them, send that time's "
    "events again: what is stored already does no harm"
)


def _check_files(store: Path, manifest: Manifest, *, deep: bool) -> Iterator[Finding]:
    with Parquet() as parquet:
        for day, group, cell in manifest.cells():
            for file in (file for files in cell.files.values() for file in files):
                path = cell_folder(store, day, group) / file.name
                yield from _check_file(path, file, parquet, deep=deep)


def _check_file(path: Path, file: DayFile, parquet: Parquet, *, deep: bool) -> Iterator[Finding]:
    try:
        what = _wrong_events(path, file, parquet, deep=deep) or _wrong_bytes(path, file, deep=deep)
    except EventStoreError as error:
        yield Finding(str(path), error.message.removeprefix(f"{path} "), error.hint)
        return
    if what:
        yield Finding(str(path), what, _BACK_OR_OUT)


_BACK_OR_OUT = (
    "put it back from a backup, or take it out with `wxcube events forget` and send that day's "
    "events again"
)


def _wrong_events(path: Path, file: DayFile, parquet: Parquet, *, deep: bool) -> str:
    there = len(parquet.ids(path)["account"]) if deep else parquet.count(path)
    return "" if there == file.events else f"it holds {there} events instead of {file.events}"


def _wrong_bytes(path: Path, file: DayFile, *, deep: bool) -> str:
    """How a file differs from what was written; its checksum is computed only if `deep`."""
    if file.bytes is None or not path.exists():
        return ""
    size = path.stat().st_size
    if size != file.bytes:
        return f"it was changed: it has {size} bytes, {file.bytes} were written"
    if deep and checksum(path)[1] != file.crc32:
        return "it was changed: its checksum is another than when it was written"
    return ""


def _check_unlisted(store: Path) -> Iterator[Finding]:
    for one in orphan_files.newer(store):
        yield Finding(
            str(one.path),
            f"it is newer than {state.FILE} and does not count: an older {state.FILE} was put back",
            "`wxcube events compact` lets it count again",
        )


def _check_damaged(store: Path) -> Iterator[Finding]:
    for path in sorted((store / backlog.DAMAGED).glob("*")):
        if path.name.endswith(orphan_files.ASIDE):
            yield Finding(str(path), *_SET_ASIDE)
        else:
            said = _TAKEN_OUT if path.suffix == _PARQUET else _NO_BATCH
            yield Finding(str(path), *said, is_serious=False)


_PARQUET = ".parquet"
_TAKEN_OUT = (
    "a file of events that was taken out by `wxcube events forget`",
    "send that day's events again, then remove the file",
)
_SET_ASIDE = (
    f"a file of events newer than {state.FILE} that could not count again as a whole",
    "send that day's events again, then remove the file",
)
_NO_BATCH = (
    "bytes of the log that were no whole batch",
    "if a writer was killed then, remove the file; else send that time's events again",
)


def _check_dead(store: Path) -> list[Finding]:
    files = sorted((store / DEAD).glob("*.jsonl"))
    if not files:
        return []
    return [
        Finding(
            str(store / DEAD),
            f"refused lines wait in {len(files)} files",
            "mend these lines where they come from, send them again, remove the files",
            is_serious=False,
        )
    ]


def _check_space(store: Path) -> list[Finding]:
    free = shutil.disk_usage(store).free
    if free >= LITTLE_SPACE:
        return []
    return [
        Finding(
            str(store),
            f"only {free >> 20} MiB are free on its disk",
            "free space, or keep fewer days with retention_days_events",
        )
    ]
