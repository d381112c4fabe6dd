"""A sync in a process of its own that may be killed, and that reports what it has stored."""

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
from wxcube.warehouse.sync.plan import Choices, Plan, plan
from wxcube.warehouse.sync.progress import CallAnswered, SyncEvent
from wxcube.warehouse.sync.run import sync
from wxcube.warehouse.sync.wanted import WantedDays

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 2, 16), date(2026, 3, 9))
CARD = {"getcardmembercarddetail": {"card_id": "p1"}}
CONCURRENCY = 4


def planned(warehouse: Warehouse) -> Plan:
    """The remaining calls."""
    wanted = [WantedDays("wx1", WINDOW, ENDPOINTS, CARD)]
    return plan(wanted, warehouse, NOW, Choices(include_retired=True))


def run(path: str, reports: Connection | None = None, answers: int | None = None) -> None:
    """Sync into a file; every stored answer is reported as endpoint name, days and params.

    After a number of answers, further calls wait forever.
    """

    def report(event: SyncEvent) -> None:
        if reports and isinstance(event, CallAnswered):
            reports.send((event.call.endpoint.name, event.call.labels, dict(event.call.params)))

    clock = ManualClock(NOW)
    with Warehouse.open(Path(path)) as warehouse:
        source = WrittenSource(clock, answers=answers)
        asyncio.run(
            sync(
                planned(warehouse),
                {"wx1": source},
                warehouse,
                clock=clock,
                concurrency=CONCURRENCY,
                on_progress=report,
            )
        )
