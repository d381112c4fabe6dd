"""What callers who mean ill cost the others: `wxcube serve` under eight attacks, one after another.

python bench/strangers.py demo/wxcube.db
python bench/strangers.py demo/wxcube.db --seconds 10 --attack silent --attack refused

Six attacks need no credentials, two are by an app with a token. Meanwhile an honest caller asks for
a kept answer every 5 ms. Its p99 under attack is compared with that of the seconds before and
after. Needs Linux with two cores; the server has one, attackers and the caller the other. As root,
server and caller get real-time priorities, so that other jobs of the machine count less. That of
the server's main thread is higher, because one thread keeps the core for 100 ms from others of the
same priority; usual scheduling lets a thread that wakes up go first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from urllib.request import urlopen

import msgspec
import uvloop

SERVER_CORE, LOAD_CORE = 1, 0
PAUSE_SECONDS = 0.005
QUIET_SECONDS = 10.0
EVENTS_TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "0123456789abcdef"
ATTACKS = ("silent", "pipelined", "headers", "slow", "huge", "guessing", "refused", "events")


@dataclass
class Target:
    """A running server, and what a request of an app looks like."""

    pid: int
    port: int
    token: str
    body: bytes
    appid: str

    def post(self, path: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
        """A POST request."""
        lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {length or len(body)}"]
        return "\r\n".join([*lines, *headers, "", ""]).encode() + body

    @property
    def question(self) -> bytes:
        """What the honest caller asks."""
        return self.post(f"/datacube/getusersummary?access_token={self.token}", self.body)

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    @property
    def descriptors(self) -> int:
        """Open files."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Seen:
    """What the honest caller saw of a time."""

    milliseconds: list[float] = field(default_factory=list)
    lost: int = 0
    """Connections that the server closed."""
    memory: float = 0.0
    """The most."""

    def __add__(self, other: Seen) -> Seen:
        return Seen(self.milliseconds + other.milliseconds, self.lost + other.lost)

    def percentile(self, number: int) -> float:
        """A percentile of the times in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=1000)[number - 1]


def main() -> None:
    """Attack, and print a table."""
    options = _options()
    if options.attacker:
        target = msgspec.json.decode(options.attacker, type=Target)
        uvloop.run(_attack(target, options.attack[0]))
        return
    print(
        f"{'':11}{'p50 ms':>8}{'p99 ms':>8}{'quiet':>8}{'ratio':>7}{'asked':>8}{'lost':>6}"
        f"{'MiB more':>10}{'files':>12}{'cpu':>6}"
    )
    with tempfile.TemporaryDirectory() as folder, served(options.database, Path(folder)) as target:
        os.sched_setaffinity(0, {LOAD_CORE})
        _ask(target, 3)
        for name in options.attack or ATTACKS:
            _measure(target, name, options.seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--attack", action="append", choices=ATTACKS)
    parser.add_argument("--attacker", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(target: Target, name: str, seconds: float) -> None:
    memory, files = target.memory, target.descriptors
    before = _ask(target, QUIET_SECONDS)
    cpu, started = target.cpu, time.monotonic()
    text = msgspec.json.encode(target).decode()
    words = [sys.executable, __file__, "x", "--attacker", text, "--attack", name]
    with subprocess.Popen(words, preexec_fn=_as_usual) as attacker:  # noqa: PLW1509
        under = _ask(target, seconds)
        share = (target.cpu - cpu) / (time.monotonic() - started)
        attacker.kill()
    time.sleep(2)
    quiet = before + _ask(target, QUIET_SECONDS)
    ratio = under.percentile(990) / quiet.percentile(990)
    print(
        f"{name:11}{under.percentile(500):8.2f}{under.percentile(990):8.2f}"
        f"{quiet.percentile(990):8.2f}{ratio:7.1f}{len(under.milliseconds):8}{under.lost:6}"
        f"{under.memory - memory:10.1f}{files:6} > {target.descriptors:3}{share:6.0%}",
        flush=True,
    )


def _as_usual() -> None:
    if os.geteuid() == 0:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


# --- the honest caller ---------------------------------------------------------------------------


def _ask(target: Target, seconds: float) -> Seen:
    """Ask for a kept answer again and again."""
    seen, connection = Seen(), _connected(target)
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        try:
            connection.sendall(target.question)
            answer = connection.recv(1 << 16)
        except OSError:
            answer = b""
        if b'"list"' not in answer:
            seen.lost += 1
            connection.close()
            connection = _connected(target)
            continue
        spent = time.monotonic() - now
        seen.milliseconds.append(spent * 1000)
        if len(seen.milliseconds) % 10 == 0:
            seen.memory = max(seen.memory, target.memory)
            _put_back(target)
        time.sleep(max(PAUSE_SECONDS - spent, 0.001))
    connection.close()
    return seen


def _connected(target: Target) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", target.port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


# --- the server ----------------------------------------------------------------------------------


@contextmanager
def served(source: str, folder: Path, *words: str, is_wal: bool = True) -> Iterator[Target]:
    """A server of a copy of a database, with an app and a store of events."""
    database = folder / "wxcube.db"
    database.touch(0o600)
    with (
        closing(sqlite3.connect(source)) as original,
        closing(sqlite3.connect(database)) as copy,
    ):
        original.backup(copy)
        (account,) = copy.execute("SELECT appid FROM user_cumulate").fetchone()
        (last,) = copy.execute("SELECT max(ref_date) FROM user_cumulate").fetchone()
        copy.execute(f"PRAGMA journal_mode={'WAL' if is_wal else 'DELETE'}")
    _write(folder / "token", EVENTS_TOKEN)
    _write(folder / "key", secrets.token_hex(32))
    _write(folder / "wxcube.toml", '[events]\ntoken_file = "token"\nkey_file = "key"\n')
    app = f'appid = "{account}"\nsecret = "{SECRET}"\naccount = "{account}"\n'
    _write(folder / "wxcube-apps.toml", f"[[apps]]\n{app}")
    log = folder / "log"
    command = [str(Path(sys.executable).with_name("wxcube")), "serve", "--port", "0", *words]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=file,
            stderr=file,
            preexec_fn=_on_server_core,  # noqa: PLW1509
        )
    _prefer()
    try:
        while not (found := re.search(r"listening on http://[^:]+:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield _target(process.pid, int(found[1]), account, date.fromisoformat(last))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if "Traceback" in log.read_text():
            print(log.read_text()[-4_000:])


def _target(pid: int, port: int, account: str, last: date) -> Target:
    words = f"grant_type=client_credential&appid={account}&secret={SECRET}"
    with urlopen(f"http://127.0.0.1:{port}/cgi-bin/token?{words}") as answer:
        token = msgspec.json.decode(answer.read())["access_token"]
    body = {"begin_date": str(last - timedelta(days=6)), "end_date": str(last)}
    return Target(pid, port, token, msgspec.json.encode(body), account)


def _write(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text)


def _on_server_core() -> None:
    os.sched_setaffinity(0, {SERVER_CORE})
    # a new thread is not among those that go first
    _prefer(os.SCHED_RESET_ON_FORK)


def _prefer(flags: int = 0) -> None:
    if os.geteuid() == 0:
        os.sched_setscheduler(0, os.SCHED_RR | flags, os.sched_param(6))


def _put_back(target: Target) -> None:
    """Let the server's main thread go before its others."""
    if os.geteuid() == 0:
        for thread in Path(f"/proc/{target.pid}/task").iterdir():
            if int(thread.name) != target.pid:
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(5))


