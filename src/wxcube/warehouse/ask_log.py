"""The warehouse as a log of asks for a client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import WxcubeError
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.writer import Write, Writer

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
    writer: Writer | None = None
    """Where writes of concurrent calls meet; without one, each is made on a thread."""
    attempts: int = 0
    """Attempts that were begun."""

    async def begin(
        self, endpoint: Endpoint[Any], window: Window, params: Mapping[str, object]
    ) -> int:
        """Log an attempt before it is sent, and return its number.

        Raises:  BudgetError if no calls of the endpoint are left today; WarehouseError.
        """
        asked_at, limit = self.clock.now(), self.budgets.of(endpoint.name)
        ask = await self._write(
            lambda warehouse: warehouse.begin_ask(
                self.appid,
                self.origin,
                endpoint,
                window,
                asked_at,
                params=params,
                sender=self.sender,
                limit=limit,
            )
        )
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
        asked_at = self.clock.now()
        await self._write(
            lambda warehouse: warehouse.record_error(
                self.appid,
                self.origin,
                endpoint,
                window,
                error,
                asked_at,
                params=params,
                ask=ask,
            )
        )

    async def _write(self, write: Write[T]) -> T:
        if self.writer:
            return await self.writer.write(write)
        return await asyncio.to_thread(write, self.warehouse)
