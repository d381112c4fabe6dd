"""The commands of the guide on backups: of everything, of the database, of the events."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.builds import assert_equal, distinct
from support.command_line import Site
from support.event_files import lines
from support.events import crowded
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cube.engines.duckdb import DuckDbEngine

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "backup.md"


@pytest.fixture(scope="module")
def happened() -> tuple[list[Any], list[Any], date]:
    """Events before and after a backup, late ones included, and the current day."""
    events, through = crowded(11, 240)
    known = sorted(distinct(events), key=lambda event: event.at)
    late = known[::9]
    before = [event for event in known if event not in late][: len(known) // 2]
    return before, [event for event in known if event not in before], through + timedelta(days=2)


@pytest.fixture
def site(tmp_path: Path, happened: tuple[list[Any], list[Any], date]) -> Site:
    """A site with events before the backup, stored and built."""
    before, after, today = happened
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "wxcube.toml").write_text("[events]\ngroup_count = 2\n", encoding="utf-8")
    (folder / "wxcube-apps.toml").write_text("", encoding="utf-8")
    (tmp_path / "before.jsonl").write_bytes(lines(before))
    (tmp_path / "after.jsonl").write_bytes(lines(after))
    site = Site(
        folder, ManualClock(datetime(today.year, today.month, today.day, 9, tzinfo=BEIJING))
    )
    ingest(site, "before.jsonl")
    return site


def ingest(site: Site, name: str) -> None:
    assert site.run("events", "ingest", str(site.folder.parent / name)).code == 0
    result = site.run("cube", "build", "--quiet")
    assert result.code == 0, result.text


def commands(word: str) -> list[str]:
    """The guide's commands with a program."""
    return re.findall(rf"^\$ (.*\b{word} .*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


def run_in(folder: Path, command: str) -> None:
    subprocess.run(["bash", "-c", command], cwd=folder, check=True)


def assert_complete(site: Site, happened: tuple[list[Any], list[Any], date]) -> None:
    """The rows equal those of one computation of all events, and `doctor` finds no problem."""
    before, after, today = happened
    with DuckDbEngine(threads=1) as engine:
        yesterday = today - timedelta(days=1)
        assert_equal(site.folder, before + after, yesterday, engine)
    assert site.run("doctor", "--deep").code == 0


def test_a_backup_of_everything(site: Site, happened: tuple[list[Any], list[Any], date]) -> None:
    pack, unpack = commands("tar")
    run_in(site.folder, pack)
    run_in(site.folder, unpack)
    folder = (site.folder / "restored").rename(site.folder.parent / "restored")
    restored = Site(folder, site.clock)
    assert restored.run("doctor", "--deep").code == 0
    ingest(restored, "after.jsonl")
    assert_complete(restored, happened)


def test_a_database_older_than_the_events(
    site: Site, happened: tuple[list[Any], list[Any], date]
) -> None:
    backup = site.folder / "wxcube-backup.db"
    with closing(sqlite3.connect(site.database)) as here, closing(sqlite3.connect(backup)) as there:
        here.backup(there)
    ingest(site, "after.jsonl")
    for path in site.folder.glob("wxcube.db*"):
        path.unlink()
    backup.rename(site.database)
    assert site.run("cube", "build", "--quiet").code == 0
    assert_complete(site, happened)


def test_events_older_than_the_database(
    site: Site, happened: tuple[list[Any], list[Any], date]
) -> None:
    shutil.copytree(site.folder / "events", site.folder / "older")
    ingest(site, "after.jsonl")
    shutil.rmtree(site.folder / "events")
    (site.folder / "older").rename(site.folder / "events")
    ingest(site, "after.jsonl")
    assert_complete(site, happened)
