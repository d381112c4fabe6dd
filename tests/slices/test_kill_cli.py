"""`kill -9` of the real `wxcube sync` process, twenty times, at moments by dice."""

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
SLOW = Fault(slow_seconds=0.05)
"""So that no machine is too fast: at most 160 calls are answered in a second."""


def test_a_sync_killed_twenty_times_ends_like_one_that_never_was(
    running: RunningEmulator, new_site: MakeSite, synced: Synced
) -> None:
    site, dice = new_site(running, sync="include_retired = true"), Random(9)
    running.emulator.faults.add(SLOW)
    undisturbed, before = content(synced.site.database), Content()
    killed = 0
    for _ in range(KILLS):
        killed += _kill(site, running, dice)
        found = content(site.database) if _has_tables(site.database) else Content()
        for name, rows in before.items():
            assert set(rows) <= set(found[name]), f"{name}: something stored is gone"
        for name, rows in found.items():
            assert set(rows) <= set(undisturbed[name]), f"{name}: half an answer"
        before = found
    assert killed == KILLS
    assert before != undisturbed

    running.emulator.faults.clear()
    end = _start(site)
    _, said = end.communicate(timeout=60)
    # one account lacks a right; a run before may have told so already
    assert end.returncode in {0, 3}, said
    assert content(site.database) == undisturbed
    _check_calls(site, running, fewest=len(synced.calls))


def test_a_sync_stopped_by_ctrl_c_says_so_and_goes_on_later(
    running: RunningEmulator, new_site: MakeSite, synced: Synced
) -> None:
    site = new_site(running, sync="include_retired = true")
    process = _start(site)
    _until(running, calls=40, process=process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert b"stopped" in said
    assert b"Traceback" not in said
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
    """Start a sync and kill it after some calls and milliseconds; whether it still ran then."""
    process = _start(site)
    calls = dice.choice((0, 0, 1, 2, 3, 5, 8, 13))
    _until(running, calls=len(running.emulator.journal) + calls, process=process)
    # without calls to wait for: while it starts, opens the file, or makes the tables
    time.sleep(dice.random() * (0.05 if calls else 0.8))
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


def _until(running: RunningEmulator, *, calls: int, process: subprocess.Popen[bytes]) -> None:
    while len(running.emulator.journal) < calls and process.poll() is None:
        time.sleep(0.001)


def _has_tables(path: Path) -> bool:
    if not path.exists():
        return False
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("select count(*) from sqlite_master").fetchone()[0])


def _check_calls(site: Site, running: RunningEmulator, *, fewest: int) -> None:
    """Only answers that were on their way are asked again, and no call goes uncounted."""
    made = len(running.emulator.journal.calls("/datacube/*"))
    assert fewest <= made <= fewest + KILLS * CONCURRENCY
    with closing(sqlite3.connect(site.database)) as connection:
        (counted,) = connection.execute("select sum(calls) from calls").fetchone()
    assert made <= counted <= made + KILLS * CONCURRENCY
