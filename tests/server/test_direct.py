"""Requests that the connection answers itself are answered as by the application."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import structlog

from support.documented import APP, DocumentedServer
from support.polling import eventually
from wxcube.beijing import SystemClock
from wxcube.server.http import DirectCalls, RunningServer, asgi
from wxcube.server.messages import Later, Reply, Request
from wxcube.settings import LimitSettings

BODY = b'{"begin_date":"2014-12-07","end_date":"2014-12-07"}'
LIMITS = LimitSettings(idle_seconds=1, request_seconds=1, body_bytes=20_000, drain_seconds=5)
RID = re.compile(rb"rid: [0-9a-f-]+|date: [^\r]+\r\n|content-length: \d+\r\n")


class Both:
    """The same protocol server with and without direct calls."""

    def __init__(self) -> None:
        self.documented = DocumentedServer()
        self.token = self.documented.token(APP).encode()
        api = self.documented.api
        app = asgi(api, self.documented.clock, body_bytes=LIMITS.body_bytes, compresses=True)
        direct = DirectCalls(api, self.documented.clock)
        self.servers = (
            RunningServer(app, limits=LIMITS),
            RunningServer(app, limits=LIMITS, direct=direct),
        )


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    both = Both()
    with both.servers[0], both.servers[1]:
        yield both


def post(
    token: bytes, body: bytes = BODY, headers: bytes = b"", path: bytes = b"getusersummary"
) -> bytes:
    head = b"POST /datacube/%b?access_token=%b HTTP/1.1\r\nhost: x\r\n%b" % (path, token, headers)
    if b"transfer-encoding" not in headers:
        head += b"content-length: %d\r\n" % len(body)
    return head + b"\r\n" + body


def connected(server: RunningServer) -> closing[socket.socket]:
    """A connection to a server, which is closed at the end of a `with` block."""
    host, port = server.url.removeprefix("http://").split(":")
    return closing(socket.create_connection((host, int(port)), timeout=60))


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the server closes a connection."""
    received = b""
    while piece := connection.recv(1 << 16):
        received += piece
    return received


def exchanged(server: RunningServer, *parts: bytes) -> bytes:
    """All that a server sends for the parts of one or several requests, until it closes."""
    with connected(server) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        return until_closed(connection)


def plain(received: bytes) -> list[bytes]:
    """What was received, without what differs from call to call, in the order of its lines."""
    return sorted(RID.sub(b"", received).split(b"\r\n"))


CLOSE = b"connection: close\r\n"
CASES: dict[str, Callable[[bytes], list[bytes]]] = {
    "one": lambda t: [post(t, headers=CLOSE)],
    "kept alive, then idle": lambda t: [post(t)],
    "two, one after the other": lambda t: [post(t), post(t, headers=CLOSE)],
    "pipelined": lambda t: [post(t) * 20 + post(t, headers=CLOSE)],
    "pipelined with another path": lambda t: [
        post(t) + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" + post(t) + post(t, headers=CLOSE)
    ],
    "byte by byte": lambda t: [bytes([one]) for one in post(t, headers=CLOSE)],
    "chunked": lambda t: [
        post(t, b"33\r\n" + BODY + b"\r\n0\r\n\r\n", b"transfer-encoding: chunked\r\n" + CLOSE)
    ],
    "expects 100": lambda t: [post(t, headers=b"expect: 100-continue\r\n" + CLOSE)],
    "long body": lambda t: [post(t, BODY[:-1] + b" " * 18_000 + b"}", CLOSE)],
    "too long": lambda t: [post(t, BODY + b" " * 30_000, CLOSE)],
    "no body": lambda t: [post(t, b"", CLOSE)],
    "no json": lambda t: [post(t, b"\xff\x00", CLOSE)],
    "no token": lambda _t: [post(b"", headers=CLOSE)],
    "wrong token": lambda _t: [post(b"%FF%00", headers=CLOSE)],
    "two tokens": lambda t: [post(t + b"&access_token=x", headers=CLOSE)],
    "encoded token": lambda t: [post(t.replace(b"_", b"%5F"), headers=CLOSE)],
    "unknown path": lambda t: [post(t, headers=CLOSE, path=b"getnothing")],
    "encoded path": lambda t: [post(t, headers=CLOSE, path=b"getuser%73ummary")],
    "deeper path": lambda t: [post(t, headers=CLOSE, path=b"a/../getusersummary")],
    "fragment": lambda t: [post(t + b"#x", headers=CLOSE)],
    "HTTP/1.0": lambda t: [post(t).replace(b"HTTP/1.1", b"HTTP/1.0")],
    "upgrade": lambda t: [post(t, headers=b"upgrade: websocket\r\nconnection: upgrade\r\n")],
    "half a body": lambda t: [post(t)[:-5]],
    "half a head": lambda t: [post(t)[:60]],
    "bytes beyond ASCII": lambda t: [post(t, headers=CLOSE, path=b"get\xffuser")],
    "absolute": lambda t: [post(t, headers=CLOSE).replace(b"POST /", b"POST http://x:80/", 1)],
}


