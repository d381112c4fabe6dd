"""The report of a sync: errors of an account once, clocks, budgets, what was asked again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.command_line import Site, site_of
from support.scripted import ReceivedRequest, Scripted
from support.scripted import ReplyContent as Reply
from wxcube.beijing import BEIJING, ManualClock
from wxcube.emulator.faults import Fault
from wxcube.server.http import RunningServer
from wxcube.testing import RunningEmulator

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
ACCOUNT = '[[accounts]]\nappid = "wx0123456789abcdef"\nname = "shop"\n'


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(days=15, accounts=1) as emulator:
        yield emulator


@pytest.fixture
def site(tmp_path: Path, running: RunningEmulator) -> Site:
    return site_of(tmp_path, running)


def windows(running: RunningEmulator) -> list[tuple[str, str]]:
    calls = running.emulator.journal.calls("/datacube/*")
    return [(entry.endpoint, str(entry.begin_date)) for entry in calls]


# --- credentials ----------------------------------------------------------------------------------


def refuse_address(request: ReceivedRequest) -> Reply:
    if request.path.startswith("/cgi-bin/"):
        return {"access_token": "t", "expires_in": 7200}
    return {"errcode": 40164, "errmsg": "invalid ip 203.0.113.7, not in whitelist"}


def refuse_secret(_request: ReceivedRequest) -> Reply:
    return {"errcode": 40125, "errmsg": "invalid appsecret"}


@pytest.mark.parametrize(
    ("answer", "errcode"), [(refuse_address, "40164"), (refuse_secret, "40125")]
)
def test_errors_of_credentials_are_reported_once_per_account(
    tmp_path: Path, answer: object, errcode: str
) -> None:
    site = Site(tmp_path, ManualClock(NOW), {"WXCUBE_SECRET_SHOP": "s" * 32})
    with RunningServer(Scripted(answer)) as server:  # type: ignore[arg-type] # one of the two
        site.settings.write_text(f'{ACCOUNT}base_url = "{server.url}"\n', encoding="utf-8")
        result = site.run("sync", "--quiet")
        shown = site.run("sync")
        [line] = site.run("sync", "--json").lines
    assert result.code == 3
    assert result.err.count(errcode) == 1
    problems = [text for text in result.err.splitlines() if text.startswith("! ")]
    assert len(problems) == 2
    assert "calls not made, WeChat does not accept the account's credentials" in problems[1]
    # once while it runs, and once in the report
    assert shown.err.count(errcode) == 2
    assert len(line["troubles"]) == 1  # type: ignore[arg-type] # JSON


# --- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "words", "chinese"),
    [
        (timedelta(days=-38), "38 days ahead of the server's", "快 38 天"),
        (timedelta(hours=5), "5 hours behind the server's", "慢 5 小时"),
    ],
)
def test_a_wrong_clock_is_reported(
    running: RunningEmulator, site: Site, ahead: timedelta, words: str, chinese: str
) -> None:
    running.emulator.faults.add(Fault(clock=ahead.total_seconds()))
    only = ("sync", "--quiet", "--only", "getuserread", "--only", "getusercumulate")
    text = site.run(*only).err
    assert not text
    text = site.run(*only[:1], *only[2:], "--again", "2026-03-01").err
    assert f"this machine's clock is {words}; nothing was settled by this run" in text
    assert chinese in site.run("--lang", "zh", *only[:1], *only[2:], "--again", "2026-03-01").err


# --- budgets --------------------------------------------------------------------------------------


def test_a_budget_that_is_reached_is_one_line_for_all_its_endpoints(
    running: RunningEmulator, site: Site
) -> None:
    text = site.settings.read_text(encoding="utf-8")
    site.settings.write_text(text.replace("[sync]", "[sync]\ndaily_calls_per_endpoint = 4"))
    report = site.run("sync", "--quiet", "--only", "getarticleread", "--only", "getarticleshare")
    assert report.code == 3
    [line] = [one for one in report.err.splitlines() if "not made" in one]
    assert "getarticleread, getarticleshare: 22 calls not made, the limit daily_calls" in line
    assert len(windows(running)) == 8


# --- again and samples ----------------------------------------------------------------------------


def test_settled_days_are_requested_again_on_request(running: RunningEmulator, site: Site) -> None:
    site.run("sync", "--quiet", "--only", "user")
    running.emulator.journal.clear()
    assert site.run("sync", "--quiet", "--only", "user").code == 0
    assert windows(running) == []
    plan = site.run("plan", "--only", "user", "--again", "2026-03-02..2026-03-03", "--json").lines
    assert [(line["endpoint"], line["begin_date"], line["days"]) for line in plan] == [
        ("getusersummary", "2026-03-02", 2),
        ("getusercumulate", "2026-03-02", 2),
    ]
    site.run("sync", "--quiet", "--only", "user", "--again", "2026-03-02..2026-03-03")
    assert sorted(windows(running)) == [
        ("getusercumulate", "2026-03-02"),
        ("getusersummary", "2026-03-02"),
    ]
    site.run("sync", "--quiet", "--only", "getusersummary", "--again", "2026-03-04")
    assert windows(running)[2:] == [("getusersummary", "2026-03-04")]


def test_again_names_the_days_itself(site: Site) -> None:
    for command in ("sync", "plan"):
        result = site.run(command, "--again", "2026-03-02", "--from", "2026-03-01")
        assert result.code == 2
        assert "leave --from and --to out" in result.err
    assert site.run("sync", "--again", "yesterday").code == 2


def test_final_days_are_sampled_each_week(tmp_path: Path) -> None:
    """Some calls for final days are added to those of a sync, at most the number of the setting."""
    with RunningEmulator(days=70, accounts=1) as running:
        site = site_of(tmp_path, running, sync="samples_per_week = 3")
        text = site.settings.read_text(encoding="utf-8")
        site.settings.write_text(f'{text}endpoints = ["user", "message"]\n', encoding="utf-8")
        site.run("sync", "--quiet")
        sampled = 0
        for _day in range(14):
            running.emulator.clock.advance(timedelta(days=1))
            sampled += _planned(site, 3) - _planned(site, 0)
            site.run("sync", "--quiet")
        assert 2 <= sampled <= 2 * 3
        assert _planned(site, 3, "--only", "user") == _planned(site, 0, "--only", "user")


def _planned(site: Site, samples: int, *options: str) -> int:
    """The number of calls of a plan with this number of samples a week."""
    text = site.settings.read_text(encoding="utf-8")
    setting = text.replace("samples_per_week = 3", f"samples_per_week = {samples}")
    site.settings.write_text(setting, encoding="utf-8")
    try:
        return len(site.run("plan", "--json", *options).lines)
    finally:
        site.settings.write_text(text, encoding="utf-8")
