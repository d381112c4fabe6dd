"""Forward proxies: settings, environment, NO_PROXY and this machine."""

from __future__ import annotations

import pytest

from wxcube.errors import SettingsError
from wxcube.settings import (
    AccountSettings,
    SyncSettings,
    account_proxy,
    checked_proxy,
    environment_proxy,
    is_loopback,
)

PROXY = "http://proxy.example:3128"
OTHER = "http://other.example:3128"
WECHAT = "https://api.weixin.qq.com"
APPID = "wx0123456789abcdef"
ENVIRONMENT = {"HTTPS_PROXY": PROXY, "HTTP_PROXY": OTHER}


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (WECHAT, {}, ""),
        (WECHAT, ENVIRONMENT, PROXY),
        ("http://api.weixin.qq.com", ENVIRONMENT, OTHER),
        (WECHAT, {"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        (WECHAT, {"HTTP_PROXY": PROXY}, ""),
        (WECHAT, {"HTTPS_PROXY": " proxy.example:3128 "}, PROXY),
        (WECHAT, {"HTTPS_PROXY": ""}, ""),
        ("http://127.0.0.1:8400", ENVIRONMENT, ""),
        ("http://localhost:8400", ENVIRONMENT, ""),
        ("https://[::1]:8400", ENVIRONMENT, ""),
    ],
)
def test_the_proxy_of_the_environment(url: str, environment: dict[str, str], expected: str) -> None:
    assert environment_proxy(url, environment) == expected


@pytest.mark.parametrize(
    ("url", "no_proxy", "is_direct"),
    [
        (WECHAT, "*", True),
        (WECHAT, "api.weixin.qq.com", True),
        (WECHAT, "weixin.qq.com", True),
        (WECHAT, ".weixin.qq.com", True),
        (WECHAT, "*.weixin.qq.com", True),
        (WECHAT, "other.example, API.weixin.QQ.com", True),
        (WECHAT, "api.weixin.qq.com:443", True),
        (WECHAT, "api.weixin.qq.com:80", False),
        (WECHAT, "xin.qq.com", False),
        (WECHAT, "api.weixin.qq.com.other.example", False),
        (WECHAT, ",", False),
        ("https://10.1.2.3:8443", "10.0.0.0/8", True),
        ("https://10.1.2.3:8443", "10.1.2.3:8443", True),
        ("https://10.1.2.3:8443", "10.1.2.4", False),
        ("https://[fd00::1]", "fd00::1", True),
        ("https://[fd00::1]", "fd00::/8", True),
    ],
)
def test_servers_in_no_proxy_are_called_directly(url: str, no_proxy: str, is_direct: bool) -> None:
    environment = ENVIRONMENT | {"NO_PROXY": no_proxy}
    assert environment_proxy(url, environment) == ("" if is_direct else PROXY)


def proxy_of(url: str, account: str | None, sync: str | None, **environment: str) -> str:
    return account_proxy(
        AccountSettings(appid=APPID, proxy=account), SyncSettings(proxy=sync), url, environment
    )


def test_an_accounts_proxy_overrides_sync_and_that_the_environment() -> None:
    assert proxy_of(WECHAT, PROXY, OTHER, HTTPS_PROXY="x:1") == PROXY
    assert proxy_of(WECHAT, None, OTHER, HTTPS_PROXY="x:1") == OTHER
    assert proxy_of(WECHAT, None, None, HTTPS_PROXY="x:1") == "http://x:1"
    assert proxy_of(WECHAT, None, None) == ""


def test_an_empty_proxy_is_none() -> None:
    assert proxy_of(WECHAT, "", OTHER, HTTPS_PROXY="x:1") == ""
    assert proxy_of(WECHAT, None, "", HTTPS_PROXY="x:1") == ""


def test_this_machine_and_no_proxy_are_reached_without_the_proxy_of_sync() -> None:
    assert proxy_of("http://127.0.0.1:8400", None, PROXY) == ""
    assert proxy_of(WECHAT, None, PROXY, NO_PROXY="weixin.qq.com") == ""
    assert proxy_of("http://127.0.0.1:8400", PROXY, None) == PROXY


@pytest.mark.parametrize(
    "url", ["socks5://me:s3cret@proxy.example", "http://", "http://me:s3cret@h:x", "ftp://h"]
)
def test_an_invalid_proxy_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError, match="the URL of the proxy is invalid") as caught:
        checked_proxy(url)
    assert "s3cret" not in str(caught.value)


def test_settings_do_not_show_the_password_of_a_proxy() -> None:
    url = "http://me:s3cret@proxy.example"
    shown = repr(AccountSettings(appid=APPID, proxy=url)) + str(SyncSettings(proxy=url))
    assert shown.count("http://me:***@proxy.example") == 2
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1", True),
        ("http://127.8.9.1:80", True),
        ("http://[::1]:80", True),
        ("http://LOCALHOST", True),
        ("http://wx.localhost", True),
        ("http://localhost.", True),
        ("http://0.0.0.0", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://localhost@wx.example", False),
        ("http://127.0.0.1.example", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
