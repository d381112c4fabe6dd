"""Settings: weight of flag, environment and file; secrets stay hidden."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

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


def test_a_flag_outweighs_the_environment_and_that_the_file(config: Path) -> None:
    environment = {"WXCUBE_DATABASE": "env.db", "WXCUBE_SYNC__CONCURRENCY": "5"}
    settings = load(config, environment)
    assert (settings.database, settings.sync.concurrency) == ("env.db", 5)
    assert settings.sync.since == date(2026, 1, 1)
    assert load(config, environment, database="flag.db").database == "flag.db"
    assert load(config, {}, database=None).database == "file.db"


def test_the_environment_can_name_the_file(config: Path) -> None:
    assert load(environment={"WXCUBE_CONFIG": str(config)}).database == "file.db"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_text('\ufeffdatabase = "x.db"', encoding="utf-8")
    assert load(path, {}).database == "x.db"


def test_an_account_is_found_by_name_appid_or_as_the_only_one(config: Path) -> None:
    settings = load(config, {})
    for word in ("main", "wx1111111111111111", ""):
        assert settings.account(word).name == "main"


def test_a_secret_comes_from_its_variable_or_file(tmp_path: Path) -> None:
    account = AccountSettings(appid="wx1111111111111111", name="my shop")
    assert secret(account, {"WXCUBE_SECRET_MY_SHOP": " s3cret "}).reveal() == "s3cret"
    named = AccountSettings(appid="wx1111111111111111", secret_env="OTHER")
    assert secret(named, {"OTHER": "x"}).reveal() == "x"
    (tmp_path / "s").write_text("from file\n", encoding="utf-8")
    filed = AccountSettings(appid="wx1111111111111111", secret_file=str(tmp_path / "s"))
    assert secret(filed, {"WXCUBE_SECRET_WX1111111111111111": "no"}).reveal() == "from file"


def test_a_secret_never_shows_itself() -> None:
    hidden = Secret("s3cret")
    assert "s3cret" not in f"{hidden} {hidden!r} {[hidden]}"


def test_settings_errors_survive_pickling(config: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(config, {}).account("other")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
