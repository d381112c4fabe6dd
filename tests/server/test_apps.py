"""The apps file: created once, extended for new accounts, otherwise unchanged."""

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
from support.private_files import write_private
from wxcube.errors import SettingsError
from wxcube.i18n import verbatim
from wxcube.server.apps import FileChange, ensure, read

BY_HAND = """\
# a comment
[[apps]]
appid = "reports"   # the reporting app
secret = "0123456789abcdef"
account = "wxdemo-a"
daily_limit = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "apps.toml"


def test_the_first_start_creates_one_app_for_each_account(file: Path) -> None:
    apps, change = ensure(file, ["wxdemo-a", "wxdemo-b", "wxdemo-a"])
    assert [app.account for app in apps] == ["wxdemo-a", "wxdemo-b"]
    assert len({app.secret for app in apps}) == 2
    assert (change, read(file)) == (FileChange(is_new=True), apps)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_later_start_without_new_accounts_changes_nothing(file: Path) -> None:
    apps, _ = ensure(file, ["wxdemo-a"])
    before = (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns)
    assert ensure(file, ["wxdemo-a"]) == (apps, FileChange())
    assert ensure(file, []) == (apps, FileChange())
    assert (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns) == before


def test_new_accounts_are_appended(file: Path) -> None:
    write_private(file, BY_HAND)
    file.chmod(0o640)
    apps, change = ensure(file, ["wxdemo-a", "wxdemo-b", "wxdemo-c"])
    assert change == FileChange(added=("wxdemo-b", "wxdemo-c"))
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


def test_an_excluded_account_stays_excluded(file: Path) -> None:
    ensure(file, ["wxdemo-a"])
    text = file.read_text(encoding="utf-8")
    write_private(file, re.sub(r"permission_sets = .*", "permission_sets = []", text))
    text = file.read_text(encoding="utf-8")
    apps, change = ensure(file, ["wxdemo-a"])
    assert (apps[0].permission_sets, change) == ((), FileChange())
    assert file.read_text(encoding="utf-8") == text


def test_an_appid_in_use_is_not_used_twice(file: Path) -> None:
    write_private(file, BY_HAND.replace('"reports"', '"wxdemo-b"'))
    apps, _ = ensure(file, ["wxdemo-b"])
    assert [(app.appid, app.account) for app in apps] == [
        ("wxdemo-b", "wxdemo-a"),
        ("wxdemo-b-2", "wxdemo-b"),
    ]
    assert read(file) == apps


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_accounts_of_events_may_have_any_name(file: Path, names: list[str]) -> None:
    file.unlink(missing_ok=True)
    half = len(names) // 2
    ensure(file, names[:half])
    apps, _ = ensure(file, names)
    assert [app.account for app in apps] == list(dict.fromkeys(names))
    assert read(file) == apps


def test_a_file_that_cannot_be_extended_is_unchanged_and_its_apps_are_served(file: Path) -> None:
    one = '{appid = "reports", secret = "0123456789abcdef", account = "wxdemo-a"}'
    write_private(file, f"apps = [{one}]\n")
    before = file.read_bytes()
    apps, change = ensure(file, ["wxdemo-a", "wxdemo-b"])
    assert [app.appid for app in apps] == ["reports"]
    assert (change.added, change.not_added) == ((), ("wxdemo-b",))
    assert "section" in change.reason
    assert file.read_bytes() == before


def test_a_full_disk_leaves_the_file_unchanged_and_its_apps_are_served(file: Path) -> None:
    apps, _ = ensure(file, ["wxdemo-a"])
    before = file.read_bytes()
    with files_no_larger_than(len(before) + 20):
        extended, change = ensure(file, ["wxdemo-a", "wxdemo-b"])
    assert extended == apps
    assert change == FileChange(not_added=("wxdemo-b",), reason=verbatim("File too large"))
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert ensure(file, ["wxdemo-b"])[1] == FileChange(added=("wxdemo-b",))


def test_a_full_disk_at_the_first_start_is_reported_and_leaves_no_file(file: Path) -> None:
    with (
        files_no_larger_than(20),
        pytest.raises(SettingsError, match="cannot be written") as caught,
    ):
        ensure(file, ["wxdemo-a"])
    assert "serve.apps_file" in caught.value.hint
    assert not list(file.parent.iterdir())


@pytest.mark.parametrize("target", ["/dev/null", "elsewhere.toml"])
def test_a_link_is_refused_and_what_it_names_is_unchanged(file: Path, target: str) -> None:
    file.symlink_to(file.parent / target)
    with pytest.raises(SettingsError, match="it is a link"):
        ensure(file, ["wxdemo-a"])
    assert file.is_symlink()
    assert Path("/dev/null").is_char_device()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_device_is_refused_and_stays_a_device() -> None:
    with pytest.raises(SettingsError, match="it is not a regular file"):
        ensure(Path("/dev/null"), ["wxdemo-a"])
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_file_that_others_can_read_or_change_is_refused(file: Path, mode: int) -> None:
    ensure(file, ["wxdemo-a"])
    before = file.read_bytes()
    file.chmod(mode)
    with pytest.raises(SettingsError, match=f"its mode is {mode:04o}") as caught:
        ensure(file, ["wxdemo-a", "wxdemo-b"])
    assert caught.value.hint == f"close it with: chmod 600 {file}"
    assert file.read_bytes() == before


def test_an_invalid_file_is_reported_and_unchanged(file: Path) -> None:
    write_private(file, "[[apps]]\nappid = 3\n")
    with pytest.raises(SettingsError, match="correct that line"):
        ensure(file, ["wxdemo-b"])
    assert file.read_text(encoding="utf-8") == "[[apps]]\nappid = 3\n"


# --- through the command --------------------------------------------------------------------------


@contextmanager
def serving(site: Site, *words: str) -> Iterator[str]:
    """The output of `wxcube serve` until it listens; it then runs until the end of the block."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_"))}
    process = subprocess.Popen(
        site.launch("2026-03-10T09:00", *words, "serve", "--port", "0"),
        cwd=site.folder,
        env=environment | {"LANG": "en_US.UTF-8"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    output = ""
    try:
        for line in process.stderr:
            output += line
            if "Ctrl-C" in line:
                break
        yield output
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=120)
    assert (process.returncode, "Traceback" in rest) == (0, False), output + rest


def account(number: int) -> str:
    return f'[[accounts]]\nappid = "wxdemo-{number}"\n'


def test_a_new_account_of_the_settings_is_served_after_the_next_start(tmp_path: Path) -> None:
    site = Site(tmp_path)
    file = tmp_path / "wxcube-apps.toml"
    site.settings.write_text(account(1), encoding="utf-8")
    with serving(site) as output:
        assert "readable only by you" in output
    [first] = read(file)
    site.settings.write_text(account(1) + account(2) + account(3), encoding="utf-8")
    with serving(site) as output:
        assert "new accounts were added to wxcube-apps.toml: wxdemo-2, wxdemo-3\n" in output
        assert "readable only by you" not in output
        apps = read(file)
        assert apps[0] == first
        assert not [app for app in apps if app.secret in output]
        url = re.search(r"http://[0-9.:]+", output)
        assert url
        for app in tomllib.loads(file.read_text(encoding="utf-8"))["apps"]:
            query = f"grant_type=client_credential&appid={app['appid']}&secret={app['secret']}"
            with urlopen(f"{url[0]}/cgi-bin/token?{query}", timeout=120) as answer:
                assert msgspec.json.decode(answer.read())["access_token"]
    with serving(site, "--lang", "zh") as output:
        assert "新增" not in output


def test_the_server_runs_with_a_file_that_cannot_be_changed(tmp_path: Path) -> None:
    site = Site(tmp_path)
    file = tmp_path / "wxcube-apps.toml"
    one = '{appid = "reports", secret = "0123456789abcdef", account = "wxdemo-1"}'
    write_private(file, f"apps = [{one}]\n")
    site.settings.write_text(account(1) + account(2), encoding="utf-8")
    with serving(site) as output:
        assert "add an [[apps]] section by hand for each of these accounts: wxdemo-2" in output
    with serving(site, "--lang", "zh") as output:
        assert "wxdemo-2" in output
        assert "请手工添加" in output
