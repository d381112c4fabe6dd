"""Adding an account: its credentials are tried, its rights found, and its settings written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from wxcube import beijing, contract
from wxcube.beijing import Clock
from wxcube.contract.codes import PERMISSION_SETS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.errors import AccessError, NotReadyError, SettingsError
from wxcube.i18n import Meaning, Message, _
from wxcube.jobs.accounts import account_client, needs_card
from wxcube.settings import AccountSettings, Settings, load, write_private_file
from wxcube.settings.template import secret_file_section
from wxcube.warehouse.ask_log import Budgets, WarehouseAskLog
from wxcube.warehouse.store import Warehouse


@dataclass(frozen=True, slots=True)
class Right:
    """Whether an account may use the endpoints of a permission set."""

    name: Meaning
    endpoints: tuple[str, ...]
    is_granted: bool
    reason: Message | None = None
    """Why nothing was answered."""


@dataclass(frozen=True, slots=True)
class AccountSetup:
    """Adds accounts to a settings file."""

    file: Path
    warehouse: Warehouse
    clock: Clock

    def settings(self) -> Settings:
        """The settings as the file has them now."""
        return load(self.file)

    async def add(self, appid: str, secret: str, name: str, base_url: str) -> list[Right]:
        """Add an account whose credentials work at a server, and return its rights.

        Raises:  SettingsError for an AppID or name that cannot be used; another WxcubeError if
            WeChat does not accept the credentials. Nothing is written then.
        """
        account = self._new_account(appid, name, base_url)
        file = self.file.with_name(f"{appid}.secret")
        if file.exists():
            raise SettingsError(
                _("the secret file {path} already exists", path=file),
                hint=_("remove it, or add the account to {path} by hand", path=self.file),
            )
        _write_secret(file, secret)
        try:
            account = msgspec.structs.replace(account, secret_file=str(file))
            rights = [right async for right in self._rights(account)]
        except BaseException:
            file.unlink()
            raise
        with self.file.open("a", encoding="utf-8") as settings:
            section = secret_file_section(appid, name, str(file), base_url)
            settings.write(f"\n{section}")
        return rights

    def _new_account(self, appid: str, name: str, base_url: str) -> AccountSettings:
        try:
            account = msgspec.convert(
                {"appid": appid, "name": name, "base_url": base_url}, AccountSettings
            )
        except msgspec.ValidationError:
            raise SettingsError(
                _("{appid!r} is not an AppID", appid=appid),
                hint=_("copy it from mp.weixin.qq.com, it looks like wx0123456789abcdef"),
            ) from None
        taken = {known for one in self.settings().accounts for known in (one.appid, one.name)}
        for used in {appid, name} & taken - {""}:
            raise SettingsError(
                _("there is already an account {account!r} in the settings", account=used),
                hint=_("choose another name, or edit {path}", path=self.file),
            )
        return account

    async def _rights(self, account: AccountSettings) -> AsyncIterator[Right]:
        """Ask one endpoint of each permission set for the latest day.

        Raises:  WxcubeError if the credentials do not work.
        """
        sync, day = self.settings().sync, beijing.latest_ready_day(self.clock.now())
        log = WarehouseAskLog(
            self.warehouse,
            account.appid,
            self.clock,
            "setup",
            Budgets(sync.daily_calls_per_endpoint),
        )
        async with account_client(account, sync, self.clock) as client:
            for number, endpoint in _probes():
                reason = None
                params = _params(account, endpoint)
                try:
                    answer = await client.ask(endpoint, Window(day, day), params, log=log)
                    self.warehouse.replace(account.appid, Origin.WECHAT, answer, params)
                except AccessError as error:
                    reason = error.as_message()
                except NotReadyError:
                    # WeChat knows the account and has no figures of the day yet
                    pass
                names = [e.name for e in contract.ENDPOINTS if e.permission_set == number]
                meaning = PERMISSION_SETS[number]
                yield Right(Meaning(meaning.en, meaning.zh), tuple(names), reason is None, reason)


def _probes() -> Iterator[tuple[int, Endpoint[Any]]]:
    """For each permission set an endpoint that needs nothing but one day and the settings."""
    found: set[int] = set()
    for endpoint in contract.ENDPOINTS:
        needs_more = endpoint.has_labels or needs_card(endpoint)
        if endpoint.permission_set in found or endpoint.is_retired or needs_more:
            continue
        found.add(endpoint.permission_set)
        yield endpoint.permission_set, endpoint


def _params(account: AccountSettings, endpoint: Endpoint[Any]) -> dict[str, object]:
    names = {param.name for param in endpoint.params}
    return {"cond_source": account.cond_source} if "cond_source" in names else {}


def _write_secret(path: Path, secret: str) -> None:
    """Write a file that only its owner can read."""
    if not secret.strip():
        raise SettingsError(
            _("the AppSecret is empty"),
            hint=_("copy it from mp.weixin.qq.com, under Settings and Development"),
        )
    write_private_file(path, f"{secret.strip()}\n")
