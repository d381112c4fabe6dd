"""WeChat's tokens of the accounts in the settings, for a server that hands them on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime

from wxcube.beijing import Clock
from wxcube.errors import TransportError
from wxcube.i18n import _
from wxcube.jobs.accounts import token_source
from wxcube.server.wechat_tokens import GivenToken
from wxcube.settings import AccountSettings, Settings, account_proxy
from wxcube.wechat.loop_thread import LoopThread
from wxcube.wechat.token import CACHE_SECONDS, TokenSource
from wxcube.wechat.transport import HttpTransport

LONGEST_SECONDS = 15.0
"""How long a caller waits for WeChat."""


class AccountTokens:
    """The current tokens of accounts, each requested once however many callers ask for it.

    `load` gives the settings that hold now: an account whose settings changed gets a new source.
    """

    def __init__(self, load: Callable[[], Settings], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._loop = LoopThread(self._close_all)
        self._sources: dict[str, tuple[AccountSettings, TokenSource, HttpTransport]] = {}

    def token(self, account: str, refused: str) -> GivenToken | None:
        """The token of an account, another one than `refused`; None without such an account.

        Raises:  SettingsError, CredentialError, BusyError, TransportError or ShapeError.
        """
        settings = self._load()
        one = next((one for one in settings.accounts if one.appid == account), None)
        return self._loop.run(self._token(one, settings, refused)) if one else None

    def close(self) -> None:
        """Close all connections."""
        self._loop.close()

    async def _token(
        self, account: AccountSettings, settings: Settings, refused: str
    ) -> GivenToken:
        source = await self._source(account, settings)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                token = await source.token()
                if token == refused:
                    token = await source.renew(refused)
        except TimeoutError:
            raise TransportError(
                _("WeChat gave no token within {seconds:g} s", seconds=LONGEST_SECONDS)
            ) from None
        ends_at: datetime | None = getattr(source, "ends_at", None)
        if ends_at is None:
            return GivenToken(token, CACHE_SECONDS)
        return GivenToken(token, max(int((ends_at - self._clock.now()).total_seconds()), 0))

    async def _source(self, account: AccountSettings, settings: Settings) -> TokenSource:
        known = self._sources.get(account.appid)
        if known and known[0] == account:
            return known[1]
        proxy = account_proxy(account, settings.sync, account.base_url)
        transport = HttpTransport(
            account.base_url,
            timeout_seconds=settings.sync.timeout_seconds,
            proxy=proxy,
            allow_http=account.allow_http,
        )
        source = token_source(account, settings.sync, transport, self._clock, os.environ)
        self._sources[account.appid] = (account, source, transport)
        if known:
            await known[2].close()
        return source

    async def _close_all(self) -> None:
        for _account, _source, transport in self._sources.values():
            await transport.close()
        self._sources.clear()
