"""What waits in the log: batches that are acknowledged and not yet in the files of days."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wxcube.errors import EventStoreError
from wxcube.events.intake.families import Chunk, decode
from wxcube.events.store.durable import make_folder, replace_file, reported
from wxcube.events.store.segment import BEGINNING, SUFFIX, Damage, Frame, frames

LOG, DAMAGED = "wal", "damaged"


@dataclass
class Taken:
    """Batches taken out of the log for one round."""

    chunks: list[Chunk] = field(default_factory=list, repr=False)
    consumed: dict[str, int] = field(default_factory=dict)
    """How far each segment is read."""
    damage: list[tuple[Path, Damage]] = field(default_factory=list)
    bytes: int = 0


def segments(store: Path) -> list[Path]:
    """The segments of the log, oldest first."""
    return sorted((store / LOG).glob(f"*{SUFFIX}"))


def is_being_written(path: Path) -> bool:
    """Whether a living process writes this segment."""
    with reported(path, "read"):
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


def take(paths: Iterable[Path], consumed: Mapping[str, int], most_bytes: int) -> Taken:
    """The next batches that wait in these segments, up to about so many bytes.

    Shape:   at least one batch if any waits.
    Raises:  EventStoreError if a segment cannot be read.
    """
    taken = Taken()
    for path in paths:
        if taken.bytes >= most_bytes:
            break
        _take_segment(taken, path, consumed.get(path.name, 0), most_bytes)
    return taken


def _take_segment(taken: Taken, path: Path, start: int, most_bytes: int) -> None:
    alive = is_being_written(path)
    for part in frames(path, start):
        if isinstance(part, Damage):
            if alive and part.at_end:
                return
            taken.damage.append((path, part))
        else:
            taken.chunks.append(decode(part.payload))
            taken.bytes += part.end - part.start
        taken.consumed[path.name] = part.end
        if taken.bytes >= most_bytes:
            return


def waiting(store: Path, consumed: Mapping[str, int]) -> Iterator[tuple[Path, Frame | Damage]]:
    """Each batch that waits, and each damaged part, with its segment."""
    for path in segments(store):
        alive = is_being_written(path)
        for part in _still_there(path, consumed.get(path.name, 0)):
            if not (alive and isinstance(part, Damage) and part.at_end):
                yield path, part


def _still_there(path: Path, start: int) -> Iterator[Frame | Damage]:
    """The batches of a segment; none if a compaction has removed it meanwhile."""
    try:
        yield from frames(path, start)
    except EventStoreError:
        if path.exists():
            raise


def remove_done(store: Path, consumed: dict[str, int]) -> None:
    """Remove segments whose every batch counts elsewhere and that nobody writes any more."""
    for path in segments(store):
        done = consumed.get(path.name, len(BEGINNING))
        if is_being_written(path):
            continue
        with reported(path, "removed"):
            if path.stat().st_size <= done:
                path.unlink()


def forget_removed(store: Path, consumed: dict[str, int]) -> dict[str, int]:
    """The entries of segments that still are there."""
    there = {path.name for path in segments(store)}
    return {name: done for name, done in consumed.items() if name in there}


def set_aside(store: Path, path: Path, damage: Damage) -> Path:
    """Keep damaged bytes of a segment in a file of their own, for whoever looks into it."""
    folder = store / DAMAGED
    make_folder(folder)
    kept = folder / f"{path.stem}-{damage.start}-{damage.end}.part"
    with reported(path, "read"), path.open("rb") as file:
        file.seek(damage.start)
        content = file.read(damage.end - damage.start)
    replace_file(kept, content)
    return kept
