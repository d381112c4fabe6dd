"""The file of local apps: made once, extended for new accounts, otherwise left as it is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.command_line import Site
from support.full_disk import files_no_larger_than
from wxcube.errors import SettingsError
from wxcube.server.apps import Written, ensure, read

BY_HAND = """\
# my own words
[[apps]]
appid = "reports"   # the reports' program
secret = "0123456789abcdef"
account = "wxdemo-a"
daily_limit = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "apps.toml"


def test_the_first_start_makes_an_app_for_each_account_once(file: Path) -> None:
    apps, written = ensure(file, ["wxdemo-a", "wxdemo-b", "wxdemo-a"])
    assert [app.account for app in apps] == ["wxdemo-a", "wxdemo-b"]
    assert len({app.secret for app in apps}) == 2
    assert (written, read(file)) == (Written(is_new=True), apps)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_later_start_without_new_accounts_touches_nothing(file: Path) -> None:
    apps, _ = ensure(file, ["wxdemo-a"])
    before = (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns)
    assert ensure(file, ["wxdemo-a"]) == (apps, Written())
    assert ensure(file, []) == (apps, Written())
    assert (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns) == before


def test_new_accounts_are_added_behind_what_is_there(file: Path) -> None:
    file.write_text(BY_HAND, encoding="utf-8")
    file.chmod(0o640)
    apps, written = ensure(file, ["wxdemo-a", "wxdemo-b", "wxdemo-c"])
    assert written == Written(added=("wxdemo-b", "wxdemo-c"))
    assert file.read_text(encoding="utf-8").startswith(BY_HAND)
    assert [(app.appid, app.account) for app in apps] == [
        ("reports", "wxdemo-a"),
        ("wxdemo-b", "wxdemo-b"),
        ("wxdemo-c", "wxdemo-c"),
    ]
    assert apps[0].daily_limit == 7
    assert read(file) == apps
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_account_that_is_kept_out_stays_out(file: Path) -> None:
    ensure(file, ["wxdemo-a"])
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"permission_sets = .*", "permission_sets = []", text), encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    apps, written = ensure(file, ["wxdemo-a"])
    assert (apps[0].permission_sets, written) == ((), Written())
    assert file.read_text(encoding="utf-8") == text


def test_an_appid_in_use_is_not_given_twice(file: Path) -> None:
    file.write_text(BY_HAND.replace('"reports"', '"wxdemo-b"'), encoding="utf-8")
    apps, _ = ensure(file, ["wxdemo-b"])
    assert [(app.appid, app.account) for app in apps] == [
        ("wxdemo-b", "wxdemo-a"),
        ("wxdemo-b-2", "wxdemo-b"),
    ]
    assert read(file) == apps


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_accounts_of_own_events_may_have_any_name(file: Path, names: list[str]) -> None:
    file.unlink(missing_ok=True)
    half = len(names) // 2
    ensure(file, names[:half])
    apps, _ = ensure(file, names)
    assert [app.account for app in apps] == list(dict.fromkeys(names))
    assert read(file) == apps


def test_a_file_no_section_can_follow_stays_and_its_apps_are_served(file: Path) -> None:
    one = '{appid = "reports", secret = "0123456789abcdef", account = "wxdemo-a"}'
    file.write_text(f"apps = [{one}]\n", encoding="utf-8")
    before = file.read_bytes()
    apps, written = ensure(file, ["wxdemo-a", "wxdemo-b"])
    assert [app.appid for app in apps] == ["reports"]
    assert (written.added, written.without) == ((), ("wxdemo-b",))
    assert "section" in written.trouble
    assert file.read_bytes() == before


def test_a_full_disk_leaves_the_file_whole_and_its_apps_are_served(file: Path) -> None:
    apps, _ = ensure(file, ["wxdemo-a"])
    before = file.read_bytes()
    with files_no_larger_than(len(before) + 20):
        found, written = ensure(file, ["wxdemo-a", "wxdemo-b"])
    assert found == apps
    assert written == Written(without=("wxdemo-b",), trouble="File too large")
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert ensure(file, ["wxdemo-b"])[1] == Written(added=("wxdemo-b",))


def test_a_full_disk_at_the_first_start_is_told_and_leaves_nothing(file: Path) -> None:
    with (
        files_no_larger_than(20),
        pytest.raises(SettingsError, match="cannot be written") as caught,
    ):
        ensure(file, ["wxdemo-a"])
    assert "serve.apps_file" in caught.value.hint
    assert not list(file.parent.iterdir())


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    file = tmp_path / "apps.toml"
    file.symlink_to(tmp_path / "kept" / "apps.toml")
    ensure(file, ["wxdemo-a"])
    apps, _ = ensure(file, ["wxdemo-a", "wxdemo-b"])
    assert file.is_symlink()
    assert read(tmp_path / "kept" / "apps.toml") == apps


def test_a_wrong_file_is_told_and_stays(file: Path) -> None:
    file.write_text("[[apps]]\nappid = 3\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="mend that line"):
        ensure(file, ["wxdemo-b"])
    assert file.read_text(encoding="utf-8") == "[[apps]]\nappid = 3\n"


# --- through the command --------------------------------------------------------------------------


@contextmanager
def serving(site: Site, *words: str) -> Iterator[str]:
    """What `wxcube serve` says until it listens; then it runs until the end of the block."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_"))}
    process = subprocess.Popen(
        site.launch("2026-03-10T09:00", *words, "serve", "--port", "0"),
        cwd=site.folder,
        env=environment | {"LANG": "en_US.UTF-8"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    said = ""
    try:
        for line in process.stderr:
            said += line
            if "Ctrl-C" in line:
                break
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in rest) == (0, False), said + rest


def account(number: int) -> str:
    return f'[[accounts]]\nappid = "wxdemo-{number}"\n'


def test_a_new_account_of_the_settings_can_be_asked_after_the_next_start(tmp_path: Path) -> None:
    site = Site(tmp_path)
    file = tmp_path / "wxcube-apps.toml"
    site.settings.write_text(account(1), encoding="utf-8")
    with serving(site) as said:
        assert "written just now" in said
    [first] = read(file)
    site.settings.write_text(account(1) + account(2) + account(3), encoding="utf-8")
    with serving(site) as said:
        assert "wxcube-apps.toml has new accounts: wxdemo-2, wxdemo-3\n" in said
        assert "written just now" not in said
        apps = read(file)
        assert apps[0] == first
        assert not [app for app in apps if app.secret in said]
        url = re.search(r"http://[0-9.:]+", said)
        assert url
        for app in tomllib.loads(file.read_text(encoding="utf-8"))["apps"]:
            query = f"grant_type=client_credential&appid={app['appid']}&secret={app['secret']}"
            with urlopen(f"{url[0]}/cgi-bin/token?{query}", timeout=10) as answer:
                assert msgspec.json.decode(answer.read())["access_token"]
    with serving(site, "--lang", "zh") as said:
        assert "新增" not in said


def test_a_file_that_cannot_be_changed_stops_no_server(tmp_path: Path) -> None:
    site = Site(tmp_path)
    file = tmp_path / "wxcube-apps.toml"
    one = '{appid = "reports", secret = "0123456789abcdef", account = "wxdemo-1"}'
    file.write_text(f"apps = [{one}]\n", encoding="utf-8")
    site.settings.write_text(account(1) + account(2), encoding="utf-8")
    with serving(site) as said:
        assert "add an [[apps]] section by hand for each of these accounts: wxdemo-2" in said
    with serving(site, "--lang", "zh") as said:
        assert "wxdemo-2" in said
        assert "请手工添加" in said
