"""The work of `wxcube demo`: sync simulated accounts over HTTP, compare every row, read figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from wxcube import contract
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.jobs.accounts import needs_card
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Choices, Plan, plan
from wxcube.warehouse.sync.progress import Report, SyncEvent
from wxcube.warehouse.sync.run import sync
from wxcube.warehouse.sync.wanted import WantedDays
from wxcube.wechat.client import AsyncClient

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Compared:
    """Comparison of the warehouse with the emulator."""

    rows: int
    differing: tuple[str, ...]
    """Accounts and endpoints whose rows differ."""


def wants(emulator: Emulator) -> list[WantedDays]:
    """All endpoints and days of all simulated accounts."""
    first = emulator.simulation.first_day
    window = Window(first, emulator.last_day)
    wanted = []
    for app in emulator.accounts:
        wanted.append(
            WantedDays(app.appid, window, [e for e in contract.ENDPOINTS if not needs_card(e)])
        )
        for endpoint, params in _card_calls(emulator, app.appid):
            wanted.append(WantedDays(app.appid, window, [endpoint], {endpoint.name: params}))
    return wanted


def fewest_calls(emulator: Emulator) -> int:
    """The fewest calls of a first sync that WeChat's spans permit, calculated independently.

    Every week and month needs a call of its own. An endpoint without permission needs one call.
    """
    return sum(
        _fewest(endpoint, part.window) if _is_granted(emulator, part.appid, endpoint) else 1
        for part in wants(emulator)
        for endpoint in part.endpoints
    )


def _fewest(endpoint: Endpoint[Any], window: Window) -> int:
    days = (window.last - max(window.first, endpoint.first_date)).days + 1
    if endpoint.has_labels:
        ends = {endpoint.period(endpoint.label(day)).last for day in window}
        return sum(end <= window.last for end in ends)
    return max(0, math.ceil(days / endpoint.span_days))


def calls_made(emulator: Emulator) -> int:
    """Number of datacube calls that the emulator received."""
    return len(emulator.journal.calls("/datacube/*"))


def next_plan(emulator: Emulator, warehouse: Warehouse) -> Plan:
    """The calls that a sync would make now."""
    choices = Choices(include_retired=True)
    return plan(wants(emulator), warehouse, emulator.clock.now(), choices)


async def fill(
    emulator: Emulator,
    url: str,
    warehouse: Warehouse,
    todo: Plan,
    *,
    on_progress: Callable[[SyncEvent], None] | None = None,
) -> Report:
    """Make the calls of a plan over HTTP, as for real accounts."""
    async with AsyncExitStack() as stack:
        clients = {
            app.appid: await stack.enter_async_context(
                AsyncClient(app.appid, app.secret, base_url=url, clock=emulator.clock)
            )
            for app in emulator.accounts
        }
        return await sync(todo, clients, warehouse, clock=emulator.clock, on_progress=on_progress)


def compare(emulator: Emulator, warehouse: Warehouse) -> Compared:
    """Compare every row of the warehouse with the emulator's."""
    rows, differing = 0, []
    for part in wants(emulator):
        for endpoint in part.endpoints:
            params = part.params.get(endpoint.name)
            expected = emulator.rows(part.appid, endpoint, params)
            extent = warehouse.extent(part.appid, endpoint)
            stored = warehouse.read(part.appid, endpoint, extent, params=params) if extent else []
            rows += len(stored)
            if stored != expected:
                differing.append(f"{part.appid} {endpoint}")
    return Compared(rows, tuple(differing))


# --- figures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Article:
    """An article and its total readers at the end of each day."""

    title: str
    published: date
    readers: tuple[int, ...]

    @property
    def new_readers(self) -> list[int]:
        """Readers who read it for the first time, by day."""
        return [self.readers[0], *(after - before for before, after in pairwise(self.readers))]


def growth(warehouse: Warehouse, appid: str) -> list[tuple[date, int]]:
    """Followers at the end of each day, oldest first."""
    endpoint = contract.user.getusercumulate
    extent = warehouse.extent(appid, endpoint)
    rows = warehouse.read(appid, endpoint, extent) if extent else []
    return [(row.ref_date, row.cumulate_user) for row in rows]


def best_article(warehouse: Warehouse, appid: str) -> Article | None:
    """The article with the most readers."""
    endpoint = contract.content.getarticletotaldetail
    extent = warehouse.extent(appid, endpoint)
    rows = warehouse.read(appid, endpoint, extent) if extent else []
    with_totals = [row for row in rows if row.detail_list]
    if not with_totals:
        return None
    best = max(with_totals, key=lambda row: row.detail_list[-1].read_user)
    readers = tuple(stat.read_user for stat in best.detail_list)
    return Article(best.title or best.msgid, best.ref_date, readers)


def messages_by_hour(warehouse: Warehouse, appid: str) -> list[int]:
    """Messages by hour of the day, over all days and types."""
    endpoint = contract.message.getupstreammsghour
    extent = warehouse.extent(appid, endpoint)
    hours = [0] * 24
    for row in warehouse.read(appid, endpoint, extent) if extent else []:
        hours[row.ref_hour // 100] += row.msg_count
    return hours


def _is_granted(emulator: Emulator, appid: str, endpoint: Endpoint[Any]) -> bool:
    return endpoint.permission_set in emulator.apps[appid].permission_sets


def _card_calls(emulator: Emulator, appid: str) -> list[tuple[Endpoint[Any], Params]]:
    cards = emulator.simulation.accounts[appid].cards
    endpoints = [e for e in contract.ENDPOINTS if needs_card(e)]
    return [(e, {"card_id": c.card_id}) for e in endpoints for c in cards if c.is_membership]
