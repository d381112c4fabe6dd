"""The backlog: acknowledged batches in the log that are not in the daily files yet."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.intake.families import Chunk, decode
from wxcube.events.store import segment_list
from wxcube.events.store.durable import file_operation, make_folder, replace_file
from wxcube.events.store.layout import DAMAGED, LOG
from wxcube.events.store.segment import SUFFIX, Damage, End, Frame, frames, written_name

MISSING_SUFFIX = ".missing"
"""The end of the name of an empty file that stands for a missing segment."""


@dataclass
class Batches:
    """Batches read from the log for one round of a compaction."""

    chunks: list[Chunk] = field(default_factory=list, repr=False)
    consumed: dict[str, int] = field(default_factory=dict)
    """Up to which byte each segment was read."""
    damage: list[tuple[Path, Damage]] = field(default_factory=list)
    bytes: int = 0


def segments(store: Path) -> list[Path]:
    """The segments of the log, oldest first."""
    return sorted((store / LOG).glob(f"*{SUFFIX}"))


def is_being_written(path: Path) -> bool:
    """Whether a running process writes to this segment."""
    with file_operation(path, "read"):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_batches(paths: Iterable[Path], consumed: Mapping[str, int], max_bytes: int) -> Batches:
    """The next pending batches of these segments, about `max_bytes` of them.

    Shape:   at least one batch if any is pending.
    Raises:  EventStoreError if a segment cannot be read.
    """
    batches = Batches()
    for path in paths:
        if batches.bytes >= max_bytes:
            break
        _read_segment(batches, path, consumed, max_bytes)
    return batches


def _read_segment(
    batches: Batches, path: Path, consumed: Mapping[str, int], max_bytes: int
) -> None:
    is_open, name = is_being_written(path), written_name(path)
    for part in frames(path, consumed.get(name, 0)):
        if isinstance(part, Damage):
            if is_open and part.at_end:
                return
            batches.damage.append((path, part))
        elif isinstance(part, Frame):
            batches.chunks.append(decode(part.payload))
            batches.bytes += part.end - part.start
        batches.consumed[name] = part.end
        if batches.bytes >= max_bytes:
            return


def pending(store: Path, consumed: Mapping[str, int]) -> Iterator[tuple[Path, Frame | Damage]]:
    """Each pending batch, and each damaged part, with its segment."""
    for path in segments(store):
        is_open = is_being_written(path)
        for part in _frames_if_present(path, consumed):
            is_tail = isinstance(part, Damage) and part.at_end
            if not (isinstance(part, End) or (is_open and is_tail)):
                yield path, part


def _frames_if_present(path: Path, consumed: Mapping[str, int]) -> Iterator[Frame | End | Damage]:
    """The batches of a segment; none if a compaction has removed it in the meantime."""
    try:
        yield from frames(path, consumed.get(written_name(path), 0))
    except EventStoreError:
        if path.exists():
            raise


def remove_consumed(store: Path, consumed: dict[str, int]) -> None:
    """Remove segments whose batches are all in the daily files, unless they are being written."""
    done = [path for path in segments(store) if _is_consumed(path, consumed)]
    segment_list.change(store, remove=[path.name for path in done])
    for path in done:
        with file_operation(path, "remove"):
            path.unlink()
            # it was missing for a time
            _stand_in(store, path.name).unlink(missing_ok=True)


def _is_consumed(path: Path, consumed: Mapping[str, int]) -> bool:
    if is_being_written(path):
        return False
    with file_operation(path, "read"):
        return consumed.get(written_name(path), -1) >= path.stat().st_size


def missing(store: Path) -> list[Path]:
    """The segments that have disappeared before their batches were in the daily files.

    Raises:  EventStoreError if the list of segments is damaged or was removed.
    """
    return segment_list.missing(store)


def record_missing(store: Path, paths: Iterable[Path]) -> None:
    """Take missing segments from the list, and leave a file for each among the damaged ones."""
    names = [path.name for path in paths]
    if names:
        make_folder(store / DAMAGED)
        for name in names:
            replace_file(_stand_in(store, name), b"")
        segment_list.change(store, remove=names)


def _stand_in(store: Path, name: str) -> Path:
    return store / DAMAGED / f"{name}{MISSING_SUFFIX}"


def without_removed(store: Path, consumed: dict[str, int]) -> dict[str, int]:
    """The entries of segments that still exist."""
    names = {written_name(path) for path in segments(store)}
    return {name: end for name, end in consumed.items() if name in names}


def copy_damage(store: Path, path: Path, damage: Damage) -> Path:
    """The path of a new file with the damaged bytes of a segment, for later inspection."""
    folder = store / DAMAGED
    make_folder(folder)
    copy = folder / f"{path.stem}-{damage.start}-{damage.end}.part"
    with file_operation(path, "read"), path.open("rb") as file:
        file.seek(damage.start)
        content = file.read(damage.end - damage.start)
    replace_file(copy, content)
    return copy
