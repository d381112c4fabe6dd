"""kill -9 at random times: every acknowledged event is stored once, and the store still opens.

Four kills per test by default; WXCUBE_KILLS=30 tries thirty. The time of a kill decides only how far
the process got: every assertion holds for any time, on a loaded machine too.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import aiohttp
import msgspec
import pytest

from support.event_files import (
    NOW,
    WAIT_SECONDS,
    count_events,
    lines,
    message,
    open_store,
    sample_events,
    store_events,
    stored,
)
from wxcube.events.intake.families import STORED
from wxcube.events.kinds import Message
from wxcube.events.store.check import check

KILLS = int(os.environ.get("WXCUBE_KILLS", "4"))
FILES, EVENTS = 24, 1_500

INGEST = """
import sys
from wxcube.cli.main import run
print("ready", flush=True)
sys.exit(run(["events", "ingest", "--json", "--no-compact", *sys.argv[1:]]))
"""
COMPACT = """
import sys
from wxcube.events.store.store import EventStore
import duckdb
with EventStore.open(sys.argv[1]) as store:
    print("ready", flush=True)
    store.compact(round_bytes=60_000)
print("done", flush=True)
"""


def started(script: str, *arguments: object, cwd: Path) -> subprocess.Popen[bytes]:
    """A new process that has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=os.environ | {"WXCUBE_EVENTS__GROUP_COUNT": "2"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != b"ready\n":
        # a process that is left to the garbage collector fails whichever test runs then
        process.kill()
        process.communicate()
    assert line == b"ready\n"
    return process


def killed_after(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The output of a process until it was killed after so many seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    return output


def duration(script: str, *arguments: object, cwd: Path) -> float:
    """The seconds that a run takes from its first line to its end."""
    process = started(script, *arguments, cwd=cwd)
    began = time.perf_counter()
    process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0
    return time.perf_counter() - began


def identities(folder: Path) -> list[tuple[int, int, int]]:
    with open_store(folder) as store:
        rows = [row for family in STORED for row in stored(store, family)]
        assert len(rows) == count_events(store)
    return [(row["account"], row["id_high"], row["id_low"]) for row in rows]


@pytest.mark.timeout(300)
def test_ingest_killed_at_any_moment(tmp_path: Path) -> None:
    dice = Random()
    files = []
    for number in range(FILES):
        files.append(tmp_path / f"{number:02d}.jsonl")
        files[-1].write_bytes(lines(sample_events(EVENTS, seed=number)))
    whole = tmp_path / "whole"
    whole.mkdir()
    took = duration(INGEST, *files, cwd=whole)
    for moment in range(KILLS):
        folder = tmp_path / f"run-{moment}"
        folder.mkdir()
        output = killed_after(started(INGEST, *files, cwd=folder), dice.uniform(0, took))
        acknowledged = {
            line["file"]: line["events"]
            for line in map(msgspec.json.decode, output[: output.rfind(b"\n") + 1].splitlines())
        }
        with open_store(folder / "events") as store:
            store.compact()
            stored_count = count_events(store)
            assert stored_count >= sum(acknowledged.values())
            assert store.manifest().duplicates == 0
            if moment % 3 == 0:
                for file in files:
                    admitted = store.admit(file.read_bytes())
                    store.append(admitted).result(WAIT_SECONDS)
                done = store.compact()
                assert (count_events(store), done.duplicates) == (FILES * EVENTS, stored_count)
        rows = identities(folder / "events")
        assert len(rows) == len(set(rows)) >= stored_count
        assert not [one for one in check(folder / "events", NOW, deep=True) if one.is_serious]
        shutil.rmtree(folder)


SERVE = """
import sys, time
from wxcube.server.events_api import EventsApi, with_events
from wxcube.server.http import RunningServer
from wxcube.settings import Secret
from wxcube.events.store.store import EventStore
import duckdb
async def nothing(*_): pass
with EventStore.open(sys.argv[1], groups=2) as store:
    with RunningServer(with_events(nothing, EventsApi(store, Secret("t" * 32), 1 << 20))) as server:
        print("ready", flush=True)
        print(server.url, flush=True)
        while True:
            time.sleep(0.1)
            store.compact()
"""


async def send_until_killed(url: str, process: subprocess.Popen[bytes], seconds: float) -> set[int]:
    """The numbers of the batches that a server acknowledged, sent by eight senders.

    The server is killed so many seconds after its first acknowledgement.
    """
    headers = {"Authorization": f"Bearer {'t' * 32}", "Content-Type": "application/x-ndjson"}
    numbers, acknowledged = itertools.count(), set[int]()

    async def send(session: aiohttp.ClientSession) -> None:
        while process.poll() is None:
            number = next(numbers)
            # a lost connection is no failure: only an answer is an acknowledgement
            with contextlib.suppress(aiohttp.ClientError):
                body = lines(batch(number))
                async with session.post(f"{url}/events", data=body, headers=headers) as answer:
                    assert answer.status == 200
                if not acknowledged:
                    asyncio.get_running_loop().call_later(seconds, process.kill)
                acknowledged.add(number)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as senders:
        for _ in range(8):
            senders.create_task(send(session))
    return acknowledged


def batch(number: int) -> list[Message]:
    """Ten events of their own for each number."""
    return [message(10 * number + n) for n in range(10)]


@pytest.mark.timeout(300)
def test_server_killed_at_any_moment(tmp_path: Path) -> None:
    dice = Random()
    for moment in range(max(1, KILLS // 2)):
        folder = tmp_path / f"run-{moment}"
        process = started(SERVE, folder, cwd=tmp_path)
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        acknowledged = asyncio.run(send_until_killed(url, process, dice.uniform(0, 1.5)))
        process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == -signal.SIGKILL
        with open_store(folder) as store:
            store.compact()
            stored_once = count_events(store)
            assert stored_once >= 10 * len(acknowledged) > 0
            store_events(store, [event for number in acknowledged for event in batch(number)])
            store.compact()
            assert count_events(store) == stored_once
        rows = identities(folder)
        assert len(rows) == len(set(rows)) == stored_once


@pytest.mark.timeout(300)
def test_compaction_killed_at_any_moment(tmp_path: Path) -> None:
    dice = Random()
    prepared = tmp_path / "prepared"
    with open_store(prepared, segment_bytes=1 << 16) as store:
        for number in range(10):
            store_events(store, sample_events(1_000, seed=number))
            store_events(store, sample_events(300, seed=number))
            if number == 4:
                store.compact()
    with open_store(shutil.copytree(prepared, tmp_path / "whole")) as store:
        store.compact()
        expected = (count_events(store), store.manifest().duplicates)
    took = duration(COMPACT, shutil.copytree(prepared, tmp_path / "timed"), cwd=tmp_path)
    assert expected == (10_000, 3_000)
    for moment in range(KILLS):
        folder = shutil.copytree(prepared, tmp_path / f"run-{moment}")
        killed_after(started(COMPACT, folder, cwd=tmp_path), dice.uniform(0, took))
        before = identities(folder)
        assert len(before) == len(set(before))
        with open_store(folder) as store:
            store.compact()
            assert (count_events(store), store.manifest().duplicates) == expected
        rows = identities(folder)
        assert len(rows) == len(set(rows)) == 10_000
        assert not [one for one in check(folder, NOW, deep=True) if one.is_serious]
        shutil.rmtree(folder)
