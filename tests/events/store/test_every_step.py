"""What a process leaves that is killed before one of its file operations, for each of them.

A kill at a random time seldom hits the short time between two operations; this tries every one: a
copy of the folder before an operation is what a process killed there would have left.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from support.event_files import FIRST, NOW, count_events, message, open_store, store_events, stored
from support.events import moment
from wxcube.events.intake.families import STORED
from wxcube.events.store.check import check

DRIVER = """
import shutil, sys
from datetime import datetime
from pathlib import Path
import duckdb
from wxcube.beijing import ManualClock
from wxcube.events.store.store import EventStore
from wxcube.events.store.retention import retain

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
action, folder, runs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
clock = ManualClock(datetime.fromisoformat(sys.argv[4]))
number, is_copying = 0, False

def copy():
    global number, is_copying
    is_copying = True
    shutil.copytree(folder, runs / f"{number:05d}")
    number, is_copying = number + 1, False

def hook(event, arguments):
    if event in STEPS and not is_copying and str(folder) in str(arguments[0]):
        copy()

sys.addaudithook(hook)
path = folder / "new" if action == "create" else folder
with EventStore.open(path, clock=clock) as store:
    if action == "create":
        pass
    elif action == "compact":
        store.compact(round_bytes=1)
    else:
        retain(store.folder, store.now(), event_days=1, fact_days=None)
copy()
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


def runs_of(action: str, prepared: Path, tmp_path: Path, *, over: int = 0) -> list[Path]:
    """The folders that killed processes leave: of equal ones, such as after reading, the first.

    There must be more than `over` operations.
    """
    runs = tmp_path / "runs"
    runs.mkdir()
    acting = shutil.copytree(prepared, tmp_path / "acting")
    words = [action, str(acting), str(runs), NOW.isoformat()]
    subprocess.run([sys.executable, "-c", DRIVER, *words], check=True, timeout=280)
    folders = sorted(runs.iterdir())
    assert len(folders) > over
    different: dict[str, Path] = {}
    for folder in folders:
        different.setdefault(content(folder), folder)
    return list(different.values())


def content(folder: Path) -> str:
    """A digest of everything in a folder, with all names."""
    digest = sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)}\n".encode())
        if path.is_file():
            digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def counted(folder: Path) -> list[tuple[int, int, int]]:
    with open_store(folder) as store:
        rows = [row for family in STORED for row in stored(store, family)]
        assert len(rows) == count_events(store)
    return sorted((row["id_high"], row["id_low"], row["d"]) for row in rows)


def test_compaction_killed_before_any_operation(prepared: Path, tmp_path: Path) -> None:
    with open_store(shutil.copytree(prepared, tmp_path / "whole")) as store:
        store.compact()
    expected = counted(tmp_path / "whole")
    assert len(expected) == 14
    for folder in runs_of("compact", prepared, tmp_path, over=50):
        assert set(counted(folder)) <= set(expected)
        with open_store(folder) as store:
            store.compact()
            assert store.manifest().duplicates == 3
        assert counted(folder) == expected


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


def test_creation_killed_before_any_operation(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in runs_of("create", tmp_path / "empty", tmp_path, over=15):
        assert not check(folder / "new", NOW)
        with open_store(folder / "new") as store:
            store_events(store, [message(1)])
            assert store.compact().events == 1
        assert not check(folder / "new", NOW)