# --- attacks -------------------------------------------------------------------------------------


async def _attack(target: Target, name: str) -> None:
    attack, count = {
        "silent": (_silent, 2_000),
        "pipelined": (_pipelined, 50),
        "headers": (_headers, 50),
        "slow": (_slow, 500),
        "huge": (_huge, 20),
        "guessing": (_guessing, 32),
        "refused": (_refused, 8),
        "events": (_events, 2),
    }[name]
    await asyncio.gather(*(_again(target, attack) for _ in range(count)))


Attack = Callable[[Target, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _again(target: Target, attack: Attack) -> None:
    """Attack, on a new connection whenever the server closes it."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            try:
                await attack(target, reader, writer)
            finally:
                writer.transport.abort()


async def _silent(
    _target: Target, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter
) -> None:
    await reader.read(1)


async def _pipelined(
    _target: Target, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Ask for a large document that nobody needs a token for, and read nothing."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    while not writer.transport.is_closing():
        writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 16)
        await writer.drain()
        await asyncio.sleep(0.05)


async def _headers(
    _target: Target, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"GET / HTTP/1.1\r\n")
    while not writer.transport.is_closing():
        writer.write(b"a: b\r\n" * 1_000)
        await writer.drain()
        await asyncio.sleep(0)


async def _slow(
    target: Target, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(target.post("/datacube/getusersummary?access_token=x", b"", length=60_000))
    while not writer.transport.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.1)


async def _huge(
    _target: Target, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"POST /cgi-bin/stable_token HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    while not writer.transport.is_closing():
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)


async def _guessing(
    target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        guess = secrets.token_urlsafe(102)
        writer.write(target.post(f"/datacube/getusersummary?access_token={guess}", target.body))
        await _read_answer(reader)
        words = f"grant_type=client_credential&appid=wx0123456789abcdef&secret={guess}"
        writer.write(f"GET /cgi-bin/token?{words} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        await _read_answer(reader)


async def _refused(
    target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Bodies of 900 KB that are refused, by an app with a token."""
    body = b'{"begin_date": "' + b"x" * 900_000
    request = target.post(f"/datacube/getusersummary?access_token={target.token}", body)
    while True:
        writer.write(request)
        await _read_answer(reader)


async def _events(
    target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = ("content-type: application/x-ndjson", f"authorization: Bearer {EVENTS_TOKEN}")
    request = target.post("/events?on_error=skip", b"x\n" * (8 << 20), *head)
    while True:
        writer.write(request)
        await _read_answer(reader)


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    await reader.readexactly(int(length[1]) if length else 0)
    if b"connection: close" in head.lower():
        raise ConnectionResetError


if __name__ == "__main__":
    main()
