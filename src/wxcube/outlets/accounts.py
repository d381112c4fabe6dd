"""The accounts of the settings at work: their clients, and the days they want."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

from wxcube import beijing, contract
from wxcube.beijing import Clock, SystemClock
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import SettingsError, WindowError
from wxcube.settings import AccountSettings, Secret, SyncSettings, secret
from wxcube.sources.client import AsyncClient
from wxcube.sources.token import (
    ClassicToken,
    CommandToken,
    FixedToken,
    StableToken,
    TokenSource,
    UrlToken,
)
from wxcube.sources.transport import HttpTransport
from wxcube.warehouse.plan import Wanted

DEFAULT_DAYS = 90
"""Days fetched of an account whose settings name no first day."""


@asynccontextmanager
async def source(
    account: AccountSettings, sync: SyncSettings, *, clock: Clock | None = None
) -> AsyncIterator[AsyncClient]:
    """A client for an account, with the token its settings name.

    Raises:  SettingsError if a secret or token setting is missing.
    """
    clock = clock or SystemClock()
    transport = HttpTransport(account.base_url, timeout_seconds=sync.timeout_seconds)
    token = token_source(account, transport, clock, os.environ)
    try:
        yield AsyncClient(
            account.appid,
            token=token,
            transport=transport,
            clock=clock,
            concurrency=sync.concurrency,
        )
    finally:
        await transport.close()


@asynccontextmanager
async def sources(
    accounts: Iterable[AccountSettings], sync: SyncSettings, *, clock: Clock | None = None
) -> AsyncIterator[dict[str, AsyncClient]]:
    """A client for each account, by appid."""
    async with AsyncExitStack() as stack:
        yield {
            account.appid: await stack.enter_async_context(source(account, sync, clock=clock))
            for account in accounts
        }


def token_source(
    account: AccountSettings,
    transport: HttpTransport,
    clock: Clock,
    environment: Mapping[str, str],
) -> TokenSource:
    """Where the account's token comes from."""
    match account.token:
        case "stable":
            text = secret(account, environment).reveal()
            return StableToken(account.appid, text, transport, clock=clock)
        case "classic":
            text = secret(account, environment).reveal()
            return ClassicToken(account.appid, text, transport, clock=clock)
        case "url":
            return UrlToken(_needed(account, "token_url", account.token_url), clock=clock)
        case "command":
            _needed(account, "token_command", " ".join(account.token_command))
            return CommandToken(account.token_command, clock=clock)
        case "fixed":
            return FixedToken(_fixed(account, environment).reveal())


def wanted(
    account: AccountSettings,
    sync: SyncSettings,
    now: datetime,
    *,
    only: Iterable[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> list[Wanted]:
    """The days and endpoints an account wants: flags over its settings over those of all.

    Raises:  WindowError if the first day is not over yet; UnknownEndpointError for a wrong name.
    """
    newest = beijing.yesterday(now)
    first = first or account.since or sync.since or newest - timedelta(days=DEFAULT_DAYS - 1)
    if first > newest:
        raise WindowError(
            f"the first day wanted, {first}, is not over yet",
            hint=f"begin at {newest} (yesterday in Beijing) or earlier",
        )
    window = Window(first, min(last or newest, newest))
    endpoints = contract.select(list(only) or account.endpoints)
    return [_plain(account, window, endpoints), *_cards(account, window, endpoints)]


def includes_retired(account: AccountSettings, sync: SyncSettings) -> bool:
    """Whether the retired calls of an account are to be asked too."""
    mine = account.include_retired
    return sync.include_retired if mine is None else mine


def _plain(account: AccountSettings, window: Window, endpoints: Iterable[Endpoint[Any]]) -> Wanted:
    chosen = [e for e in endpoints if not (account.cards and _needs_card(e))]
    from_settings = {
        e.name: {"cond_source": account.cond_source}
        for e in chosen
        if any(p.name == "cond_source" for p in e.params)
    }
    return Wanted(account.appid, window, chosen, from_settings)


def _cards(
    account: AccountSettings, window: Window, endpoints: Iterable[Endpoint[Any]]
) -> list[Wanted]:
    return [
        Wanted(account.appid, window, [e], {e.name: {"card_id": card}})
        for e in endpoints
        if _needs_card(e)
        for card in account.cards
    ]


def _needs_card(endpoint: Endpoint[Any]) -> bool:
    return any(p.name == "card_id" and p.required for p in endpoint.params)


def _needed(account: AccountSettings, name: str, value: str) -> str:
    if not value:
        raise SettingsError(
            f'account {account.title} has token = "{account.token}" but no {name}',
            hint=f"give {name} in its section",
        )
    return value


def _fixed(account: AccountSettings, environment: Mapping[str, str]) -> Secret:
    variable = _needed(account, "token_env", account.token_env)
    if not environment.get(variable):
        raise SettingsError(
            f"the token of account {account.title} is not there",
            hint=f"put it into the environment variable {variable}",
        )
    return Secret(environment[variable].strip())
