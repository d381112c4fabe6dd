"""The backlog: acknowledged batches in the log that are not in the daily files yet."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.intake.families import Chunk, decode
from wxcube.events.store.durable import file_operation, make_folder, replace_file
from wxcube.events.store.segment import MAGIC, SUFFIX, Damage, Frame, frames

LOG, DAMAGED = "wal", "damaged"


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
        _read_segment(batches, path, consumed.get(path.name, 0), max_bytes)
    return batches


def _read_segment(batches: Batches, path: Path, start: int, max_bytes: int) -> None:
    is_open = is_being_written(path)
    for part in frames(path, start):
        if isinstance(part, Damage):
            if is_open and part.at_end:
                return
            batches.damage.append((path, part))
        else:
            batches.chunks.append(decode(part.payload))
            batches.bytes += part.end - part.start
        batches.consumed[path.name] = part.end
        if batches.bytes >= max_bytes:
            return


def pending(store: Path, consumed: Mapping[str, int]) -> Iterator[tuple[Path, Frame | Damage]]:
    """Each pending batch, and each damaged part, with its segment."""
    for path in segments(store):
        is_open = is_being_written(path)
        for part in _frames_if_present(path, consumed.get(path.name, 0)):
            if not (is_open and isinstance(part, Damage) and part.at_end):
                yield path, part


def _frames_if_present(path: Path, start: int) -> Iterator[Frame | Damage]:
    """The batches of a segment; none if a compaction has removed it in the meantime."""
    try:
        yield from frames(path, start)
    except EventStoreError:
        if path.exists():
            raise


def remove_consumed(store: Path, consumed: dict[str, int]) -> None:
    """Remove segments whose batches are all in the daily files, unless they are being written."""
    for path in segments(store):
        end = consumed.get(path.name, len(MAGIC))
        if is_being_written(path):
            continue
        with file_operation(path, "remove"):
            if path.stat().st_size <= end:
                path.unlink()


def without_removed(store: Path, consumed: dict[str, int]) -> dict[str, int]:
    """The entries of segments that still exist."""
    names = {path.name for path in segments(store)}
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
