"""CPU per call of `AsyncClient.ask`, compared with the plain HTTP library and the same POST.

    python bench/client_overhead.py

A server in another process replies immediately. Rounds of both clients alternate in one process, so
that they run under the same conditions; the medians over the rounds and the median of the rounds'
ratios are printed. The plain client sends the same body and parses the reply with `json`.
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
from wxcube.contract import decoding
from wxcube.contract.message import UpstreamMsgHour, getupstreammsghour
from wxcube.contract.user import UserSummary, getusersummary
from wxcube.wechat import wire

ROUNDS, CALLS, CONCURRENCY = 15, 300, 8
TOKEN = "T" * 136
FIRST = date(2026, 3, 1)
Call = Callable[[], Awaitable[object]]

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
    """The benchmark `http_libraries.py`, whose server is used here."""
    path = Path(__file__).with_name("http_libraries.py")
    spec = importlib.util.spec_from_file_location("http_libraries", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def cpu_us(call: Call) -> float:
    left = iter(range(CALLS))

    async def worker() -> None:
        for _ in left:
            await call()

    begun = time.process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return (time.process_time() - begun) / CALLS * 1e6


async def compare(url: str, endpoint: Any, window: Window) -> tuple[list[float], list[float]]:
    import aiohttp

    request = wire.request(endpoint, window, TOKEN, {})
    headers = {"content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=100)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        AsyncClient(base_url=url, token=TOKEN) as client,
    ):

        async def plain() -> object:
            async with session.post(
                url + request.target, data=request.body, headers=headers
            ) as response:
                return json.loads(await response.read())

        async def wxcube() -> object:
            return await client.ask(endpoint, window)

        await cpu_us(plain), await cpu_us(wxcube)
        rounds = [(await cpu_us(plain), await cpu_us(wxcube)) for _ in range(ROUNDS)]
    return [p for p, _ in rounds], [w for _, w in rounds]


def decode_us(endpoint: Any, window: Window, body: bytes) -> float:
    from wxcube.beijing import SystemClock

    now = SystemClock().now()
    begun = time.process_time()
    for _ in range(2000):
        decoding.read(endpoint, window, body, now)
    return (time.process_time() - begun) / 2000 * 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--serve", choices=CASES, help="run the server of a case")
    arguments = options.parse_args()
    library = http_libraries()
    if arguments.serve:
        library.ANSWER = CASES[arguments.serve][2]
        asyncio.run(library.serve(0.0))
        return
    print("| reply | bytes | plain us/call | AsyncClient us/call | ratio | of which decoding us |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (endpoint, window, body) in CASES.items():
        command = [sys.executable, __file__, "--serve", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            plain, wxcube = asyncio.run(compare(url, endpoint, window))
            server.terminate()
        ratio = statistics.median(w / p for p, w in zip(plain, wxcube, strict=True))
        figures = f"{statistics.median(plain):.0f} | {statistics.median(wxcube):.0f} | {ratio:.2f}"
        print(f"| {name} | {len(body)} | {figures} | {decode_us(endpoint, window, body):.0f} |")


if __name__ == "__main__":
    main()