@pytest.mark.parametrize("case", CASES)
def test_both_give_the_same(both: Both, case: str) -> None:
    parts = CASES[case](both.token)
    by_app, directly = (exchanged(server, *parts) for server in both.servers)
    assert plain(directly) == plain(by_app)


def can_connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


NOISE = random.Random(7).randbytes(20_000)
LATE_SECONDS = 1.5 * LIMITS.idle_seconds


def later(reply: Coroutine[Any, Any, Reply]) -> Reply:
    return Reply(later=Later(asyncio.ensure_future(reply), lambda done: done.result()))


class Waiting:
    """Answers at once, after waiting, or never."""

    def __init__(self) -> None:
        self.asked = 0

    def handle(self, request: Request) -> Reply:
        self.asked += 1
        if request.path.endswith("broken"):
            raise ZeroDivisionError
        if request.path.endswith("noise"):
            return Reply(NOISE)
        if request.path.endswith("latest"):
            return later(self._latest())
        return later(self._later()) if request.path.endswith("later") else Reply(b"x" * 70_000)

    async def _later(self) -> Reply:
        return Reply(b"late")

    async def _latest(self) -> Reply:
        await asyncio.sleep(LATE_SECONDS)
        return Reply(b"latest")


@pytest.fixture
def waiting() -> Iterator[tuple[Waiting, RunningServer]]:
    handler = Waiting()
    clock = SystemClock()
    server = RunningServer(asgi(handler, clock), limits=LIMITS, direct=DirectCalls(handler, clock))
    with server:
        yield handler, server


def test_a_reply_may_be_waited_for_in_its_place(waiting: tuple[Waiting, RunningServer]) -> None:
    handler, server = waiting
    first, later = post(b"t", path=b"now"), post(b"t", path=b"later")
    received = exchanged(server, later + first + later + post(b"t", headers=CLOSE, path=b"now"))
    bodies = re.findall(rb"\r\n\r\n(late|x{70000})", received)
    assert [body[:1] for body in bodies] == [b"l", b"x", b"l", b"x"]
    assert handler.asked == 4


@pytest.mark.parametrize("headers", [b"", CLOSE], ids=["kept alive", "closed"])
def test_a_body_is_compressed_once(waiting: tuple[Waiting, RunningServer], headers: bytes) -> None:
    _handler, server = waiting
    accepts = b"accept-encoding: gzip\r\n"
    received = exchanged(server, post(b"t", headers=accepts + headers, path=b"noise"))
    head, _mark, body = received.partition(b"\r\n\r\n")
    assert head.count(b"content-encoding: gzip") == 1
    assert gzip.decompress(body) == NOISE


def test_a_connection_is_idle_since_its_last_answer(waiting: tuple[Waiting, RunningServer]) -> None:
    _handler, server = waiting
    with connected(server) as connection:
        connection.sendall(post(b"t", path=b"now") + post(b"t", path=b"latest"))
        received = b""
        while not received.endswith(b"latest"):
            received += connection.recv(1 << 16)
        answered_at = time.monotonic()
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        assert time.monotonic() - answered_at > 0.75 * LIMITS.idle_seconds


