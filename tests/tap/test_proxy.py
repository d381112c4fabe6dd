import random
import time
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest
import structlog

from support.callbacks import (
    AT,
    KEY,
    OPENID,
    account,
    accounts,
    encrypted,
    event,
    hash_user,
    plain,
    xml,
)
from support.polling import eventually
from support.tapping import Memory, exchanged, message_server, send, tap
from wxcube.beijing import SystemClock
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.recorder import Recorder


@pytest.fixture
def memory() -> Any:
    return Memory()


def recorder_of(memory: Memory, key: str = "") -> Any:
    return Recorder(accounts(key=key), hash_user, SystemClock(), memory.write, 1 << 16)


@pytest.fixture
def recorder(memory: Memory) -> Any:
    return recorder_of(memory)


def replies(memory: Memory, count: int = 1) -> Any:
    eventually(lambda: len(memory.of("reply")) >= count, 20)
    return memory.of("reply")


@pytest.mark.parametrize("key", ["", KEY])
def test_a_message_is_answered_and_recorded(memory: Memory, key: str) -> None:
    callback = encrypted(xml()) if key else plain(xml())
    recorder = recorder_of(memory, key)
    with message_server() as server, tap(recorder, memory.flush, server.url) as url:
        assert send(url, callback).body == b"success"
        (reply,) = replies(memory)
    assert callback.body in bytes(server.received)
    (message,) = memory.of("message")
    assert message["user"] == hash_user(OPENID)
    assert reply["ok"]
    assert 0 <= reply["ms"] < 5_000
    assert abs(reply["at"] - time.time()) < 600
    assert OPENID not in repr(memory.events)


