"""The commands report and alerts, and the alerts of a sync, as a user runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from support.command_line import Site, site_of
from support.filled import emulator, fill
from support.receivers import Hook, web_hook
from wxcube.testing import RunningEmulator

RECIPIENTS = """
[report]
retry_pause_seconds = 0
[[recipients]]
name = "team"
url_env = "TEAM_URL"
[[recipients]]
name = "boss"
url_env = "TEAM_URL"
language = "zh"
format = "md"
"""
ALERTS = """
[alerts]
article_times_median = 2
quota_share = 0.9
send = ["team"]
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    fill(folder / "wxcube.db")
    return folder


@pytest.fixture
def site(filled: Path, tmp_path: Path) -> Site:
    """Settings in a folder of their own, for a database that is only read."""
    site = Site(tmp_path, emulator().clock)
    site.settings.write_text(f'database = "{filled / "wxcube.db"}"\n{RECIPIENTS}{ALERTS}')
    return site


@pytest.fixture
def hook(site: Site) -> Iterator[Hook]:
    with web_hook() as hook:
        site.environment["TEAM_URL"] = hook.url
        yield hook


def test_the_last_week_as_html(site: Site) -> None:
    done = site.run("report")
    assert done.code == 0, done.text
    assert done.err == ("report of 2026-03-02 – 2026-03-08 → wxcube-2026-03-02_2026-03-08.html\n")
    assert (site.folder / "wxcube-2026-03-02_2026-03-08.html").stat().st_size > 50_000


def test_a_period_without_figures_is_told_with_the_days_that_have_some(site: Site) -> None:
    done = site.run("report", "--range", "2020-01-06..2020-01-12", "--format", "md")
    assert done.code == 0, done.text
    assert "2020-01-06 – 2020-01-12 has no stored figures" in done.err
    assert "stored figures end on 2026-03-09; choose days with --range" in done.err


def test_the_format_is_that_of_the_file(site: Site) -> None:
    done = site.run("report", "--month", "--out", "february.xlsx", "--lang", "zh")
    assert done.code == 0, done.text
    book = openpyxl.load_workbook(site.folder / "february.xlsx")
    assert book.worksheets[0].title == "关键指标"


def test_a_dash_is_standard_output(site: Site) -> None:
    assert site.run("report", "--format", "md", "--out", "week.md").code == 0
    shown = site.run("report", "--format", "md", "--out", "-")
    assert shown.raw == (site.folder / "week.md").read_bytes()
    assert not shown.err


def test_a_range_of_one_account_against_last_year(site: Site) -> None:
    appid = emulator().accounts[1].appid
    done = site.run(
        *("report", "--range", "2026-03-01..2026-03-03", "--vs", "year"),
        *("--account", appid, "--format", "md"),
    )
    assert done.code == 0, done.text
    text = (site.folder / "wxcube-2026-03-01_2026-03-03.md").read_text()
    assert "compared with 2025-03-01 – 2025-03-03" in text
    assert f"## {appid}" in text
    assert emulator().accounts[0].appid not in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--week", "--range", "2026-03-01"), 2, "use one of --week, --month and --range"),
        (("--dry-run",), 2, "--dry-run needs --send"),
        (("--out", "a.doc"), 2, "cannot be written as 'doc'"),
        (("--send", "stranger"), 1, "no recipient 'stranger' (recipients: team, boss)"),
        (("--account", "stranger"), 1, "no data of account 'stranger'"),
    ],
)
def test_what_cannot_be(site: Site, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = site.run("report", *arguments)
    assert done.code == code
    assert words in done.text


def test_a_dry_run_sends_nothing(site: Site, hook: Hook) -> None:
    done = site.run("report", "--send", "team", "--dry-run")
    assert done.code == 0, done.text
    assert "to team (JSON): WeChat statistics, 2026-03-02 – 2026-03-08" in done.out
    assert "nothing was sent" in done.err
    assert not hook.got
    assert not list(site.folder.glob("*.html")), "a report that is sent is no file"
    assert "SECRET" not in done.text


def test_each_recipient_gets_it_once_in_its_language(site: Site, hook: Hook) -> None:
    send = ("report", "--send", "team", "--send", "boss")
    done = site.run(*send)
    assert (done.code, done.err) == (0, "· sent to team\n· sent to boss\n")
    english, chinese = hook.got
    assert english["title"] == "WeChat statistics, 2026-03-02 – 2026-03-08"
    assert "公众号统计" in chinese["title"]
    assert chinese["attachments"][-1]["filename"].endswith(".md")
    again = site.run(*send)
    assert again.code == 0
    assert "team has it already" in again.err
    assert len(hook.got) == 2
    site.run("report", "--send", "team", "--again")
    assert hook.got[-1]["title"].startswith("[again] ")


def test_a_receiver_that_fails_is_reported_and_gets_it_later(site: Site, hook: Hook) -> None:
    hook.statuses = [404, 404, 404]
    failed = site.run("report", "--send", "team")
    assert failed.code == 3
    assert "not sent to team: the receiver refused it (HTTP status 404)" in failed.err
    assert "SECRET" not in failed.text
    assert site.run("report", "--send", "team").code == 0
    assert [message["title"][:6] for message in hook.got] == ["WeChat"]


# --- alerts --------------------------------------------------------------------------------------


def test_alerts_are_shown_and_sent_once(site: Site, hook: Hook) -> None:
    shown = site.run("alerts")
    assert shown.code == 0, shown.text
    assert "times the median" in shown.err
    assert not hook.got
    assert site.run("alerts", "--send").code == 0
    count = len(hook.got)
    assert count == len(site.run("alerts", "--json").lines) > 0
    site.run("alerts", "--send")
    assert len(hook.got) == count


def test_alerts_are_silent_until_a_day(site: Site, hook: Hook) -> None:
    text = site.settings.read_text()
    site.settings.write_text(text.replace("[alerts]", "[alerts]\nsilent_until = 2026-03-11"))
    assert site.run("alerts", "--send").code == 0
    assert not hook.got


def test_without_rules_the_error_names_them(site: Site) -> None:
    site.settings.write_text(site.settings.read_text().replace(ALERTS, ""))
    done = site.run("alerts")
    assert done.code == 1
    assert "failure_rate" in done.err


def test_a_sync_looks_for_alerts(tmp_path: Path) -> None:
    with RunningEmulator(accounts=1, days=20) as running, web_hook() as hook:
        site = site_of(tmp_path, running)
        rules = '[alerts]\nquota_share = 0.001\nsend = ["team"]\n'
        site.settings.write_text(rules + RECIPIENTS + site.settings.read_text())
        site.environment["TEAM_URL"] = hook.url
        done = site.run("sync", "--quiet", "--only", "user")
        assert done.code == 0, done.text
        assert "of today's 500 calls" in done.err
        assert "sent to team" in done.err
        assert len(hook.got) == 1
