"""`kill -9` of the real `wxcube sync` process, twenty times, at random times."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from random import Random

from support.command_line import MakeSite, Site, Synced
from support.database import Content, content
from wxcube.emulator.faults import Fault
from wxcube.testing import RunningEmulator

KILLS = 20
MOMENT = "2026-03-10T09:00"
CONCURRENCY = 8
HELD_SECONDS = 3600
"""Delay of answers that must not come before the process is stopped."""


def test_a_sync_killed_twenty_times_ends_like_an_undisturbed_one(
    running: RunningEmulator, new_site: MakeSite, synced: Synced
) -> None:
    site, dice = new_site(running, sync="include_retired = true"), Random(9)
    undisturbed, before = content(synced.site.database), Content()
    killed = 0
    for _ in range(KILLS):
        killed += _kill(site, running, dice)
        after = content(site.database) if _has_tables(site.database) else Content()
        for name, rows in before.items():
            assert set(rows) <= set(after[name]), f"{name}: stored rows are gone"
        for name, rows in after.items():
            assert set(rows) <= set(undisturbed[name]), f"{name}: half an answer"
        before = after
    assert killed == KILLS
    assert before != undisturbed

    running.emulator.faults.clear()
    end = _start(site)
    _, stderr = end.communicate(timeout=300)
    # one account lacks a permission; an earlier run may have recorded that
    assert end.returncode in {0, 3}, stderr
    assert content(site.database) == undisturbed
    _check_calls(site, running, fewest=len(synced.calls))


def test_a_sync_stopped_by_ctrl_c_can_be_resumed(
    running: RunningEmulator, new_site: MakeSite, synced: Synced
) -> None:
    site = new_site(running, sync="include_retired = true")
    running.emulator.faults.add(Fault(slow_seconds=HELD_SECONDS, after=40))
    process = _start(site)
    _wait_for(running, calls=40, process=process)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=300)
    running.emulator.faults.clear()
    assert process.returncode == 130, stderr
    assert b"stopped with" in stderr
    assert b"calls left; stored data stays" in stderr
    assert b"days by state" in stderr
    assert b"Traceback" not in stderr
    stored = content(site.database)
    assert stored["coverage"]
    assert stored != content(synced.site.database)
    assert site.run("sync", "--quiet").code in {0, 3}
    assert content(site.database) == content(synced.site.database)


def _start(site: Site) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        site.launch(MOMENT, "sync", "--quiet"),
        cwd=site.folder,
        env={**os.environ, **site.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _kill(site: Site, running: RunningEmulator, dice: Random) -> bool:
    """Start a sync and kill it after some calls; whether it was still running then.

    Further calls are not answered, so that it cannot end by itself.
    """
    calls = dice.choice((0, 0, 1, 2, 3, 5, 8, 13))
    running.emulator.faults.clear()
    running.emulator.faults.add(Fault(slow_seconds=HELD_SECONDS, after=calls))
    process = _start(site)
    _wait_for(running, calls=len(running.emulator.journal) + calls, process=process)
    # without calls: while it starts, opens the file, or creates the tables
    time.sleep(dice.random() * (0.05 if calls else 0.8))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _wait_for(running: RunningEmulator, *, calls: int, process: subprocess.Popen[bytes]) -> None:
    while len(running.emulator.journal) < calls and process.poll() is None:
        time.sleep(0.001)


def _has_tables(path: Path) -> bool:
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("select count(*) from sqlite_master").fetchone()[0])


def _check_calls(site: Site, running: RunningEmulator, *, fewest: int) -> None:
    """Only calls in progress are made again, and every call is counted."""
    in_progress = KILLS * CONCURRENCY * len(running.emulator.accounts)
    call_count = len(running.emulator.journal.calls("/datacube/*"))
    assert fewest <= call_count <= fewest + in_progress
    with closing(sqlite3.connect(site.database)) as connection:
        (counted,) = connection.execute("select count(*) from asks").fetchone()
    assert call_count <= counted <= call_count + in_progress
