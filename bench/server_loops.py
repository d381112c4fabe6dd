"""What parser and event loop cost a call: client and server as two threads of one process.

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

CALLS, AT_ONCE, ROUNDS = 800, 8, 3
WINDOW = Window.parse("2026-03-01..2026-03-07")
KINDS = (("h11", "asyncio"), ("httptools", "asyncio"), ("httptools", "uvloop"))


async def ask(emulator: RunningEmulator) -> tuple[float, float]:
    """CPU and wall milliseconds per call."""
    async with emulator.async_client() as client:
        await client.ask(getusersummary, WINDOW)

        async def some() -> None:
            for _ in range(CALLS // AT_ONCE):
                await client.ask(getusersummary, WINDOW)

        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return (
            (time.process_time() - cpu) / CALLS * 1000,
            (time.perf_counter() - wall) / CALLS * 1000,
        )


def measure(http: str, loop: str) -> tuple[float, float]:
    """One round with a parser and a loop."""
    config = partial(uvicorn.Config, http=http, loop=loop)
    with patch("wxcube.server.http.uvicorn.Config", config), RunningEmulator(days=20) as emulator:
        emulator.emulator.prepare()
        return asyncio.run(ask(emulator))


if __name__ == "__main__":
    for _ in range(ROUNDS):
        for http, loop in KINDS:
            cpu, wall = measure(http, loop)
            print(f"{http:10} {loop:8} cpu {cpu:.2f} ms  wall {wall:.2f} ms per call")
