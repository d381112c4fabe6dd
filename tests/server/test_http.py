"""Replies over real sockets: limits, broken connections, start and stop."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Thread

import pytest

from support.polling import eventually
from wxcube.beijing import BEIJING, ManualClock
from wxcube.errors import SettingsError
from wxcube.server.http import BODY_LIMIT, RunningServer, asgi, listen, url_of
from wxcube.server.messages import Reply, Request

HOUR = 3600.0


class Echo:
    """Replies with the request's body."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply or Reply(request.body)


def connect(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=120)


def test_a_request_arrives_completely() -> None:
    echo = Echo()
    with RunningServer(asgi(echo)) as server, closing(connect(server)) as connection:
        connection.request("POST", "/datacube/x?access_token=a%20b&c", body="你好".encode())
        answer = connection.getresponse()
        assert answer.read().decode() == "你好"
        assert answer.getheader("content-type") == "application/json; encoding=utf-8"
    request = echo.requests[0]
    assert (request.method, request.path, request.token) == ("POST", "/datacube/x", "a b")
    assert request.client == "127.0.0.1"


@pytest.mark.parametrize(
    ("reply", "dates"),
    [
        (Reply(), ["Tue, 10 Mar 2026 01:00:00 GMT"]),
        (Reply(status=404), ["Tue, 10 Mar 2026 01:00:00 GMT"]),
        (Reply(clock_error_seconds=-90), ["Tue, 10 Mar 2026 00:58:30 GMT"]),
        (Reply(clock_error_seconds=None), None),
    ],
)
def test_a_reply_has_the_date_of_its_clock(reply: Reply, dates: list[str] | None) -> None:
    clock = ManualClock(datetime(2026, 3, 10, 9, tzinfo=BEIJING))
    with (
        RunningServer(asgi(Echo(reply), clock)) as server,
        closing(connect(server)) as connection,
    ):
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        assert answer.headers.get_all("date") == dates


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_every_address_is_also_one_of_ipv4() -> None:
    echo = Echo()
    with RunningServer(asgi(echo), "::") as server:
        port = int(server.url.rpartition(":")[2])
        for host in ("127.0.0.1", "::1"):
            with closing(http.client.HTTPConnection(host, port, timeout=120)) as connection:
                connection.request("GET", "/")
                connection.getresponse().read()
    assert [request.client for request in echo.requests] == ["127.0.0.1", "::1"]


def test_the_date_is_that_of_this_machine_by_default() -> None:
    with RunningServer(asgi(Echo())) as server, closing(connect(server)) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
    date = parsedate_to_datetime(str(answer.getheader("date")))
    assert abs(datetime.now(BEIJING) - date) < timedelta(minutes=5)


def test_a_connection_serves_many_requests() -> None:
    with RunningServer(asgi(Echo())) as server, closing(connect(server)) as connection:
        for number in range(5):
            connection.request("POST", "/", body=str(number))
            assert connection.getresponse().read() == str(number).encode()


def test_a_body_over_the_limit_is_413() -> None:
    echo = Echo()
    with RunningServer(asgi(echo)) as server, closing(connect(server)) as connection:
        connection.request("POST", "/", body=b"x" * BODY_LIMIT)
        assert len(connection.getresponse().read()) == BODY_LIMIT
        connection.request("POST", "/", body=b"x" * (BODY_LIMIT + 1))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (413, b"")
    assert len(echo.requests) == 1


@pytest.mark.parametrize("sent", [0, 5])
def test_a_cut_reply_has_its_full_content_length(sent: int) -> None:
    echo = Echo(Reply(b"0123456789", sent_bytes=sent))
    with RunningServer(asgi(echo)) as server, closing(connect(server)) as connection:
        connection.request("POST", "/")
        answer = connection.getresponse()
        assert answer.getheader("content-length") == "10"
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
        assert broken.value.partial == b"0123456789"[:sent]


