"""Callers that send too much, too slowly or too often, or do not read: others are still answered."""

from __future__ import annotations

import http.client
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from threading import Event, Thread

import pytest
import structlog

import wxcube.server.connection
from support.polling import eventually
from wxcube.beijing import SystemClock
from wxcube.errors import WarehouseError
from wxcube.i18n import verbatim
from wxcube.server.connection import Connection
from wxcube.server.health import with_health
from wxcube.server.http import DirectCalls, Receive, RunningServer, Scope, Send, asgi
from wxcube.server.messages import Reply, Request
from wxcube.settings import LimitSettings

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SHORT = LimitSettings(request_seconds=0.3, send_seconds=0.3, idle_seconds=1, drain_seconds=1)


class Fine:
    """Answers every request, those with a query after a delay."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply or Reply(b"fine")
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        delay = float(request.query or 0)
        return replace(self.reply, delay_seconds=delay)


@contextmanager
def running(limits: LimitSettings, handler: Fine | None = None) -> Iterator[RunningServer]:
    with RunningServer(asgi(handler or Fine()), limits=limits) as server:
        yield server


def connect(server: RunningServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def received(connection: socket.socket) -> bytes:
    """All that arrives until the connection is closed."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionError:
        parts.append(b"")
    return b"".join(parts)


def is_closed(connection: socket.socket, seconds: float) -> bool:
    """Whether the server closes the connection within a time; nothing is read."""
    poller = select.poll()
    poller.register(connection, select.POLLRDHUP)
    return bool(poller.poll(seconds * 1000))


def is_answered(server: RunningServer) -> bool:
    address = server.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read() == b"fine"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 16_384 + b"\r\n\r\n", 431),
        (
            b"GET / HTTP/1.1\r\n"
            + b"a: 0123456789\r\n" * 99
            + b"b: "
            + b"c" * 16_000
            + b"\r\n\r\n",
            431,
        ),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"no request\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
    ids=["lines", "one long header", "many headers", "long path", "garbage", "TLS"],
)
def test_a_head_beyond_the_limits_is_refused(head: bytes, status: int) -> None:
    handler = Fine()
    with running(LimitSettings(drain_seconds=1), handler) as server:
        with connect(server) as connection:
            connection.sendall(head)
            assert received(connection).startswith(b"HTTP/1.1 %d " % status)
        assert handler.requests == []
        assert is_answered(server)


def test_headers_are_refused_at_the_limit_and_not_when_all_have_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    on_header = Connection.on_header

    def counted(self: Connection, name: bytes, value: bytes) -> None:
        seen.append(1)
        on_header(self, name, value)

    monkeypatch.setattr(Connection, "on_header", counted)
    with running(LimitSettings(drain_seconds=1)) as server, connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000)
        assert received(connection).startswith(b"HTTP/1.1 431 ")
    assert len(seen) == LimitSettings().header_lines + 1


def test_a_body_that_is_too_long_by_its_header_is_refused_before_it_arrives() -> None:
    with running(LimitSettings(drain_seconds=1)) as server, connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\ncontent-length: 900000\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_changed_limits_hold_for_new_connections() -> None:
    current = [LimitSettings(drain_seconds=1, connections=50)]
    with (
        RunningServer(asgi(Fine()), limits=lambda: current[0]) as server,
        connect(server) as before,
    ):
        before.sendall(GET)
        assert before.recv(1 << 16).endswith(b"fine")
        current[0] = LimitSettings(drain_seconds=1, header_lines=10, connections=2)
        head = b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 11 + b"\r\n"
        before.sendall(head)
        assert before.recv(1 << 16).endswith(b"fine")
        with connect(server) as after:
            after.sendall(head)
            assert received(after).startswith(b"HTTP/1.1 431 ")
        with ExitStack() as stack:
            for _number in range(5):
                stack.enter_context(connect(server))
            assert is_closed(before, 60)


def test_proxies_that_are_trusted_later_name_the_caller() -> None:
    handler, trusted = Fine(), list[str]()
    with RunningServer(asgi(handler), trusted_proxies=lambda: trusted) as server:
        for proxies in ([], ["127.0.0.1"], []):
            trusted[:] = proxies
            with connect(server) as connection:
                connection.sendall(GET.replace(b"host: x", b"x-forwarded-for: 192.0.2.7"))
                assert connection.recv(1 << 16).endswith(b"fine")
    assert [one.client for one in handler.requests] == ["127.0.0.1", "192.0.2.7", "127.0.0.1"]


