"""Calls through a forward proxy, which is a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from support.command_line import AT_MOMENT
from support.emulated import small_emulator
from support.forward_proxy import ForwardProxy, forward_proxy
from support.tls import certificate, tls_server
from wxcube import Client
from wxcube.contract import Window
from wxcube.contract.user import getusersummary
from wxcube.errors import ShapeError, TransportError
from wxcube.jobs.accounts import account_client
from wxcube.settings import AccountSettings, SyncSettings
from wxcube.testing import RunningEmulator
from wxcube.wechat.retry import Retries
from wxcube.wechat.transport import HttpTransport
from wxcube.wechat.wire import Request

NAME = "wx.example"
"""The server's name, which only the proxy can resolve."""
DAY = date(2026, 3, 1)
PASSWORD = "s3cretpw"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(emulator=small_emulator()) as server:
        yield server


def address_of(running: RunningEmulator) -> str:
    return running.url.removeprefix("http://")


@pytest.fixture
def proxy(running: RunningEmulator) -> Iterator[ForwardProxy]:
    with forward_proxy({NAME: address_of(running)}) as process:
        yield process


@pytest.fixture
def proxy_with_password(running: RunningEmulator) -> Iterator[ForwardProxy]:
    with forward_proxy({NAME: address_of(running)}, f"me:{PASSWORD}") as process:
        yield process


def client_of(running: RunningEmulator, base_url: str, proxy: str | None) -> Client:
    app, clock = running.account(), running.emulator.clock
    once = Retries(attempts=1)
    return Client(
        app.appid,
        app.secret,
        base_url=base_url,
        proxy=proxy,
        allow_http=True,
        clock=clock,
        retries=once,
    )


CALLS = [
    f"POST http://{NAME}/cgi-bin/stable_token",
    f"POST http://{NAME}/datacube/getusersummary",
]


def test_a_client_calls_through_its_proxy(running: RunningEmulator, proxy: ForwardProxy) -> None:
    with client_of(running, f"http://{NAME}", proxy.url) as client:
        rows = client.fetch(getusersummary, DAY, DAY)
    assert rows
    assert proxy.requests() == CALLS


def test_a_client_uses_the_proxy_of_the_environment(
    running: RunningEmulator, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with client_of(running, f"http://{NAME}", None) as client:
        assert client.fetch(getusersummary, DAY, DAY)
    assert proxy.requests() == CALLS


def test_this_machine_is_called_without_the_proxy_of_the_environment(
    running: RunningEmulator, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with client_of(running, running.url, None) as client:
        assert client.fetch(getusersummary, DAY, DAY)
    assert proxy.requests() == []


def test_a_server_in_no_proxy_is_called_directly(
    running: RunningEmulator, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "other.example,.invalid")
    with (
        client_of(running, "http://wx.invalid", None) as client,
        pytest.raises(TransportError, match="name cannot be resolved"),
    ):
        client.fetch(getusersummary, DAY, DAY)
    assert proxy.requests() == []


def test_user_and_password_are_sent_to_the_proxy(
    running: RunningEmulator, proxy_with_password: ForwardProxy
) -> None:
    url = proxy_with_password.url.replace("http://", f"http://me:{PASSWORD}@")
    with client_of(running, f"http://{NAME}", url) as client:
        assert client.fetch(getusersummary, DAY, DAY)
    assert proxy_with_password.requests() == CALLS


async def error_of(base_url: str, proxy: str) -> str:
    """The text of the error of a request."""
    transport = HttpTransport(base_url, proxy=proxy, allow_http=True)
    with pytest.raises(TransportError) as caught:
        await transport.send(Request("/x"))
    await transport.close()
    assert PASSWORD not in repr(transport) + str(caught.value)
    return str(caught.value)


async def test_a_wrong_password_is_an_error(proxy_with_password: ForwardProxy) -> None:
    url = proxy_with_password.url.replace("http://", f"http://you:{PASSWORD}@")
    error = await error_of(f"https://{NAME}", url)
    assert error.startswith("/x: the proxy refused the request: HTTP 407; check the URL")


def test_a_missing_password_is_an_error(
    running: RunningEmulator, proxy_with_password: ForwardProxy
) -> None:
    with (
        client_of(running, f"http://{NAME}", proxy_with_password.url) as client,
        pytest.raises(ShapeError, match=r"HTTP 407; check the user and password of the proxy"),
    ):
        client.fetch(getusersummary, DAY, DAY)


async def test_a_proxy_that_cannot_be_reached_is_an_error() -> None:
    error = await error_of(f"https://{NAME}", f"http://me:{PASSWORD}@127.0.0.1:9")
    assert error.startswith("/x: no connection to the proxy")


async def test_a_token_url_is_called_through_the_proxy(
    running: RunningEmulator, proxy: ForwardProxy
) -> None:
    app = running.account()
    query = f"grant_type=client_credential&appid={app.appid}&secret={app.secret}"
    account = AccountSettings(
        appid=app.appid,
        token="url",
        token_url=f"http://{NAME}/cgi-bin/token?{query}",
        base_url=f"http://{NAME}",
        allow_http=True,
    )
    sync = SyncSettings(proxy=proxy.url)
    async with account_client(account, sync, running.emulator.clock) as client:
        answer = await client.ask(getusersummary, Window(DAY, DAY))
    assert answer.rows
    assert proxy.requests() == [
        f"GET http://{NAME}/cgi-bin/token",
        f"POST http://{NAME}/datacube/getusersummary",
    ]


SETTINGS = """
{sync}
[[accounts]]
appid = "{appid}"
secret_env = "SECRET"
base_url = "https://{name}"
{account}
"""


@pytest.mark.parametrize("place", ["environment", "sync", "account"])
async def test_the_command_line_fetches_https_through_a_proxy(
    running: RunningEmulator, tmp_path: Path, place: str
) -> None:
    pem, app = certificate(tmp_path, NAME), running.account()
    async with tls_server(pem, address_of(running)) as address:
        with forward_proxy({NAME: address}, f"me:{PASSWORD}") as proxy:
            url = proxy.url.replace("http://", f"http://me:{PASSWORD}@")
            text = SETTINGS.format(
                appid=app.appid,
                name=NAME,
                sync=f'[sync]\nproxy = "{url}"' if place == "sync" else "",
                account=f'proxy = "{url}"' if place == "account" else "",
            )
            (tmp_path / "wxcube.toml").write_text(text, encoding="utf-8")
            environment = {"SECRET": app.secret, "SSL_CERT_FILE": str(pem)}
            environment |= {"HTTPS_PROXY": url} if place == "environment" else {}
            output = await fetch_in_process(tmp_path, environment)
            assert PASSWORD not in output
            assert f'"ref_date":"{DAY}"' in output.replace(" ", "")
            assert set(proxy.requests()) == {f"CONNECT {NAME}:443"}


async def fetch_in_process(folder: Path, environment: dict[str, str]) -> str:
    """The output of `wxcube fetch`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(AT_MOMENT),
        "2026-03-10T09:00",
        *("fetch", "getusersummary", str(DAY), "--json"),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "WXCUBE_LOG_LEVEL": "debug", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    return text
