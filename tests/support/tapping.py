"""A tap in a thread of the test, and message servers for it to stand in front of."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from support.callbacks import Callback
from support.polling import eventually
from wxcube.server.http import listen
from wxcube.tap.proxy import Relay, Upstream, event_loop, serve
from wxcube.tap.recorder import Recorder


@contextmanager
def in_thread(main: Callable[[asyncio.Event], Any]) -> Iterator[None]:
    """Run a coroutine function in a thread with an event loop; its event is set at the end."""
    loop, stopped = event_loop(), asyncio.Event()

    async def until_stopped() -> None:
        await main(stopped)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: loop.run_until_complete(until_stopped()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(20)
        assert not thread.is_alive()
        loop.close()


@contextmanager
def tap(recorder: Recorder, flush: Callable[[], None], to: str = "") -> Iterator[str]:
    """A tap in front of `to`, or a mirror's target; yields its URL."""
    listener = listen("127.0.0.1", 0)
    ready = threading.Event()

    async def main(stopped: asyncio.Event) -> None:
        relay = Relay(recorder, flush, Upstream.of(to) if to else None)
        await serve(relay, listener, stopped, ready.set)

    with in_thread(main):
        assert ready.wait(10)
        yield "http://{}:{}".format(*listener.getsockname()[:2])
    listener.close()


@dataclass
class MessageServer:
    """A server that sends what it is told to, and keeps every byte that it gets."""

    reply: bytes = b"success"
    status: int = 200
    raw: bytes | None = None
    delay: float = 0.0
    is_closing: bool = False
    """Whether it ends the connection without a reply."""
    is_patient: bool = False
    """Whether it waits for the end of the headers."""
    url: str = ""
    received: bytearray = field(default_factory=bytearray)
    lost: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                content = await reader.read(1 << 20)
                if not content:
                    break
                self.received += content
                while missing := self._missing(content):
                    rest = await reader.read(missing)
                    if not rest:
                        break
                    content += rest
                    self.received += rest
                if self.is_closing:
                    break
                await asyncio.sleep(self.delay)
                echo = re.match(rb"GET \S*[?&]echostr=(\w+)", content)
                reply = echo[1] if echo else self.reply
                head = f"HTTP/1.1 {self.status} Any\r\ncontent-length: {len(reply)}\r\n\r\n"
                if content.startswith(b"HEAD "):
                    reply = b""
                writer.write(self.raw or head.encode() + reply)
                if self.raw and b"content-length" not in self.raw and b"chunked" not in self.raw:
                    break
                await writer.drain()
        except OSError:
            self.lost += 1
        finally:
            writer.close()

    def _missing(self, request: bytes) -> int:
        """How many bytes of a request to wait for at most before the reply; 0: it is complete."""
        head, end, body = request.partition(b"\r\n\r\n")
        if not end:
            return int(self.is_patient)
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        return max(int(length[1]) - len(body), 0) if length else 0


@contextmanager
def message_server(**behaviour: Any) -> Iterator[MessageServer]:
    server, ready = MessageServer(**behaviour), threading.Event()

    async def main(stopped: asyncio.Event) -> None:
        running = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
        ready.set()
        await stopped.wait()
        running.close()

    with in_thread(main):
        assert ready.wait(10)
        yield server


@dataclass
class Memory:
    """Takes in events, and says which were written when."""

    events: list[dict[str, Any]] = field(default_factory=list)
    flushes: int = 0

    def write(self, event: Any) -> None:
        self.events.append(dict(event))

    def flush(self) -> None:
        self.flushes += 1

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["event"] == kind]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


def send(url: str, callback: Callback, *, path: str = "/wx", timeout: float = 20) -> Answer:
    """The answer to a callback.

    Raises:  OSError or HTTPException if there is none.
    """
    host, _, port = url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request("POST", f"{path}?{callback.query}", callback.body)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


def exchanged(url: str, content: bytes, *, timeout: float = 20) -> bytes:
    """Everything that a server answers to raw bytes, until it ends the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        connection.sendall(content)
        found = bytearray()
        try:
            found += connection.recv(1 << 16)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                found += part
        except OSError:
            pass
        return bytes(found)


@contextmanager
def tap_process(
    folder: Path, *arguments: str, kind: str = "proxy", port: int = 0
) -> Iterator[RunningTap]:
    """`wxcube tap proxy` (or `mirror`) in a process of its own, until the end of the block."""
    running = RunningTap(folder, [kind, *arguments], port)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@dataclass
class RunningTap:
    """A tap in a process of its own, which can be killed and started again on the same port."""

    folder: Path
    arguments: list[str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder / "tap.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = [sys.executable, "-c", "from wxcube.cli.main import main; main()"]
        words = [
            *program,
            "--lang",
            "en",
            "tap",
            *self.arguments,
            "--port",
            str(self.port),
            "--json",
        ]
        with self.log.open("ab") as log:
            start = log.tell()
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdout=subprocess.PIPE, stderr=log
            )

        def url() -> re.Match[str] | None:
            assert self.process
            assert self.process.poll() is None, self.log.read_text("utf-8")
            return re.search(r"listening on http://127.0.0.1:(\d+)", self.said(start))

        self.port = int(eventually(url)[1])

    def said(self, start: int = 0) -> str:
        return self.log.read_bytes()[start:].decode()

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        process, self.process = self.process, None
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            out = process.communicate(timeout=60)[0]
            self.result = json.loads(out.splitlines()[-1])