def test_a_header_without_an_end_is_refused_at_the_limit() -> None:
    with running(LimitSettings(drain_seconds=1)) as server, connect(server) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nendless: ")
        parts = 0
        with suppress(ConnectionError):
            while parts < 4_096:
                connection.sendall(b"x" * (1 << 16))
                parts += 1
        # what the kernel holds comes on top
        assert parts < 512


def test_pipelined_requests_up_to_the_limit_are_answered_in_order() -> None:
    with (
        running(LimitSettings(pipelined=5, drain_seconds=1)) as server,
        connect(server) as connection,
    ):
        connection.sendall(GET * 5 + GET.replace(b"host: x", b"connection: close"))
        assert received(connection).count(b"fine") == 6


def test_too_many_pipelined_requests_close_the_connection() -> None:
    handler = Fine()
    with running(LimitSettings(pipelined=5, drain_seconds=1), handler) as server:
        with connect(server) as connection:
            connection.sendall(GET * 5_000)
            assert received(connection) == b""
        assert len(handler.requests) <= 1
        assert is_answered(server)


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nhalf", GET + b"GET"],
    ids=["silent", "half a head", "half a body", "half a second request"],
)
def test_a_request_that_does_not_arrive_closes_the_connection(sent: bytes) -> None:
    with running(SHORT) as server, connect(server) as connection:
        connection.sendall(sent)
        assert received(connection).count(b"fine") == sent.startswith(GET)


def test_a_body_in_drops_is_closed_too() -> None:
    with running(SHORT) as server, connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\ncontent-length: 100000\r\n\r\n")
        drops = 0
        while not is_closed(connection, 0.01) and drops < 5_000:
            with suppress(ConnectionError):
                connection.sendall(b"x")
            drops += 1
        assert drops < 5_000


def test_an_idle_connection_is_closed() -> None:
    with running(SHORT) as server, connect(server) as connection:
        connection.sendall(GET)
        assert received(connection).endswith(b"fine")


def test_an_answer_that_is_not_read_closes_the_connection() -> None:
    closed = Event()

    async def large(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * (64 << 20), "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            """Wait until the connection is lost."""
        closed.set()

    with RunningServer(large, limits=SHORT) as server, connect(server) as connection:
        connection.sendall(GET)
        assert closed.wait(60)


def test_a_new_connection_takes_the_place_of_the_oldest_idle_one() -> None:
    limits = LimitSettings(connections=10, drain_seconds=1)
    with running(limits) as server, ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _number in range(40)]
        assert is_answered(server)
        assert received(silent[0]) == b""
        silent[-1].sendall(GET.replace(b"host: x", b"connection: close"))
        assert received(silent[-1]).endswith(b"fine")


def test_a_new_connection_takes_the_place_of_an_idle_one_that_has_asked() -> None:
    with running(LimitSettings(connections=3, drain_seconds=1)) as server, ExitStack() as stack:
        for _number in range(3):
            idle = stack.enter_context(connect(server))
            idle.sendall(GET)
            assert idle.recv(1 << 16).endswith(b"fine")
        assert is_answered(server)


def test_silent_connections_do_not_take_the_place_of_one_that_asks() -> None:
    limits = LimitSettings(connections=10, drain_seconds=1)
    with running(limits) as server, connect(server) as caller, ExitStack() as stack:
        for _round in range(3):
            caller.sendall(GET)
            assert caller.recv(1 << 16).endswith(b"fine")
            for _number in range(20):
                stack.enter_context(connect(server))
            assert is_answered(server)


def test_a_connection_that_waits_for_its_answer_keeps_its_place() -> None:
    handler = Fine()
    limits = LimitSettings(connections=3, drain_seconds=1)
    with running(limits, handler) as server, connect(server) as waiting, ExitStack() as stack:
        waiting.sendall(b"GET /?1 HTTP/1.1\r\nconnection: close\r\n\r\n")
        eventually(lambda: handler.requests)
        for _number in range(20):
            stack.enter_context(connect(server))
        assert received(waiting).endswith(b"fine")


FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
from wxcube.server.http import asgi, listen, serve_forever
from wxcube.server.messages import Reply
class Fine:
    def handle(self, request): return Reply(b"fine")
with listen("127.0.0.1", 0) as listener:
    serve_forever(asgi(Fine()), listener, on_ready=lambda url: print(url, flush=True))
"""


def test_others_are_answered_at_the_limit_of_open_files() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FEW_FILES], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
        with ExitStack() as stack:
            for _number in range(400):
                stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
            with closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"fine"
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert err == ""


