"""Adding an account: tried at once, written only if it works, with its rights."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from wxcube.emulator.emulator import Emulator
from wxcube.errors import SettingsError, WxcubeError
from wxcube.jobs.account_setup import AccountSetup
from wxcube.server.http import RunningServer
from wxcube.settings.template import settings_text
from wxcube.warehouse.store import Warehouse


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(accounts=1, days=15)


@pytest.fixture
def url(emulator: Emulator) -> Iterator[str]:
    with RunningServer(emulator.asgi) as server:
        yield server.url


@pytest.fixture
def setup(tmp_path: Path, emulator: Emulator) -> Iterator[AccountSetup]:
    file = tmp_path / "wxcube.toml"
    file.write_text(settings_text(date(2026, 3, 1), []), encoding="utf-8")
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield AccountSetup(file, warehouse, emulator.clock)


def test_an_account_that_works_is_added_with_its_rights(
    setup: AccountSetup, emulator: Emulator, url: str
) -> None:
    app = emulator.accounts[0]
    emulator.set_permissions(app.appid, app.permission_sets - {8})
    rights = asyncio.run(setup.add(app.appid, f" {app.secret}\n", '南城"生活', url))
    granted = {str(right.name): right.is_granted for right in rights}
    assert granted.pop("cards") is False
    assert set(granted.values()) == {True}
    account = setup.settings().account('南城"生活')
    assert account.appid == app.appid
    secret = Path(account.secret_file)
    assert secret.read_text() == f"{app.secret}\n"
    assert secret.stat().st_mode & 0o077 == 0
    assert app.secret not in setup.file.read_text(encoding="utf-8")


@pytest.mark.parametrize("wrong", ["appid", "secret", "name"])
def test_what_does_not_work_is_not_written(
    setup: AccountSetup, emulator: Emulator, url: str, wrong: str
) -> None:
    app = emulator.accounts[0]
    appid = "../wx" if wrong == "appid" else app.appid
    secret = "not the secret" if wrong == "secret" else app.secret
    name = app.appid if wrong == "name" else "main"
    if wrong == "name":
        asyncio.run(setup.add(app.appid, app.secret, "", url))
    before = setup.file.read_text(encoding="utf-8")
    with pytest.raises(WxcubeError) as raised:
        asyncio.run(setup.add(appid, secret, name, url))
    assert raised.value.hint
    assert setup.file.read_text(encoding="utf-8") == before


def test_an_empty_secret_is_refused(setup: AccountSetup, emulator: Emulator, url: str) -> None:
    with pytest.raises(SettingsError, match="AppSecret is empty"):
        asyncio.run(setup.add(emulator.accounts[0].appid, " ", "", url))
