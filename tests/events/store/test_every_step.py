"""A process that kills itself before each of its file operations, one run per operation.

A kill at a random time seldom hits the short time between two operations; this tries every one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from support.event_files import FIRST, NOW, count_events, message, open_store, store_events, stored
from support.events import moment
from wxcube.events.intake.families import STORED
from wxcube.events.store.check import check

DRIVER = """
import os, shutil, signal, sys
from pathlib import Path
import duckdb
from wxcube.events.store.store import EventStore
from wxcube.events.store.retention import retain

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}

def die_before(number, folder):
    left = [number]
    def hook(event, arguments):
        if event in STEPS and str(folder) in str(arguments[0]):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

def act(action, folder):
    with EventStore.open(folder / "new" if action == "create" else folder) as store:
        if action == "create":
            pass
        elif action == "compact":
            store.compact(round_bytes=1)
        else:
            retain(store.folder, store.now(), event_days=1, fact_days=None)

action, prepared, runs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
for number in range(10_000):
    folder = runs / f"{number:05d}"
    shutil.copytree(prepared, folder)
    child = os.fork()
    if not child:
        die_before(number, folder)
        act(action, folder)
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
"""


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A store with two days, one with enough files to be merged, and more events in the log."""
    folder = tmp_path / "prepared"
    with open_store(folder, groups=1) as store:
        for number in range(8):
            store_events(store, [message(number)])
            store.compact()
    for number in range(8, 11):
        with open_store(folder) as store:
            store_events(store, [message(number), message(0)])
            store_events(store, [message(100 + number, at=moment(FIRST + timedelta(days=1)))])
    return folder


def runs_of(action: str, prepared: Path, tmp_path: Path) -> list[Path]:
    runs = tmp_path / "runs"
    runs.mkdir()
    subprocess.run([sys.executable, "-c", DRIVER, action, prepared, runs], check=True, timeout=280)
    return sorted(runs.iterdir())


def counted(folder: Path) -> list[tuple[int, int, int]]:
    with open_store(folder) as store:
        rows = [row for family in STORED for row in stored(store, family)]
        assert len(rows) == count_events(store)
    return sorted((row["id_high"], row["id_low"], row["d"]) for row in rows)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_compaction_killed_before_any_operation(prepared: Path, tmp_path: Path) -> None:
    with open_store(shutil.copytree(prepared, tmp_path / "whole")) as store:
        store.compact()
    expected = counted(tmp_path / "whole")
    assert len(expected) == 14
    runs = runs_of("compact", prepared, tmp_path)
    assert len(runs) > 50
    for folder in runs:
        assert set(counted(folder)) <= set(expected)
        with open_store(folder) as store:
            store.compact()
            assert store.manifest().duplicates == 3
        assert counted(folder) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_retention_killed_before_any_operation(prepared: Path, tmp_path: Path) -> None:
    with open_store(prepared) as store:
        store.compact()
    everything = counted(prepared)
    last = max(row[2] for row in everything)
    newest_day = [row for row in everything if row[2] == last]
    for folder in runs_of("retain", prepared, tmp_path):
        assert counted(folder) in (everything, newest_day)
        with open_store(folder) as store:
            store.compact()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_creation_killed_before_any_operation(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    runs = runs_of("create", tmp_path / "empty", tmp_path)
    assert len(runs) > 15
    for folder in runs:
        assert not check(folder / "new", NOW)
        with open_store(folder / "new") as store:
            store_events(store, [message(1)])
            assert store.compact().events == 1
        assert not check(folder / "new", NOW)
