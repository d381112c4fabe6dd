"""Setting up accounts: `init` writes valid settings, and `account check` checks them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.command_line import Site
from wxcube.settings import AccountSettings, load
from wxcube.testing import RunningEmulator

APPID = "wx0123456789abcdef"
SETTING = re.compile(r"^# (\w+) = ", re.MULTILINE)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(days=15) as emulator:
        yield emulator


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty directory, and the machine's clock."""
    return Site(tmp_path)


def settings(site: Site) -> dict[str, Any]:
    return tomllib.loads(site.settings.read_text(encoding="utf-8"))


def test_init_names_the_steps_that_are_left(site: Site) -> None:
    result = site.run("init", "--appid", APPID, "--since", "2026-03-01")
    assert result.code == 0
    assert "put your AppID" not in result.out
    assert "1. add this machine's IP address" in result.out
    (account,) = load(site.settings).accounts
    assert (account.appid, account.secret_env) == (APPID, "WXCUBE_SECRET_MAIN")


def test_init_without_an_appid_asks_for_it(site: Site) -> None:
    assert "1. put your AppID into wxcube.toml" in site.run("init").out


def test_steps_name_the_settings_file_where_it_is_another(site: Site) -> None:
    assert "wxcube --config other.toml plan" in site.run("--config", "other.toml", "init").out


def test_the_file_documents_settings_that_exist(site: Site) -> None:
    site.run("init")
    text = site.settings.read_text(encoding="utf-8")
    section = text.partition("[[accounts]]")[2].partition("\n\n")[0]
    names = set(SETTING.findall(section))
    assert names >= {"base_url", "proxy", "allow_http", "endpoints", "cards", "token_url"}
    assert names <= set(AccountSettings.__struct_fields__)


def test_a_file_with_every_documented_setting_can_be_read(site: Site) -> None:
    site.run("init")
    text = site.settings.read_text(encoding="utf-8")
    uncommented = re.sub(r"^# (\w+ = |\[+\w+\]+$)", r"\1", text, flags=re.MULTILINE)
    assert uncommented != text
    assert tomllib.loads(uncommented)["accounts"][0]["cards"] == []
    site.settings.write_text(uncommented, encoding="utf-8")
    settings = load(site.settings)
    assert settings.events.retention_days_facts == 431
    assert settings.alerts.has_rules
    named = {*settings.report.weekly, *settings.report.monthly, *settings.alerts.send}
    assert named == {one.name for one in settings.recipients}


def test_init_for_an_emulator_writes_complete_settings(
    site: Site, running: RunningEmulator
) -> None:
    """The machine's clock is years ahead of the emulator's; its days are what counts."""
    result = site.run("init", "--emulator", f"{running.url}/")
    assert result.code == 0, result.text
    emulator = running.emulator
    assert load(site.settings).sync.since == emulator.simulation.first_day

    checked = site.run("account", "check")
    assert (checked.code, checked.out.count("✓")) == (0, 2)
    planned = site.run("plan", "--json", "--only", "getusersummary").lines
    assert {line["begin_date"] for line in planned} >= {str(emulator.simulation.first_day)}
    assert max(str(line["end_date"]) for line in planned) == str(emulator.last_day)

    synced = site.run("sync", "--only", "user")
    assert synced.code == 0, synced.text
    lines = site.run("status", "--json", "--only", "user").lines
    assert {(line["final"], line["refused"]) for line in lines} == {(15, 0)}
    appid = running.account().appid
    fetched = site.run(
        "fetch", "getusersummary", str(emulator.last_day), "--account", appid, "--json"
    )
    assert {line["ref_date"] for line in fetched.lines} == {str(emulator.last_day)}


def test_secrets_are_in_files_only_their_owner_can_read(
    site: Site, running: RunningEmulator
) -> None:
    text = site.run("init", "--emulator", running.url).text
    text += site.settings.read_text(encoding="utf-8")
    for account, app in zip(settings(site)["accounts"], running.emulator.accounts, strict=True):
        file = site.folder / account["secret_file"]
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text(encoding="utf-8").strip() == app.secret
        assert app.secret not in text


def test_a_secret_file_that_others_could_read_is_closed(
    site: Site, running: RunningEmulator
) -> None:
    file = site.folder / f"{running.account().appid}.secret"
    file.touch(mode=0o644)
    file.chmod(0o644)
    site.run("init", "--emulator", running.url)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_first_day_can_be_chosen(site: Site, running: RunningEmulator) -> None:
    site.run("init", "--emulator", running.url, "--since", "2026-03-05")
    assert str(load(site.settings).sync.since) == "2026-03-05"


def test_an_emulator_that_does_not_run_leaves_no_file(site: Site) -> None:
    result = site.run("init", "--emulator", "http://127.0.0.1:1")
    assert result.code == 1
    assert "start it with `wxcube emulate`" in result.err
    assert list(site.folder.iterdir()) == []


def test_commands_need_the_emulator(site: Site) -> None:
    with RunningEmulator(days=15, accounts=1) as emulator:
        site.run("init", "--emulator", emulator.url)
    for command in ("plan", "sync"):
        result = site.run(command)
        assert result.code == 1
        assert "does not answer" in result.err


def test_appid_and_emulator_exclude_each_other(site: Site) -> None:
    result = site.run("init", "--lang", "zh", "--emulator", "http://127.0.0.1:1", "--appid", APPID)
    assert result.code == 2
    assert "--appid 和 --emulator 不能同时使用" in result.err
