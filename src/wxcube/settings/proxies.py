"""Forward proxies, from the settings or from HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.settings.sections import AccountSettings, SyncSettings

_PORTS = {"http": 80, "https": 443}


def account_proxy(
    account: AccountSettings,
    sync: SyncSettings,
    url: str,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The URL of the forward proxy between an account and a server; empty for none.

    The account's own proxy is always used; that of [sync] or of the environment not for servers on
    this machine or in NO_PROXY.

    Raises:  SettingsError if the URL of the proxy is invalid.
    """
    if account.proxy is not None:
        return checked_proxy(account.proxy)
    if sync.proxy is None:
        return environment_proxy(url, environment)
    return "" if _is_direct(url, environment) else checked_proxy(sync.proxy)


def environment_proxy(url: str, environment: Mapping[str, str] | None = None) -> str:
    """The URL of the forward proxy for a server, from HTTPS_PROXY or HTTP_PROXY; empty for none.

    Servers on this machine or in NO_PROXY are called directly.

    Raises:  SettingsError if the URL of the proxy is invalid.
    """
    proxy = _variable(f"{urlsplit(url).scheme}_proxy", environment)
    return checked_proxy(proxy) if proxy and not _is_direct(url, environment) else ""


def checked_proxy(proxy: str) -> str:
    """The URL of a proxy, with http:// if it has no scheme; empty for none.

    Raises:  SettingsError that does not show the URL, which may contain a password.
    """
    url = f"http://{proxy}" if proxy and "://" not in proxy else proxy
    if url and not _is_proxy(url):
        raise SettingsError(
            _("the URL of the proxy is invalid"),
            hint=_("write it like http://user:password@proxy.example.com:3128"),
        )
    return url


def is_loopback(url: str) -> bool:
    """Whether the server of a URL is this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_direct(url: str, environment: Mapping[str, str] | None) -> bool:
    """Whether a server is called without the proxy of [sync] or of the environment."""
    entries = (entry.strip() for entry in _variable("no_proxy", environment).split(","))
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
    return is_loopback(url) or any(_matches(host, port, entry) for entry in entries if entry)


def _matches(host: str, port: int | None, entry: str) -> bool:
    """Whether a server matches an entry of NO_PROXY: a host, a domain, a network or `*`."""
    name, colon, wanted = entry.lower().rpartition(":")
    if colon and wanted.isdecimal() and "]" not in wanted and ":" not in name:
        return port == int(wanted) and _matches(host, None, name)
    domain = entry.lower().removeprefix("*").strip(".[]")
    return entry == "*" or host == domain or host.endswith(f".{domain}") or _is_in(host, entry)


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _variable(name: str, environment: Mapping[str, str] | None) -> str:
    """An environment variable in lower or, failing that, upper case."""
    environment = os.environ if environment is None else environment
    return (environment.get(name) or environment.get(name.upper()) or "").strip()
