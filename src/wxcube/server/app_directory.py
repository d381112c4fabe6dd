"""The apps that may call the server, in memory: those of the apps file and of the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from wxcube.server.apps import LocalApp
from wxcube.server.backend import App
from wxcube.server.secret_hash import hash_of
from wxcube.warehouse.app_store import StoredApp


class AppDirectory:
    """Apps by appid. An app of the database, revoked or not, hides one of the file."""

    def __init__(self, local: Iterable[LocalApp] = ()) -> None:
        self._local: dict[str, App] = {}
        self._secrets: dict[str, int] = {}
        """The numbers of their secrets."""
        self._stored: dict[str, StoredApp] = {}
        self._apps: dict[str, App] = {}
        self.set_local(local)

    def app(self, appid: str) -> App | None:
        """The app with this appid that may call now."""
        return self._apps.get(appid)

    def __len__(self) -> int:
        return len(self._apps)

    def generations(self) -> dict[str, int]:
        """The number of the secret of each app that may call now."""
        stored = {appid: app.generation for appid, app in self._stored.items()}
        return {appid: stored.get(appid, self._secrets.get(appid, 0)) for appid in self._apps}

    def set_local(self, local: Iterable[LocalApp]) -> None:
        """Replace the apps of the file."""
        apps = list(local)
        self._local = {one.appid: app_of_file(one) for one in apps}
        self._secrets = {one.appid: one.generation for one in apps}
        self._merge()

    def update(self, changed: Iterable[StoredApp], *, are_all: bool = False) -> None:
        """Take in apps of the database that are new or changed; or all that there are."""
        before = {} if are_all else self._stored
        self._stored = before | {app.appid: app for app in changed}
        self._merge()

    def _merge(self) -> None:
        stored = {app.appid: _of_database(app) for app in self._stored.values()}
        apps = {**self._local, **stored}
        # replaced at once: other threads read it meanwhile
        self._apps = {appid: app for appid, app in apps.items() if app is not None}


def networks(addresses: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and networks as networks.

    Raises:  ValueError for anything else.

    >>> networks(["192.0.2.1", "2001:db8::/32"])
    (IPv4Network('192.0.2.1/32'), IPv6Network('2001:db8::/32'))
    """
    return tuple(ip_network(one, strict=False) for one in addresses)


def app_of_file(local: LocalApp) -> App:
    """An app of the apps file."""
    return App(
        appid=local.appid,
        secret_hash=hash_of(local.secret),
        account=local.account,
        permission_sets=frozenset(local.permission_sets),
        daily_limit=local.daily_limit,
        minute_limit=local.minute_limit,
        networks=networks(local.addresses),
        is_platform=local.is_platform,
        gets_wechat_token=local.gets_wechat_token,
    )


def _of_database(app: StoredApp) -> App | None:
    if app.revoked_at:
        return None
    return App(
        appid=app.appid,
        secret_hash=app.secret_hash,
        account=app.account,
        permission_sets=frozenset(app.permission_sets),
        daily_limit=app.daily_limit,
        minute_limit=app.minute_limit,
        networks=networks(app.addresses),
        is_platform=app.is_platform,
        gets_wechat_token=app.gets_wechat_token,
    )


def accounts_of(stored: Mapping[str, StoredApp]) -> set[str]:
    """The accounts that have an app in the database, revoked or not."""
    return {app.account for app in stored.values()}
