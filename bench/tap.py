"""A day of callbacks through `wxcube tap proxy`: latency that it adds, callbacks a second, losses.

    python bench/tap.py [--callbacks 200000] [--rate 1500] [--server fast|slow|failing|dead]

The tap is a process of its own on one core. Sender and message server share the other one. Half of
the callbacks are encrypted. Latency is measured at a fixed rate, directly and through the tap in
turns; the added latency is the difference of the percentiles. With --kill the tap and the process
that stores its events are ended by kill -9 in turns, each so many times, at random points of the
whole run; callbacks without an answer are sent again, as WeChat does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

from support.callbacks import KEY, TOKEN, encrypted, plain, xml  # noqa: E402

APPIDS = {"wxba5fad812f8e6fb9": "gh_97417a04a28d", "wx00000000000000aa": "gh_0000000000aa"}
PLAIN_APPID, ENCRYPTED_APPID = APPIDS
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess"
ERROR = b"HTTP/1.1 500 Error\r\ncontent-length: 5\r\n\r\nerror"


class MessageServer(asyncio.Protocol):
    """Answers each request that comes whole; sometimes late, or not at all."""

    kind = "fast"

    def connection_made(self, transport):
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        self.rest += data
        while self.rest.count(b"</xml>") and self.rest.endswith(b"</xml>"):
            self.rest = b""
            self.answer()

    def answer(self):
        if self.kind == "fast":
            self.transport.write(OK)
        elif self.kind == "slow":
            loop = asyncio.get_running_loop()
            loop.call_later(random.choice((0.005, 0.02, 0.1)), self.late)
        elif random.random() < 0.3:
            self.transport.abort()
        else:
            self.transport.write(random.choice((OK, ERROR)))

    def late(self):
        if not self.transport.is_closing():
            self.transport.write(OK)


def callbacks(count: int) -> list[bytes]:
    random_ = random.Random(1)
    now = int(time.time())
    people = [f"o6_{random_.randrange(10**12):025d}"[:28] for _ in range(20_000)]
    return [_request(number, now, random_.choice(people)) for number in range(count)]


def _request(number: int, now: int, person: str) -> bytes:
    is_encrypted = number % 2
    gh = APPIDS[ENCRYPTED_APPID if is_encrypted else PLAIN_APPID]
    members = {"ToUserName": gh, "FromUserName": person, "CreateTime": now}
    body = xml(**members, MsgId=10**15 + number, Content="你好 hello " * 4)
    if is_encrypted:
        one = encrypted(body, timestamp=now, nonce=str(number), appid=ENCRYPTED_APPID, gh=gh)
    else:
        one = plain(body, timestamp=now, nonce=str(number))
    head = f"POST /wx?{one.query} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(one.body)}\r\n\r\n"
    return head.encode() + one.body


class Sender:
    """Sends callbacks over kept connections, or over one for each; counts what is answered."""

    def __init__(self, port: int, *, keep: bool) -> None:
        self.port, self.keep = port, keep
        self.idle: list[tuple] = []
        self.latencies: list[float] = []
        self.failed: list[bytes] = []
        self.answers: dict[bytes, int] = {}
        self.is_up = asyncio.Event()
        self.is_up.set()
        self.goal, self.reached = 0, asyncio.Event()

    async def one(self, request: bytes, due: float) -> None:
        try:
            reader, writer = (
                self.idle.pop() if self.idle
                else await asyncio.open_connection("127.0.0.1", self.port)
            )  # fmt: skip
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.split(b"content-length: ")[1].split()[0]))
        except (OSError, EOFError):
            self.failed.append(request)
            return
        self.latencies.append(time.perf_counter() - due)
        if len(self.latencies) == self.goal:
            self.reached.set()
        self.answers[body] = self.answers.get(body, 0) + 1
        if self.keep:
            self.idle.append((reader, writer))
        else:
            writer.close()

    async def answered(self, number: int) -> None:
        """Wait for so many more answers."""
        self.goal = len(self.latencies) + number
        self.reached.clear()
        await self.reached.wait()

    async def at_rate(self, requests: list[bytes], rate: float) -> None:
        start, tasks = time.perf_counter(), set()
        for number, request in enumerate(requests):
            due = start + number / rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self.one(request, time.perf_counter()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    async def at_once(self, requests: list[bytes], workers: int) -> float:
        waiting = iter(requests)

        async def work() -> None:
            for request in waiting:
                await self.is_up.wait()
                await self.one(request, time.perf_counter())

        start = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(workers)))
        return len(requests) / (time.perf_counter() - start)


def percentiles(latencies: list[float]) -> dict[str, float]:
    found = sorted(latencies)
    return (
        {
            name: round(found[min(int(len(found) * share), len(found) - 1)] * 1000, 2)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
        }
        if found
        else {}
    )


def start_tap(folder: Path, port: int, to: int, core: int | None) -> subprocess.Popen:
    command = [sys.executable, "-c", "from wxcube.cli.main import main; main()"]
    command += ["--config", str(folder / "wxcube.toml"), "tap", "proxy", "--json"]
    command += ["--port", str(port), "--to", f"http://127.0.0.1:{to}"]
    prefix = ["taskset", "-c", str(core)] if core is not None else []
    tap = subprocess.Popen(
        prefix + command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for line in tap.stderr:
        if b"listening" in line:
            return tap
    raise SystemExit("the tap did not start")


def settings(folder: Path) -> None:
    accounts = ""
    for appid, gh in APPIDS.items():
        accounts += f'[[accounts]]\nappid = "{appid}"\noriginal_id = "{gh}"\n'
        accounts += 'message_token_file = "token"\n'
        if appid == ENCRYPTED_APPID:
            accounts += 'message_key_file = "key"\n'
    for name, text in (("token", TOKEN), ("key", KEY), ("wxcube.toml", accounts)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stored(folder: Path) -> dict[str, int]:
    import duckdb

    from wxcube.events.store.store import EventStore

    counts = {}
    with EventStore.open(folder / "events") as store:
        result = store.compact()
        counts["duplicates"] = result.duplicates
        for family in ("message", "reply"):
            files = [str(p) for d, g in store.partitions() for p in store.files(family, d, g)]
            counts[family] = len(duckdb.read_parquet(files)) if files else 0
    return counts


def drained_later(folder: Path) -> int:
    """Events that the tap had not stored a minute after its end, as on a busy machine."""
    command = ["-c", "from wxcube.cli.main import main; main()", "tap", "drain", "--json"]
    drained = subprocess.run(
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, check=True
    )
    return json.loads(drained.stdout)["events"]


async def run(options: argparse.Namespace, folder: Path) -> dict:
    MessageServer.kind = options.server
    loop = asyncio.get_running_loop()
    server = await loop.create_server(MessageServer, "127.0.0.1", 0)
    behind = server.sockets[0].getsockname()[1]
    if options.server == "dead":
        server.close()
    tap = start_tap(folder, options.port, behind, options.core)
    requests = callbacks(options.callbacks)
    found: dict = {"server": options.server, "callbacks": len(requests)}
    try:
        if options.kill:
            tap = await _killed(options, folder, tap, behind, requests, found)
        else:
            await _measured(options, tap, behind, requests, found)
    finally:
        tap.send_signal(signal.SIGTERM)
        out = tap.communicate()[0]
        found["tap"] = json.loads(out.splitlines()[-1])
    found["drained_later"] = drained_later(folder)
    found["stored"] = stored(folder)
    return found


async def _measured(options, tap, behind, requests, found) -> None:
    quarter = len(requests) // 4
    direct = Sender(behind, keep=not options.new_connections)
    through = Sender(options.port, keep=not options.new_connections)
    parts = [requests[i : i + options.rate * 2] for i in range(0, 2 * quarter, options.rate * 2)]
    for part in parts:
        await direct.at_rate(part, options.rate)
        await through.at_rate(part, options.rate)
    found["direct_ms"], found["through_ms"] = map(
        percentiles, (direct.latencies, through.latencies)
    )
    before = cpu_seconds(tap.pid)
    rest = requests[sum(map(len, parts)) :]
    found["per_second"] = round(await through.at_once(rest, 32))
    found["tap_cpu_us"] = round((cpu_seconds(tap.pid) - before) / len(rest) * 1e6)
    found["unanswered"] = {"direct": len(direct.failed), "through": len(through.failed)}
    found["answers"] = {"direct": repr(direct.answers), "through": repr(through.answers)}


def storing_process(tap: subprocess.Popen) -> int | None:
    """The number of the tap's process that stores events."""
    children = Path(f"/proc/{tap.pid}/task/{tap.pid}/children").read_text().split()
    commands = {int(one): Path(f"/proc/{one}/cmdline").read_bytes() for one in children}
    return next((pid for pid, words in commands.items() if b"spawn_main" in words), None)


