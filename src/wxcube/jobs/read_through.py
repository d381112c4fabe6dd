"""Days that a server's callers ask for and the database lacks: asked of WeChat, and stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.jobs.accounts import account_client
from wxcube.jobs.window_lease import lease_name, leased
from wxcube.settings import Settings
from wxcube.warehouse.ask_log import Budgets, WarehouseAskLog
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.writer import Writer
from wxcube.wechat.client import AsyncClient

_UNANSWERED = frozenset({State.NEVER, State.REFUSED, State.FAILED})


@dataclass(slots=True)
class _Source:
    """An open client, and the settings that it was opened with."""

    settings: Settings
    client: AsyncClient
    stack: AsyncExitStack
    loads: int = 0
    """Loads that use it."""
    is_old: bool = False
    """Whether there is a newer one."""


class SettingsReadThrough:
    """Asks WeChat with the accounts of the settings, within their budgets, on one event loop.

    `settings` gives those that hold now: an account is opened anew when they were read again.
    """

    def __init__(
        self, settings: Callable[[], Settings], warehouse: Warehouse, clock: Clock
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._clock = clock
        self._sources: dict[str, _Source] = {}
        self._opening = asyncio.Lock()
        self._writer = Writer(warehouse)

    async def load(
        self,
        account: str,
        endpoint: Endpoint[Any],
        days: Sequence[date],
        params: Mapping[str, object],
    ) -> None:
        """Ask for days in as few calls as possible, newest first, and store each answer.

        Raises:  SettingsError if the settings do not have the account; BudgetError, ReplyError,
            TransportError or ShapeError of the first call that fails; WarehouseError.
        """
        name = lease_name(account, endpoint, days, params)
        async with self._opened(account) as source, leased(self._writer, name) as has_waited:
            if has_waited:
                days = await self._missing(source, account, endpoint, days, params)
            for window in endpoint.calls(days):
                await self._load(source, account, endpoint, window, params)

    async def _missing(
        self,
        source: _Source,
        account: str,
        endpoint: Endpoint[Any],
        days: Sequence[date],
        params: Mapping[str, object],
    ) -> list[date]:
        """The days for which another process got no answer."""
        entries = await self._writer.write(
            lambda warehouse: warehouse.coverage(
                account,
                endpoint,
                source.client.origin,
                params=params,
                window=Window(min(days), max(days)),
            )
        )
        return [one for one in days if one not in entries or entries[one].state in _UNANSWERED]

    async def _load(
        self,
        source: _Source,
        account: str,
        endpoint: Endpoint[Any],
        window: Window,
        params: Mapping[str, object],
    ) -> None:
        client = source.client
        budgets = Budgets(source.settings.sync.daily_calls_per_endpoint)
        log = WarehouseAskLog(
            self._warehouse, account, self._clock, "serve", budgets, client.origin, self._writer
        )
        answer = await client.ask(endpoint, window, params, log)
        await self._writer.write(
            lambda warehouse: warehouse.replace(account, client.origin, answer, params)
        )

    async def close(self) -> None:
        """Close the connections to WeChat."""
        for source in self._sources.values():
            await source.stack.aclose()
        self._writer.close()

    @asynccontextmanager
    async def _opened(self, appid: str) -> AsyncIterator[_Source]:
        settings = self._settings()
        async with self._opening:
            source = self._sources.get(appid)
            if source is None or source.settings is not settings:
                source = await self._open(appid, settings, source)
        source.loads += 1
        try:
            yield source
        finally:
            source.loads -= 1
            await _close_if_done(source)

    async def _open(self, appid: str, settings: Settings, before: _Source | None) -> _Source:
        account = next((one for one in settings.accounts if one.appid == appid), None)
        if account is None:
            raise SettingsError(
                _("the settings have no account {account!r}", account=appid),
                hint=_("add it to wxcube.toml, or serve its stored days only"),
            )
        stack = AsyncExitStack()
        opened = account_client(account, settings.sync, self._clock)
        client = await stack.enter_async_context(opened)
        source = self._sources[appid] = _Source(settings, client, stack)
        if before:
            before.is_old = True
            await _close_if_done(before)
        return source


async def _close_if_done(source: _Source) -> None:
    if source.is_old and not source.loads:
        await source.stack.aclose()
