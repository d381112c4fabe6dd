"""WeChat's protocol over any backend: one request in, one reply out, no sockets.

The order of checks in the real server is not documented. Ours: path, method, token, body,
permission, era, daily limit, dates, other members. A call counts against the daily limit if its
token, body and permission are valid.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import msgspec

from wxcube import beijing
from wxcube.beijing import BEIJING, Clock
from wxcube.contract import ENDPOINTS
from wxcube.contract.encoding import encode_answer
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import ReplyError
from wxcube.server.access import Access, MemoryAccess
from wxcube.server.authentication import Authenticator
from wxcube.server.backend import App, Backend, RowSet
from wxcube.server.front_page import GATEWAY_PAGE
from wxcube.server.messages import Call, Later, Reply, Request, refusal
from wxcube.server.quota_calls import QuotaCalls, RefusedCall
from wxcube.server.request_parsing import AskedDays, read_body
from wxcube.server.token_calls import STABLE_PATH, TOKEN_PATH, TokenCalls
from wxcube.server.waiting import on_thread
from wxcube.server.wechat_tokens import WECHAT_TOKEN_PATH, TokenGiver, WechatTokenCall

_log = logging.getLogger(__name__)
_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
REMEMBERED_BYTES = 2_048
"""Bytes of a refused body that can be looked up by its rid."""
_TOO_OFTEN = 45011
_PAUSE_SECONDS = 1.0
"""How long a connection waits for its next request after one that came too often."""
_RIDS_SINCE = datetime(2020, 8, 1, tzinfo=BEIJING)
_NOT_FOUND = Reply(status=404)

T = TypeVar("T")
Handler = Callable[[Call], Reply | Callable[[], Reply]]
"""Gives the reply, or what gives it after waiting for the database or for WeChat."""
Encode = Callable[[Endpoint[Any], RowSet[Any]], bytes]


class Era(StrEnum):
    """The period of WeChat's API that the server reproduces."""

    DOCUMENTED = "documented"
    """All endpoints return rows."""
    LAST_DOCUMENTED = "last-documented"
    """All endpoints return rows, getarticletotal with all columns of its last documents."""
    CURRENT = "current"
    """The six retired endpoints return 47009, as WeChat does since 2026."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Extension points of the server."""

    encode: Encode
    """Encodes rows as a response body."""
    gate: Callable[[Call], None]
    """Called after a call has passed all checks, before it has an effect; may raise ReplyError."""


def encode_rows(endpoint: Endpoint[Any], row_set: RowSet[Any]) -> bytes:
    """WeChat's response body for these rows."""
    return encode_answer(endpoint, row_set.rows, is_delay=row_set.is_delay)


def allow_all(_call: Call) -> None:
    """Refuse no call."""


DEFAULT_HOOKS = Hooks(encode_rows, allow_all)
"""WeChat's responses, and no extra checks."""


