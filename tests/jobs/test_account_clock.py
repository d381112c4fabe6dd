"""Accounts of an emulator have its clock, all others the machine's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from wxcube.beijing import BEIJING, ManualClock
from wxcube.emulator.emulator import Emulator
from wxcube.errors import SettingsError, TransportError
from wxcube.jobs.account_clock import account_clock
from wxcube.server.http import RunningServer, asgi, listen, url_of
from wxcube.server.messages import Reply, Request
from wxcube.settings import AccountSettings
from wxcube.testing import RunningEmulator

MACHINE = ManualClock(datetime(2027, 1, 2, 3, 4, tzinfo=BEIJING))
WECHAT = AccountSettings(appid="wx0123456789abcdef", name="main")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(days=10, accounts=1) as emulator:
        yield emulator


def emulated(url: str, name: str = "demo") -> AccountSettings:
    return AccountSettings(appid=f"wxdemo{name}", name=name, base_url=url, emulator=True)


def test_accounts_of_wechat_have_the_machines_clock() -> None:
    assert account_clock([WECHAT], MACHINE) is MACHINE
    assert account_clock([], MACHINE) is MACHINE


def test_accounts_of_an_emulator_have_its_clock(running: RunningEmulator) -> None:
    accounts = [emulated(running.url), emulated(f"{running.url}/", "other")]
    ahead = account_clock(accounts, MACHINE).now() - running.emulator.clock.now()
    assert timedelta() <= ahead < timedelta(hours=1)


def test_the_clock_keeps_running(running: RunningEmulator) -> None:
    clock = account_clock([emulated(running.url)], MACHINE)
    assert clock.now() < clock.now()


def test_accounts_with_different_clocks_are_an_error(running: RunningEmulator) -> None:
    with pytest.raises(SettingsError, match=r"these differ: main, demo; .*--config"):
        account_clock([WECHAT, emulated(running.url)], MACHINE)
    with pytest.raises(SettingsError, match="these differ"):
        account_clock([emulated(running.url), emulated("http://127.0.0.1:1", "far")], MACHINE)


def test_an_emulator_that_does_not_run_is_an_error() -> None:
    with listen("127.0.0.1", 0) as listener:
        url = url_of(listener)
    with pytest.raises(TransportError, match=r"does not answer .*start it with `wxcube emulate`"):
        account_clock([emulated(url)], MACHINE)


class Answers:
    """A server with one answer to everything."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def handle(self, request: Request) -> Reply:
        return self._reply


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(b"{}"), "no emulator of wxcube"),
        (Reply(b"<html>", status=404), "no emulator of wxcube"),
        (Reply(b'{"error": "no"}', status=403), "refuses requests from this machine"),
    ],
)
def test_a_server_that_is_no_emulator_is_an_error(reply: Reply, message: str) -> None:
    with RunningServer(asgi(Answers(reply))) as server, pytest.raises(SettingsError, match=message):
        account_clock([emulated(server.url)], MACHINE)


def test_credentials_are_not_shown(running: RunningEmulator) -> None:
    from wxcube.jobs.emulator_admin import emulated_accounts

    (account,) = emulated_accounts(running.url)
    assert account.secret == running.account().secret
    assert account.secret not in repr(account)


def test_the_time_is_the_emulators_even_after_its_clock_was_moved() -> None:
    with RunningEmulator(emulator=Emulator(days=10, accounts=1)) as running:
        running.emulator.clock.advance(timedelta(days=40))
        now = account_clock([emulated(running.url)], MACHINE).now()
        assert now - running.emulator.clock.now() < timedelta(hours=1)