def test_a_fault_is_500_and_logged(waiting: tuple[Waiting, RunningServer]) -> None:
    _handler, server = waiting
    with structlog.testing.capture_logs() as entries:
        received = exchanged(server, post(b"planted", headers=CLOSE, path=b"broken"))
    assert received.startswith(b"HTTP/1.1 500 ")
    assert [entry["event"] for entry in entries] == ["http.failed"]
    assert "planted" not in repr(entries)


def test_a_caller_that_does_not_read_gets_no_more_than_fits(
    waiting: tuple[Waiting, RunningServer],
) -> None:
    handler, server = waiting
    with connected(server) as connection:
        connection.setblocking(False)
        sent = 0
        try:
            for _request in range(5_000):
                sent += connection.send(post(b"t", path=b"now"))
        except OSError:  # the buffers are full, or it was closed for too many requests
            pass
        eventually(lambda: handler.asked > 5)
    assert handler.asked < 500


def test_a_request_that_is_arriving_when_the_server_stops_is_answered(
    waiting: tuple[Waiting, RunningServer],
) -> None:
    _handler, server = waiting
    request = post(b"t", path=b"now")
    with connected(server) as connection:
        connection.sendall(post(b"t", path=b"later") + request[:-10])
        assert connection.recv(1 << 16).endswith(b"late")
        server._server.should_exit = True
        eventually(lambda: not can_connect(*connection.getpeername()))
        connection.sendall(request[-10:])
        received = until_closed(connection)
    assert received.endswith(b"x" * 70_000)
    assert b"connection: close" in received


def test_a_reply_that_is_waited_for_when_the_server_stops_is_sent(
    waiting: tuple[Waiting, RunningServer],
) -> None:
    handler, server = waiting
    with connected(server) as connection:
        connection.sendall(post(b"t", path=b"latest"))
        eventually(lambda: handler.asked)
        server._server.should_exit = True
        received = until_closed(connection)
    assert received.endswith(b"latest")
    assert b"connection: close" in received


def test_a_caller_may_leave_while_its_reply_is_waited_for(
    waiting: tuple[Waiting, RunningServer],
) -> None:
    handler, server = waiting
    with connected(server) as connection:
        connection.sendall(post(b"t", path=b"latest"))
        eventually(lambda: handler.asked)
    eventually(lambda: not server._server.server_state.connections)
    assert exchanged(server, post(b"t", headers=CLOSE, path=b"latest")).endswith(b"latest")
    assert len(server._server.server_state.connections) == 0


def test_a_large_answer_is_compressed_once_and_not_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reply, threads = Reply(NOISE * 8), list[str]()
    compress = Reply._compress

    def watched(self: Reply) -> Reply:
        threads.append(threading.current_thread().name)
        return compress(self)

    class Large:
        def handle(self, _request: Request) -> Reply:
            return reply

    monkeypatch.setattr(Reply, "_compress", watched)
    clock = SystemClock()
    app, direct = asgi(Large(), clock, compresses=True), DirectCalls(Large(), clock)
    asked = post(b"x", headers=b"accept-encoding: gzip\r\n" + CLOSE)
    for server in (RunningServer(app), RunningServer(app, direct=direct)):
        with server:
            for _ in range(2):
                head, _empty, body = exchanged(server, asked).partition(b"\r\n\r\n")
                assert b"content-encoding: gzip" in head
                assert gzip.decompress(body) == reply.body
    assert len(threads) == 1
    assert threads[0] != "wxcube-server"


def test_nothing_is_received_for_a_time_from_who_comes_too_often() -> None:
    class TooOften:
        def __init__(self) -> None:
            self.asked: list[float] = []

        def handle(self, _request: Request) -> Reply:
            self.asked.append(time.monotonic())
            return Reply(b"too often", pause_seconds=0.5)

    for is_direct in (False, True):
        handler, clock = TooOften(), SystemClock()
        direct = DirectCalls(handler, clock) if is_direct else None
        server = RunningServer(asgi(handler, clock), direct=direct)
        with server, connected(server) as connection:
            for _ in range(2):
                connection.sendall(post(b"x"))
                assert connection.recv(1 << 16).endswith(b"too often")
        first, second = handler.asked
        assert second - first > 0.4