class Api:
    """Replies as WeChat does. A seed makes tokens and rids predictable: for tests only.

    With `any_span` a call may ask for more days than WeChat allows. `latest` gives the last day
    that may be requested at a time.
    """

    def __init__(  # noqa: PLR0913 - what a server is made of, all but two by keyword
        self,
        backend: Backend,
        clock: Clock,
        *,
        era: Era = Era.DOCUMENTED,
        hooks: Hooks = DEFAULT_HOOKS,
        latest: Callable[[datetime], date] = beijing.yesterday,
        seed: int | None = None,
        front_page: str = GATEWAY_PAGE,
        any_span: bool = False,
        access: Access | None = None,
        giver: TokenGiver | None = None,
    ) -> None:
        self.era = era
        self._any_span = any_span
        access = access or MemoryAccess.on(clock, seed)
        self.tokens, self.call_quota = access.tokens, access.calls
        self._may_wait = not isinstance(access, MemoryAccess)
        self._backend = backend
        self._clock = clock
        self._hooks = hooks
        self._latest = latest
        self._front_page = Reply(front_page.encode(), content_type="text/plain; charset=utf-8")
        self._random = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - predictable on purpose
        self._authenticator = Authenticator(backend, self.tokens, access.failures)
        self._giving = (
            WechatTokenCall(self._authenticator, giver, self.call_quota) if giver else None
        )
        self._quota_calls = QuotaCalls(self._authenticator, self.call_quota, hooks.gate)
        self._handlers = self._route()

    def handle(self, request: Request) -> Reply:
        """The reply to a request, perhaps after waiting; never raises."""
        return self.reply_to(Call(request, self._clock.now()))

    def begin(self, request: Request) -> Reply:
        """The reply to a request without waiting, or what gives it later; never raises.

        What has to wait for the database or for WeChat does so on threads.
        """
        return self.reply_to(Call(request, self._clock.now(), may_await=self._may_wait))

    def reply_to(self, call: Call) -> Reply:
        """The reply to a call; sets its app, endpoint and window; never raises."""
        started = perf_counter()
        path = call.request.path
        handler = self._handler(path)
        if handler is None:
            is_front_page = (call.request.method, path) == ("GET", "/")
            return self._front_page if is_front_page else _NOT_FOUND
        # PERF: as `_done`, without its call
        try:
            reply = handler(call)
        except ReplyError as error:
            return self._refused(call, error, started)
        except Exception as error:  # noqa: BLE001 - callers must not see a traceback
            return self._failed(call, error, started)
        if isinstance(reply, Reply):
            return reply
        rest = partial(self._done, call, reply, started)
        return Reply(later=Later.by_task(on_thread(path, rest))) if call.may_await else rest()

    def _done(self, call: Call, step: Callable[[], T], started: float) -> T | Reply:
        """What a step of a call gives, or the refusal; never raises."""
        try:
            return step()
        except ReplyError as error:
            return self._refused(call, error, started)
        except Exception as error:  # noqa: BLE001 - callers must not see a traceback
            return self._failed(call, error, started)

    def _route(self) -> dict[str, Handler]:
        token_calls = TokenCalls(self._authenticator, self.call_quota, self._hooks.gate)
        quota_calls = self._quota_calls
        return {
            TOKEN_PATH: token_calls.token,
            STABLE_PATH: token_calls.stable_token,
            "/cgi-bin/clear_quota": quota_calls.clear_all,
            "/cgi-bin/clear_quota/v2": quota_calls.clear_all_by_secret,
            "/cgi-bin/openapi/quota/get": quota_calls.quota,
            "/cgi-bin/openapi/quota/clear": quota_calls.clear_one,
            "/cgi-bin/openapi/rid/get": quota_calls.rid,
            "/cgi-bin/get_api_domain_ip": quota_calls.addresses,
            **({WECHAT_TOKEN_PATH: self._giving.token} if self._giving else {}),
            **{path: partial(self._datacube, endpoint) for path, endpoint in _BY_PATH.items()},
        }

    def _handler(self, path: str) -> Handler | None:
        if path in self._handlers:
            return self._handlers[path]
        return _unknown_api if path.startswith("/datacube/") else None

    def _datacube(self, endpoint: Endpoint[Any], call: Call) -> Reply:
        call.endpoint = endpoint
        if call.request.method != "POST":
            raise refusal(43002)
        app = self._authenticator.by_token(call)
        asked = read_body(endpoint, call.request.body, any_span=self._any_span)
        if endpoint.permission_set not in app.permission_sets:
            raise refusal(app.unauthorized)
        if self.era is Era.CURRENT and endpoint.is_retired:
            raise refusal(47009)
        if call.may_await and (set_aside := self.call_quota.awaited(app, endpoint.path)):
            count = partial(self._count_and_answer, endpoint, call, app, asked)
            waited = self._after(call, set_aside, count, perf_counter())
            return Reply(later=Later.by_task(waited))
        return self._count_and_answer(endpoint, call, app, asked)

    def _count_and_answer(
        self, endpoint: Endpoint[Any], call: Call, app: App, asked: AskedDays
    ) -> Reply:
        self.call_quota.spend_call(app, endpoint.path)
        call.window = asked.checked_window(self._latest(call.at))
        params = asked.checked_params()
        self._hooks.gate(call)
        window = _with_data(endpoint, call.window)
        rows = self._backend.rows(app, endpoint, window, params) if window else RowSet(())
        if isinstance(rows, Reply):
            return rows
        if isinstance(rows, RowSet):
            return Reply(self._hooks.encode(endpoint, rows), rows=len(rows.rows))
        return Reply(later=Later(rows.done, partial(self._finish, call, rows, perf_counter())))

    async def _after(
        self,
        call: Call,
        wait: Callable[[], Awaitable[None]],
        count_and_answer: Callable[[], Reply],
        started: float,
    ) -> Reply:
        """The reply to a call that may be counted only after waiting; never raises."""
        await wait()
        reply = self._done(call, count_and_answer, started)
        return await reply.later.wait() if reply.later else reply

    def _finish(self, call: Call, later: Later, started: float, done: asyncio.Future[Any]) -> Reply:
        """The reply to a call whose answer had to be waited for; never raises."""
        try:
            return later.make(done)
        except ReplyError as error:
            return self._refused(call, error, started)
        except Exception as error:  # noqa: BLE001 - callers must not see a traceback
            return self._failed(call, error, started)

    def _failed(self, call: Call, error: Exception, started: float) -> Reply:
        _log.error("api.failed: %s", call.request.path, exc_info=error)
        return self._refused(call, refusal(-1), started)

    def _refused(self, call: Call, error: ReplyError, started: float) -> Reply:
        rid = f"{int(call.at.timestamp()):08x}-{self._random_word():08x}-{self._random_word():08x}"
        mark = f"hint: [{self._hint()}]" if call.at < _RIDS_SINCE else f"rid: {rid}"
        text = error.errmsg.replace("{ip}", call.request.client)
        body = msgspec.json.encode({"errcode": error.errcode, "errmsg": f"{text} {mark}"})
        if call.app and call.endpoint:
            self._quota_calls.refused.append(
                _refused_call(call, rid, body, perf_counter() - started)
            )
        is_too_often = self._may_wait and error.errcode == _TOO_OFTEN
        pause_seconds = _PAUSE_SECONDS if is_too_often else 0.0
        return Reply(body, errcode=error.errcode, pause_seconds=pause_seconds)

    def _hint(self) -> str:
        """Six letters and eight digits, what errors had before they had a rid."""
        letters = "".join(self._random.choices(string.ascii_letters, k=6))
        return f"{letters}{self._random.randrange(10**8):08}"

    def _random_word(self) -> int:
        return self._random.randrange(1 << 32)


def _unknown_api(_call: Call) -> Reply:
    raise refusal(40066)


def _with_data(endpoint: Endpoint[Any], window: Window) -> Window | None:
    """The days of a window since the endpoint's first date; earlier ones are not an error."""
    if window.last < endpoint.first_date:
        return None
    if window.first >= endpoint.first_date:
        return window
    return replace(window, first=endpoint.first_date)


def _refused_call(call: Call, rid: str, reply: bytes, seconds: float) -> RefusedCall:
    return RefusedCall(
        rid=rid,
        appid=call.app.appid if call.app else "",
        at=call.at,
        path=call.request.path,
        body=call.request.body[:REMEMBERED_BYTES].decode("utf-8", "replace"),
        reply=reply.decode(),
        client=call.request.client,
        cost_in_ms=round(seconds * 1000),
    )
