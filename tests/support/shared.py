"""Servers that share a database, as processes and hosts do, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from support.documented import ALL_SETS, NOW, DocumentedBackend, content
from wxcube.beijing import ManualClock
from wxcube.server.app_directory import AppDirectory
from wxcube.server.backend import App
from wxcube.server.messages import Request
from wxcube.server.protocol import Api
from wxcube.server.secret_hash import hash_of
from wxcube.server.shared_access import SharedAccess
from wxcube.server.wechat_tokens import TokenGiver
from wxcube.settings import Secret
from wxcube.warehouse.app_store import StoredApp
from wxcube.warehouse.store import Warehouse

KEY = Secret("a key of the server, of 32 or more characters")
SECRET = "0123456789abcdef0123456789abcdef"


def stored_app(appid: str = "app1", **values: Any) -> StoredApp:
    """An app with the secret SECRET and all rights."""
    fields: dict[str, Any] = {
        "account": "account",
        "secret_hash": hash_of(SECRET),
        "permission_sets": tuple(ALL_SETS),
        "created_at": NOW,
    }
    return StoredApp(appid=appid, **fields | values)


class DirectoryBackend(DocumentedBackend):
    """The apps of a directory; every account has the documented rows."""

    def __init__(self, directory: AppDirectory) -> None:
        super().__init__()
        self.directory = directory

    def app(self, appid: str) -> App | None:
        return self.directory.app(appid)


class SharedServer:
    """An Api over a database that others share; it takes in their changes when told to."""

    def __init__(
        self, warehouse: Warehouse, clock: ManualClock, giver: TokenGiver | None = None
    ) -> None:
        self.warehouse = warehouse
        self.clock = clock
        self.access = SharedAccess(warehouse.apps, KEY, clock)
        backend = DirectoryBackend(self.access.directory)
        self.api = Api(backend, clock, access=self.access, giver=giver)

    def get(self, path: str, client: str = "127.0.0.1", **query: str) -> dict[str, Any]:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return content(self.api.handle(Request("GET", path, text, client=client)))

    def token(
        self, appid: str = "app1", secret: str = SECRET, client: str = "127.0.0.1"
    ) -> dict[str, Any]:
        grant = "client_credential"
        return self.get("/cgi-bin/token", client, grant_type=grant, appid=appid, secret=secret)

    def stable(self, appid: str = "app1", *, force: bool = False) -> dict[str, Any]:
        body = {
            "grant_type": "client_credential",
            "appid": appid,
            "secret": SECRET,
            "force_refresh": force,
        }
        request = Request("POST", "/cgi-bin/stable_token", body=msgspec.json.encode(body))
        return content(self.api.handle(request))

    def code(
        self, token: str, name: str = "getusersummary", client: str = "127.0.0.1", **members: Any
    ) -> int:
        """The errcode of a datacube call, 0 for a successful one."""
        body = {"begin_date": "2026-03-09", "end_date": "2026-03-09", **members}
        request = Request(
            "POST",
            f"/datacube/{name}",
            f"access_token={token}",
            msgspec.json.encode(body),
            client=client,
        )
        return int(content(self.api.handle(request)).get("errcode", 0))

    def close(self) -> None:
        self.access.close()


@contextmanager
def servers(path: Path, number: int = 2, now: datetime = NOW) -> Iterator[list[SharedServer]]:
    """Servers that share a database and a clock, each with connections of its own."""
    clock = ManualClock(now)
    opened = [Warehouse.open(path) for _ in range(number)]
    running = [SharedServer(one, clock) for one in opened]
    try:
        yield running
    finally:
        for one in running:
            one.close()
        for warehouse in opened:
            warehouse.close()
