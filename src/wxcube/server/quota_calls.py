"""The calls for quota, quota clearing, rid lookup and the API's addresses."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from wxcube.contract import ENDPOINTS
from wxcube.server.authentication import Authenticator
from wxcube.server.backend import App
from wxcube.server.call_quota import CallQuota
from wxcube.server.messages import Call, Reply, json_reply, refusal
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
class RefusedCall:
    """A refused call as `/cgi-bin/openapi/rid/get` returns it, without token or secret."""

    rid: str
    appid: str
    at: datetime
    path: str
    body: str
    reply: str
    client: str
    cost_in_ms: int


@dataclass(frozen=True, slots=True)
class QuotaCalls:
    """Handlers of the quota and rid calls."""

    authenticator: Authenticator
    call_quota: CallQuota
    gate: Callable[[Call], None]
    refused: deque[RefusedCall] = field(default_factory=lambda: deque(maxlen=1_000))

    def quota(self, call: Call) -> Callable[[], Reply]:
        """What gives the limit, the used and the remaining calls of one path today."""
        return partial(self._quota, *self._app_and_path(call))

    def _quota(self, app: App, path: str) -> Reply:
        limit = _OWN_LIMITS.get(path, app.daily_limit)
        daily = UNLIMITED if limit is None else limit
        used = self.call_quota.used(app.appid, path)
        no_rate = {"call_count": 0, "refresh_second": 0}
        return _ok(
            quota={"daily_limit": daily, "used": used, "remain": max(daily - used, 0)},
            rate_limit=no_rate,
            component_rate_limit=no_rate,
        )

    def clear_one(self, call: Call) -> Callable[[], Reply]:
        """What resets today's calls of one path."""
        return partial(self._clear_one, *self._app_and_path(call))

    def _clear_one(self, app: App, path: str) -> Reply:
        self.call_quota.spend_clearing(app.appid, "one", CLEARINGS_OF_ONE)
        self.call_quota.clear(app.appid, path)
        return _ok()

    def clear_all(self, call: Call) -> Callable[[], Reply]:
        """What resets today's calls of all paths, authenticated by token."""
        app, body = self._app_and_body(call)
        if body.get("appid") != app.appid:
            raise refusal(40013)
        return partial(self._clear_all, app)

    def clear_all_by_secret(self, call: Call) -> Callable[[], Reply]:
        """What resets today's calls of all paths, authenticated by secret."""
        _require_post(call)
        body = read_object(call.request.body)
        app = self.authenticator.by_secret(call, body.get("appid"), body.get("appsecret"))
        self.gate(call)
        return partial(self._clear_all, app)

    def rid(self, call: Call) -> Reply:
        """The refused call with a rid."""
        app, body = self._app_and_body(call)
        rid = body.get("rid")
        if not isinstance(rid, str) or not _RID.fullmatch(rid):
            raise refusal(76002)
        refused = next((one for one in self.refused if one.rid == rid), None)
        if refused is None or call.at - refused.at > RID_DAYS:
            raise refusal(76001)
        if refused.appid != app.appid:
            raise refusal(76003)
        return _ok(request=_as_json(refused))

    def addresses(self, call: Call) -> Reply:
        """Addresses of the API: this server's own."""
        if call.request.method != "GET":
            raise refusal(43001)
        self.authenticator.by_token(call)
        self.gate(call)
        return json_reply({"ip_list": ["127.0.0.1"]})

    def _app_and_body(self, call: Call) -> tuple[App, dict[str, Any]]:
        _require_post(call)
        app = self.authenticator.by_token(call)
        body = read_object(call.request.body)
        self.gate(call)
        return app, body

    def _app_and_path(self, call: Call) -> tuple[App, str]:
        app, body = self._app_and_body(call)
        path = body.get("cgi_path")
        if not path:
            raise refusal(76003)
        if not isinstance(path, str) or path not in _PATHS:
            raise refusal(76021)
        return app, path

    def _clear_all(self, app: App) -> Reply:
        self.call_quota.spend_clearing(app.appid, "all", CLEARINGS_OF_ALL)
        self.call_quota.clear(app.appid)
        return _ok()


def _require_post(call: Call) -> None:
    if call.request.method != "POST":
        raise refusal(43002)


def _ok(**content: object) -> Reply:
    return json_reply({"errcode": 0, "errmsg": "ok", **content})


def _as_json(call: RefusedCall) -> dict[str, object]:
    return {
        "invoke_time": int(call.at.timestamp()),
        "cost_in_ms": call.cost_in_ms,
        "request_url": call.path,
        "request_body": call.body,
        "response_body": call.reply,
        "client_ip": call.client,
    }
