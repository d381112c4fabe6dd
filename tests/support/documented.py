"""A protocol server whose only rows are those of WeChat's documented replies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.window import Window
from wxcube.server.access import MemoryAccess
from wxcube.server.backend import App, RowSet
from wxcube.server.messages import Reply, Request
from wxcube.server.protocol import Api, Era

EXAMPLES = Path(__file__).parents[1] / "evidence" / "documented"
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=BEIJING)
NO_PARAMS: Mapping[str, object] = {}
ALL_SETS = frozenset({1, 2, 3, 7, 8})
APP = App("wxdemo000000000001", "secret-of-the-first", "account", ALL_SETS, daily_limit=1_000)
POOR = App("wxdemo000000000002", "secret-of-the-second", "account", frozenset({2}))


def documented(endpoint: Endpoint[Any]) -> dict[str, Any]:
    """The documented reply of an endpoint, as plain JSON."""
    reply: dict[str, Any] = msgspec.json.decode((EXAMPLES / f"{endpoint.name}.json").read_bytes())
    return reply


class DocumentedBackend:
    """Two apps; every account has the documented rows."""

    def __init__(self, *apps: App) -> None:
        self.apps = {app.appid: app for app in apps or (APP, POOR)}
        self.error: Exception | None = None

    def app(self, appid: str) -> App | None:
        return self.apps.get(appid)

    def rows(
        self, app: App, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object]
    ) -> RowSet[RowT]:
        if self.error:
            raise self.error
        kind: Any = endpoint.row
        rows = [msgspec.convert(row, kind) for row in documented(endpoint)["list"]]
        return RowSet([row for row in rows if row.ref_date in window])


class DocumentedServer:
    """An Api over documented replies, with a clock that can be moved and shortcuts for calls."""

    def __init__(self, *apps: App, era: Era = Era.DOCUMENTED, now: datetime = NOW) -> None:
        self.clock = ManualClock(now)
        self.backend = DocumentedBackend(*apps)
        access = MemoryAccess.on(self.clock, seed=1)
        self.tokens = access.tokens
        self.api = Api(self.backend, self.clock, era=era, seed=1, access=access)

    def post(self, path: str, body: object = None, query: str = "") -> Reply:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.api.handle(Request("POST", path, query, raw))

    def get(self, path: str, query: str = "") -> Reply:
        return self.api.handle(Request("GET", path, query))

    def token(self, app: App = APP) -> str:
        query = f"grant_type=client_credential&appid={app.appid}&secret={app.secret}"
        return str(content(self.get("/cgi-bin/token", query))["access_token"])

    def stable(self, app: App = APP, **more: object) -> dict[str, Any]:
        body = {"grant_type": "client_credential", "appid": app.appid, "secret": app.secret, **more}
        return content(self.post("/cgi-bin/stable_token", body))

    def fetch(
        self,
        name: str,
        first: str,
        last: str,
        token: str | None = None,
        params: Mapping[str, object] = NO_PARAMS,
    ) -> dict[str, Any]:
        query = f"access_token={self.token() if token is None else token}"
        body = {"begin_date": first, "end_date": last, **params}
        return content(self.post(f"/datacube/{name}", body, query))


def content(reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply."""
    decoded: dict[str, Any] = msgspec.json.decode(reply.body)
    return decoded
