"""status: what is not settled, when it is requested again and why; accounts without settings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.command_line import Site, site_of
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator

DAYS = 15


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(days=DAYS, accounts=2) as emulator:
        yield emulator


@pytest.fixture
def site(tmp_path: Path, running: RunningEmulator) -> Site:
    return site_of(tmp_path, running)


def add(running: RunningEmulator, path: str, **effect: object) -> None:
    running.emulator.faults.add(Fault(path=path, **effect))  # type: ignore[arg-type] # one effect


def status_of(site: Site, *options: str) -> str:
    result = site.run("status", "--account", "shop0", *options)
    assert result.code == 0, result.err
    return result.out


def open_days(site: Site, endpoint: str) -> list[dict[str, object]]:
    [line] = site.run("status", "--account", "shop0", "--only", endpoint, "--json").lines
    groups: list[dict[str, object]] = line["open"]  # type: ignore[assignment] # JSON
    return groups


# --- reasons --------------------------------------------------------------------------------------


def test_every_day_that_is_not_settled_has_its_reason_and_time(
    running: RunningEmulator, site: Site
) -> None:
    add(running, "getusercumulate", errcode=48001)
    add(running, "getinterfacesummaryhour", errcode=45009, after=5)
    add(running, "getupstreammsg", errcode=-1)
    add(running, "getarticleread", is_delay=True)
    add(running, "getbizsummary", errcode=61503)
    assert site.run("sync", "--quiet", "--account", "shop0").code == 3
    text = status_of(site)
    for expected in (
        "days stored, but WeChat says that the figures are delayed; requested",
        "getusercumulate: 15 days refused by WeChat (48001 the account has no right to this API);",
        "again from 2026-03-17\n",
        "getupstreammsg: 15 days failed (-1 system busy); requested again by the next sync",
        "getbizsummary: 15 days without data so far, which may still come; requested again by the ",
        "getinterfacesummaryhour: 10 days left: WeChat allows no more calls today (45009); request",
        "(45009); requested from 2026-03-11 00:00",
        "getupstreammsgweek, getupstreammsgdistweek: 1 week not available yet: WeChat has the data",
        "WeChat has the data from 2026-03-16 08:00",
        "getusershare, getusersharehour: 15 days not requested yet: retired by WeChat (2026); only",
    ):
        assert expected in text
    assert "stored, may still change until" in text
    [group] = open_days(site, "getusercumulate")
    assert group == {
        "why": "refused",
        "from": "2026-02-23",
        "to": "2026-03-09",
        "days": 15,
        "due": False,
        "requested_at": "2026-03-17T09:00:00+08:00",
        "errcode": 48001,
    }


def test_a_plan_has_the_same_reasons(running: RunningEmulator, site: Site) -> None:
    add(running, "getusercumulate", errcode=48001)
    add(running, "getinterfacesummaryhour", errcode=45009, after=5)
    site.run("sync", "--quiet", "--account", "shop0")
    text = site.run("plan", "--account", "shop0").out
    assert "getusercumulate: refused by WeChat (48001 the account has no right" in text
    assert "again from 2026-03-17" in text
    assert (
        "getinterfacesummaryhour: WeChat allows no more calls today (45009); requested from "
        "2026-03-11 00:00"
    ) in text
    assert "getarticletotaldetail: up to date; requested again from 2026-03-11" in text


def test_a_retired_endpoint_that_answers_so_is_not_requested_again(
    running: RunningEmulator, site: Site
) -> None:
    add(running, "getuserread", errcode=47009)
    site.run("sync", "--retired", "--quiet", "--only", "getuserread", "--account", "shop0")
    text = status_of(site, "--retired", "--only", "getuserread")
    assert "refused by WeChat (47009 API retired); not requested again" in text
    plan = site.run("plan", "--retired", "--only", "getuserread", "--account", "shop0").out
    assert "getuserread: refused by WeChat (47009 API retired); not requested again" in plan


# --- revisions and withdrawn rows -----------------------------------------------------------------


def test_revisions_and_withdrawn_rows_are_counted(running: RunningEmulator, site: Site) -> None:
    site.run("sync", "--quiet", "--account", "shop0", "--only", "user")
    assert "changed by WeChat" not in status_of(site)
    again = ("sync", "--again", "2026-03-01..2026-03-03", "--only", "user", "--account", "shop0")
    add(running, "getusercumulate", revise=7)
    running.emulator.clock.advance(timedelta(days=1))
    report = site.run(*again).err
    assert "changed by WeChat: figures of 3 final days; `wxcube status` shows where" in report
    running.emulator.faults.clear()
    add(running, "getusersummary", vanish=True)
    [line] = site.run(*again, "--json").lines
    assert line["withdrawn"]
    text = status_of(site, "--only", "user")
    assert "changed by WeChat: getusersummary: " in text
    assert f"{line['withdrawn']} withdrawn row" in text
    assert "getusercumulate: 6 revisions; `wxcube history ENDPOINT DAY`" in text
    summary, cumulate = site.run("status", "--account", "shop0", "--only", "user", "--json").lines
    assert (summary["withdrawn"], cumulate["revisions"]) == (line["withdrawn"], 6)


# --- accounts that left the settings --------------------------------------------------------------


def test_accounts_that_left_the_settings_stay_readable(
    running: RunningEmulator, site: Site
) -> None:
    site.run("sync", "--quiet", "--only", "user", "--only", "getcardmembercarddetail")
    kept, left = (app.appid for app in running.emulator.accounts)
    text = site.settings.read_text(encoding="utf-8")
    head, first, _second = text.split("[[accounts]]")
    site.settings.write_text(f"{head}[[accounts]]{first}", encoding="utf-8")

    status = site.run("status", "--only", "user")
    assert status.code == 0
    assert f"shop0 ({kept})" in status.out
    assert f"\n{left}\n" in status.out
    assert (
        "not in the settings: what is stored stays readable, and a sync does not request it"
    ) in status.out
    lines = site.run("status", "--json").lines
    assert {line["endpoint"] for line in lines if not line["in_settings"]} == {
        "getusersummary",
        "getusercumulate",
    }
    assert site.run("status", "--account", left).code == 0

    rows = site.run("export", "getusersummary", "--account", left, "--format", "jsonl")
    assert rows.code == 0
    assert len({line["ref_date"] for line in rows.lines}) == DAYS
    query = f"SELECT count(*) AS n FROM user_cumulate WHERE appid = '{left}'"
    assert site.run("sql", query, "--json").lines == [{"n": DAYS}]
    unknown = site.run("sync", "--account", left)
    assert unknown.code == 1
    assert "(accounts: shop0)" in unknown.err
