"""Clients for the accounts of the settings, and what each of them wants."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wxcube.beijing import Clock, SystemClock
from wxcube.errors import SettingsError
from wxcube.settings import AccountSettings, Secret, SyncSettings, secret
from wxcube.sources.client import AsyncClient
from wxcube.sources.token import ClassicToken, CommandToken, FixedToken, StableToken, UrlToken

if TYPE_CHECKING:
    from wxcube.sources.token import TokenSource


def source(
    account: AccountSettings, sync: SyncSettings, *, clock: Clock | None = None
) -> AsyncClient:
    """A client for an account, with the token its settings name.

    Raises:  SettingsError if a secret or token setting is missing.
    """
    return AsyncClient(
        account.appid,
        base_url=account.base_url,
        token=token_source(account, os.environ),
        clock=clock or SystemClock(),
        timeout_seconds=sync.timeout_seconds,
    )


def token_source(account: AccountSettings, environment: Mapping[str, str]) -> TokenSource:
    """Where the account's token comes from."""
    match account.token:
        case "stable":
            return StableToken(account.appid, secret(account, environment).reveal())
        case "classic":
            return ClassicToken(account.appid, secret(account, environment).reveal())
        case "url":
            return UrlToken(_needed(account, "token_url", account.token_url))
        case "command":
            _needed(account, "token_command", " ".join(account.token_command))
            return CommandToken(account.token_command)
        case "fixed":
            return FixedToken(_fixed(account, environment).reveal())


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