def test_requests_in_progress_are_answered_when_the_server_stops() -> None:
    handler = Fine()
    server = RunningServer(asgi(handler), limits=LimitSettings(drain_seconds=30))
    with server, connect(server) as connection:
        connection.sendall(b"GET /?1 HTTP/1.1\r\nhost: x\r\n\r\n")
        eventually(lambda: handler.requests)
        closer = Thread(target=server.close)
        closer.start()
        assert received(connection).endswith(b"fine")
        closer.join(60)
        assert not closer.is_alive()


LARGE = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


def test_a_refused_body_is_not_read_as_fast_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wxcube.server.connection, "_REFUSED_SECONDS", 60)
    size = 64 << 20
    with running(LimitSettings(drain_seconds=1)) as server, connect(server) as connection:
        connection.sendall(LARGE % size)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
        connection.settimeout(2)
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(size))
        with connect(server) as other:
            other.sendall(GET)
            assert other.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_after_a_refused_body_the_connection_is_used_again() -> None:
    with running(LimitSettings(drain_seconds=1)) as server, connect(server) as connection:
        connection.sendall(LARGE % (1 << 20))
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
        connection.sendall(bytes(1 << 20) + GET)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("is_direct", [False, True])
def test_busy_callers_are_told_to_close_when_the_server_stops(
    is_direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # callers that are slow on a busy machine
    monkeypatch.setattr(wxcube.server.connection, "_LAST_SECONDS", 10)
    handler, clock = Fine(), SystemClock()
    direct = DirectCalls(handler, clock) if is_direct else None
    server = RunningServer(asgi(handler), limits=LimitSettings(drain_seconds=60), direct=direct)
    host, port = server.url.removeprefix("http://").split(":")
    ends: list[str] = []

    def ask_on() -> None:
        with closing(http.client.HTTPConnection(host, int(port), timeout=60)) as connection:
            try:
                while True:
                    connection.request("POST", "/datacube/x", b"{}")
                    answer = connection.getresponse()
                    answer.read()
                    if answer.getheader("connection") == "close":
                        ends.append(f"{answer.status}, told to close")
                        return
            except (OSError, http.client.HTTPException) as error:
                ends.append(repr(error))

    callers = [Thread(target=ask_on) for _number in range(8)]
    with server:
        for caller in callers:
            caller.start()
        eventually(lambda: len(handler.requests) > 200)
        server.close()
        for caller in callers:
            caller.join(60)
    assert ends == ["200, told to close"] * 8


def test_an_idle_connection_is_closed_soon_when_the_server_stops() -> None:
    server = RunningServer(asgi(Fine()), limits=LimitSettings(drain_seconds=60))
    with server, connect(server) as connection:
        connection.sendall(GET)
        connection.recv(1000)
        server.close()
        assert connection.recv(1000) == b""


def test_a_fault_of_the_application_is_logged_without_the_query() -> None:
    class Broken(Fine):
        def handle(self, request: Request) -> Reply:
            raise ZeroDivisionError

    with (
        structlog.testing.capture_logs() as entries,
        running(SHORT, Broken()) as server,
        connect(server) as connection,
    ):
        connection.sendall(GET.replace(b"/", b"/x?access_token=planted", 1))
        assert received(connection).startswith(b"HTTP/1.1 500 ")
    (entry,) = [entry for entry in entries if entry["event"] == "http.failed"]
    assert (entry["path"], entry["log_level"]) == ("/x", "error")
    assert "planted" not in repr(entry)


def test_health_and_readiness() -> None:
    troubles: list[Exception] = []

    async def check() -> None:
        if troubles:
            raise troubles[0]

    with RunningServer(with_health(asgi(Fine()), check)) as server:
        address = server.url.removeprefix("http://")

        def status(path: str) -> int:
            with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
                connection.request("GET", path)
                return connection.getresponse().status

        assert (status("/healthz"), status("/readyz")) == (200, 200)
        troubles.append(WarehouseError(verbatim("the disk is gone"), hint=verbatim("buy another")))
        assert (status("/healthz"), status("/readyz"), status("/")) == (200, 503, 200)