@pytest.mark.parametrize(
    ("behaviour", "is_ok"),
    [
        ({"reply": b""}, True),
        ({"reply": b"success"}, True),
        ({"reply": xml(MsgType="text", Content="hi").encode()}, True),
        ({"reply": b"<xml><Encrypt>abc</Encrypt></xml>"}, True),
        ({"reply": b'{"MsgType":"text"}'}, True),
        ({"reply": b"hello"}, False),
        ({"reply": b"<html><body>error</body></html>"}, False),
        ({"reply": b"<xml>"}, False),
        ({"reply": b"success", "status": 500}, False),
        ({"reply": b"x" * 100_000}, False),
        ({"raw": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nsuccess\r\n0\r\n\r\n"}, True),
        ({"raw": b"HTTP/1.0 200 OK\r\n\r\nsuccess"}, True),
        ({"raw": b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"}, False),
        ({"raw": b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuc", "is_closing": False}, False),
        ({"raw": b"nonsense without end"}, False),
        ({"is_closing": True}, False),
    ],
)  # fmt: skip
def test_whatever_the_server_replies_is_passed_on_and_judged(
    memory: Memory, recorder: Recorder, behaviour: dict[str, Any], is_ok: bool
) -> None:
    callback = plain(xml())
    head = f"POST /wx?{callback.query} HTTP/1.1\r\nhost: a\r\ncontent-length: {len(callback.body)}\r\nconnection: close\r\n\r\n"
    request = head.encode() + callback.body
    with message_server(**behaviour) as server, tap(recorder, memory.flush, server.url) as url:
        direct = exchanged(server.url, request)
        assert exchanged(url, request) == direct
        assert server.received == request * 2
        assert [one["ok"] for one in replies(memory)] == [is_ok]


def test_a_slow_server_has_failed_after_five_seconds_and_is_still_passed_on(
    memory: Memory, recorder: Recorder
) -> None:
    with message_server(delay=5.4) as server, tap(recorder, memory.flush, server.url) as url:
        assert send(url, plain(xml())).body == b"success"
        (reply,) = replies(memory)
    assert not reply["ok"]
    assert 5_000 <= reply["ms"] < 5_400


def test_a_dead_server_fails_and_the_message_counts(memory: Memory, recorder: Recorder) -> None:
    with message_server() as server:
        dead = server.url
    with tap(recorder, memory.flush, dead) as url:
        with pytest.raises((OSError, HTTPException)):
            send(url, plain(xml()))
        (reply,) = replies(memory)
    assert not reply["ok"]
    assert len(memory.of("message")) == 1


def test_a_caller_that_leaves_has_no_reply(memory: Memory, recorder: Recorder) -> None:
    with message_server(delay=3) as server, tap(recorder, memory.flush, server.url) as url:
        with pytest.raises(TimeoutError):
            send(url, plain(xml()), timeout=0.3)
        (reply,) = replies(memory)
    assert not reply["ok"]
    assert reply["ms"] < 3_000


def test_each_attempt_is_a_reply_and_the_message_counts_once(
    memory: Memory, recorder: Recorder
) -> None:
    body = xml(MsgId=7)
    with message_server() as server, tap(recorder, memory.flush, server.url) as url:
        for attempt in range(3):
            send(url, plain(body, nonce=str(attempt)))
        assert len({one["id"] for one in replies(memory, 3)}) == 3
        with structlog.testing.capture_logs() as logs:
            assert send(url, plain(body, nonce="replayed")).body == b"success"
    assert len(memory.of("reply")) == 3
    assert len(memory.of("message")) == 1
    assert recorder.tally.repeats == 2
    assert [one["reason"] for one in logs] == ["replayed"]


def test_kept_alive_and_pipelined_requests(memory: Memory, recorder: Recorder) -> None:
    callbacks = [plain(xml()) for _ in range(20)]
    requests = b"".join(
        f"POST /?{one.query} HTTP/1.1\r\ncontent-length: {len(one.body)}\r\n\r\n".encode()
        + one.body
        for one in callbacks
    )
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess" * 20
    with message_server(raw=raw) as server, tap(recorder, memory.flush, server.url) as url:
        assert exchanged(url, requests) == raw
        assert all(one["ok"] for one in replies(memory, 20))
    assert len(memory.of("message")) == 20


def test_callbacks_after_a_head_on_the_same_connection(memory: Memory, recorder: Recorder) -> None:
    callback = plain(xml())
    with message_server() as server, tap(recorder, memory.flush, server.url) as url:
        connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("HEAD", "/")
        assert connection.getresponse().read() == b""
        for _attempt in range(2):
            connection.request("POST", f"/?{callback.query}", callback.body)
            assert connection.getresponse().read() == b"success"
        connection.close()
        assert all(one["ok"] for one in replies(memory, 2))
    assert len(memory.of("message")) == 1


def test_an_emulator_of_another_time_disturbs_no_other_account(memory: Memory) -> None:
    later = account(appid="wx2", gh="gh_2", is_simulated=True)
    known = TappedAccounts([account(), later])
    recorder = Recorder(known, hash_user, SystemClock(), memory.write, 1 << 16)
    ahead = AT + 90 * 86_400
    simulated = plain(xml(ToUserName="gh_2", CreateTime=ahead), timestamp=ahead)
    assert recorder.push(simulated.query, simulated.body)
    callback = plain(xml())
    assert recorder.push(callback.query, callback.body)


def test_the_check_of_the_address_is_passed_on(memory: Memory, recorder: Recorder) -> None:
    query = plain("").query + "&echostr=4375120948345356249"
    request = f"GET /wx?{query} HTTP/1.1\r\nconnection: close\r\n\r\n".encode()
    answer = b"4375120948345356249"
    with (
        message_server(reply=answer) as server,
        tap(recorder, memory.flush, server.url) as url,
    ):
        assert exchanged(url, request).endswith(answer)
    assert server.received == request
    assert recorder.tally.verifications == 1
    assert memory.events == []


def test_large_bodies_in_both_directions(memory: Memory, recorder: Recorder) -> None:
    body = random.Random(1).randbytes(3_000_000)
    request = b"POST / HTTP/1.1\r\ncontent-length: 3000000\r\n\r\n" + body
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + body
    with message_server(raw=b"x") as server, tap(recorder, memory.flush, server.url) as url:
        exchanged(url, request)
        eventually(lambda: server.received == request, 20)
    with message_server(raw=reply) as server, tap(recorder, memory.flush, server.url) as url:
        assert exchanged(url, b"GET / HTTP/1.1\r\n\r\n") == reply


def test_a_mirror_is_answered_at_once_and_has_no_figures_of_replies(
    memory: Memory, recorder: Recorder
) -> None:
    with tap(recorder, memory.flush) as url:
        assert send(url, plain(xml())).status == 200
        assert send(url, plain(event("subscribe"))).status == 200
    assert [one["event"] for one in memory.events] == ["message", "follow"]
    assert memory.flushes >= 2


def test_an_emulators_time_is_that_of_its_requests(memory: Memory) -> None:
    from support.callbacks import account
    from wxcube.tap.accounts import TappedAccounts

    date = "Sun, 01 Mar 2026 01:00:00 GMT"
    for is_simulated, expected in ((True, AT), (False, time.time())):
        known = TappedAccounts([account(is_simulated=is_simulated)])
        recorder = Recorder(known, hash_user, SystemClock(), memory.write, 1 << 16)
        one = plain(xml())
        found = recorder.push(one.query, one.body, date)
        assert found is not None
        assert abs(found.at - expected) < 600
