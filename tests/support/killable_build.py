"""A cube build in a process of its own that may be killed."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any

from support.event_folder import EventFolder
from support.events import crowded
from wxcube.beijing import BEIJING, day_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse

NOW = datetime(2030, 1, 1, 9, tzinfo=BEIJING)
KEY = b"key"


def history(seed: int) -> tuple[list[Any], date]:
    """Events, each once, in an order of their own, and the day to build through."""
    events, through = crowded(seed, 500)
    happened = list({(e.account, e.id): e for e in reversed(events)}.values())
    Random(seed).shuffle(happened)
    return happened, through


def events_in(folder: Path, happened: list[Any], parts: int) -> EventFolder:
    """The events written as so many batches, the same files every time."""
    stored = EventFolder(folder / "events", group_count=2)
    size = len(happened) // parts + 1
    for begin in range(0, len(happened), size):
        stored.add(to_batch(happened[begin : begin + size], KEY))
    return stored


def build(stored: EventFolder, folder: Path, last: date) -> None:
    """Build into the folder's warehouse."""
    with (
        DuckDbEngine(threads=1, memory_limit="512MB") as engine,
        Warehouse.open(folder / "wxcube.db") as warehouse,
    ):
        sink = WarehouseSink(warehouse, stored.accounts(), lambda: NOW)
        facts = folder / "facts"
        with Build(stored, facts, sink, engine=engine, budget_bytes=20_000) as one:
            one.run(None, day_number(last))


def run(folder: str, seed: int, told: Any = None) -> None:
    """Build everything; says when it begins."""
    happened, through = history(seed)
    stored = events_in(Path(folder), happened, 2)
    if told:
        told.send("begun")
    build(stored, Path(folder), through)
