"""CPU per call of `AsyncClient.ask` beside the bare HTTP library doing the same POST.

    python bench/client_overhead.py

A server in a process of its own answers at once. Rounds of both ways alternate in one process, so
that they meet the same machine; printed are the medians over the rounds and the median of the
rounds' ratios. The bare way sends the same body and parses the answer with `json`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from wxcube import AsyncClient, Window
from wxcube.contract.message import UpstreamMsgHour, getupstreammsghour
from wxcube.contract.user import UserSummary, getusersummary
from wxcube.wechat import wire

ROUNDS, CALLS, AT_ONCE = 15, 300, 8
TOKEN = "T" * 136
FIRST = date(2026, 3, 1)
Ask = Callable[[], Awaitable[object]]

WEEK_ROWS = [
    UserSummary(ref_date=FIRST + timedelta(day), user_source=source, new_user=12, cancel_user=3)
    for day in range(7)
    for source in (0, 1, 17, 30, 57)
]
HOUR_ROWS = [
    UpstreamMsgHour(ref_date=FIRST, ref_hour=hour, msg_type=kind, msg_user=12, msg_count=34)
    for hour in range(0, 2400, 100)
    for kind in (1, 2, 3, 4, 6)
]
CASES = {
    "getusersummary, 7 days, 35 rows": (
        getusersummary,
        Window(FIRST, FIRST + timedelta(6)),
        wire.encode(getusersummary, WEEK_ROWS),
    ),
    "getupstreammsghour, 1 day, 120 rows": (
        getupstreammsghour,
        Window.day(FIRST),
        wire.encode(getupstreammsghour, HOUR_ROWS),
    ),
}


def http_libraries() -> ModuleType:
    """The neighbouring benchmark, whose server is used here too."""
    path = Path(__file__).with_name("http_libraries.py")
    spec = importlib.util.spec_from_file_location("http_libraries", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def cpu_us(ask: Ask) -> float:
    left = iter(range(CALLS))

    async def worker() -> None:
        for _ in left:
            await ask()

    begun = time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return (time.process_time() - begun) / CALLS * 1e6


async def compare(url: str, endpoint: Any, window: Window) -> tuple[list[float], list[float]]:
    import aiohttp

    sent = wire.request(endpoint, window, TOKEN, {})
    headers = {"content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=100)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        AsyncClient(base_url=url, token=TOKEN) as client,
    ):

        async def bare() -> object:
            async with session.post(url + sent.target, data=sent.body, headers=headers) as response:
                return json.loads(await response.read())

        async def ours() -> object:
            return await client.ask(endpoint, window)

        await cpu_us(bare), await cpu_us(ours)
        rounds = [(await cpu_us(bare), await cpu_us(ours)) for _ in range(ROUNDS)]
    return [b for b, _ in rounds], [o for _, o in rounds]


def decode_us(endpoint: Any, window: Window, body: bytes) -> float:
    from wxcube.beijing import SystemClock

    now = SystemClock().now()
    begun = time.process_time()
    for _ in range(2000):
        wire.read(endpoint, window, body, now)
    return (time.process_time() - begun) / 2000 * 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--serve", choices=CASES, help="be the server of a case")
    given = options.parse_args()
    library = http_libraries()
    if given.serve:
        library.ANSWER = CASES[given.serve][2]
        asyncio.run(library.serve(0.0))
        return
    print("| answer | bytes | bare us/call | AsyncClient us/call | ratio | of it reading us |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (endpoint, window, body) in CASES.items():
        this = [sys.executable, __file__, "--serve", name]
        with subprocess.Popen(this, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            bare, ours = asyncio.run(compare(url, endpoint, window))
            server.terminate()
        ratio = statistics.median(o / b for b, o in zip(bare, ours, strict=True))
        figures = f"{statistics.median(bare):.0f} | {statistics.median(ours):.0f} | {ratio:.2f}"
        print(f"| {name} | {len(body)} | {figures} | {decode_us(endpoint, window, body):.0f} |")


if __name__ == "__main__":
    main()
