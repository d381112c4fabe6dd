"""Callbacks that nobody should take: refused and told, and nothing else is disturbed."""

from __future__ import annotations

import base64
import gzip
import json
import random
import socket
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from support.callbacks import (
    APPID,
    AT,
    KEY,
    OPENID,
    TOKEN,
    Callback,
    account,
    encrypted,
    event,
    hash_user,
    plain,
    xml,
)
from support.polling import eventually
from support.tapping import Memory, exchanged, message_server, send, tap
from wxcube.beijing import DAY_SECONDS, SystemClock
from wxcube.tap.accounts import TappedAccounts
from wxcube.tap.recorder import Recorder
from wxcube.tap.refused import Reason
from wxcube.tap.repeats import FRESH_SECONDS, MAX_REMEMBERED
from wxcube.tap.signature import signature

SECRET_GH, LIMIT = "gh_0000000000aa", 1 << 16
SIGNED = plain("").query


@pytest.fixture
def memory() -> Any:
    return Memory()


@pytest.fixture
def recorder(memory: Memory) -> Any:
    """Of two accounts; the callbacks of the second one are encrypted."""
    known = TappedAccounts([account(), account(key=KEY, gh=SECRET_GH)])
    return Recorder(known, hash_user, SystemClock(), memory.write, LIMIT)


# --- bodies --------------------------------------------------------------------------------------


def sealed(message: bytes, *, length: int | None = None, appid: bytes = APPID.encode()) -> bytes:
    """What safe mode encrypts, with its padding."""
    size = len(message) if length is None else length
    content = b"r" * 16 + size.to_bytes(4, "big") + message + appid
    missing = 32 - len(content) % 32
    return content + bytes([missing]) * missing


