"""Random requests to `wxcube serve`: none may end in HTTP 5xx, a traceback or an unknown errcode.

python bench/fuzzed.py demo/wxcube.db
python bench/fuzzed.py demo/wxcube.db --requests 10000 --seed 3

Requests are made of the parts of good ones, with parts left out, doubled, changed or made of random
bytes: WeChat's calls and those of the server itself, at its own and at its admin address.
"""

from __future__ import annotations

import argparse
import random
import socket
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec
from strangers import EVENTS_TOKEN, SECRET, Target, served

from wxcube.contract import ENDPOINTS
from wxcube.contract.codes import ERRCODES

METHODS = ("POST",) * 6 + ("GET",) * 4 + ("PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "x", "")
PATHS = (
    *(endpoint.path for endpoint in ENDPOINTS),
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/cgi-bin/clear_quota",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/openapi/quota/get",
    "/cgi-bin/openapi/quota/clear",
    "/cgi-bin/openapi/rid/get",
    "/cgi-bin/get_api_domain_ip",
)
OWN_PATHS = (
    "/wxcube/wechat_token",
    "/events",
    "/docs",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/",
)
ADMIN_PATHS = ("/metrics", "/reload", "/healthz", "/readyz", "/", "/datacube/getusersummary")
WORDS = ("", "0", "-1", "null", "é", "\U0001f600", "\ud83d", "%00", "../", "2014-12-07", "x" * 300)


class Fuzzer:
    """Makes requests."""

    def __init__(self, seed: int, target: Target) -> None:
        self.random = random.Random(seed)
        self.target = target

    def request(self, paths: tuple[str, ...]) -> bytes:
        """A request that ends, at least by the close of its connection."""
        some = self.random
        path = some.choice(paths)
        if some.random() < 0.05:
            path = some.choice((path + self.word(), self.word(), path.upper(), "//" + path))
        query = "&".join(self.pair() for _ in range(some.randrange(4)))
        if some.random() < 0.6:
            query = f"access_token={self.token()}"
        body = self.body()
        lines = [
            f"{some.choice(METHODS)} {path}?{query} HTTP/1.{some.choice('1111110')}",
            "host: x",
        ]
        lines += [self.header() for _ in range(some.randrange(3))]
        if some.random() < 0.9:
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")
        raw = head + body
        if some.random() < 0.03:
            at = some.randrange(len(raw))
            raw = raw[:at] + some.randbytes(some.randrange(1, 9)) + raw[at:]
        return raw

    def word(self) -> str:
        return self.random.choice(WORDS)

    def token(self) -> str:
        return self.random.choice((self.target.token,) * 6 + (self.word(), self.target.token[:-1]))

    def pair(self) -> str:
        names = ("grant_type", "appid", "secret", "access_token", "on_error", self.word())
        values = ("client_credential", self.target.appid, SECRET, "skip", self.token(), self.word())
        return f"{self.random.choice(names)}={self.random.choice(values)}"

    def header(self) -> str:
        return (
            self.random.choice(
                (
                    f"authorization: Bearer {EVENTS_TOKEN}",
                    "content-type: application/x-ndjson",
                    "accept-encoding: gzip",
                    "accept-language: zh-CN,zh;q=0.9",
                    "origin: http://evil.example",
                    "expect: 100-continue",
                    f"if-none-match: {self.word()}",
                    f"x-{self.random.randrange(9)}: {self.word()}",
                )
            )
            .encode("utf-8", "replace")
            .decode()
        )

    def body(self) -> bytes:
        some = self.random
        kind = some.random()
        if kind < 0.15:
            return some.randbytes(some.randrange(200))
        if kind < 0.2:
            return b"[" * some.randrange(30_000)
        if kind < 0.3:
            lines = (some.choice((b"{}", b"x", self.target.body)) for _ in range(9))
            return b"\n".join(lines)
        members = {
            "begin_date": self.value("2026-03-01"),
            "end_date": self.value("2026-03-03"),
            "grant_type": self.value("client_credential"),
            "appid": self.value(self.target.appid),
            "secret": self.value(SECRET),
            "force_refresh": self.value(False),
            "cgi_path": self.value(some.choice(PATHS)),
            "refused": self.value("x"),
        }
        chosen = {name: value for name, value in members.items() if some.random() < 0.8}
        return msgspec.json.encode(
            chosen
            if kind < 0.35
            else msgspec.json.decode(self.target.body) | chosen
            if kind < 0.7
            else msgspec.json.decode(self.target.body)
        )

    def value(self, usual: object) -> object:
        return self.random.choice(
            (
                usual,
                usual,
                usual,
                None,
                True,
                -1,
                1e300,
                [],
                {},
                [usual],
                {"x": usual},
                "\x00",
                "9999-99-99",
            )
        )


def main() -> None:
    """Send requests, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        admin = free.getsockname()[1]
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with served(options.database, Path(folder), "--admin", f"127.0.0.1:{admin}") as target:
            fuzzer = Fuzzer(options.seed, target)
            started = time.monotonic()
            for number in range(options.requests):
                is_admin = number % 20 == 0
                paths = ADMIN_PATHS if is_admin else OWN_PATHS if number % 4 == 0 else PATHS
                raw = fuzzer.request(paths)
                answer = exchanged(admin if is_admin else target.port, raw)
                found[judged(raw, answer)] += 1
            seconds = time.monotonic() - started
            assert b"alive" in exchanged(target.port, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        log = (Path(folder) / "log").read_text("utf-8", "replace")
        print(f"{options.requests} requests in {seconds:.0f} s, seed {options.seed}")
        for name, count in sorted(found.items()):
            print(f"{count:8} {name}")
        print(f"tracebacks in the log: {log.count('Traceback')}, errors: {log.count('[error')}")


def exchanged(port: int, raw: bytes) -> bytes:
    """The beginning of what comes back, to the end of the headers and of a short body."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while b"\r\n\r\n" not in received or len(received) < 600:
                part = connection.recv(1 << 16)
                if not part:
                    break
                received += part
                head, end, body = received.partition(b"\r\n\r\n")
                if end and b"content-length: %d\r\n" % len(body) in head + b"\r\n":
                    break
        except ConnectionError:
            return b""
    return received


def judged(raw: bytes, answer: bytes) -> str:  # noqa: PLR0911
    """What kind of answer it is; of a wrong one, with the request."""
    if not answer:
        return "closed"
    status = answer[9:12].decode("latin-1")
    if status == "503" and b"/events" in raw:
        return "503 of events"
    if status.startswith("5"):
        return f"WRONG {status}: {raw[:300]!r}"
    _head, _end, body = answer.partition(b"\r\n\r\n")
    if body.startswith(b'{"errcode"'):
        try:
            errcode = msgspec.json.decode(body)["errcode"]
        except msgspec.DecodeError:
            return f"{status} cut"
        if errcode and errcode not in ERRCODES:
            return f"WRONG errcode {errcode}: {raw[:300]!r}"
        return f"{status} errcode {errcode}"
    return status


if __name__ == "__main__":
    main()
