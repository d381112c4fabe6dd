"""WeChat's tokens of the accounts in the settings, for a server that hands them on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from wxcube.beijing import Clock
from wxcube.errors import TransportError
from wxcube.i18n import _
from wxcube.jobs.accounts import token_source
from wxcube.server.wechat_tokens import GivenToken
from wxcube.settings import AccountSettings, Settings, SyncSettings, account_proxy
from wxcube.wechat.loop_thread import LoopThread
from wxcube.wechat.token import CACHE_SECONDS, TokenSource
from wxcube.wechat.transport import HttpTransport

LONGEST_SECONDS = 15.0
"""How long a caller waits for WeChat."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What gives an account's tokens, and the settings that it was made of."""

    account: AccountSettings
    sync: SyncSettings
    tokens: TokenSource
    transport: HttpTransport


class AccountTokens:
    """The current tokens of accounts, each requested once however many callers ask for it.

    `load` gives the settings that hold now: if those of an account, or of all calls, changed, it
    gets a new source.
    """

    def __init__(self, load: Callable[[], Settings], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._loop = LoopThread(self._close_all)
        self._sources: dict[str, _Source] = {}

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
        if known and (known.account, known.sync) == (account, settings.sync):
            return known.tokens
        proxy = account_proxy(account, settings.sync, account.base_url)
        transport = HttpTransport(
            account.base_url,
            timeout_seconds=settings.sync.timeout_seconds,
            proxy=proxy,
            allow_http=account.allow_http,
        )
        tokens = token_source(account, settings.sync, transport, self._clock, os.environ)
        self._sources[account.appid] = _Source(account, settings.sync, tokens, transport)
        if known:
            await known.transport.close()
        return tokens

    async def _close_all(self) -> None:
        for source in self._sources.values():
            await source.transport.close()
        self._sources.clear()
