"""A small emulator, and a caller without HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint
from wxcube.emulator.emulator import Emulator
from wxcube.server.backend import App
from wxcube.server.messages import Reply, Request

NO_PARAMS: Mapping[str, object] = {}
ADMIN_HEADERS = ((b"host", b"127.0.0.1:8400"), (b"content-type", b"application/json"))
"""The headers of a program that makes admin calls."""
YESTERDAY = date(2026, 3, 9)
"""The newest day of an emulator with the default clock."""


def small_emulator(**settings: Any) -> Emulator:
    """One account and 40 days, computed once per process."""
    return Emulator(**({"accounts": 1, "days": 40} | settings))


def content(reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply."""
    decoded: dict[str, Any] = msgspec.json.decode(reply.body)
    return decoded


class Caller:
    """A caller of an emulator with the credentials of one account."""

    def __init__(self, emulator: Emulator, app: App | None = None) -> None:
        self.emulator = emulator
        self.app = app or emulator.accounts[0]
        self.token = self.new_token()

    def new_token(self) -> str:
        query = f"grant_type=client_credential&appid={self.app.appid}&secret={self.app.secret}"
        return str(content(self.get("/cgi-bin/token", query)).get("access_token", ""))

    def get(self, path: str, query: str = "") -> Reply:
        return self.emulator.handle(Request("GET", path, query))

    def reply(
        self,
        name: str,
        first: date = YESTERDAY,
        last: date | None = None,
        params: Mapping[str, object] = NO_PARAMS,
    ) -> Reply:
        body = {"begin_date": str(first), "end_date": str(last or first), **params}
        request = Request(
            "POST",
            f"/datacube/{name}",
            f"access_token={self.token}",
            msgspec.json.encode(body),
        )
        return self.emulator.handle(request)

    def fetch(
        self,
        name: str,
        first: date = YESTERDAY,
        last: date | None = None,
        params: Mapping[str, object] = NO_PARAMS,
    ) -> dict[str, Any]:
        return content(self.reply(name, first, last, params))

    def code(self, name: str = "getusersummary") -> int:
        """The errcode of a call for yesterday, 0 if it is successful."""
        return int(self.fetch(name).get("errcode", 0))

    def admin(self, method: str, path: str, body: object = None, **more: Any) -> Reply:
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        )
        path, _, query = path.partition("?")
        request = {"headers": ADMIN_HEADERS} | more
        return self.emulator.handle(Request(method, f"/_wxcube/{path}", query, raw, **request))


def params_of(emulator: Emulator, endpoint: Endpoint[Any]) -> dict[str, object]:
    """The required members of a request besides the dates, with values of the account."""
    cards = next(iter(emulator.simulation.accounts.values())).cards
    membership = next(card for card in cards if card.is_membership)
    values = {"cond_source": 1, "card_id": membership.card_id}
    return {param.name: values[param.name] for param in endpoint.params if param.required}
