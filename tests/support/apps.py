"""Apps of the database, with tokens and calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from wxcube.beijing import BEIJING
from wxcube.warehouse.app_store import AppStore, StoredApp, StoredToken, TokenRequest

NOW = datetime(2026, 3, 10, 9, 0, 0, 123_000, tzinfo=BEIJING)


def app(appid: str = "app1", **values: Any) -> StoredApp:
    """An app."""
    fields: dict[str, Any] = {
        "account": "wx1",
        "secret_hash": "00$11",
        "permission_sets": (1, 2),
        "created_at": NOW.replace(microsecond=0),
    }
    return StoredApp(appid=appid, **fields | values)


def token(nonce: str, at: datetime = NOW, **values: Any) -> StoredToken:
    """A token of two hours."""
    fields: dict[str, Any] = {"appid": "app1", "kind": "stable", "ends_at": at + timedelta(hours=2)}
    return StoredToken(nonce=nonce, issued_at=at, **fields | values)


def fill_apps(store: AppStore) -> None:
    """Rows in every table of apps."""
    store.add([app(), app("app2", addresses=("192.0.2.0/24",), daily_limit=5)])
    store.add_tokens([token("aa")], NOW)
    store.add_calls({("app1", "/datacube/getusersummary", "2026-03-10"): 3})
    request = TokenRequest(asked_at=NOW, appid="app1", account="wx1", client="::1", errcode=0)
    store.log_requests([request])
    store.agree_on_key("a check")
