"""A running gateway over a database of the test's own, and a caller of it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from support.warehouses import NOW
from wxcube.beijing import Clock, ManualClock
from wxcube.cli.gateway_app import gateway_app
from wxcube.server.answering import ReadThrough
from wxcube.server.apps import LocalApp
from wxcube.server.gateway import Missing
from wxcube.server.http import RunningServer
from wxcube.settings import LimitSettings
from wxcube.warehouse.store import Warehouse

LOCAL = LocalApp(appid="local1", secret="0123456789abcdef", account="wx1")
NO_MEMBERS: Mapping[str, object] = {}


@dataclass(frozen=True)
class Answered:
    """A response: its body as sent, and its headers in lower case."""

    body: bytes
    headers: Mapping[str, str]

    @property
    def content(self) -> dict[str, Any]:
        decoded: dict[str, Any] = msgspec.json.decode(self.body)
        return decoded

    @property
    def errcode(self) -> int:
        return int(self.content.get("errcode", 0))


@dataclass
class GatewayCaller:
    """A caller of a gateway with the credentials of an app."""

    address: str
    app: LocalApp = LOCAL
    token: str = ""

    def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> Answered:
        with closing(http.client.HTTPConnection(self.address, timeout=120)) as connection:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.read(), found)

    def new_token(self) -> str:
        query = f"grant_type=client_credential&appid={self.app.appid}&secret={self.app.secret}"
        content = self.send("GET", f"/cgi-bin/token?{query}").content
        return str(content["access_token"])

    def ask(
        self,
        endpoint: object,
        first: date | str,
        last: date | str | None = None,
        members: Mapping[str, object] = NO_MEMBERS,
        headers: Mapping[str, str] = {},
    ) -> Answered:
        self.token = self.token or self.new_token()
        body = msgspec.json.encode(
            {"begin_date": str(first), "end_date": str(last or first), **members}
        )
        return self.send("POST", f"/datacube/{endpoint}?access_token={self.token}", body, headers)


@contextmanager
def gateway(
    database: Path | str,
    *,
    app: LocalApp = LOCAL,
    clock: Clock | None = None,
    limits: LimitSettings | None = None,
    missing: Missing = Missing.REFUSE,
    any_span: bool = False,
    read_through: ReadThrough | None = None,
    warehouse: Warehouse | None = None,
) -> Iterator[GatewayCaller]:
    """Serve a database, by default at 2026-03-10 09:00, and give a caller of the server."""
    limits = limits or LimitSettings(drain_seconds=1)
    clock = clock or ManualClock(NOW)
    own = warehouse or Warehouse.open(database, read_only=True)
    try:
        served = gateway_app(
            own,
            [app],
            clock,
            limits,
            missing=missing,
            any_span=any_span,
            read_through=read_through,
        )
        with RunningServer(served.asgi, limits=limits, direct=served.direct) as server:
            yield GatewayCaller(server.url.removeprefix("http://"), app)
    finally:
        if warehouse is None:
            own.close()
