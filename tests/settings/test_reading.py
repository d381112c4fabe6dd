"""Settings: precedence of options, environment and file; secrets are not shown."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

from support.private_files import write_private
from wxcube.errors import SettingsError
from wxcube.settings import AccountSettings, Secret, Settings, load, secret

FILE = """
database = "file.db"
[sync]
since = 2026-01-01
concurrency = 3
[[accounts]]
appid = "wx1111111111111111"
name = "main"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "wxcube.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_defaults_need_no_file() -> None:
    assert load(environment={}, file=None).database == Settings().database


def test_options_override_the_environment_and_that_overrides_the_file(config: Path) -> None:
    environment = {"WXCUBE_DATABASE": "env.db", "WXCUBE_SYNC__CONCURRENCY": "5"}
    settings = load(config, environment)
    assert (settings.database, settings.sync.concurrency) == ("env.db", 5)
    assert settings.sync.since == date(2026, 1, 1)
    assert load(config, environment, database="option.db").database == "option.db"
    assert load(config, {}, database=None).database == "file.db"


def test_the_environment_can_name_the_file(config: Path) -> None:
    assert load(environment={"WXCUBE_CONFIG": str(config)}).database == "file.db"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_text('\ufeffdatabase = "x.db"', encoding="utf-8")
    assert load(path, {}).database == "x.db"


def test_an_account_is_found_by_name_appid_or_as_the_only_one(config: Path) -> None:
    settings = load(config, {})
    for name in ("main", "wx1111111111111111", ""):
        assert settings.account(name).name == "main"


def test_a_secret_comes_from_its_variable_or_file(tmp_path: Path) -> None:
    account = AccountSettings(appid="wx1111111111111111", name="my shop")
    assert secret(account, {"WXCUBE_SECRET_MY_SHOP": " s3cret "}).reveal() == "s3cret"
    named = AccountSettings(appid="wx1111111111111111", secret_env="OTHER")
    assert secret(named, {"OTHER": "x"}).reveal() == "x"
    write_private(tmp_path / "s", "from file\n")
    filed = AccountSettings(appid="wx1111111111111111", secret_file=str(tmp_path / "s"))
    assert secret(filed, {"WXCUBE_SECRET_WX1111111111111111": "no"}).reveal() == "from file"


def test_a_secret_is_not_shown() -> None:
    hidden = Secret("s3cret")
    assert "s3cret" not in f"{hidden} {hidden!r} {[hidden]}"


@pytest.mark.parametrize(
    ("events", "facts"), [(None, None), (1, None), (400, None), (1, 32), (400, 431), (30, 1_000)]
)
def test_facts_outlast_events(tmp_path: Path, events: int | None, facts: int | None) -> None:
    days = {"events": events, "facts": facts}
    settings = load(retaining(tmp_path, **{n: d for n, d in days.items() if d}), {}).events
    assert (settings.retention_days_events, settings.retention_days_facts) == (events, facts)


@pytest.mark.parametrize(
    ("days", "message", "hint"),
    [
        (
            {"events": 400, "facts": 430},
            "facts for 430 days is too short while events are retained for 400 days",
            "431",
        ),
        ({"events": 400, "facts": 430}, "too short", "retain events for 399 days or fewer"),
        (
            {"events": 1, "facts": 31},
            "facts for 31 days is too short while events are retained for 1 days",
            "32",
        ),
        (
            {"facts": 400},
            "facts for 400 days is too short while all events are retained",
            "without a limit",
        ),
        ({"facts": 400}, "too short", "retain events for 369 days or fewer"),
    ],
)
def test_facts_that_do_not_outlast_events_are_refused(
    tmp_path: Path, days: dict[str, int], message: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(retaining(tmp_path, **days), {})
    assert caught.value.message.startswith(f"{tmp_path / 'wxcube.toml'}: ")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert " 0 days" not in caught.value.hint


def test_facts_and_events_are_checked_together_wherever_they_are_set(tmp_path: Path) -> None:
    file = retaining(tmp_path, events=100, facts=131)
    with pytest.raises(SettingsError, match="events are retained for 101 days"):
        load(file, {"WXCUBE_EVENTS__RETENTION_DAYS_EVENTS": "101"})
    with pytest.raises(SettingsError, match="facts for 130 days"):
        load(file, {"WXCUBE_EVENTS__RETENTION_DAYS_FACTS": "130"})


def retaining(folder: Path, **days: int) -> Path:
    """A settings file with the retention of events and facts."""
    path = folder / "wxcube.toml"
    lines = (f"retention_days_{name} = {number}\n" for name, number in days.items())
    path.write_text("[events]\n" + "".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("address", ["nginx", "10.0.0/8", "10.0.0.1/8", ""])
def test_a_trusted_proxy_that_no_caller_can_be_is_refused(tmp_path: Path, address: str) -> None:
    path = tmp_path / "wxcube.toml"
    path.write_text(f'[serve]\ntrusted_proxies = ["127.0.0.1", "{address}"]\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="is not an IP address or a network"):
        load(path, {})
    path.write_text('[serve]\ntrusted_proxies = ["*", "::1", "10.0.0.0/8"]\n', encoding="utf-8")
    assert len(load(path, {}).serve.trusted_proxies) == 3


def test_settings_errors_survive_pickling(config: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(config, {}).account("other")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
