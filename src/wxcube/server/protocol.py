"""WeChat's protocol over any backend: one request in, one reply out, no sockets.

The order in which the real server checks is not documented. Ours: path, method, token, body, right,
era, daily limit, dates, other members. A call counts against the daily limit once its token, body
and right are good.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from time import perf_counter
from typing import Any

import msgspec

from wxcube.beijing import Clock
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import ReplyError
from wxcube.server.authentication import Admission
from wxcube.server.backend import Backend, Found
from wxcube.server.call_quota import Allowance
from wxcube.server.messages import Call, Reply, Request, refuse
from wxcube.server.quota_calls import Operations, Refused
from wxcube.server.request_parsing import read_object, read_params, read_window
from wxcube.server.token_calls import STABLE_PATH, TOKEN_PATH, Credentials
from wxcube.server.tokens import TokenDesk

_log = logging.getLogger(__name__)
_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
_NOT_FOUND = Reply(status=404)

Handler = Callable[[Call], Reply]
Encode = Callable[[Endpoint[Any], Found[Any]], bytes]


class Era(StrEnum):
    """Which of WeChat's times the server lives in."""

    DOCUMENTED = "documented"
    """All endpoints are answered."""
    CURRENT = "current"
    """The six retired endpoints are answered 47009, as since 2026."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where an owner of the server steps in."""

    encode: Encode
    """Rows to the answer's bytes."""
    gate: Callable[[Call], None]
    """Called when a call has passed all checks, before it has an effect; may raise ReplyError."""


def encode_rows(endpoint: Endpoint[Any], found: Found[Any]) -> bytes:
    """The answer WeChat gives for these rows."""
    if endpoint.has_delay_flag:
        return msgspec.json.encode({"list": found.rows, "is_delay": found.is_delay})
    return msgspec.json.encode({"list": found.rows})


def open_gate(_call: Call) -> None:
    """Let every call through."""


PLAIN = Hooks(encode_rows, open_gate)
"""WeChat's answers, nobody steps in."""


class Api:
    """Answers requests as WeChat would. A seed makes tokens and rids guessable: tests only."""

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        *,
        era: Era = Era.DOCUMENTED,
        hooks: Hooks = PLAIN,
        seed: int | None = None,
    ) -> None:
        self.era = era
        self.tokens = TokenDesk(clock, seed)
        self.allowance = Allowance(clock)
        self._backend = backend
        self._clock = clock
        self._hooks = hooks
        self._dice = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a seed asks for it
        self._admission = Admission(backend, self.tokens)
        self._operations = Operations(self._admission, self.allowance, hooks.gate)
        self._handlers = self._route()

    def answer(self, request: Request) -> Reply:
        """The reply to a request; never raises."""
        return self.take(Call(request, self._clock.now()))

    def take(self, call: Call) -> Reply:
        """The reply to a call, in which it notes app, endpoint and window; never raises."""
        started = perf_counter()
        handler = self._handler(call.request.path)
        if handler is None:
            return _NOT_FOUND
        try:
            return handler(call)
        except ReplyError as refusal:
            return self._refused(call, refusal, started)
        except Exception:  # noqa: BLE001 - a fault of ours must not reach the caller as a traceback
            _log.exception("api.failed: %s", call.request.path)
            return self._refused(call, refuse(-1), started)

    def _route(self) -> dict[str, Handler]:
        credentials = Credentials(self._admission, self.allowance, self._hooks.gate)
        operations = self._operations
        return {
            TOKEN_PATH: credentials.token,
            STABLE_PATH: credentials.stable_token,
            "/cgi-bin/clear_quota": operations.clear_all,
            "/cgi-bin/clear_quota/v2": operations.clear_all_by_secret,
            "/cgi-bin/openapi/quota/get": operations.quota,
            "/cgi-bin/openapi/quota/clear": operations.clear_one,
            "/cgi-bin/openapi/rid/get": operations.rid,
            "/cgi-bin/get_api_domain_ip": operations.addresses,
            **{path: partial(self._datacube, endpoint) for path, endpoint in _BY_PATH.items()},
        }

    def _handler(self, path: str) -> Handler | None:
        if path in self._handlers:
            return self._handlers[path]
        return _unknown_api if path.startswith("/datacube/") else None

    def _datacube(self, endpoint: Endpoint[Any], call: Call) -> Reply:
        call.endpoint = endpoint
        if call.request.method != "POST":
            raise refuse(43002)
        app = self._admission.by_token(call)
        body = read_object(call.request.body)
        if endpoint.permission_set not in app.permission_sets:
            raise refuse(48001)
        if self.era is Era.CURRENT and endpoint.is_retired:
            raise refuse(47009)
        self.allowance.spend(app.appid, endpoint.path, app.daily_limit)
        call.window = read_window(endpoint, body, call.at)
        params = read_params(endpoint, body)
        self._hooks.gate(call)
        window = _with_figures(endpoint, call.window)
        found = self._backend.rows(app, endpoint, window, params) if window else Found(())
        return Reply(self._hooks.encode(endpoint, found), rows=len(found.rows))

    def _refused(self, call: Call, refusal: ReplyError, started: float) -> Reply:
        rid = f"{int(call.at.timestamp()):08x}-{self._word():08x}-{self._word():08x}"
        text = refusal.errmsg.replace("{ip}", call.request.client)
        body = msgspec.json.encode({"errcode": refusal.errcode, "errmsg": f"{text} rid: {rid}"})
        if call.app and call.endpoint:
            self._operations.refused.append(_kept(call, rid, body, perf_counter() - started))
        return Reply(body, errcode=refusal.errcode)

    def _word(self) -> int:
        return self._dice.randrange(1 << 32)


def _unknown_api(_call: Call) -> Reply:
    raise refuse(40066)


def _with_figures(endpoint: Endpoint[Any], window: Window) -> Window | None:
    """The days of a window WeChat may have figures of: asking for earlier ones is no error."""
    if window.last < endpoint.first_date:
        return None
    return replace(window, first=max(window.first, endpoint.first_date))


def _kept(call: Call, rid: str, reply: bytes, seconds: float) -> Refused:
    return Refused(
        rid=rid,
        appid=call.app.appid if call.app else "",
        at=call.at,
        path=call.request.path,
        body=call.request.body.decode("utf-8", "replace"),
        reply=reply.decode(),
        client=call.request.client,
        cost_in_ms=round(seconds * 1000),
    )
