"""Transports: complete replies or TransportErrors, over sockets and in this process."""

from __future__ import annotations

import asyncio
import gzip
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from support.scripted import Message, Scripted
from wxcube.errors import Remedy, SettingsError, TransportError
from wxcube.wechat.transport import AsgiTransport, HttpTransport, host_of
from wxcube.wechat.wire import Reply, Request

TOKEN = "72_secret-access-token_of+the/account="
REQUEST = Request("/datacube/x", {"access_token": TOKEN}, b'{"begin_date":"2026-03-01"}')


def http(
    body: bytes, *, status: str = "200 OK", length: int | None = None, more: str = ""
) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\ncontent-length: {size}\r\n{more}\r\n"
    return head.encode() + body


@asynccontextmanager
async def answering(
    *answers: bytes, delay_seconds: float = 0.0, close: bool = False
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that sends these bytes in turn; yields its URL and the requests."""
    left, requests, serving = list(answers), list[bytes](), set[asyncio.Task[Any] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.CancelledError):
            while head := await _head(reader):
                requests.append(head)
                await asyncio.sleep(delay_seconds)
                writer.write(left.pop(0))
                if close or not left:
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests
    for task in filter(None, serving):
        task.cancel()
        await asyncio.wait([task])


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    if REQUEST.body and head.startswith(b"POST"):
        head += await reader.readexactly(len(REQUEST.body))
    return head


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(url, **options)
    try:
        yield transport
    finally:
        await transport.close()


async def test_a_request_arrives_unchanged() -> None:
    async with answering(http(b"{}")) as (url, requests), connected(url + "/behind/") as transport:
        assert await transport.send(REQUEST) == Reply(200, b"{}")
    line, _, rest = requests[0].partition(b"\r\n")
    method, target, _ = line.decode().split()
    assert method == "POST"
    assert urlsplit(target).path == "/behind/datacube/x"
    assert parse_qs(urlsplit(target).query) == {"access_token": [TOKEN]}
    assert rest.endswith(REQUEST.body)
    assert b"content-type: application/json" in rest.lower()


@pytest.mark.parametrize("status", ["404 Not Found", "502 Bad Gateway", "302 Found"])
async def test_any_status_is_a_reply_and_redirects_are_not_followed(status: str) -> None:
    more = "location: http://elsewhere.example/\r\n"
    answer = http(b"", status=status, more=more)
    async with answering(answer) as (url, requests), connected(url) as transport:
        assert (await transport.send(REQUEST)).status == int(status[:3])
    assert len(requests) == 1


async def test_connections_are_reused_without_cookies() -> None:
    answer = http(b"{}", more="set-cookie: a=b\r\n")
    async with answering(answer, answer) as (url, requests), connected(url) as transport:
        await transport.send(REQUEST)
        await transport.send(REQUEST)
    assert len(requests) == 2
    assert b"cookie" not in requests[1].lower()


CHUNKED = "transfer-encoding: chunked\r\n"
PACKED = "content-encoding: gzip\r\n"
CUTS: dict[str, bytes] = {
    "at the length": http(b'{"list":[', length=5000),
    "at the last byte": http(b'{"list":[]', length=11),
    "without a byte": http(b"", length=5000),
    "in a chunk": f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n40\r\n".encode() + b'{"list":[',
    "between chunks": f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n9\r\n".encode() + b'{"list":[\r\n',
    "packed": http(gzip.compress(b'{"list":[]}' * 50)[:20], length=500, more=PACKED),
}
FAULTS: dict[str, tuple[bytes, str]] = {
    "cut off": (CUTS["at the length"], "the reply was cut off"),
    "closed": (b"", "the connection was closed before the reply"),
    "cut in its head": (b"HTTP/1.1 200 OK\r\ncontent-le", "closed before the reply"),
    "not HTTP": (b"\x00\x01\x02 hello\r\n\r\n", "ClientResponseError|BadStatusLine"),
    "broken gzip": (http(b"no gzip", more=PACKED), "the reply cannot be decompressed"),
    "too long": (http(b"x" * 5000), "longer than 1000 bytes"),
}


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_off_reply_is_reported_as_such(cut: str) -> None:
    async with answering(CUTS[cut], close=True) as (url, requests), connected(url) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(REQUEST)
    assert len(requests) == 1
    assert caught.value.message == "/datacube/x: the reply was cut off"
    assert caught.value.hint.startswith("try again")
    assert caught.value.remedy is Remedy.RETRY
    assert "Error" not in str(caught.value)
    assert_no_token(caught.value)


async def test_a_transport_works_after_a_cut_off_reply() -> None:
    answers = (CUTS["at the length"], http(b'{"list":[]}'))
    async with answering(*answers, close=True) as (url, requests), connected(url) as transport:
        with pytest.raises(TransportError, match="cut off"):
            await transport.send(REQUEST)
        assert await transport.send(REQUEST) == Reply(200, b'{"list":[]}')
    assert len(requests) == 2


@pytest.mark.parametrize("name", FAULTS)
async def test_an_error_names_only_the_path(name: str, caplog: pytest.LogCaptureFixture) -> None:
    answer, expected = FAULTS[name]
    caplog.set_level(logging.DEBUG)
    async with (
        answering(answer, close=True) as (url, _),
        connected(url, max_bytes=1000) as transport,
    ):
        with pytest.raises(TransportError, match=expected) as caught:
            await transport.send(REQUEST)
    assert str(caught.value).startswith("/datacube/x: ")
    assert_no_token(caught.value)
    assert "secret-access-token" not in caplog.text


async def test_a_slow_reply_times_out() -> None:
    slow = answering(http(b"{}"), delay_seconds=0.5)
    async with slow as (url, _), connected(url, timeout_seconds=0.05) as transport:
        with pytest.raises(TransportError, match=r"no reply within 0.05 s") as caught:
            await transport.send(REQUEST)
    assert_no_token(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9"])
async def test_a_server_that_cannot_be_reached(url: str) -> None:
    async with connected(url) as transport:
        with pytest.raises(TransportError, match="no connection to the server") as caught:
            await transport.send(REQUEST)
    assert_no_token(caught.value)


async def test_a_reply_that_is_too_long_is_not_retried() -> None:
    async with (
        answering(http(b"x" * 2000)) as (url, _),
        connected(url, max_bytes=1000) as transport,
    ):
        with pytest.raises(TransportError) as caught:
            await transport.send(REQUEST)
    assert caught.value.remedy is Remedy.SKIP


@pytest.mark.parametrize(
    "url",
    ["", "api.weixin.qq.com", "ftp://host", "https://", "http://[::1", "http://h:x", "/path"],
)
def test_a_base_url_must_be_complete(url: str) -> None:
    with pytest.raises(SettingsError, match="is incomplete"):
        HttpTransport(url)


@pytest.mark.parametrize("url", ["http://api.weixin.qq.com", "http://10.0.0.1:8400/x?key=s3cret"])
def test_http_to_other_machines_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(SettingsError, match="would receive AppSecret and tokens unencr") as caught:
        HttpTransport(url)
    assert caught.value.remedy is Remedy.STOP
    assert "allow_http" in caught.value.hint
    assert "s3cret" not in str(caught.value)
    HttpTransport(url, allow_http=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8400", "http://localhost", "http://[::1]:80"])
def test_http_to_this_machine_is_allowed(url: str) -> None:
    HttpTransport(url)


def test_the_shown_part_of_a_url_contains_no_secret() -> None:
    url = f"https://user:{TOKEN[:5]}@host.example:8443/path?access_token={TOKEN}"
    assert host_of(url) == "https://host.example:8443"
    assert repr(HttpTransport(url)) == "HttpTransport('https://host.example:8443')"


# --- in this process ---------------------------------------------------------------------------


async def test_an_application_gets_requests_like_a_server() -> None:
    app = Scripted(lambda _: {"list": []})
    assert await AsgiTransport(app).send(REQUEST) == Reply(200, b'{"list": []}')
    (request,) = app.journal
    assert (request.method, request.path, request.query) == (
        "POST",
        "/datacube/x",
        {"access_token": TOKEN},
    )
    assert request.body == REQUEST.body


Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


def sends(*messages: Message) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
PART: dict[str, Any] = {"type": "http.response.body", "body": b"{}", "more_body": True}
LENGTH = START | {"headers": [(b"Content-Length", b"99")]}


@pytest.mark.parametrize(
    "messages",
    [(), (START,), (START, PART), (LENGTH, PART | {"more_body": False})],
    ids=["nothing", "no body", "no end", "too short"],
)
async def test_an_incomplete_reply_of_an_application_is_cut_off(
    messages: tuple[Message, ...],
) -> None:
    with pytest.raises(TransportError, match=r"/datacube/x: .*cut off"):
        await AsgiTransport(sends(*messages)).send(REQUEST)


async def test_an_application_has_the_same_limits() -> None:
    slow = Scripted(lambda _: {}, delay_seconds=0.5)
    with pytest.raises(TransportError, match="no reply within"):
        await AsgiTransport(slow, timeout_seconds=0.02).send(REQUEST)
    long = Scripted(lambda _: b"x" * 2000)
    with pytest.raises(TransportError, match="longer than 1000 bytes"):
        await AsgiTransport(long, max_bytes=1000).send(REQUEST)


async def test_an_exception_of_the_application_is_not_converted() -> None:
    def reply_to(_: object) -> int:
        raise LookupError("a mistake")

    with pytest.raises(LookupError, match="a mistake"):
        await AsgiTransport(Scripted(reply_to)).send(REQUEST)


def assert_no_token(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert "secret-access-token" not in shown
    assert b"secret-access-token" not in pickle.dumps(error)
    assert error.__context__ is None
