"""Days that a server's callers ask for and the database lacks: asked of WeChat, and stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint
from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.jobs.accounts import account_client
from wxcube.settings import AccountSettings, Settings
from wxcube.warehouse.ask_log import Budgets, WarehouseAskLog
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.writer import Writer
from wxcube.wechat.client import AsyncClient


class SettingsReadThrough:
    """Asks WeChat with the accounts of the settings, within their budgets, on one event loop."""

    def __init__(self, settings: Settings, warehouse: Warehouse, clock: Clock) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._clock = clock
        self._accounts = {account.appid: account for account in settings.accounts}
        self._budgets = Budgets(settings.sync.daily_calls_per_endpoint)
        self._clients: dict[str, AsyncClient] = {}
        self._stack = AsyncExitStack()
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
        client = await self._client(self._account(account))
        for window in endpoint.calls(days):
            log = WarehouseAskLog(
                self._warehouse,
                account,
                self._clock,
                "serve",
                self._budgets,
                client.origin,
                self._writer,
            )
            answer = await client.ask(endpoint, window, params, log)
            await self._writer.write(
                lambda warehouse, answer=answer: warehouse.replace(  # type: ignore[misc]
                    account, client.origin, answer, params
                )
            )

    async def close(self) -> None:
        """Close the connections to WeChat."""
        await self._stack.aclose()
        self._writer.close()

    def _account(self, appid: str) -> AccountSettings:
        if appid not in self._accounts:
            raise SettingsError(
                _("the settings have no account {account!r}", account=appid),
                hint=_("add it to wxcube.toml, or serve its stored days only"),
            )
        return self._accounts[appid]

    async def _client(self, account: AccountSettings) -> AsyncClient:
        async with self._opening:
            if account.appid not in self._clients:
                opened = account_client(account, self._settings.sync, self._clock)
                self._clients[account.appid] = await self._stack.enter_async_context(opened)
        return self._clients[account.appid]
