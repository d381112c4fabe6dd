"""How fast events come in: from a file and over HTTP, checked and on the disk, then compacted.

python bench/ingest.py [EVENTS]

CPU is that of the process that takes the events in, so events per CPU second are events a second
on one core. The first lines are what no ingest can beat: only decoding, only writing.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from wxcube.events import kinds as ev
from wxcube.events.intake.batches import OnError, ingest
from wxcube.events.intake.files import pieces
from wxcube.events.store import EventStore
from wxcube.server.events_api import EventsApi, with_events
from wxcube.server.http import RunningServer
from wxcube.settings import Secret

ROUNDS, BATCH = 5, 10_000
START = 1_772_294_400  # 2026-03-01 Beijing
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
TOKEN = "a-token-of-32-characters-0123456"


def events(number: int, seed: int = 7) -> Iterator[ev.AnyEvent]:
    """Two days of 1,000 accounts: 30 % messages, 18 % replies, 50 % reading, 2 % followers."""
    dice = Random(seed)
    people = ["o" + "".join(dice.choices(LETTERS, k=27)) for _ in range(200_000)]
    accounts = [f"wx{dice.getrandbits(64):016x}" for _ in range(1_000)]
    articles = [f"{2_247_480_000 + n}_{1 + n % 3}" for n in range(5_000)]
    for _ in range(number):
        account = accounts[int(1_000 * dice.random() ** 3)]
        identity, at = f"{dice.getrandbits(128):032x}", START + dice.randrange(2 * 86_400)
        head: dict[str, Any] = {"id": identity, "account": account, "at": at}
        what, user = dice.random(), people[int(200_000 * dice.random() ** 2)]
        if what < 0.30:
            yield ev.Message(**head, user=user, msg_type=1)
        elif what < 0.48:
            yield ev.Reply(**head, ms=dice.randrange(5_000))
        elif what < 0.91:
            yield ev.Read(
                **head,
                user=user,
                msgid=dice.choice(articles),
                source=dice.randrange(8),
                seconds=dice.randrange(200),
                finished=True,
                position=3,
            )
        elif what < 0.98:
            yield ev.Share(**head, user=user, msgid=dice.choice(articles), source=2, scene=1)
        else:
            yield ev.Follow(**head, user=user, source=1)


def written(folder: Path, number: int) -> Path:
    """The events as a file of JSON lines."""
    path, encoder = folder / "events.jsonl", msgspec.json.Encoder()
    with path.open("wb") as file:
        for event in events(number):
            file.write(encoder.encode(event) + b"\n")
    return path


def tables(lines: Path) -> list[Path]:
    """The events as a CSV and as a Parquet file."""
    import duckdb

    paths = [lines.with_suffix(ending) for ending in (".csv", ".parquet")]
    for path in paths:
        duckdb.sql(
            f"COPY (FROM read_json('{lines}', format = 'newline_delimited', sample_size = -1)) "
            f"TO '{path}' (FORMAT {path.suffix[1:]})"
        )
    return paths


def batches(path: Path) -> list[bytes]:
    """The file's lines, ten thousand at a time."""
    with path.open("rb") as file:
        lines = file.readlines()
    return [b"".join(lines[n : n + BATCH]) for n in range(0, len(lines), BATCH)]


def show(name: str, number: int, cpu: float, wall: float, note: str = "") -> None:
    per = f"{cpu / number * 1e6:6.2f} us CPU an event"
    core, clock = number / cpu / 1e6, number / wall / 1e6
    print(f"{name:34}{core:6.2f} M/s a core {clock:6.2f} M/s  {per}  {note}")


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return time.process_time() - cpu, time.perf_counter() - wall


def best(action: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """The round with the least CPU: the others were disturbed."""
    return min(action() for _ in range(ROUNDS))


def decode_only(path: Path) -> tuple[float, float]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ev.AnyEvent)
    parts = batches(path)
    return timed(lambda: [len(decoder.decode_lines(part)) for part in parts])


def write_only(path: Path) -> tuple[float, float]:
    parts = batches(path)

    def write() -> None:
        descriptor = os.open(path.with_suffix(".raw"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for part in parts:
            os.write(descriptor, part)
            os.fdatasync(descriptor)
        os.close(descriptor)

    return timed(write)


@contextmanager
def new_store() -> Iterator[EventStore]:
    with tempfile.TemporaryDirectory() as folder, EventStore.open(folder) as store:
        yield store


def check_only(path: Path) -> tuple[float, float]:
    parts = batches(path)
    with new_store() as store:
        return timed(lambda: [store.admit(part).events for part in parts])


def from_file(path: Path) -> tuple[float, float]:
    with new_store() as store:
        return timed(lambda: ingest(store, pieces(str(path)), OnError.REJECT, path.name))


def compacted(path: Path) -> tuple[float, float]:
    with new_store() as store:
        ingest(store, pieces(str(path)), OnError.REJECT, path.name)
        return timed(store.compact)


def over_http(path: Path) -> tuple[float, float]:
    """CPU of the server's process."""
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    server.start()
    url = here.recv()
    _, wall = timed(lambda: asyncio.run(send(url, batches(path))))
    here.send("end")
    cpu: float = here.recv()
    server.join()
    return cpu, wall


def serve(parent: Connection) -> None:
    async def nothing(*_: object) -> None:
        """Only /events is asked."""

    with new_store() as store:
        api = EventsApi(store, Secret(TOKEN), 16 << 20)
        with RunningServer(with_events(nothing, api)) as server:
            before = time.process_time()
            parent.send(f"{server.url}/events")
            parent.recv()
            parent.send(time.process_time() - before)


async def send(url: str, parts: list[bytes]) -> None:
    import io

    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    limit = asyncio.Semaphore(4)

    async def post(session: aiohttp.ClientSession, part: bytes) -> None:
        async with limit, session.post(url, data=io.BytesIO(part), headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(post(session, part) for part in parts))


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), number)
        print(f"{number:,} events, {path.stat().st_size / number:.0f} bytes each; best of {ROUNDS}")
        decode = best(lambda: decode_only(path))
        show("decode only (msgspec, all rules)", number, *decode)
        show("write and sync the lines only", number, *best(lambda: write_only(path)))
        for name, action in (
            ("check, hash, make columns", check_only),
            ("from a file, durable", from_file),
            ("over HTTP, batches of 10,000", over_http),
            ("compaction to Parquet", compacted),
        ):
            cpu, wall = best(lambda action=action: action(path))  # type: ignore[misc]  # bound at once
            show(name, number, cpu, wall, f"{cpu / decode[0]:.1f}x decoding")
        for table in tables(path):
            cpu, wall = best(lambda table=table: from_file(table))  # type: ignore[misc]  # bound at once
            show(
                f"from {table.name}, durable", number, cpu, wall, f"{cpu / decode[0]:.1f}x decoding"
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
