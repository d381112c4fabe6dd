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


@pytest.mark.parametrize(
    ("events", "facts"), [(None, None), (1, None), (400, None), (1, 32), (400, 431), (30, 1_000)]
)
def test_facts_outlast_events(tmp_path: Path, events: int | None, facts: int | None) -> None:
    given = {"events": events, "facts": facts}
    found = load(kept(tmp_path, **{n: d for n, d in given.items() if d}), {}).events
    assert (found.retention_days_events, found.retention_days_facts) == (events, facts)


@pytest.mark.parametrize(
    ("days", "words", "remedy"),
    [
        (
            {"events": 400, "facts": 430},
            "facts of 430 days are too few beside events of 400",
            "431",
        ),
        ({"events": 400, "facts": 430}, "too few", "events for 399 days or fewer"),
        ({"events": 1, "facts": 31}, "facts of 31 days are too few beside events of 1", "32"),
        ({"facts": 400}, "facts of 400 days are too few beside all events", "without a limit"),
        ({"facts": 400}, "too few", "events for 369 days or fewer"),
    ],
)
def test_facts_that_do_not_outlast_events_are_refused(
    tmp_path: Path, days: dict[str, int], words: str, remedy: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(kept(tmp_path, **days), {})
    assert caught.value.message.startswith(f"{tmp_path / 'wxcube.toml'}: ")
    assert words in caught.value.message
    assert remedy in caught.value.hint
    assert " 0 days" not in caught.value.hint


def test_facts_and_events_are_looked_at_together_wherever_they_are_set(tmp_path: Path) -> None:
    file = kept(tmp_path, events=100, facts=131)
    with pytest.raises(SettingsError, match="beside events of 101 days"):
        load(file, {"WXCUBE_EVENTS__RETENTION_DAYS_EVENTS": "101"})
    with pytest.raises(SettingsError, match="facts of 130 days"):
        load(file, {"WXCUBE_EVENTS__RETENTION_DAYS_FACTS": "130"})


def kept(folder: Path, **days: int) -> Path:
    """A settings file that says how many days of events and facts are kept."""
    path = folder / "wxcube.toml"
    told = (f"retention_days_{name} = {number}\n" for name, number in days.items())
    path.write_text("[events]\n" + "".join(told), encoding="utf-8")
    return path


def test_settings_errors_survive_pickling(config: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(config, {}).account("other")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
