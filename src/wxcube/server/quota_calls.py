"""The calls about calls: quota, clearing it, looking a rid up, the API's addresses."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from wxcube.contract import ENDPOINTS
from wxcube.server.authentication import Admission
from wxcube.server.backend import App
from wxcube.server.call_quota import Allowance
from wxcube.server.messages import Call, Reply, refuse, reply_of
from wxcube.server.request_parsing import read_object
from wxcube.server.token_calls import (
    STABLE_PATH,
    STABLE_TOKENS_A_DAY,
    TOKEN_PATH,
    TOKENS_A_DAY,
)

UNLIMITED = 2**31 - 1
"""The daily_limit shown for an app without a limit."""
CLEARINGS_OF_ALL = 10
CLEARINGS_OF_ONE = 50
RID_DAYS = timedelta(days=7)
_RID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}")
_OWN_LIMITS = {TOKEN_PATH: TOKENS_A_DAY, STABLE_PATH: STABLE_TOKENS_A_DAY}
_PATHS = {endpoint.path for endpoint in ENDPOINTS} | set(_OWN_LIMITS)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused call as `/cgi-bin/openapi/rid/get` shows it, without token or secret."""

    rid: str
    appid: str
    at: datetime
    path: str
    body: str
    reply: str
    client: str
    cost_in_ms: int


@dataclass(frozen=True, slots=True)
class Operations:
    """Answers the calls about calls."""

    admission: Admission
    allowance: Allowance
    gate: Callable[[Call], None]
    refused: deque[Refused] = field(default_factory=lambda: deque(maxlen=1_000))

    def quota(self, call: Call) -> Reply:
        """Calls allowed, made and left today for one path."""
        app, path = self._about_path(call)
        limit = _OWN_LIMITS.get(path, app.daily_limit)
        daily = UNLIMITED if limit is None else limit
        used = self.allowance.used(app.appid, path)
        no_rate = {"call_count": 0, "refresh_second": 0}
        return _fine(
            quota={"daily_limit": daily, "used": used, "remain": max(daily - used, 0)},
            rate_limit=no_rate,
            component_rate_limit=no_rate,
        )

    def clear_one(self, call: Call) -> Reply:
        """Set one path's calls of today to nothing."""
        app, path = self._about_path(call)
        self.allowance.spend_clearing(app.appid, "one", CLEARINGS_OF_ONE)
        self.allowance.clear(app.appid, path)
        return _fine()

    def clear_all(self, call: Call) -> Reply:
        """Set all calls of today to nothing, for the holder of a token."""
        app, body = self._asked(call)
        if body.get("appid") != app.appid:
            raise refuse(40013)
        return self._clear_all(app)

    def clear_all_by_secret(self, call: Call) -> Reply:
        """Set all calls of today to nothing, for the holder of the secret."""
        _require_post(call)
        body = read_object(call.request.body)
        app = self.admission.by_secret(call, body.get("appid"), body.get("appsecret"))
        self.gate(call)
        return self._clear_all(app)

    def rid(self, call: Call) -> Reply:
        """The refused call a rid belongs to."""
        app, body = self._asked(call)
        rid = body.get("rid")
        if not isinstance(rid, str) or not _RID.fullmatch(rid):
            raise refuse(76002)
        found = next((one for one in self.refused if one.rid == rid), None)
        if found is None or call.at - found.at > RID_DAYS:
            raise refuse(76001)
        if found.appid != app.appid:
            raise refuse(76003)
        return _fine(request=_shown(found))

    def addresses(self, call: Call) -> Reply:
        """Addresses of the API: this server's own."""
        if call.request.method != "GET":
            raise refuse(43001)
        self.admission.by_token(call)
        self.gate(call)
        return reply_of({"ip_list": ["127.0.0.1"]})

    def _asked(self, call: Call) -> tuple[App, dict[str, Any]]:
        _require_post(call)
        app = self.admission.by_token(call)
        body = read_object(call.request.body)
        self.gate(call)
        return app, body

    def _about_path(self, call: Call) -> tuple[App, str]:
        app, body = self._asked(call)
        path = body.get("cgi_path")
        if not path:
            raise refuse(76003)
        if not isinstance(path, str) or path not in _PATHS:
            raise refuse(76021)
        return app, path

    def _clear_all(self, app: App) -> Reply:
        self.allowance.spend_clearing(app.appid, "all", CLEARINGS_OF_ALL)
        self.allowance.clear(app.appid)
        return _fine()


def _require_post(call: Call) -> None:
    if call.request.method != "POST":
        raise refuse(43002)


def _fine(**content: object) -> Reply:
    return reply_of({"errcode": 0, "errmsg": "ok", **content})


def _shown(found: Refused) -> dict[str, object]:
    return {
        "invoke_time": int(found.at.timestamp()),
        "cost_in_ms": found.cost_in_ms,
        "request_url": found.path,
        "request_body": found.body,
        "response_body": found.reply,
        "client_ip": found.client,
    }
