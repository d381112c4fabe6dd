"""Builds in a test's folder, and a comparison of the database with one computation of all events."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from support.event_folder import EventFolder
from wxcube import beijing
from wxcube.beijing import BEIJING, day_number
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.cube.compute import CUBE_ENDPOINTS, compute
from wxcube.cube.engines.duckdb import DuckDbEngine
from wxcube.cube.incremental.build import Build
from wxcube.events.columns import to_batch
from wxcube.jobs.cube_sink import WarehouseSink
from wxcube.warehouse.store import Warehouse

NOW = datetime(2030, 1, 1, 9, tzinfo=BEIJING)
KEY = b"key"
EVER = Window(date(2010, 1, 1), date(2040, 1, 1))


def build(
    events: EventFolder,
    folder: Path,
    engine: DuckDbEngine,
    last: date,
    chunk_bytes: int = 20_000,
    *,
    use_numpy: bool = True,
    now: datetime = NOW,
) -> int:
    """Build into the folder's database; the number of rows written."""
    with Warehouse.open(folder / "wxcube.db") as warehouse:
        sink = WarehouseSink(warehouse, events.accounts(), lambda: now)
        with Build(
            events,
            folder / "facts",
            sink,
            engine=engine,
            chunk_bytes=chunk_bytes,
            use_numpy=use_numpy,
            over=day_number(sink.over),
        ) as one:
            one.run(None, day_number(last))
        return sink.rows


def assert_equal(
    folder: Path, events: list[Any], through: date, engine: DuckDbEngine, word: str = ""
) -> None:
    """The database has exactly the rows of one computation of all events."""
    batch = to_batch(events, KEY)
    expected = compute(batch, through, engine=engine)
    first_days: dict[str, date] = {}
    for event in events:
        day = beijing.day_of(datetime.fromtimestamp(event.at, BEIJING))
        first_days[event.account] = min(day, first_days.get(event.account, day))
    with Warehouse.open(folder / "wxcube.db", read_only=True) as warehouse:
        for account in batch.accounts:
            for endpoint in CUBE_ENDPOINTS:
                rows = warehouse.read(account, endpoint, EVER, Origin.CUBE)
                assert rows == expected.rows(account, endpoint), (word, account, endpoint.name)
                known = warehouse.coverage(account, endpoint, Origin.CUBE)
                missing = labels(endpoint, first_days[account], through) - known.keys()
                assert not missing, (word, account, endpoint.name)


def labels(endpoint: Endpoint[Any], first: date, through: date) -> set[date]:
    """The days, or complete weeks or months, that must have an entry in the ledger."""
    days = [first + timedelta(days=n) for n in range((through - first).days + 1)]
    ends = {
        beijing.monday(day) + timedelta(days=6): beijing.monday(day)
        for day in days
        if endpoint.has_labels and "week" in endpoint.name
    } or {
        beijing.month_end(day): beijing.month_start(day)
        for day in days
        if endpoint.has_labels and "month" in endpoint.name
    }
    labels = {label for end, label in ends.items() if end <= through and label >= first}
    return {day for day in (labels if ends else days) if day >= endpoint.first_date}


def distinct(events: list[Any]) -> list[Any]:
    """The first of all events with the same account and id."""
    return list({(e.account, type(e), e.id): e for e in reversed(events)}.values())
