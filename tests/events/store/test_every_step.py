"""A process that dies before each of its steps on files, one after the other, by its own hand.

Random moments seldom hit the short ones between two steps; this tries every one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from support.event_files import FIRST, NOW, message, opened, put, stored, total
from support.events import moment
from wxcube.events.intake.families import STORED
from wxcube.events.store.check import check

DRIVER = """
import os, shutil, signal, sys
from pathlib import Path
import duckdb
from wxcube.events.store import EventStore
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
    with EventStore.open(folder / "new" if action == "make" else folder) as store:
        if action == "make":
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
    """Two days, one of them with enough files to be merged, and more of both in the log."""
    folder = tmp_path / "prepared"
    with opened(folder, groups=1) as store:
        for number in range(8):
            put(store, [message(number)])
            store.compact()
    for number in range(8, 11):
        with opened(folder) as store:
            put(store, [message(number), message(0)])
            put(store, [message(100 + number, at=moment(FIRST + timedelta(days=1)))])
    return folder


def runs_of(action: str, prepared: Path, tmp_path: Path) -> list[Path]:
    runs = tmp_path / "runs"
    runs.mkdir()
    subprocess.run([sys.executable, "-c", DRIVER, action, prepared, runs], check=True, timeout=120)
    return sorted(runs.iterdir())


def counted(folder: Path) -> list[tuple[int, int, int]]:
    with opened(folder) as store:
        rows = [row for family in STORED for row in stored(store, family)]
        assert len(rows) == total(store)
    return sorted((row["id_high"], row["id_low"], row["d"]) for row in rows)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_compaction_that_dies_before_any_step(prepared: Path, tmp_path: Path) -> None:
    with opened(shutil.copytree(prepared, tmp_path / "whole")) as store:
        store.compact()
    expected = counted(tmp_path / "whole")
    assert len(expected) == 14
    runs = runs_of("compact", prepared, tmp_path)
    assert len(runs) > 50
    for folder in runs:
        assert set(counted(folder)) <= set(expected)
        with opened(folder) as store:
            store.compact()
            assert store.manifest().duplicates == 3
        assert counted(folder) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_retention_that_dies_before_any_step(prepared: Path, tmp_path: Path) -> None:
    with opened(prepared) as store:
        store.compact()
    everything = counted(prepared)
    last = max(row[2] for row in everything)
    kept = [row for row in everything if row[2] == last]
    for folder in runs_of("retain", prepared, tmp_path):
        assert counted(folder) in (everything, kept)
        with opened(folder) as store:
            store.compact()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_store_whose_making_dies_before_any_step(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    runs = runs_of("make", tmp_path / "empty", tmp_path)
    assert len(runs) > 15
    for folder in runs:
        assert not check(folder / "new", NOW)
        with opened(folder / "new") as store:
            put(store, [message(1)])
            assert store.compact().events == 1
        assert not check(folder / "new", NOW)