def enveloped(padded: bytes) -> Callback:
    """A signed callback around encrypted bytes, whatever they are."""
    key = base64.b64decode(f"{KEY}=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return signed(base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode())


def signed(content: str, element: str = "<Encrypt><![CDATA[{}]]></Encrypt>") -> Callback:
    query = f"{SIGNED}&" + urlencode({"msg_signature": signature(TOKEN, str(AT), "1", content)})
    to = f"<ToUserName>{SECRET_GH}</ToUserName>"
    return Callback(query, f"<xml>{to}{element.format(content)}</xml>".encode())


def raw(body: bytes) -> Callback:
    return Callback(SIGNED, body)


def as_json(**members: Any) -> Callback:
    found = {"ToUserName": "gh_97417a04a28d", "FromUserName": OPENID, "CreateTime": AT}
    return raw(json.dumps(found | {"MsgType": "text", "MsgId": 1} | members).encode())


def inside(body: str) -> Callback:
    return enveloped(sealed(body.encode()))


GOOD = xml(ToUserName=SECRET_GH, MsgId=1)
PADDED = sealed(GOOD.encode())
WRONG_TIMES = (-1, 0, 1, AT - 2 * DAY_SECONDS, AT + 2 * DAY_SECONDS, 4_102_444_800, 10**19, 10**30)
BODIES: dict[Reason, list[Callback]] = {
    Reason.MALFORMED: [
        raw(xml(Content="你好").encode("gbk")),
        raw(xml().encode("utf-16")),
        raw(b'<?xml version="1.0" encoding="gb2312"?>' + xml().encode()),
        raw(b'<?xml version="1.0" encoding="utf-7"?>' + xml().encode()),
        raw(xml().encode() + b"\0"),
        raw(xml().replace("text", "te\0xt").encode()),
        raw(xml().replace("<![CDATA[text]]>", "&#0;").encode()),
        raw(xml().replace("]]>", "").encode()),
        raw(gzip.compress(xml().encode())),
        raw(b"\xef\xbb\xbf \r\n\t"),
        raw(b"\xff" * 1_000),
        raw(b"[" + as_json().body + b"]"),
        raw(b'{"a":' * 9_000 + b"1" + b"}" * 9_000),
        raw(b'{"a":' + b"[" * 60_000),
        raw(as_json().body.replace(str(AT).encode(), b"NaN")),
        raw(as_json().body.replace(str(AT).encode(), b"-Infinity")),
        raw(as_json().body.replace(str(AT).encode(), b"1e999")),
        raw(as_json().body.replace(str(AT).encode(), b"9" * 5_000)),
        raw(as_json().body.replace(b"text", b"\xff\xfe")),
        raw(as_json().body.replace(b"text", b"\\ud800")),
        raw(as_json().body + as_json().body),
        raw(b"a=1&b=2"),
        raw(b"--x\r\ncontent-disposition: form-data\r\n\r\n" + xml().encode() + b"\r\n--x--"),
        raw(b"$<xml/>"),
        inside(""),
        inside("\0" * 100),
        inside('{"a":' * 9_000),
        enveloped(sealed(b"\xff" * 100)),
    ],
    Reason.HOSTILE: [
        raw(b"<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://127.0.0.1:1/'> %b;]>" + xml().encode()),
        raw(b"<!DOCTYPE xml PUBLIC '-//W3C//DTD' 'http://127.0.0.1:1/'>" + xml().encode()),
        raw(b"<!DOCTYPE xml [<!ATTLIST xml a CDATA 'x'>]>" + xml().encode()),
        raw(b"<xml>" + b"<a/>" * 9_000 + b"</xml>"),
        raw(b"<xml>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"</xml>"),
        inside(f"<!DOCTYPE a [<!ENTITY b 'c'>]>{GOOD}"),
        inside("<a>" * 9_000),
    ],
    Reason.UNKNOWN_ACCOUNT: [
        raw(b"<xml " + b"".join(b"a%d='' " % n for n in range(5_000)) + b"/>"),
        raw(b"<xml><!--" + b"x" * 60_000 + b"--></xml>"),
        raw(b"<?xml-stylesheet href='http://127.0.0.1:1/'?><xml/>"),
        raw(xml().replace("<FromUserName>", "<ToUserName>gh_1</ToUserName><FromUserName>").encode()),
        as_json(ToUserName=["gh_97417a04a28d"]),
        as_json(ToUserName={"gh_97417a04a28d": 1}),
        as_json(ToUserName=None),
        as_json(ToUserName="gh_97417a04a28d\0"),
        as_json(ToUserName="x" * 10_000),
        inside(xml(MsgId=1)),
    ],
    Reason.WRONG_MEMBER: [
        *(raw(xml(CreateTime=one).encode()) for one in ("", " ", "-1", "1e9", "NaN", "１７７２", "0x1")),
        *(as_json(CreateTime=one) for one in (AT + 0.5, True, None, [AT], {"a": AT}, -AT, "")),
        *(raw(xml(MsgId=one).encode()) for one in ("", "text", "-1", "1.0", "1 2", "1" * 21, None)),
        *(as_json(MsgId=one) for one in (1.5, True, None, [1], "", -1, "1" * 21)),
        *(
            raw(xml(FromUserName=one).encode())
            for one in ("", "o" * 10_000, "o 1", "o\n1", "微信", "o&1", "../o", "o'--")
        ),
        *(as_json(FromUserName=one) for one in ("o\0", None, 1.5, [OPENID], {"a": 1}, "o" * 65)),
        raw(xml().replace("<MsgType>", "<MsgId>7</MsgId><MsgType>").encode()),
        raw(event("subscribe", FromUserName="o" * 10_000).encode()),
        inside(xml(ToUserName=SECRET_GH, MsgId="text")),
    ],
    Reason.WRONG_TIME: [
        *(raw(xml(CreateTime=one).encode()) for one in WRONG_TIMES if 0 <= one < 10**20),
        *(as_json(CreateTime=str(one)) for one in WRONG_TIMES if 0 <= one < 10**20),
        inside(xml(ToUserName=SECRET_GH, MsgId=1, CreateTime=AT - 2 * DAY_SECONDS)),
    ],
    Reason.UNDECRYPTABLE: [
        *(
            enveloped(sealed(GOOD.encode(), length=one))
            for one in (2**32 - 1, 2**31, 2**31 - 1, len(GOOD) + 1_000)
        ),
        *(enveloped(PADDED[:-1] + bytes([one])) for one in (0, 33, 255)),
        enveloped(PADDED[:-2] + bytes([PADDED[-1] ^ 1, PADDED[-1]])),
        enveloped(b"\x20" * 32),
        enveloped(b"\x10" * 16),
        enveloped(PADDED[:-32]),
        *(signed(one) for one in ("A", "====", "-_" * 22, "汉" * 24, "A" * 23, "AAAA" * 15_000)),
        signed(base64.b64encode(PADDED).decode() + "\n="),
    ],
    Reason.WRONG_APPID: [
        enveloped(sealed(GOOD.encode(), appid=b"")),
        enveloped(sealed(GOOD.encode(), appid=APPID.encode() + b"\0")),
        enveloped(sealed(GOOD.encode(), length=0)),
        enveloped(sealed(GOOD.encode(), length=len(GOOD) - 1)),
        enveloped(sealed(GOOD.encode(), appid=b"\xff" * 18)),
    ],
    Reason.NOT_ENCRYPTED: [
        raw(GOOD.encode()),
        signed("", "<Encrypt>{}</Encrypt>"),
        signed("AAAA", "<Encrypt>{0}</Encrypt><Encrypt>{0}</Encrypt>"),
        signed("AAAA", "<Encrypt><a>{}</a></Encrypt>"),
    ],
    Reason.WRONG_SIGNATURE: [
        plain(xml(), token="other"),
        plain(xml(), token=""),
        Callback(SIGNED.replace("signature=", "signature=%00"), xml().encode()),
        Callback(SIGNED.replace("signature=", "signature=%ff&a="), xml().encode()),
        Callback(SIGNED, signed("AAAA").body),
    ],
    Reason.UNSIGNED: [
        Callback("", xml().encode()),
        Callback("signature&timestamp&nonce", xml().encode()),
        Callback(f"{SIGNED}&{'a' * 5_000}=1", xml().encode()),
        Callback(";".join(SIGNED.split("&")), xml().encode()),
    ],
    Reason.TOO_LARGE: [
        raw(xml(Content="x" * LIMIT).encode()),
        raw(b"<xml>" + b" " * 200_000),
    ],
}  # fmt: skip
CASES = [(one, reason) for reason, found in BODIES.items() for one in found]


@pytest.mark.parametrize(("callback", "reason"), CASES, ids=lambda one: getattr(one, "name", ""))
def test_a_body_is_refused_and_told(
    memory: Memory, recorder: Recorder, callback: Callback, reason: Reason
) -> None:
    with structlog.testing.capture_logs() as logs:
        assert recorder.push(callback.query, callback.body) is None
    assert recorder.tally.refused == {reason.value: 1}
    assert [one["event"] for one in logs] == ["tap.refused"]
    assert OPENID not in repr(logs)
    assert memory.events == []


@pytest.mark.parametrize(
    "callback",
    [
        plain(xml(MsgType=OPENID)),
        plain(xml(MsgType="x" * 10_000)),
        plain(event(OPENID)),
        plain(event("x" * 10_000)),
        plain(event("a b")),
        as_json(MsgType={"a": 1}),
        as_json(MsgType="event", Event=["subscribe"]),
    ],
)
def test_a_kind_without_a_name_is_counted_as_another(
    memory: Memory, recorder: Recorder, callback: Callback
) -> None:
    with structlog.testing.capture_logs() as logs:
        assert recorder.push(callback.query, callback.body)
    assert recorder.tally.unknown == {"other": 1}
    assert OPENID not in repr(logs)
    assert memory.events == []


def test_of_members_that_are_repeated_in_json_the_last_counts(
    memory: Memory, recorder: Recorder
) -> None:
    body = as_json().body.replace(b'"MsgId": 1', b'"MsgId": "x", "MsgId": 2')
    assert recorder.push(SIGNED, body)
    assert [one["id"] for one in memory.events] == ["2"]


def test_forged_callbacks_with_one_timestamp_need_no_memory_without_end(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxcube.tap.repeats.MAX_REMEMBERED", 100)
    assert MAX_REMEMBERED > 1_500 * FRESH_SECONDS
    for _ in range(1_000):
        callback = plain(xml())
        assert recorder.push(callback.query, callback.body)
    (repeats, *_) = recorder._repeats.values()
    assert len(repeats._recent) + len(repeats._earlier) <= 200


# --- requests ------------------------------------------------------------------------------------


def request(callback: Callback, *headers: str, method: str = "POST", length: Any = None) -> bytes:
    """An HTTP request; a length of "" is none."""
    size = len(callback.body) if length is None else length
    lines = [f"{method} /wx?{callback.query} HTTP/1.1", "host: a", *headers]
    lines += [f"content-length: {size}"] if size != "" else []
    return "\r\n".join([*lines, "\r\n"]).encode() + callback.body


def mutated(random_: random.Random) -> Callback:
    """An unharmed callback with one thing wrong."""
    good = plain(xml())
    kinds: list[Callable[[], Callback]] = [
        lambda: raw(random_.randbytes(random_.randrange(2_000))),
        lambda: raw(good.body[: random_.randrange(len(good.body) - 1)]),
        lambda: Callback(
            good.query.replace("signature=", f"signature={random_.randrange(99)}"), good.body
        ),
        lambda: raw(b"<xml>" + b"<a>" * random_.randrange(20, 10_000)),
        lambda: raw(b"{" * random_.randrange(1, 60_000)),
        lambda: raw(b"x" * random_.randrange(65_537, 200_000)),
        lambda: raw(good.body.replace(str(AT).encode(), b"9" * random_.randrange(11, 5_000))),
        lambda: encrypted(xml(), key="B" * 42 + "A", gh=SECRET_GH),
        lambda: encrypted(xml(), appid="wx1", gh=SECRET_GH),
        lambda: enveloped(random_.randbytes(16 * random_.randrange(1, 100))),
    ]
    return random_.choice(kinds)()


def test_a_thousand_hostile_requests_reach_the_server_and_disturb_nothing(
    memory: Memory, recorder: Recorder
) -> None:
    random_ = random.Random(12)
    requests = [request(one) for one, _ in CASES]
    requests += [request(mutated(random_)) for _ in range(1_000 - len(requests))]
    random_.shuffle(requests)
    with message_server() as server, tap(recorder, memory.flush, server.url) as url:
        with structlog.testing.capture_logs() as logs:
            for number, one in enumerate(requests):
                server.received.clear()
                answer = exchanged(url, one)
                assert bytes(server.received) == one
                assert answer.startswith(b"HTTP/1.1 200")
                if number % 100 == 0:
                    assert send(url, plain(xml())).body == b"success"
        eventually(lambda: len(memory.of("reply")) == 10)
    assert len(memory.of("message")) == 10
    assert sum(recorder.tally.refused.values()) == 1_000
    assert set(recorder.tally.refused) == {one.value for one in BODIES}
    assert OPENID not in repr(logs) + repr(recorder.tally)
    assert len(logs) < 60


ONE = plain(xml(MsgId=1))
CHUNKED = Callback(ONE.query, b"%x\r\n%b\r\n0\r\n\r\n" % (len(ONE.body), ONE.body))
ENDLESS = Callback(ONE.query, b"%x\r\n%b\r\n" % (len(ONE.body), ONE.body))


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (request(ONE, method="PUT"), ""),
        (request(ONE, method="PATCH"), ""),
        (request(ONE, method="DELETE"), ""),
        (request(ONE, method="OPTIONS"), ""),
        (request(ONE, method="TRACE"), ""),
        (request(ONE, method="HEAD"), ""),
        (request(ONE, method="post"), "malformed"),
        (request(ONE, method="X" * 100_000), "malformed"),
        (request(ONE, "content-encoding: gzip"), None),
        (request(raw(gzip.compress(ONE.body)), "content-encoding: gzip"), "malformed"),
        (request(CHUNKED, "transfer-encoding: chunked", length=""), None),
        (request(ENDLESS, "transfer-encoding: chunked", length=""), ""),
        (request(CHUNKED, "transfer-encoding: chunked"), "malformed"),
        (request(CHUNKED, "transfer-encoding: gzip", length=""), "malformed"),
        (request(raw(b"f" * 20 + b"\r\nx"), "transfer-encoding: chunked", length=""), "malformed"),
        (request(raw(b"-1\r\nx"), "transfer-encoding: chunked", length=""), "malformed"),
        (request(ONE, length=len(ONE.body) + 1_000), ""),
        (request(ONE, length=len(ONE.body) - 10), "malformed"),
        (request(ONE, length=0), "malformed"),
        (request(ONE, length=-1), "malformed"),
        (request(ONE, length=2**64), "malformed"),
        (request(ONE, length="1e3"), "malformed"),
        (request(ONE, "content-length: 1"), "malformed"),
        (request(ONE, length=""), "malformed"),
        (request(ONE, "a: \0"), "malformed"),
        (request(ONE, "a b"), "malformed"),
        (request(ONE, "a: " + "x" * 3_000_000), "too_large"),
        (request(ONE, *(f"a{n}: x" for n in range(100_000))), "too_large"),
        (
            request(CHUNKED, "transfer-encoding: chunked", length="")[:-2]
            + b"a: x\r\n" * 50_000,
            "too_large",
        ),
        (b"\r\n" * 100_000, "too_large"),
        (b"POST /" + b"x" * 3_000_000, "too_large"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "malformed"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "malformed"),
        (b"GET\r\n\r\n", "malformed"),
        (b"\0" * 5_000, "malformed"),
    ],
)  # fmt: skip
def test_a_request_is_passed_on_whatever_it_is(
    memory: Memory, recorder: Recorder, content: bytes, refused: str | None
) -> None:
    """Refused for a reason, not recorded (""), or recorded (None); others are recorded too."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"
    with (
        message_server(raw=whole) as server,
        tap(recorder, memory.flush, server.url) as url,
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as open_connection,
    ):
        open_connection.sendall(content)
        eventually(lambda: len(server.received) >= len(content))
        assert server.received == content
        other = plain(xml(MsgId=2))
        assert send(url, other).body == b"ab"
        eventually(lambda: len(memory.of("reply")) == 1 + (refused is None))
    recorded = {"1", "2"} if refused is None else {"2"}
    assert {one["id"] for one in memory.of("message")} == recorded
    # of a length that lies, the callback is refused, and what follows it
    assert set(recorder.tally.refused) == ({refused} if refused else set())
    assert sum(recorder.tally.refused.values()) <= 2


@pytest.mark.parametrize("headers", [(), ("transfer-encoding: chunked",)])
def test_an_offer_of_another_protocol_hides_no_callback(
    memory: Memory, recorder: Recorder, headers: tuple[str, ...]
) -> None:
    """Java's client offers HTTP/2 with its first request, and the server goes on with HTTP/1.1."""
    offer = "connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAEAAEAA"
    callbacks = [plain(xml(MsgId=number)) for number in range(3)]
    content = b""
    for one in callbacks:
        body = Callback(one.query, b"%x\r\n%b\r\n0\r\n\r\n" % (len(one.body), one.body))
        content += request(body, *offer, *headers, length="") if headers else request(one, *offer)
    content += request(plain(xml(MsgId=3)))
    replies = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess" * 4
    with message_server(raw=replies) as server, tap(recorder, memory.flush, server.url) as url:
        assert exchanged(url, content) == replies
        eventually(lambda: len(memory.of("reply")) == 4)
        assert server.received == content
    assert [one["id"] for one in memory.of("message")] == ["0", "1", "2", "3"]
    assert all(one["ok"] for one in memory.of("reply"))
    assert recorder.tally.refused == {}


def test_an_offer_in_pieces(memory: Memory, recorder: Recorder) -> None:
    content = request(ONE, "upgrade: h2c", "connection: upgrade")
    with message_server(is_patient=True) as server, tap(recorder, memory.flush, server.url) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for number in range(len(content)):
                connection.sendall(content[number : number + 1])
            assert connection.recv(1 << 16).endswith(b"success")
            eventually(lambda: memory.of("message"))


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (request(ONE, "a: " + "x" * 1_000_000), "too_large"),
        (b"POST / HTTP/1.1\r\na: " + b"x" * 1_000_000, "too_large"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "malformed"),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n" + request(ONE), None),
    ],
)
def test_a_mirrors_target_ends_a_connection_that_it_cannot_read(
    memory: Memory, recorder: Recorder, content: bytes, refused: str | None
) -> None:
    with tap(recorder, memory.flush) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            try:
                connection.sendall(content)
                while connection.recv(1 << 16):
                    """Until it ends."""
            except ConnectionError:
                """It ended before everything was sent."""
        assert send(url, plain(xml())).status == 200
    assert recorder.tally.refused == ({refused: 1} if refused else {})
    assert len(memory.of("message")) == 1


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS", "GET"])
def test_a_mirrors_target_answers_every_method(
    memory: Memory, recorder: Recorder, method: str
) -> None:
    with tap(recorder, memory.flush) as url:
        connection = HTTPConnection(url.removeprefix("http://"), timeout=20)
        for _ in range(3):
            connection.request(
                method, f"/?{ONE.query}&echostr=1", b"x" if method == "PUT" else None
            )
            answer = connection.getresponse()
            assert answer.headers["content-length"] == str(int(method == "GET"))
            assert answer.read() == (b"1" if method == "GET" else b"")
        connection.request("POST", f"/?{ONE.query}", ONE.body)
        assert connection.getresponse().status == 200
        connection.close()
    assert len(memory.of("message")) == 1


def test_a_caller_that_reads_no_answers_is_not_read_without_end(
    memory: Memory, recorder: Recorder
) -> None:
    content = request(Callback("", b""), method="GET") * 1_000

    def flood(connection: socket.socket) -> None:
        for _ in range(10_000):
            connection.sendall(content)

    with tap(recorder, memory.flush) as url:
        address = "127.0.0.1", int(url.rpartition(":")[2])
        with socket.create_connection(address, timeout=1) as connection:
            with pytest.raises(TimeoutError):
                flood(connection)
            assert send(url, plain(xml())).status == 200
    assert Counter(one["event"] for one in memory.events) == {"message": 1}
