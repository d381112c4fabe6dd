"""plan, sync and status without settings, with wrong settings, and with nothing to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from support.command_line import Site
from support.rows import sample_rows
from support.scripted import ReceivedRequest, Scripted
from support.scripted import ReplyContent as Reply
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.server.http import RunningServer
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WEEK = Window(date(2026, 3, 3), date(2026, 3, 9))
SUMMARY = named("getusersummary")
ACCOUNT = '[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\n'
SECRET = {"WXCUBE_SECRET_SHOP": "s" * 32}


def answer_of(request: ReceivedRequest) -> Reply:
    """A token, the row of one day, or a refusal for retired endpoints."""
    if request.path.startswith("/cgi-bin/"):
        return {"access_token": "t", "expires_in": 7200}
    if request.path == "/datacube/getusercumulate":
        return {"errcode": 48001, "errmsg": "api unauthorized"}
    row = {"ref_date": request.first, "user_source": 0, "new_user": 1, "cancel_user": 0}
    return {"list": [row]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An account whose getusersummary has rows, and whose getusercumulate is refused."""
    site = Site(tmp_path, ManualClock(NOW), dict(SECRET))
    with RunningServer(Scripted(answer_of)) as server:
        site.settings.write_text(
            f'[sync]\nsince = 2026-03-09\n{ACCOUNT}base_url = "{server.url}"\n', encoding="utf-8"
        )
        yield site


# --- quiet ----------------------------------------------------------------------------------------


def test_quiet_prints_only_problems(site: Site) -> None:
    only = ("sync", "--quiet", "--only", "getusersummary")
    first, second = site.run(*only), site.run(*only)
    assert (first.code, first.text) == (0, "")
    assert (second.code, second.text) == (0, "")
    refused = site.run("sync", "--quiet", "--only", "getusercumulate")
    assert refused.code == 3
    assert "48001" in refused.err


@pytest.mark.parametrize(
    ("language", "report", "status"),
    [
        ("en", "errcode 48001, api unauthorized; ", "1 day refused by WeChat (48001 "),
        ("zh", "错误码 48001", "1 天被微信拒绝（48001 "),
    ],
)
def test_errors_are_in_the_language_of_the_reader(
    site: Site, language: str, report: str, status: str
) -> None:
    options = ("--lang", language)
    words = " ".join(site.run(*options, "sync", "--only", "getusercumulate").err.split())
    assert report in words
    assert status in site.run(*options, "status", "--only", "getusercumulate").out
    assert SECRET["WXCUBE_SECRET_SHOP"] not in words


# --- no empty database ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "environment", "words"),
    [
        ("", {}, ("sync",)),
        (ACCOUNT, {}, ("sync",)),
        (ACCOUNT, SECRET, ("sync", "--from", "2026-03-10")),
        (ACCOUNT, SECRET, ("sync", "--only", "nothing")),
        (ACCOUNT, SECRET, ("sync", "--account", "nobody")),
        (f'database = "sqlite:///wxcube.db"\n{ACCOUNT}', {}, ("sync",)),
    ],
)
def test_a_sync_that_cannot_begin_creates_no_database(
    tmp_path: Path, settings: str, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    site = Site(tmp_path, ManualClock(NOW), environment)
    site.settings.write_text(settings, encoding="utf-8")
    assert site.run(*words).code == 1
    assert not site.database.exists()


# --- status ---------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path: Path) -> Site:
    """A database, without settings."""
    site = Site(tmp_path, ManualClock(NOW))
    with Warehouse.open(site.database) as warehouse:
        for appid in ("wx1", "wx2"):
            rows = sample_rows(SUMMARY, WEEK)
            warehouse.replace(appid, Origin.WECHAT, Answer(SUMMARY, WEEK, rows, b"{}", NOW))
    return site


def test_status_needs_no_settings(stored: Site) -> None:
    words = ("--database", "wxcube.db", "status", "--only", "getusersummary", "--json")
    lines = stored.run(*words).lines
    assert [line["appid"] for line in lines] == ["wx1", "wx2"]
    assert stored.run(*words, "--account", "wx2").lines == lines[1:]
    unknown = stored.run(*words, "--account", "wx3")
    assert unknown.code == 1
    assert "wx1, wx2" in unknown.err


def test_status_has_no_options_of_a_sync(tmp_path: Path) -> None:
    text = Site(tmp_path).run("status", "--help").out
    assert "--account" in text
    assert "--retired" not in text
    assert "--retry-refused" not in text


def test_reasons_in_json_are_english(stored: Site) -> None:
    stored.settings.write_text('[[accounts]]\nappid = "wx1"\n', encoding="utf-8")
    words = ("--lang", "zh", "status", "--account", "wx1", "--only", "getuserread", "--json")
    [line] = stored.run(*words).lines
    assert str(line["why"]).startswith("90 days not requested yet: retired by WeChat")
    assert line["in_settings"]
    assert line["open"] == [
        {
            "why": "retired",
            "from": "2025-12-10",
            "to": "2026-03-09",
            "days": 90,
            "due": False,
            "requested_at": None,
        }
    ]


@pytest.mark.parametrize(
    ("words", "redirection"),
    [
        ("status", ">&-"),
        ("status", ">&- 2>&-"),
        ("check", ">&-"),
        ("sql 'select * from v_user_summary'", ">&-"),
        ("export getusersummary --account wx1", ">&-"),
    ],
)
def test_a_closed_output_is_not_an_error(stored: Site, words: str, redirection: str) -> None:
    wxcube = f'"{sys.executable}" -c "from wxcube.cli.main import main; main()"'
    command = f"{wxcube} --database wxcube.db {words} {redirection}"
    result = subprocess.run(
        command, shell=True, cwd=stored.folder, capture_output=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert b"Traceback" not in result.stderr
