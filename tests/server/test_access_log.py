"""The access log has who asked for what, and nothing secret."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from wxcube import log
from wxcube.beijing import SystemClock
from wxcube.server.access_log import LoggedCalls, with_access_log
from wxcube.server.http import DirectCalls, RunningServer, asgi
from wxcube.server.messages import Later, Reply, Request


class Fine:
    def handle(self, _request: Request) -> Reply:
        return Reply(b"fine")


@pytest.fixture(autouse=True)
def info() -> Iterator[None]:
    """Log from the level info on."""
    log.configure("info")
    yield
    log.configure("warning")


def test_a_request_is_one_entry_without_its_query_and_body() -> None:
    app = with_access_log(asgi(Fine()))
    with structlog.testing.capture_logs() as entries, RunningServer(app) as server:
        address = server.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            connection.request("POST", "/datacube/x?access_token=planted", body=b"planted")
            connection.getresponse().read()
    (entry,) = [entry for entry in entries if entry["event"] == "http.request"]
    assert entry["milliseconds"] >= 0
    expected = {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/datacube/x",
        "status": 200,
        "bytes": 4,
        "log_level": "info",
    }
    assert entry.items() >= expected.items()
    assert "planted" not in repr(entry)


def test_it_can_be_switched_while_the_server_runs() -> None:
    is_on = [False]
    app = with_access_log(asgi(Fine()), lambda: is_on[0])
    with structlog.testing.capture_logs() as entries, RunningServer(app) as server:
        address = server.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
            for on in (False, True, False):
                is_on[0] = on
                connection.request("GET", f"/{on}")
                connection.getresponse().read()
    assert [one["path"] for one in entries if one["event"] == "http.request"] == ["/True"]


class Various:
    """Replies of every kind that a connection treats in its own way, by the path."""

    def handle(self, request: Request) -> Reply:
        kind = request.path.rpartition("/")[2]
        reply = {
            "closing": Reply(b"{}", closes_connection=True),
            "short": Reply(b"{}"),
            "slow": Reply(b"{}", delay_seconds=0.001),
            "compressed": Reply(b"{}" * 1_000),
            "compressed-later": Reply(b"{}" * 100_000),
        }.get(kind.removeprefix("waited-"))
        if reply is None:
            raise ZeroDivisionError
        return Reply(later=Later.by_task(self._later(reply))) if "waited-" in kind else reply

    async def _later(self, reply: Reply) -> Reply:
        await asyncio.sleep(0)
        return reply


KINDS = ["closing", "short", "slow", "compressed", "compressed-later"]


@pytest.mark.parametrize("kind", [*KINDS, *(f"waited-{kind}" for kind in KINDS), "failing"])
def test_direct_calls_are_logged_like_others(kind: str) -> None:
    clock, handler = SystemClock(), Various()
    app = with_access_log(asgi(handler, clock, compresses=True))
    servers = [
        RunningServer(app),
        RunningServer(app, direct=LoggedCalls(DirectCalls(handler, clock))),
    ]
    seen = []
    for server in servers:
        with structlog.testing.capture_logs() as entries, server:
            address = server.url.removeprefix("http://")
            with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
                headers = {"Accept-Encoding": "gzip"}
                connection.request("POST", f"/datacube/{kind}?x=planted", b"{}", headers)
                connection.getresponse().read()
        assert "planted" not in repr(entries)
        (entry,) = [entry for entry in entries if entry["event"] == "http.request"]
        assert entry.pop("milliseconds") >= 0
        seen.append(entry)
    by_app, directly = seen
    if kind == "failing":
        # uvicorn makes this answer, behind the application
        assert (by_app.pop("bytes"), directly.pop("bytes")) == (0, 21)
        assert by_app["status"] == 500
    assert directly == by_app