async def _killed(options, folder, tap, behind, requests, found):
    through = Sender(options.port, keep=False)
    taps, stores, again = 0, 0, 0
    waiting, kills = list(requests), options.kill * 2
    part = max(len(requests) // (kills + 1), 1)
    while waiting:
        now, waiting = waiting[:part], waiting[part:]
        goal = asyncio.create_task(through.answered(random.randrange(1, len(now) + 1)))
        task = asyncio.create_task(through.at_once(now, 32))
        await asyncio.wait([goal, task], return_when=asyncio.FIRST_COMPLETED)
        goal.cancel()
        pid = storing_process(tap)
        if taps + stores < kills and (taps <= stores or pid is None):
            through.is_up.clear()
            tap.kill()
            tap.wait()
            taps += 1
            tap = await asyncio.to_thread(start_tap, folder, options.port, behind, options.core)
            through.is_up.set()
        elif taps + stores < kills:
            os.kill(pid, signal.SIGKILL)
            stores += 1
        await task
        again += len(through.failed)
        waiting, through.failed = through.failed + waiting, []
    found["kills"] = {"tap": taps, "store": stores}
    found["sent_again"] = again
    return tap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callbacks", type=int, default=200_000)
    parser.add_argument("--rate", type=int, default=1_500)
    parser.add_argument("--server", choices=["fast", "slow", "failing", "dead"], default="fast")
    parser.add_argument("--new-connections", action="store_true")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--port", type=int, default=8390)
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings(folder)
        print(json.dumps(uvloop.run(run(options, folder)), indent=1))


if __name__ == "__main__":
    main()
