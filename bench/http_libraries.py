"""Compare HTTP libraries for the client: 5,000 calls, 32 concurrent, a server that waits 50 ms.

    python bench/http_libraries.py

The server and each library run in processes of their own; each library runs twice. Printed are
wall time, CPU time and latencies per call, and the largest memory of the client process. With 32
concurrent calls of 50 ms each, no library can finish in less than 7.8 s.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

CALLS, AT_ONCE, WAIT_SECONDS, WARM_UP = 5_000, 32, 0.05, 64
ASKED = b'{"begin_date":"2026-03-01","end_date":"2026-03-07"}'
ROWS = [
    {"ref_date": f"2026-03-0{day}", "user_source": source, "new_user": 12, "cancel_user": 3}
    for day in range(1, 8)
    for source in (0, 1, 17, 30, 57)
]
ANSWER = json.dumps({"list": ROWS}).encode()
HEADERS = {"content-type": "application/json"}
Ask = Callable[[], Awaitable[Any]]


# --- server ------------------------------------------------------------------------------------


class SlowServer(asyncio.Protocol):
    """Answers each POST with the same rows after a pause."""

    def __init__(self, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if found and len(body) >= _content_length(head):
            self.received = b""
            asyncio.get_running_loop().call_later(self.wait_seconds, self.answer)

    def answer(self) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + b"\r\n\r\n" + ANSWER)


def _content_length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


async def serve(wait_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SlowServer(wait_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- libraries ---------------------------------------------------------------------------------


async def with_aiohttp(url: str, calls: int) -> list[float]:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask() -> Any:
            async with session.post(url, data=ASKED, headers=HEADERS) as response:
                return json.loads(await response.read())

        return await _run(ask, calls)


async def with_httpx2(url: str, calls: int) -> list[float]:
    import httpx2

    limits = httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx2.AsyncClient(limits=limits) as client:

        async def ask() -> Any:
            response = await client.post(url, content=ASKED, headers=HEADERS)
            return json.loads(response.content)

        return await _run(ask, calls)


async def with_niquests(url: str, calls: int) -> list[float]:
    import niquests

    async with niquests.AsyncSession(pool_maxsize=AT_ONCE) as session:

        async def ask() -> Any:
            response = await session.post(url, data=ASKED, headers=HEADERS)
            return json.loads(response.content or b"")

        return await _run(ask, calls)


async def with_urllib3(url: str, calls: int) -> list[float]:
    import urllib3

    pool = urllib3.PoolManager(maxsize=AT_ONCE, block=True)

    def ask(_: int) -> float:
        begun = time.perf_counter()
        json.loads(pool.request("POST", url, body=ASKED, headers=HEADERS).data)
        return time.perf_counter() - begun

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(ask, range(calls)))


async def _run(ask: Ask, calls: int) -> list[float]:
    left, seconds = iter(range(calls)), list[float]()

    async def worker() -> None:
        for _ in left:
            begun = time.perf_counter()
            await ask()
            seconds.append(time.perf_counter() - begun)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return seconds


LIBRARIES = {
    "aiohttp": with_aiohttp,
    "urllib3": with_urllib3,
    "niquests": with_niquests,
    "httpx2": with_httpx2,
}


# --- measuring ---------------------------------------------------------------------------------


def measure(library: str, url: str, calls: int) -> dict[str, Any]:
    ask = LIBRARIES[library]
    asyncio.run(ask(url, WARM_UP))
    cpu, begun = time.process_time(), time.perf_counter()
    seconds = sorted(asyncio.run(ask(url, calls)))
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "library": f"{library} {importlib.metadata.version(library)}",
        "wall_s": round(wall, 2),
        "cpu_us": round(cpu / calls * 1e6),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "p50_ms": round(statistics.median(seconds) * 1e3, 1),
        "p99_ms": round(seconds[int(calls * 0.99)] * 1e3, 1),
    }


def compare(libraries: list[str], calls: int, runs: int) -> None:
    this = [sys.executable, __file__]
    with subprocess.Popen([*this, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/datacube/x?access_token=T"
        print("| library | run | wall s | CPU us/call | peak RSS MB | p50 ms | p99 ms |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for run in range(1, runs + 1):
            for library in libraries:
                client = [*this, "--client", library, "--url", url, "--calls", str(calls)]
                done = subprocess.run(client, check=True, capture_output=True, text=True)
                name, *figures = json.loads(done.stdout).values()
                print("|", " | ".join(map(str, (name, run, *figures))), "|", flush=True)
        server.terminate()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--serve", action="store_true", help="be the server")
    options.add_argument("--client", choices=LIBRARIES, help="be the client with this library")
    options.add_argument("--url", default="")
    options.add_argument("--calls", type=int, default=CALLS)
    options.add_argument("--runs", type=int, default=2)
    options.add_argument("--libraries", nargs="+", default=list(LIBRARIES), choices=LIBRARIES)
    given = options.parse_args()
    if given.serve:
        asyncio.run(serve(WAIT_SECONDS))
    elif given.client:
        print(json.dumps(measure(given.client, given.url, given.calls)))
    else:
        compare(given.libraries, given.calls, given.runs)


if __name__ == "__main__":
    main()
