"""Processes that use one database at the same time: leases, budgets, signals."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from support.command_line import MakeSite, Site, Synced
from support.database import content
from support.polling import eventually
from wxcube.emulator.faults import Fault
from wxcube.emulator.journal import Entry
from wxcube.testing import RunningEmulator

MOMENT = "2026-03-10T09:00"
CONCURRENCY = 8
"""Calls in parallel per account, by default."""
HELD_SECONDS = 3600
"""Delay of answers that must not come before the process is stopped."""


def call_of(entry: Entry) -> tuple[object, ...]:
    return entry.appid, entry.endpoint, entry.begin_date, entry.end_date


def datacube_calls(running: RunningEmulator) -> list[Entry]:
    return running.emulator.journal.calls("/datacube/*")


def wait_for_calls(running: RunningEmulator, count: int, started: subprocess.Popen[str]) -> None:
    eventually(lambda: started.poll() is not None or len(datacube_calls(running)) >= count)
    assert started.poll() is None, started.communicate()


def leases(site: Site) -> int:
    with closing(sqlite3.connect(site.database)) as connection:
        count: int = connection.execute("select count(*) from leases").fetchone()[0]
    return count


# --- leases ---------------------------------------------------------------------------------------


def test_two_syncs_at_once_make_every_call_once(
    running: RunningEmulator, new_site: MakeSite, synced: Synced
) -> None:
    site = new_site(running, sync="include_retired = true")
    running.emulator.faults.add(Fault(slow_seconds=1))
    with site.process(MOMENT, "sync", "--quiet") as first:
        wait_for_calls(running, 8, first)
        with site.process(MOMENT, "sync") as second:
            _out, text = second.communicate(timeout=120)
        assert second.returncode == 3, text
        for app in running.emulator.accounts:
            assert f"({app.appid}) is left out: another sync (process {first.pid} on" in text
        assert "since 09:00) is at work" in text
        assert first.poll() is None
        running.emulator.faults.clear()
        first.communicate(timeout=120)
    calls = Counter(map(call_of, datacube_calls(running)))
    assert calls == Counter(map(call_of, synced.calls))
    assert set(calls.values()) == {1}
    assert content(site.database) == content(synced.site.database)
    assert leases(site) == 0


def test_another_account_is_synchronized_meanwhile(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    site, only = new_site(running), ("--only", "user", "--json")
    one, other = running.emulator.accounts
    running.emulator.faults.add(Fault(appid=one.appid, slow_seconds=HELD_SECONDS))
    with site.process(MOMENT, "sync", "--account", one.appid) as first:
        # its calls are held, and it begins no others
        wait_for_calls(running, CONCURRENCY, first)
        running.emulator.journal.clear()
        result = site.run("sync", *only)
        lines: list[Any] = result.lines
        assert result.code == 3
        [busy] = lines[0]["busy"]
        assert (busy["appid"], busy["pid"]) == (one.appid, first.pid)
        assert {entry.appid for entry in datacube_calls(running)} == {other.appid}


def test_a_sync_goes_on_at_once_after_the_holder_was_killed(
    running: RunningEmulator, new_site: MakeSite, synced: Synced
) -> None:
    site = new_site(running, sync="include_retired = true")
    running.emulator.faults.add(Fault(slow_seconds=HELD_SECONDS, after=40))
    with site.process(MOMENT, "sync", "--quiet") as first:
        wait_for_calls(running, 40, first)
        first.kill()
        # its entry in the list of processes remains until somebody waits for it
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
        running.emulator.faults.clear()
        result = site.run("sync")
        assert "another sync" not in result.text
    assert first.returncode == -signal.SIGKILL
    assert content(site.database) == content(synced.site.database)
    assert leases(site) == 0


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_sync_with_its_report(
    running: RunningEmulator, new_site: MakeSite, number: signal.Signals, code: int
) -> None:
    site = new_site(running)
    running.emulator.faults.add(Fault(slow_seconds=HELD_SECONDS, after=40))
    with site.process(MOMENT, "sync", "--json") as started:
        wait_for_calls(running, 40, started)
        started.send_signal(number)
        out, text = started.communicate(timeout=120)
    assert started.returncode == code, text
    report = json.loads(out)
    assert report["stopped_by"] == number
    assert 0 < report["answered"] <= 40
    assert 0 < report["calls_left"] < report["planned"]
    assert leases(site) == 0


# --- budgets --------------------------------------------------------------------------------------


def test_processes_share_the_budget_of_the_day(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    site = new_site(running, sync="daily_calls_per_endpoint = 5")
    appid = running.emulator.accounts[0].appid
    running.emulator.faults.add(Fault(slow_seconds=0.2))
    only = ("--account", appid, "--only", "getarticleread")
    assert site.run("sync", *only, "--from", "2026-03-09").code == 0
    with (
        site.process(MOMENT, "sync", *only) as sync,
        site.process(
            MOMENT, "fetch", "getarticleread", "2026-03-01..2026-03-07", *only[:2]
        ) as fetch,
    ):
        _out, sync_text = sync.communicate(timeout=120)
        _out, fetch_text = fetch.communicate(timeout=120)
    assert len(datacube_calls(running)) == 5
    assert sync.returncode == 3
    assert "the limit daily_calls_per_endpoint is reached" in sync_text
    assert fetch.returncode == 1
    assert "the 5 calls of today are used up" in fetch_text
    save = site.run("fetch", "getarticleread", "2026-03-08", *only[:2], "--save")
    assert "raise daily_calls_per_endpoint" in save.err
    assert len(datacube_calls(running)) == 5


def test_account_check_counts_its_call_and_stores_the_answer(
    running: RunningEmulator, new_site: MakeSite
) -> None:
    site = new_site(running, sync="daily_calls_per_endpoint = 2")
    assert site.run("account", "check").code == 0
    assert not site.database.exists()
    site.run("sync", "--only", "getinterfacesummary", "--quiet")
    running.emulator.journal.clear()
    assert site.run("account", "check", "shop0").code == 0
    assert site.run("account", "check", "shop0").code == 0
    third = site.run("account", "check", "shop0")
    assert third.code == 1
    assert "the 2 calls of today are used up" in third.err
    assert len(datacube_calls(running)) == 2
    lines = site.run(
        "history", "getusersummary", "2026-03-09", "--account", "shop0", "--json"
    ).lines
    assert [line["sender"] for line in lines] == ["check", "check"]
