"""A sync that is killed again and again ends with the database of one that never was."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support import killable
from support.written_source import everything
from wxcube.contract import named
from wxcube.warehouse.coverage import SETTLED, State
from wxcube.warehouse.store import Warehouse

KILLS = 20
Told = tuple[str, tuple[Any, ...], dict[str, Any]]


def test_a_sync_killed_at_twenty_moments_and_resumed_equals_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbed, undisturbed = tmp_path / "disturbed.db", tmp_path / "undisturbed.db"
    # the server that forks must find what it loads beforehand
    monkeypatch.setenv("PYTHONPATH", str(Path(killable.__file__).parents[1]))
    starts = multiprocessing.get_context("forkserver")
    starts.set_forkserver_preload(["support.killable"])
    chance = Random(20)
    Warehouse.open(disturbed).close()
    for _ in range(KILLS):
        told = _killed(starts, disturbed, chance.randrange(16), chance.random() * 0.01)
        _nothing_told_is_lost(disturbed, told)
    killable.run(str(disturbed), delay_seconds=0)
    killable.run(str(undisturbed), delay_seconds=0)
    assert everything(disturbed, but=("calls",)) == everything(undisturbed, but=("calls",))
    _calls_are_counted(everything(disturbed)["calls"], everything(undisturbed)["calls"])


def _killed(starts: Any, path: Path, answers: int, moment: float) -> list[Told]:
    """Run a sync, kill it some time after some answers; what it said it had stored."""
    listen, tell = starts.Pipe(duplex=False)
    process = starts.Process(target=killable.run, args=(str(path), tell))
    process.start()
    tell.close()
    told = [listen.recv() for _ in range(answers)]
    time.sleep(moment)
    process.kill()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL, "the sync was over before it was killed"
    return told + _rest(listen)


def _rest(listen: Connection) -> list[Told]:
    told = []
    try:
        while listen.poll(0):
            told.append(listen.recv())
    except EOFError:
        pass
    return told


def _nothing_told_is_lost(path: Path, told: list[Told]) -> None:
    with Warehouse.open(path) as warehouse:
        for name, labels, params in told:
            lines = warehouse.coverage("wx1", named(name), params=params)
            assert {lines[day].state for day in labels} <= {*SETTLED, State.MOVING, State.WAITING}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def _calls_are_counted(disturbed: list[Any], undisturbed: list[Any]) -> None:
    """Calls are counted before they are made, so a kill counts at most those under way."""
    made, needed = (sum(row[3] for row in rows) for rows in (disturbed, undisturbed))
    assert needed <= made <= needed + KILLS * killable.CONCURRENCY