@pytest.mark.parametrize("requests", [1, 2])
def test_a_reset_closes_the_connection_without_a_reply(requests: int) -> None:
    echo = Echo(Reply(b"{}", is_reset=True))
    with RunningServer(asgi(echo)) as server:
        for _request in range(requests):
            with closing(connect(server)) as connection:
                connection.request("POST", "/")
                with pytest.raises(ConnectionResetError):
                    connection.getresponse()
    assert len(echo.requests) == requests


def test_a_delayed_reply_is_sent_after_its_delay() -> None:
    echo = Echo(Reply(b"late", delay_seconds=0.2))
    with RunningServer(asgi(echo)) as server, closing(connect(server)) as connection:
        started = time.perf_counter()
        connection.request("POST", "/")
        assert connection.getresponse().read() == b"late"
        assert time.perf_counter() - started >= 0.2


def test_a_delayed_reply_does_not_block_others() -> None:
    class Slow(Echo):
        def handle(self, request: Request) -> Reply:
            return replace(super().handle(request), delay_seconds=HOUR if request.query else 0.0)

    handler = Slow()
    with (
        RunningServer(asgi(handler)) as server,
        closing(connect(server)) as late,
        closing(connect(server)) as early,
    ):
        late.request("POST", "/?late")
        eventually(lambda: handler.requests)
        early.request("POST", "/", body=b"early")
        assert early.getresponse().read() == b"early"


def test_a_server_stops_without_waiting_for_a_delayed_reply() -> None:
    echo = Echo(Reply(b"late", delay_seconds=HOUR))
    server = RunningServer(asgi(echo))
    with server, closing(connect(server)) as connection:
        connection.request("POST", "/")
        eventually(lambda: echo.requests)
        closer = Thread(target=server.close)
        closer.start()
        closer.join(120)
        assert not closer.is_alive()
    with pytest.raises(OSError, match="refused"):
        connect(server).connect()


def test_a_server_that_was_never_started_can_be_closed() -> None:
    RunningServer(asgi(Echo())).close()


def test_a_port_in_use_is_reported() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70_000), ("203.0.113.1", 0), ("nowhere.invalid", 0)]
)
def test_an_unusable_address_is_reported(host: str, port: int) -> None:
    with pytest.raises(SettingsError, match="cannot listen"):
        listen(host, port)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    try:
        listener = listen("::1", 0)
    except SettingsError:
        pytest.skip("no IPv6 loopback here")
    with listener:
        assert url_of(listener).startswith("http://[::1]:")


SERVE = """
from wxcube.server.messages import Reply
from wxcube.server.http import asgi, listen, serve_forever
class Fine:
    def handle(self, request): return Reply(b"{}")
with listen("127.0.0.1", 0) as listener:
    serve_forever(asgi(Fine()), listener, on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_serve_forever_stops_cleanly_on_a_signal(sign: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
        with closing(connection):
            connection.request("POST", "/")
            assert connection.getresponse().read() == b"{}"
        os.kill(process.pid, sign)
        out, err = process.communicate(timeout=120)
    assert err == ""
    assert (out, process.returncode) in {("ended\n", 0), ("", -signal.SIGTERM)}


READY = """
import os, signal
from wxcube.server.http import listen, serve_forever
# a shell script starts background jobs with SIGINT ignored
signal.signal(signal.SIGINT, signal.SIG_IGN)
with listen("127.0.0.1", 0) as listener:
    serve_forever(None, listener, on_ready=lambda url: os.kill(os.getpid(), signal.SIGINT))
print("ended", flush=True)
"""


def test_a_server_that_is_ready_stops_on_a_signal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", READY], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)


async def test_a_websocket_is_closed() -> None:
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        sent.append(message)

    await asgi(Echo())({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1003}]


async def test_a_disconnected_request_is_not_handled() -> None:
    echo = Echo()

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:
        return

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b""}
    await asgi(echo)(scope, receive, send)
    assert echo.requests == []
