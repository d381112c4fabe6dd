"""kill -9 at random moments: what was acknowledged is there, once, and the store opens by itself.

Four moments each by default; WXCUBE_KILLS=30 tries thirty.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import aiohttp
import msgspec
import pytest

from support.event_files import NOW, lines, message, opened, put, some, stored, total
from wxcube.events.intake.families import STORED
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
from wxcube.events.store import EventStore
import duckdb
with EventStore.open(sys.argv[1]) as store:
    print("ready", flush=True)
    store.compact(round_bytes=60_000)
print("done", flush=True)
"""


def started(script: str, *arguments: object, cwd: Path) -> subprocess.Popen[bytes]:
    """A process of its own that has come as far as its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        cwd=cwd,
        env=os.environ | {"WXCUBE_EVENTS__GROUP_COUNT": "2"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def killed_after(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """What the process said until it was killed."""
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=30)
    return said


def duration(script: str, *arguments: object, cwd: Path) -> float:
    """How long an undisturbed run takes."""
    began = time.perf_counter()
    process = started(script, *arguments, cwd=cwd)
    began = time.perf_counter()
    process.communicate(timeout=120)
    assert process.returncode == 0
    return time.perf_counter() - began


def identities(folder: Path) -> list[tuple[int, int, int]]:
    with opened(folder) as store:
        rows = [row for family in STORED for row in stored(store, family)]
        assert len(rows) == total(store)
    return [(row["account"], row["id_high"], row["id_low"]) for row in rows]


@pytest.mark.timeout(300)
def test_ingest_killed_at_any_moment(tmp_path: Path) -> None:
    dice = Random()
    files = []
    for number in range(FILES):
        files.append(tmp_path / f"{number:02d}.jsonl")
        files[-1].write_bytes(lines(some(EVENTS, seed=number)))
    whole = tmp_path / "whole"
    whole.mkdir()
    took = duration(INGEST, *files, cwd=whole)
    for moment in range(KILLS):
        folder = tmp_path / f"run-{moment}"
        folder.mkdir()
        said = killed_after(started(INGEST, *files, cwd=folder), dice.uniform(0, took))
        acknowledged = {
            told["file"]: told["events"]
            for told in map(msgspec.json.decode, said[: said.rfind(b"\n") + 1].splitlines())
        }
        with opened(folder / "events") as store:
            store.compact()
            kept = total(store)
            assert kept >= sum(acknowledged.values())
            assert store.manifest().duplicates == 0
            if moment % 3 == 0:
                for file in files:
                    admitted = store.admit(file.read_bytes())
                    store.append(admitted).result()
                done = store.compact()
                assert (total(store), done.duplicates) == (FILES * EVENTS, kept)
        found = identities(folder / "events")
        assert len(found) == len(set(found)) >= kept
        assert not [one for one in check(folder / "events", NOW, deep=True) if one.is_serious]
        shutil.rmtree(folder)


SERVE = """
import sys, time
from wxcube.server.events_api import EventsApi, with_events
from wxcube.server.http import RunningServer
from wxcube.settings import Secret
from wxcube.events.store import EventStore
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


async def sent(url: str, acknowledged: set[int], killer: threading.Timer) -> None:
    """Batches of ten, eight at once, until the server is gone some time after the first."""
    headers = {"Authorization": f"Bearer {'t' * 32}", "Content-Type": "application/x-ndjson"}
    numbers = iter(range(100_000))

    async def send(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = lines([message(10 * number + n) for n in range(10)])
            async with session.post(f"{url}/events", data=body, headers=headers) as answer:
                assert answer.status == 200
            if not acknowledged:
                killer.start()
            acknowledged.add(number)

    async with aiohttp.ClientSession() as session:
        with contextlib.suppress(aiohttp.ClientError):
            await asyncio.gather(*(send(session) for _ in range(8)))


@pytest.mark.timeout(300)
def test_server_killed_at_any_moment(tmp_path: Path) -> None:
    dice = Random()
    for moment in range(max(1, KILLS // 2)):
        folder = tmp_path / f"run-{moment}"
        process = started(SERVE, folder, cwd=tmp_path)
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        acknowledged: set[int] = set()
        killer = threading.Timer(dice.uniform(0, 1.5), process.kill)
        asyncio.run(sent(url, acknowledged, killer))
        killer.join()
        process.communicate(timeout=30)
        with opened(folder) as store:
            store.compact()
            stored_once = total(store)
            assert stored_once >= 10 * len(acknowledged) > 0
            put(store, [message(10 * number + n) for number in acknowledged for n in range(10)])
            store.compact()
            assert total(store) == stored_once
        found = identities(folder)
        assert len(found) == len(set(found)) == stored_once


@pytest.mark.timeout(300)
def test_compaction_killed_at_any_moment(tmp_path: Path) -> None:
    dice = Random()
    prepared = tmp_path / "prepared"
    with opened(prepared, segment_bytes=1 << 16) as store:
        for number in range(10):
            put(store, some(1_000, seed=number))
            put(store, some(300, seed=number))
            if number == 4:
                store.compact()
    with opened(shutil.copytree(prepared, tmp_path / "whole")) as store:
        store.compact()
        expected = (total(store), store.manifest().duplicates)
    took = duration(COMPACT, shutil.copytree(prepared, tmp_path / "timed"), cwd=tmp_path)
    assert expected == (10_000, 3_000)
    for moment in range(KILLS):
        folder = shutil.copytree(prepared, tmp_path / f"run-{moment}")
        killed_after(started(COMPACT, folder, cwd=tmp_path), dice.uniform(0, took))
        before = identities(folder)
        assert len(before) == len(set(before))
        with opened(folder) as store:
            store.compact()
            assert (total(store), store.manifest().duplicates) == expected
        found = identities(folder)
        assert len(found) == len(set(found)) == 10_000
        assert not [one for one in check(folder, NOW, deep=True) if one.is_serious]
        shutil.rmtree(folder)
