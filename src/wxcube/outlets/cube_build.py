"""A build of the cube: from the event store to the warehouse, in chunks that fit into memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from wxcube.beijing import Clock
from wxcube.errors import SettingsError
from wxcube.outlets.cube_events import StoredEvents
from wxcube.outlets.cube_sink import WarehouseSink
from wxcube.sources.engines import OpenEngine
from wxcube.sources.events.retention import FACTS
from wxcube.sources.events.store import EventStore
from wxcube.sources.increment.build import Build, Built
from wxcube.sources.increment.progress import Progress
from wxcube.sources.inputs import number_of
from wxcube.warehouse.store import Warehouse

SMALLEST_BYTES = 256 << 20
CHUNK_SHARE = 24
"""A chunk's event files are at most this part of the memory: a byte of them becomes many."""
LARGEST_CHUNK_BYTES = 80 << 20
"""Beyond this a larger chunk is no faster."""
_UNITS = {
    "": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def memory_bytes(text: str) -> int:
    """A memory limit in bytes, as "2GB" or "1.5GiB"; half the machine's where it is empty.

    Raises:  SettingsError if it is no size, or too little to work with.
    """
    if not text:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    found = _SIZE.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise SettingsError(f"{text!r} is no size of memory", hint="write it like 2GB or 512MiB")
    size = int(float(found[1]) * unit)
    if size < SMALLEST_BYTES:
        raise SettingsError(
            f"{text} is too little memory for the cube", hint="give it 256MiB or more"
        )
    return size


def chunk_bytes(memory: int) -> int:
    """How many bytes of event files are computed together within so much memory."""
    return min(memory // CHUNK_SHARE, LARGEST_CHUNK_BYTES)


def build(  # noqa: PLR0913 - what a build stands between, and what it is told
    store: EventStore,
    warehouse: Warehouse,
    *,
    engine: OpenEngine,
    budget_bytes: int,
    first: date | None,
    last: date,
    accounts: Sequence[str],
    clock: Clock,
    tell: Callable[[Progress], None],
) -> tuple[Built, int]:
    """Build what changed; what was done, and how many rows were written.

    The engine is asked for chunks of about `budget_bytes` of event files. Named accounts are built
    together with the others of their groups.
    """
    with store.reading():
        events = StoredEvents(store)
        sink = WarehouseSink(warehouse, events.accounts(), clock.now)
        folder = Path(store.folder) / FACTS
        with Build(
            events, folder, sink, engine=engine, budget_bytes=budget_bytes, tell=tell
        ) as one:
            groups = _groups(events, accounts) if accounts else None
            built = one.run(number_of(first) if first else None, number_of(last), groups)
    return built, sink.rows


def _groups(events: StoredEvents, accounts: Sequence[str]) -> set[int]:
    numbers = {account: number for number, account in enumerate(events.accounts())}
    unknown = [account for account in accounts if account not in numbers]
    if unknown:
        raise SettingsError(
            f"there are no events of {', '.join(unknown)}",
            hint="name accounts as the events name them",
        )
    return {numbers[account] % events.group_count for account in accounts}
