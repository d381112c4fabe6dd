"""Clients of the accounts in the settings, and the days that a sync requests for them."""

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
from wxcube.i18n import _
from wxcube.settings import AccountSettings, Secret, SyncSettings, account_proxy, secret
from wxcube.warehouse.sync.wanted import WantedDays
from wxcube.wechat.client import AsyncClient, CallEvent
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
"""Days that a sync requests for an account without `since`."""


class _CallLog:
    """Log of the calls of an account; unknown columns and codes and missing columns: once each."""

    def __init__(self, appid: str) -> None:
        self._appid = appid
        self._logged: set[tuple[str, str]] = set()

    def __call__(self, event: CallEvent) -> None:
        log = structlog.get_logger().bind(appid=self._appid, endpoint=event.endpoint)
        log.debug(
            "window.fetched" if event.errcode == 0 else "window.failed",
            begin_date=event.window.first,
            end_date=event.window.last,
            attempt=event.attempt,
            errcode=event.errcode,
            rows=event.rows,
            elapsed_ms=round(event.elapsed_ms),
        )
        if event.dropped_rows:
            log.info("window.rows_dropped", rows=event.dropped_rows)
        if event.unreadable:
            log.warning(
                "window.rows_unreadable",
                begin_date=event.window.first,
                end_date=event.window.last,
                rows=len(event.unreadable),
                position=event.unreadable[0].position,
                reason=str(event.unreadable[0].reason),
            )
        self._warn("contract.unknown_column", event.endpoint, event.unknown_columns)
        self._warn("contract.unknown_code", event.endpoint, event.unknown_codes)
        self._warn("contract.missing_column", event.endpoint, event.missing_columns)

    def _warn(self, event: str, endpoint: str, names: Iterable[str]) -> None:
        for name in sorted(names):
            if (endpoint, name) not in self._logged:
                self._logged.add((endpoint, name))
                structlog.get_logger().warning(
                    event, appid=self._appid, endpoint=endpoint, name=name
                )


@asynccontextmanager
async def account_client(
    account: AccountSettings, sync: SyncSettings, clock: Clock
) -> AsyncIterator[AsyncClient]:
    """A client for an account, with the token source of its settings.

    Raises:  SettingsError if a secret or token setting is missing.
    """
    transport = HttpTransport(
        account.base_url,
        timeout_seconds=sync.timeout_seconds,
        proxy=account_proxy(account, sync, account.base_url),
        allow_http=account.allow_http,
    )
    token = token_source(account, sync, transport, clock, os.environ)
    try:
        yield AsyncClient(
            account.appid,
            token=token,
            transport=transport,
            clock=clock,
            retries=Retries(sync.attempts, sync.retry_pause_seconds),
            concurrency=sync.concurrency,
            on_event=_CallLog(account.appid),
        )
    finally:
        await transport.close()


@asynccontextmanager
async def account_clients(
    accounts: Iterable[AccountSettings], sync: SyncSettings, clock: Clock
) -> AsyncIterator[dict[str, AsyncClient]]:
    """Clients of accounts, by appid."""
    async with AsyncExitStack() as stack:
        yield {
            account.appid: await stack.enter_async_context(account_client(account, sync, clock))
            for account in accounts
        }


def token_source(
    account: AccountSettings,
    sync: SyncSettings,
    transport: HttpTransport,
    clock: Clock,
    environment: Mapping[str, str],
) -> TokenSource:
    """The source of the account's token.

    Raises:  SettingsError if a secret or token setting is missing.
    """
    match account.token:
        case "stable":
            text = secret(account, environment).reveal()
            return StableToken(account.appid, text, transport, clock=clock)
        case "classic":
            text = secret(account, environment).reveal()
            return ClassicToken(account.appid, text, transport, clock=clock)
        case "url":
            url = _required(account, "token_url", account.token_url)
            proxy = account_proxy(account, sync, url, environment)
            return UrlToken(url, clock=clock, proxy=proxy, allow_http=account.allow_http)
        case "command":
            _required(account, "token_command", " ".join(account.token_command))
            return CommandToken(account.token_command, clock=clock)
        case "fixed":
            return FixedToken(_fixed(account, environment).reveal())


def wanted_days(
    account: AccountSettings,
    sync: SyncSettings,
    now: datetime,
    *,
    only: Iterable[str] = (),
    first: date | None = None,
    last: date | None = None,
) -> list[WantedDays]:
    """The days and endpoints to request for an account.

    The arguments take precedence over the account's settings, and these over `[sync]`.

    Raises:  WindowError if the first day is not over yet; UnknownEndpointError for a wrong name.
    """
    newest = beijing.yesterday(now)
    first = first or account.since or sync.since or newest - timedelta(days=DEFAULT_DAYS - 1)
    if first > newest:
        raise WindowError(
            _("the first day, {first}, is not over yet", first=first),
            hint=_("begin at {newest} (yesterday in Beijing) or earlier", newest=newest),
        )
    window = Window(first, min(last or newest, newest))
    endpoints = contract.select(list(only) or account.endpoints)
    return [
        _without_cards(account, window, endpoints),
        *_by_card(account, window, endpoints),
    ]


def needs_card(endpoint: Endpoint[Any]) -> bool:
    """Whether an endpoint needs a call for each card."""
    return any(p.name == "card_id" and p.required for p in endpoint.params)


def includes_retired(account: AccountSettings, sync: SyncSettings) -> bool:
    """Whether a sync requests retired endpoints for an account too."""
    own = account.include_retired
    return sync.include_retired if own is None else own


def _without_cards(
    account: AccountSettings, window: Window, endpoints: Iterable[Endpoint[Any]]
) -> WantedDays:
    chosen = [e for e in endpoints if not (account.cards and needs_card(e))]
    from_settings = {
        e.name: {"cond_source": account.cond_source}
        for e in chosen
        if any(p.name == "cond_source" for p in e.params)
    }
    return WantedDays(account.appid, window, chosen, from_settings)


def _by_card(
    account: AccountSettings, window: Window, endpoints: Iterable[Endpoint[Any]]
) -> list[WantedDays]:
    return [
        WantedDays(account.appid, window, [e], {e.name: {"card_id": card}})
        for e in endpoints
        if needs_card(e)
        for card in account.cards
    ]


def _required(account: AccountSettings, name: str, value: str) -> str:
    if not value:
        raise SettingsError(
            _(
                'account {account} has token = "{token}" but no {setting}',
                account=account.title,
                token=account.token,
                setting=name,
            ),
            hint=_("add {setting} to its section of the settings", setting=name),
        )
    return value


def _fixed(account: AccountSettings, environment: Mapping[str, str]) -> Secret:
    variable = _required(account, "token_env", account.token_env)
    if not environment.get(variable):
        raise SettingsError(
            _("the token of account {account} is missing", account=account.title),
            hint=_("set the environment variable {variable}", variable=variable),
        )
    return Secret(environment[variable].strip())
