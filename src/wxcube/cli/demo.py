"""The demonstration: simulated accounts, synced over HTTP, checked row by row, and shown."""

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
from wxcube.warehouse.sync.plan import Plan, Wanted, plan
from wxcube.warehouse.sync.progress import Progress, Report
from wxcube.warehouse.sync.run import sync
from wxcube.wechat.client import AsyncClient

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows of the warehouse beside those of the emulator."""

    rows: int
    differing: tuple[str, ...]
    """Endpoints and accounts whose rows are not the same."""


def wants(emulator: Emulator) -> list[Wanted]:
    """Every endpoint and day of every simulated account."""
    first = emulator.simulation.first_day
    window = Window(first, emulator.last_day)
    found = []
    for app in emulator.accounts:
        found.append(
            Wanted(app.appid, window, [e for e in contract.ENDPOINTS if not needs_card(e)])
        )
        for endpoint, params in _card_calls(emulator, app.appid):
            found.append(Wanted(app.appid, window, [endpoint], {endpoint.name: params}))
    return found


def fewest_calls(emulator: Emulator) -> int:
    """The fewest calls of a full first sync that WeChat's spans permit, by arithmetic alone.

    Weeks and months are asked one by one. Where a right is missing one call is enough to know it.
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
    """The datacube calls the emulator has seen."""
    return len(emulator.journal.calls("/datacube/*"))


def next_plan(emulator: Emulator, warehouse: Warehouse) -> Plan:
    """What is still to be asked."""
    return plan(wants(emulator), warehouse.coverage, emulator.clock.now(), include_retired=True)


async def fill(
    emulator: Emulator,
    url: str,
    warehouse: Warehouse,
    todo: Plan,
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Make the calls of a plan over HTTP, as for a real account."""
    async with AsyncExitStack() as stack:
        clients = {
            app.appid: await stack.enter_async_context(
                AsyncClient(app.appid, app.secret, base_url=url, clock=emulator.clock)
            )
            for app in emulator.accounts
        }
        return await sync(todo, clients, warehouse, clock=emulator.clock, on_progress=on_progress)


def compare(emulator: Emulator, warehouse: Warehouse) -> Compared:
    """Every row of the warehouse against the emulator's own."""
    rows, differing = 0, []
    for part in wants(emulator):
        for endpoint in part.endpoints:
            params = part.params.get(endpoint.name)
            truth = emulator.rows(part.appid, endpoint, params)
            extent = warehouse.extent(part.appid, endpoint)
            stored = warehouse.read(part.appid, endpoint, extent, params=params) if extent else []
            rows += len(stored)
            if stored != truth:
                differing.append(f"{part.appid} {endpoint}")
    return Compared(rows, tuple(differing))


# --- answers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Article:
    """An article and how many people had read it by the end of each day."""

    title: str
    published: date
    readers: tuple[int, ...]

    @property
    def new_readers(self) -> list[int]:
        """People who read it for the first time on each day."""
        return [self.readers[0], *(after - before for before, after in pairwise(self.readers))]


def growth(warehouse: Warehouse, appid: str) -> list[tuple[date, int]]:
    """Followers at the end of each day."""
    endpoint = contract.user.getusercumulate
    extent = warehouse.extent(appid, endpoint)
    rows = warehouse.read(appid, endpoint, extent) if extent else []
    return [(row.ref_date, row.cumulate_user) for row in rows]


def best_article(warehouse: Warehouse, appid: str) -> Article | None:
    """The article most people have read."""
    endpoint = contract.content.getarticletotaldetail
    extent = warehouse.extent(appid, endpoint)
    rows = warehouse.read(appid, endpoint, extent) if extent else []
    known = [row for row in rows if row.detail_list]
    if not known:
        return None
    best = max(known, key=lambda row: row.detail_list[-1].read_user)
    readers = tuple(stat.read_user for stat in best.detail_list)
    return Article(best.title or best.msgid, best.ref_date, readers)


def messages_by_hour(warehouse: Warehouse, appid: str) -> list[int]:
    """Messages of each hour of the day, over all days and types."""
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
