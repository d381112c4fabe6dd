"""Throughput of event ingestion from files and over HTTP, and of compaction.

python bench/ingest.py [EVENTS]

CPU time is that of the ingesting process, so events per CPU second are events per second on one
core. The first lines are lower bounds for any ingestion: only decoding, and only writing.
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
from wxcube.events.intake.files import read_batches
from wxcube.events.store.store import EventStore
from wxcube.server.events_api import EventsApi, with_events
from wxcube.server.http import RunningServer
from wxcube.settings import Secret

ROUNDS, BATCH = 5, 10_000
START = 1_772_294_400  # 2026-03-01 Beijing
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
TOKEN = "a-token-of-32-characters-0123456"


def events(number: int, seed: int = 7) -> Iterator[ev.AnyEvent]:
    """Two days of 1,000 accounts: 30% messages, 18% replies, 43% reads, 7% shares, 2% follows."""
    rng = Random(seed)
    users = ["o" + "".join(rng.choices(LETTERS, k=27)) for _ in range(200_000)]
    accounts = [f"wx{rng.getrandbits(64):016x}" for _ in range(1_000)]
    articles = [f"{2_247_480_000 + n}_{1 + n % 3}" for n in range(5_000)]
    for _ in range(number):
        account = accounts[int(1_000 * rng.random() ** 3)]
        identity, at = f"{rng.getrandbits(128):032x}", START + rng.randrange(2 * 86_400)
        head: dict[str, Any] = {"id": identity, "account": account, "at": at}
        kind, user = rng.random(), users[int(200_000 * rng.random() ** 2)]
        if kind < 0.30:
            yield ev.Message(**head, user=user, msg_type=1)
        elif kind < 0.48:
            yield ev.Reply(**head, ms=rng.randrange(5_000))
        elif kind < 0.91:
            yield ev.Read(
                **head,
                user=user,
                msgid=rng.choice(articles),
                source=rng.randrange(8),
                seconds=rng.randrange(200),
                finished=True,
                position=3,
            )
        elif kind < 0.98:
            yield ev.Share(**head, user=user, msgid=rng.choice(articles), source=2, scene=1)
        else:
            yield ev.Follow(**head, user=user, source=1)


def write_lines(folder: Path, number: int) -> Path:
    """Write the events to a JSON Lines file."""
    path, encoder = folder / "events.jsonl", msgspec.json.Encoder()
    with path.open("wb") as file:
        for event in events(number):
            file.write(encoder.encode(event) + b"\n")
    return path


def write_tables(lines: Path) -> list[Path]:
    """Write the events to a CSV and a Parquet file."""
    import duckdb

    paths = [lines.with_suffix(ending) for ending in (".csv", ".parquet")]
    for path in paths:
        duckdb.sql(
            f"COPY (FROM read_json('{lines}', format = 'newline_delimited', sample_size = -1)) "
            f"TO '{path}' (FORMAT {path.suffix[1:]})"
        )
    return paths


def batches(path: Path) -> list[bytes]:
    """The lines of a file in batches of ten thousand."""
    with path.open("rb") as file:
        lines = file.readlines()
    return [b"".join(lines[n : n + BATCH]) for n in range(0, len(lines), BATCH)]


def show(name: str, number: int, cpu: float, wall: float, note: str = "") -> None:
    per_event = f"{cpu / number * 1e6:6.2f} us CPU per event"
    per_core, per_second = number / cpu / 1e6, number / wall / 1e6
    print(f"{name:34}{per_core:6.2f} M/s per core {per_second:6.2f} M/s  {per_event}  {note}")


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds of an action."""
    cpu, wall = time.process_time(), time.perf_counter()
    action()
    return time.process_time() - cpu, time.perf_counter() - wall


def best(action: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """The round with the least CPU time; the others were disturbed."""
    return min(action() for _ in range(ROUNDS))


def decode_only(path: Path) -> tuple[float, float]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ev.AnyEvent)
    bodies = batches(path)
    return timed(lambda: [len(decoder.decode_lines(body)) for body in bodies])


def write_only(path: Path) -> tuple[float, float]:
    bodies = batches(path)

    def write() -> None:
        descriptor = os.open(path.with_suffix(".raw"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for body in bodies:
            os.write(descriptor, body)
            os.fdatasync(descriptor)
        os.close(descriptor)

    return timed(write)


@contextmanager
def new_store() -> Iterator[EventStore]:
    with tempfile.TemporaryDirectory() as folder, EventStore.open(folder) as store:
        yield store


def check_only(path: Path) -> tuple[float, float]:
    bodies = batches(path)
    with new_store() as store:
        return timed(lambda: [store.admit(body).events for body in bodies])


def from_file(path: Path) -> tuple[float, float]:
    with new_store() as store:
        return timed(lambda: ingest(store, read_batches(str(path)), OnError.REJECT, path.name))


def compacted(path: Path) -> tuple[float, float]:
    with new_store() as store:
        ingest(store, read_batches(str(path)), OnError.REJECT, path.name)
        return timed(store.compact)


def over_http(path: Path) -> tuple[float, float]:
    """CPU time of the server's process, and wall time."""
    connection, server_connection = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(server_connection,))
    server.start()
    url = connection.recv()
    _, wall = timed(lambda: asyncio.run(send(url, batches(path))))
    connection.send("end")
    cpu: float = connection.recv()
    server.join()
    return cpu, wall


def serve(parent: Connection) -> None:
    async def nothing(*_: object) -> None:
        """Only /events is requested."""

    with new_store() as store:
        api = EventsApi(store, Secret(TOKEN), 16 << 20)
        with RunningServer(with_events(nothing, api)) as server:
            before = time.process_time()
            parent.send(f"{server.url}/events")
            parent.recv()
            parent.send(time.process_time() - before)


async def send(url: str, bodies: list[bytes]) -> None:
    import io

    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    limit = asyncio.Semaphore(4)

    async def post(session: aiohttp.ClientSession, body: bytes) -> None:
        async with limit, session.post(url, data=io.BytesIO(body), headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(post(session, body) for body in bodies))


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as folder:
        path = write_lines(Path(folder), number)
        print(f"{number:,} events, {path.stat().st_size / number:.0f} bytes each; best of {ROUNDS}")
        decode = best(lambda: decode_only(path))
        show("decode only (msgspec, all rules)", number, *decode)
        show("write and sync the lines only", number, *best(lambda: write_only(path)))
        for name, action in (
            ("check, hash, build columns", check_only),
            ("from a file, durable", from_file),
            ("over HTTP, batches of 10,000", over_http),
            ("compaction to Parquet", compacted),
        ):
            cpu, wall = best(lambda action=action: action(path))  # type: ignore[misc]  # bound now
            show(name, number, cpu, wall, f"{cpu / decode[0]:.1f}x decoding")
        for table in write_tables(path):
            cpu, wall = best(lambda table=table: from_file(table))  # type: ignore[misc]  # bound now
            show(
                f"from {table.name}, durable", number, cpu, wall, f"{cpu / decode[0]:.1f}x decoding"
            )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
