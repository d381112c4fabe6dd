"""history and rebuild: what was answered when, and tables made of it once more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.command_line import Site, site_of
from support.database import content
from wxcube.beijing import BEIJING
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator
from wxcube.warehouse.lease_holder import new_holder
from wxcube.warehouse.store import Warehouse

DAY = "2026-03-04"
NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with RunningEmulator(days=15, accounts=1) as emulator:
        yield emulator


@pytest.fixture
def site(tmp_path: Path, running: RunningEmulator) -> Site:
    """A site with a first sync, an error, and a second answer with other figures and rows."""
    site = site_of(tmp_path, running)
    faults = running.emulator.faults
    faults.add(Fault(path="getusersummary", errcode=61503, times=1))
    again = ("sync", "--quiet", "--only", "user", "--again", DAY)
    site.run(*again)
    running.emulator.clock.advance(timedelta(hours=1))
    site.run(*again)
    running.emulator.clock.advance(timedelta(days=1))
    faults.clear()
    faults.add(Fault(path="getusersummary", vanish=True, times=1))
    faults.add(Fault(path="getusercumulate", revise=3, times=1))
    site.run(*again)
    site.run(*again)
    return site


def test_every_request_of_a_day_is_shown_with_its_result(site: Site) -> None:
    result = site.run("history", "getusercumulate", DAY)
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "2026-03-10 09:00:00  sync: 1 row, the first rows of the day"
    assert lines[1] == "2026-03-10 10:00:00  sync: 1 row, no change"
    assert lines[2] == "2026-03-11 10:00:00  sync: 1 row"
    assert lines[3].startswith("  cumulate_user ")
    assert lines[4] == "2026-03-11 10:00:00  sync: 1 row"


def test_rows_that_are_missing_and_come_back_are_named(site: Site) -> None:
    text = site.run("history", "getusersummary", DAY).out
    assert "errcode 61503" in text.splitlines()[0]
    missing = [line for line in text.splitlines() if line.startswith("  - user_source=")]
    added = [line for line in text.splitlines() if line.startswith("  + user_source=")]
    assert missing
    assert [line[4:] for line in missing] == [line[4:] for line in added]
    assert "首批数据" in site.run("--lang", "zh", "history", "getusersummary", DAY).out


def test_as_json(site: Site) -> None:
    lines: list[Any] = site.run("history", "getusercumulate", DAY, "--json").lines
    first, _same, second, third = lines
    assert (first["outcome"], first["rows"], first["figures"]) == ("answered", 1, [])
    [figure] = second["figures"]
    assert figure["column"] == "cumulate_user"
    assert figure["after"] - figure["before"] == 3
    [back] = third["figures"]
    assert (back["before"], back["after"]) == (figure["after"], figure["before"])
    refused, *_answered = site.run("history", "getusersummary", DAY, "--json").lines
    assert (refused["outcome"], refused["errcode"], refused["rows"]) == ("refused", 61503, None)


def test_a_day_that_was_never_requested(site: Site) -> None:
    result = site.run("history", "getusersummary", "2026-03-01")
    assert (result.code, result.out) == (0, "")
    assert "getusersummary was never requested for 2026-03-01" in result.err


def test_a_day_of_a_week_is_that_of_its_monday(site: Site) -> None:
    site.run("sync", "--quiet", "--only", "getupstreammsgweek")
    text = site.run("history", "getupstreammsgweek", DAY).out
    assert "the first rows of the day" in text


def test_a_rebuild_changes_nothing_and_reports_its_size(site: Site) -> None:
    before = content(site.database)
    result = site.run("rebuild")
    assert result.code == 0
    assert "replies read again: " in result.err
    assert content(site.database) == before
    [line] = site.run("rebuild", "--json").lines
    assert line["replies"] == 7
    assert line["unreadable"] == 0
    assert "重新读取了" in site.run("--lang", "zh", "rebuild").err


def test_a_rebuild_does_not_create_a_mistyped_database(site: Site) -> None:
    result = site.run("rebuild", "--database", "wxcube.bd")
    assert (result.code, "there is no database wxcube.bd" in result.err) == (1, True)
    assert not (site.folder / "wxcube.bd").exists()


def test_a_rebuild_waits_for_no_sync(site: Site) -> None:
    [appid] = site.run("sql", "SELECT appid FROM accounts", "--format", "csv").out.split()[1:]
    before = content(site.database)
    with Warehouse.open(site.database) as warehouse:
        warehouse.take_leases([appid], new_holder(), NOW)
        result = site.run("rebuild")
    assert result.code == 3
    assert "another sync (process" in result.err
    assert content(site.database) == before
