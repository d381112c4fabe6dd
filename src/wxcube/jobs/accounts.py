"""The accounts of the settings at work: their clients, and the days they want."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from wxcube import beijing, contract
from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import SettingsError, WindowError
from wxcube.settings import AccountSettings, Secret, SyncSettings, secret
from wxcube.warehouse.coverage import DayState
from wxcube.warehouse.sync.plan import Wanted
from wxcube.wechat.client import AsyncClient, Called
from wxcube.wechat.retry import Retries
from wxcube.wechat.token import (
    ClassicToken,
    CommandToken,
    FixedToken,
    StableToken,
    TokenSource,
    UrlToken,
)
from wxcube.wechat.transport import HttpTransport

DEFAULT_DAYS = 90
"""Days fetched of an account whose settings name no first day."""


class _Log:
    """Logs the calls of an account; columns and codes the contract does not know are told once."""

    def __init__(self, appid: str) -> None:
        self._appid = appid
        self._known: set[tuple[str, str]] = set()

    def __call__(self, called: Called) -> None:
        log = structlog.get_logger().bind(appid=self._appid, endpoint=called.endpoint)
        log.debug(
            "window.fetched" if called.errcode == 0 else "window.failed",
            begin_date=called.window.first,
            end_date=called.window.last,
            attempt=called.attempt,
            errcode=called.errcode,
            rows=called.rows,
            elapsed_ms=round(called.elapsed_ms),
        )
        if called.dropped_rows:
            log.info("window.rows_dropped", rows=called.dropped_rows)
        self._report("contract.unknown_column", called.endpoint, called.unknown_columns)
        self._report("contract.unknown_code", called.endpoint, called.unknown_codes)

    def _report(self, event: str, endpoint: str, names: Iterable[str]) -> None:
        for name in sorted(names):
            if (endpoint, name) not in self._known:
                self._known.add((endpoint, name))
                structlog.get_logger().warning(
                    event, appid=self._appid, endpoint=endpoint, name=name
                )


@asynccontextmanager
async def source(
    account: AccountSettings, sync: SyncSettings, clock: Clock
) -> AsyncIterator[AsyncClient]:
    """A client for an account, with the token its settings name.

    Raises:  SettingsError if a secret or token setting is missing.
    """
    transport = HttpTransport(account.base_url, timeout_seconds=sync.timeout_seconds)
    token = token_source(account, transport, clock, os.environ)
    try:
        yield AsyncClient(
            account.appid,
            token=token,
            transport=transport,
            clock=clock,
            retries=Retries(sync.attempts, sync.retry_pause_seconds),
            concurrency=sync.concurrency,
            on_event=_Log(account.appid),
        )
    finally:
        await transport.close()


@asynccontextmanager
async def sources(
    accounts: Iterable[AccountSettings], sync: SyncSettings, clock: Clock
) -> AsyncIterator[dict[str, AsyncClient]]:
    """A client for each account, by appid."""
    async with AsyncExitStack() as stack:
        yield {
            account.appid: await stack.enter_async_context(source(account, sync, clock))
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


def nothing_known(
    appid: str,  # noqa: ARG001 - the shape of a ledger
    endpoint: Endpoint[Any],  # noqa: ARG001 - likewise
    *,
    params: Mapping[str, object] | None = None,  # noqa: ARG001 - likewise
) -> dict[date, DayState]:
    """The ledger of a warehouse in which nothing is yet."""
    return {}


def needs_card(endpoint: Endpoint[Any]) -> bool:
    """Whether an endpoint is asked card by card."""
    return any(p.name == "card_id" and p.required for p in endpoint.params)


def includes_retired(account: AccountSettings, sync: SyncSettings) -> bool:
    """Whether the retired calls of an account are to be asked too."""
    mine = account.include_retired
    return sync.include_retired if mine is None else mine


def _plain(account: AccountSettings, window: Window, endpoints: Iterable[Endpoint[Any]]) -> Wanted:
    chosen = [e for e in endpoints if not (account.cards and needs_card(e))]
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
        if needs_card(e)
        for card in account.cards
    ]


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
