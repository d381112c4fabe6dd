"""A cube build in a separate process that may be killed, and that reports every batch it writes."""

from __future__ import annotations

from datetime import date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from support.event_folder import EventFolder
from support.events import crowded
from wxcube.beijing import BEIJING, day_number
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.cube.incremental.rows import RowBatch
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse

NOW = datetime(2030, 1, 1, 9, tzinfo=BEIJING)
KEY = b"key"


def history(seed: int) -> tuple[list[Any], date]:
    """Distinct events in random order, and the last day to build."""
    events, through = crowded(seed, 500)
    unique = list({(e.account, type(e), e.id): e for e in reversed(events)}.values())
    Random(seed).shuffle(unique)
    return unique, through


def events_in(folder: Path, events: list[Any], batches: int) -> EventFolder:
    """The events written in a number of batches; the same files every time."""
    stored = EventFolder(folder / "events", group_count=2)
    size = len(events) // batches + 1
    for begin in range(0, len(events), size):
        stored.add(to_batch(events[begin : begin + size], KEY))
    return stored


class ReportingSink(WarehouseSink):
    """A sink that reports every batch it has written."""

    reports: Connection | None = None

    def replace(self, batch: RowBatch) -> None:
        super().replace(batch)
        if self.reports:
            self.reports.send("batch")


def build(stored: EventFolder, folder: Path, last: date, reports: Connection | None = None) -> None:
    """Build into the folder's database."""
    with (
        DuckDbEngine(threads=1, memory_limit="512MB") as engine,
        Warehouse.open(folder / "wxcube.db") as warehouse,
    ):
        sink = ReportingSink(warehouse, stored.accounts(), lambda: NOW)
        sink.reports = reports
        facts = folder / "facts"
        with Build(stored, facts, sink, engine=engine, chunk_bytes=20_000) as one:
            one.run(None, day_number(last))


def run(folder: str, seed: int, reports: Connection) -> None:
    """Build everything, and report every batch and the end."""
    events, through = history(seed)
    build(events_in(Path(folder), events, 2), Path(folder), through, reports)
    reports.send("end")
