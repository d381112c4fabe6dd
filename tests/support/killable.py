"""A sync in a process of its own that may be killed, and that tells what it has stored."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from support.written_source import WrittenSource
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import ENDPOINTS
from wxcube.contract.window import Window
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Plan, Wanted, plan
from wxcube.warehouse.sync.progress import Answered, Progress
from wxcube.warehouse.sync.run import sync

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 2, 16), date(2026, 3, 9))
CARD = {"getcardmembercarddetail": {"card_id": "p1"}}
CONCURRENCY = 4


def planned(warehouse: Warehouse) -> Plan:
    """The calls that are left."""
    wanted = [Wanted("wx1", WINDOW, ENDPOINTS, CARD)]
    return plan(wanted, warehouse.coverage, NOW, include_retired=True)


def run(path: str, told: Connection | None = None, delay_seconds: float = 0.001) -> None:
    """Sync into a file; every stored answer is told as endpoint name and days."""

    def tell(event: Progress) -> None:
        if told and isinstance(event, Answered):
            told.send((event.call.endpoint.name, event.call.labels, dict(event.call.params)))

    clock = ManualClock(NOW)
    with Warehouse.open(Path(path)) as warehouse:
        source = WrittenSource(clock, delay_seconds=delay_seconds)
        asyncio.run(
            sync(
                planned(warehouse),
                {"wx1": source},
                warehouse,
                clock=clock,
                concurrency=CONCURRENCY,
                on_progress=tell,
            )
        )
