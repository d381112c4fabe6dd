"""The warehouse as a log of asks for a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WxcubeError
from wxcube.warehouse.store import Warehouse

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budgets:
    """Limits of calls per endpoint, account and Beijing day; None: no limit."""

    per_endpoint: int | None = None
    by_name: Mapping[str, int] = field(default_factory=dict)

    def of(self, endpoint: str) -> int | None:
        """The limit of an endpoint."""
        return self.by_name.get(endpoint, self.per_endpoint)


@dataclass(slots=True)
class WarehouseAskLog:
    """Logs the attempts of a client in the warehouse, and limits and counts them."""

    warehouse: Warehouse
    appid: str
    clock: Clock
    sender: str
    """Who sends them: sync, fetch, …"""
    budgets: Budgets = Budgets()
    origin: Origin = Origin.WECHAT
    executor: Executor | None = None
    """Where the database is written, so that waiting for it does not block the calls."""
    attempts: int = 0
    """Attempts that were begun."""

    async def begin(
        self, endpoint: Endpoint[Any], window: Window, params: Mapping[str, object]
    ) -> int:
        """Log an attempt before it is sent, and return its number.

        Raises:  BudgetError if no calls of the endpoint are left today; WarehouseError.
        """
        begin = partial(
            self.warehouse.begin_ask,
            self.appid,
            self.origin,
            endpoint,
            window,
            self.clock.now(),
            params=params,
            sender=self.sender,
            limit=self.budgets.of(endpoint.name),
        )
        ask = await self._write(begin)
        self.attempts += 1
        return ask

    async def fail(
        self,
        ask: int,
        endpoint: Endpoint[Any],
        window: Window,
        params: Mapping[str, object],
        error: WxcubeError,
    ) -> None:
        """Log the error of an attempt, and change the states of its days.

        Raises:  WarehouseError.
        """
        record = partial(
            self.warehouse.record_error,
            self.appid,
            self.origin,
            endpoint,
            window,
            error,
            self.clock.now(),
            params=params,
            ask=ask,
        )
        await self._write(record)

    async def _write(self, write: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, write)
