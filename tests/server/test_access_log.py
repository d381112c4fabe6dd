"""The access log has who asked for what, and nothing secret."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from wxcube import log
from wxcube.server.access_log import with_access_log
from wxcube.server.http import RunningServer, asgi
from wxcube.server.messages import Reply, Request


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
