"""A sync that is killed again and again ends with the database of an undisturbed one."""

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
Stored = tuple[str, tuple[Any, ...], dict[str, Any]]
"""Report of a stored answer: endpoint name, days and params."""


def test_a_sync_killed_at_twenty_moments_and_resumed_equals_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disturbed, undisturbed = tmp_path / "disturbed.db", tmp_path / "undisturbed.db"
    # the fork server must find the modules that it preloads
    monkeypatch.setenv("PYTHONPATH", str(Path(killable.__file__).parents[1]))
    starts = multiprocessing.get_context("forkserver")
    starts.set_forkserver_preload(["support.killable"])
    chance = Random(20)
    Warehouse.open(disturbed).close()
    for _ in range(KILLS):
        stored = _killed(starts, disturbed, chance.randrange(16), chance.random() * 0.01)
        _assert_stored(disturbed, stored)
    killable.run(str(disturbed))
    killable.run(str(undisturbed))
    assert everything(disturbed, but=("asks",)) == everything(undisturbed, but=("asks",))
    _calls_are_logged(everything(disturbed)["asks"], everything(undisturbed)["asks"])


def _killed(starts: Any, path: Path, answers: int, delay: float) -> list[Stored]:
    """Run a sync, kill it a short time after some answers, and return what it has stored.

    A few more calls than these are answered, so that it cannot end by itself.
    """
    receiver, sender = starts.Pipe(duplex=False)
    limit = answers + killable.CONCURRENCY
    process = starts.Process(
        target=killable.run, args=(str(path), sender), kwargs={"answers": limit}
    )
    process.start()
    sender.close()
    stored = [receiver.recv() for _ in range(answers)]
    time.sleep(delay)
    process.kill()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL, "the sync ended before it was killed"
    return stored + _rest(receiver)


def _rest(receiver: Connection) -> list[Stored]:
    stored = []
    try:
        while receiver.poll(0):
            stored.append(receiver.recv())
    except EOFError:
        pass
    return stored


def _assert_stored(path: Path, stored: list[Stored]) -> None:
    with Warehouse.open(path) as warehouse:
        for name, labels, params in stored:
            entries = warehouse.coverage("wx1", named(name), params=params)
            assert {entries[day].state for day in labels} <= {*SETTLED, State.MOVING, State.WAITING}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def _calls_are_logged(disturbed: list[Any], undisturbed: list[Any]) -> None:
    """Calls are logged before they are made, so each kill adds at most those in progress."""
    needed = len(undisturbed)
    assert needed <= len(disturbed) <= needed + KILLS * killable.CONCURRENCY
