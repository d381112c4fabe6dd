"""CPU and wall time per call by HTTP parser and event loop; client and server share one process.

python bench/server_loops.py
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from unittest.mock import patch

import uvicorn

from wxcube.contract import Window
from wxcube.contract.user import getusersummary
from wxcube.testing import RunningEmulator

CALLS, CONCURRENCY, ROUNDS = 800, 8, 3
WINDOW = Window.parse("2026-03-01..2026-03-07")
COMBINATIONS = (("h11", "asyncio"), ("httptools", "asyncio"), ("httptools", "uvloop"))


async def run_calls(emulator: RunningEmulator) -> tuple[float, float]:
    """CPU and wall milliseconds per call."""
    async with emulator.async_client() as client:
        await client.ask(getusersummary, WINDOW)

        async def worker() -> None:
            for _ in range(CALLS // CONCURRENCY):
                await client.ask(getusersummary, WINDOW)

        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return (
            (time.process_time() - cpu) / CALLS * 1000,
            (time.perf_counter() - wall) / CALLS * 1000,
        )


def measure(http: str, loop: str) -> tuple[float, float]:
    """One round with an HTTP parser and an event loop."""
    config = partial(uvicorn.Config, http=http, loop=loop)
    with patch("wxcube.server.http.uvicorn.Config", config), RunningEmulator(days=20) as emulator:
        emulator.emulator.prepare()
        return asyncio.run(run_calls(emulator))


if __name__ == "__main__":
    for _ in range(ROUNDS):
        for http, loop in COMBINATIONS:
            cpu, wall = measure(http, loop)
            print(f"{http:10} {loop:8} cpu {cpu:.2f} ms  wall {wall:.2f} ms per call")
