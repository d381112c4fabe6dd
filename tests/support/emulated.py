"""A small emulator and short ways to call it, without HTTP."""

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
YESTERDAY = date(2026, 3, 9)
"""The newest day of an emulator that was not told otherwise."""


def small(**settings: Any) -> Emulator:
    """One account and 40 days, computed once per process."""
    return Emulator(**({"accounts": 1, "days": 40} | settings))


def content(reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply."""
    found: dict[str, Any] = msgspec.json.decode(reply.body)
    return found


class Line:
    """One account's calls to an emulator."""

    def __init__(self, emulator: Emulator, app: App | None = None) -> None:
        self.emulator = emulator
        self.app = app or emulator.accounts[0]
        self.token = self.new_token()

    def new_token(self) -> str:
        query = f"grant_type=client_credential&appid={self.app.appid}&secret={self.app.secret}"
        return str(content(self.get("/cgi-bin/token", query)).get("access_token", ""))

    def get(self, path: str, query: str = "") -> Reply:
        return self.emulator.answer(Request("GET", path, query))

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
        return self.emulator.answer(request)

    def ask(
        self,
        name: str,
        first: date = YESTERDAY,
        last: date | None = None,
        params: Mapping[str, object] = NO_PARAMS,
    ) -> dict[str, Any]:
        return content(self.reply(name, first, last, params))

    def code(self, name: str = "getusersummary") -> int:
        """The errcode of a call for yesterday, 0 for a good answer."""
        return int(self.ask(name).get("errcode", 0))

    def admin(self, method: str, path: str, body: object = None, **more: str) -> Reply:
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        )
        path, _, query = path.partition("?")
        return self.emulator.answer(Request(method, f"/_wxcube/{path}", query, raw, **more))


def params_of(emulator: Emulator, endpoint: Endpoint[Any]) -> dict[str, object]:
    """Members a call of the endpoint needs beside the dates, with values the account has."""
    cards = next(iter(emulator.simulation.accounts.values())).cards
    membership = next(card for card in cards if card.is_membership)
    known = {"cond_source": 1, "card_id": membership.card_id}
    return {param.name: known[param.name] for param in endpoint.params if param.required}
