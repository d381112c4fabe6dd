"""Clients of WeChat's datacube API: `AsyncClient`, and `Client` for code without an event loop.

    with Client("wx...", "secret") as client:
        rows = client.fetch(getusersummary, "2026-03-01", "2026-03-31")

Windows are checked before anything is sent, split into as few calls as possible, and requested
concurrently. A token that WeChat refuses is renewed once; calls to a busy server are retried a few
times; every other error is raised immediately.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from typing import Any, Generic, Self, TypedDict, Unpack

from wxcube import beijing
from wxcube.beijing import Clock, SystemClock
from wxcube.contract import decoding
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Answer, AskLog, Origin, UnreadableRow
from wxcube.contract.window import Window, parse_day
from wxcube.errors import QuotaError, Remedy, ReplyError, SettingsError, TokenError, WxcubeError
from wxcube.i18n import _
from wxcube.wechat import wire
from wxcube.wechat.loop_thread import LoopThread
from wxcube.wechat.pace import Pace, Quota
from wxcube.wechat.retry import Retries
from wxcube.wechat.token import FixedToken, StableToken, TokenSource
from wxcube.wechat.transport import TIMEOUT_SECONDS, WECHAT, HttpTransport, Transport

SIMULATED = "wxdemo"
"""The prefix of the AppIDs of simulated accounts, which are unknown to WeChat."""
CONCURRENCY = 8
"""The number of concurrent calls of a fetch."""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A completed call, for logs and metrics; it contains neither token nor rows."""

    path: str
    endpoint: str
    window: Window
    attempt: int
    """1 for the first; repeating a call with a renewed token does not count."""
    elapsed_ms: float
    errcode: int | None = None
    """0 for a success, None if the reply has neither rows nor an errcode."""
    error: str = ""
    """The class of the error; empty for a success."""
    rows: int = 0
    dropped_rows: int = 0
    unknown_columns: frozenset[str] = frozenset()
    unknown_codes: frozenset[str] = frozenset()
    missing_columns: frozenset[str] = frozenset()
    unreadable: tuple[UnreadableRow, ...] = ()


@dataclass(slots=True)
class _Call(Generic[RowT]):
    """A call: what to send, the number of the attempt, and whether its token was renewed."""

    endpoint: Endpoint[RowT]
    window: Window
    params: Mapping[str, object]
    log: AskLog | None
    attempt: int = 0
    is_renewed: bool = False


class AsyncClient:
    """Rows of one account from WeChat's API, typed by endpoint.

    Args:
        appid: The AppID of the account; with `secret`, tokens come from /cgi-bin/stable_token.
        secret: The AppSecret of the account.
        base_url: The URL of another server with WeChat's protocol; https, unless it is this
            machine.
        token: A token, or a source of tokens, instead of AppID and secret.
        transport: A transport to use instead of HTTP to `base_url`; `close` does not close it.
        clock: The clock that decides which days are over.
        retries: The number of attempts and the pauses between them after temporary errors.
        timeout_seconds: The time limit of a call.
        concurrency: The number of concurrent calls of a fetch.
        calls_per_second: The maximum number of calls per second.
        proxy: The URL of a forward proxy; empty for none; by default that of HTTPS_PROXY or
            HTTP_PROXY, except for this machine and for servers in NO_PROXY.
        allow_http: Whether AppSecret and tokens may be sent unencrypted to other machines.
        on_event: A function called after each call, on the event loop.
    """

    def __init__(  # noqa: PLR0913 - one setting each, all but two by keyword
        self,
        appid: str = "",
        secret: str = "",
        *,
        base_url: str = WECHAT,
        token: TokenSource | str | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        retries: Retries | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        concurrency: int = CONCURRENCY,
        calls_per_second: float | None = None,
        proxy: str | None = None,
        allow_http: bool = False,
        on_event: Callable[[CallEvent], object] | None = None,
    ) -> None:
        self.appid = appid
        self._clock = clock or SystemClock()
        self._owns_transport = transport is None
        self._transport = transport or HttpTransport(
            base_url, timeout_seconds=timeout_seconds, proxy=proxy, allow_http=allow_http
        )
        _refuse_simulated(appid, self._transport)
        self._token = _token_source(appid, secret, token, self._transport, self._clock)
        self._retries = retries or Retries()
        self._concurrency = max(concurrency, 1)
        self._pace = Pace(calls_per_second, sleep=self._retries.sleep)
        self._quota = Quota()
        self._on_event = on_event

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.appid!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that the client opened."""
        if self._owns_transport:
            await self._transport.close()

    @property
    def origin(self) -> Origin:
        """The origin of the rows: WeChat."""
        return Origin.WECHAT

    async def ask(
        self,
        endpoint: Endpoint[RowT],
        window: Window,
        params: Mapping[str, object] | None = None,
        log: AskLog | None = None,
    ) -> Answer[RowT]:
        """The answer for a window of one call.

        `log` logs every attempt, and can refuse it before it is sent.

        Raises:  WindowError or ContractError before anything is sent; ReplyError, TransportError
            or ShapeError after; the error's `remedy` is the next step.
        """
        now = self._clock.now()
        call = _Call(endpoint, window, endpoint.complete_params(params or {}), log)
        endpoint.check(window, now)
        self._quota.check(endpoint, window, now)
        return await self._retries.run(lambda attempt: self._attempt(call, attempt))

    async def fetch(
        self, endpoint: Endpoint[RowT], first: date | str, last: date | str, **params: object
    ) -> list[RowT]:
        """The rows of all days from first to last, in natural order, in as many calls as needed.

        Week and month endpoints return the rows whose Monday or 1st is in the window; periods that
        are not over yet are not requested.

        Raises:  the first error of any call, as `ask` does; the other calls are then cancelled.
        """
        window = Window(_as_day(first), _as_day(last))
        now = self._clock.now()
        endpoint.check_reach(window, now)
        params = endpoint.complete_params(params)
        calls = sorted(endpoint.calls(_finished(endpoint, window, now)))
        answers = await self._ask_all(endpoint, calls, params)
        return list(chain.from_iterable(answer.rows for answer in answers))

    async def _ask_all(
        self, endpoint: Endpoint[RowT], calls: list[Window], params: Mapping[str, object]
    ) -> list[Answer[RowT]]:
        remaining, answers = iter(calls), dict[Window, Answer[RowT]]()

        async def worker() -> None:
            for window in remaining:
                answers[window] = await self.ask(endpoint, window, params)

        try:
            async with asyncio.TaskGroup() as group:
                for _worker in calls[: self._concurrency]:
                    group.create_task(worker())
        except BaseExceptionGroup as errors:
            first = errors.exceptions[0]
        else:
            return [answers[window] for window in calls]
        raise first

    async def _attempt(self, call: _Call[RowT], attempt: int) -> Answer[RowT]:
        call.attempt = attempt
        token = await self._token.token()
        try:
            return await self._call(call, token)
        except TokenError as error:
            if call.is_renewed or error.remedy is not Remedy.REFRESH:
                raise
            call.is_renewed = True
            fresh = await self._token.renew(token)
            if fresh == token:
                raise
        return await self._call(call, fresh)

    async def _call(self, call: _Call[RowT], token: str) -> Answer[RowT]:
        await self._pace.wait()
        ask = await self._begin(call)
        started = time.perf_counter()
        try:
            answer = await self._exchange(call, token, ask)
        except WxcubeError as error:
            if isinstance(error, QuotaError):
                self._quota.record(call.endpoint, error, self._clock.now())
            self._report(call, started, error)
            await self._fail(call, ask, error)
            raise
        self._report(call, started, answer)
        return answer

    async def _begin(self, call: _Call[Any]) -> int | None:
        if call.log is None:
            return None
        return await call.log.begin(call.endpoint, call.window, call.params)

    async def _fail(self, call: _Call[Any], ask: int | None, error: WxcubeError) -> None:
        if call.log is not None and ask is not None:
            await call.log.fail(ask, call.endpoint, call.window, call.params, error)

    async def _exchange(self, call: _Call[RowT], token: str, ask: int | None) -> Answer[RowT]:
        asked_at = self._clock.now()
        request = wire.request(call.endpoint, call.window, token, call.params)
        reply = await self._transport.send(request)
        try:
            body = wire.body_of(wire.without_token(reply, token), request)
            return decoding.read(call.endpoint, call.window, body, asked_at, reply.date, ask)
        except WxcubeError as error:
            error.server_date = reply.date
            raise

    def _report(
        self, call: _Call[RowT], started: float, outcome: Answer[RowT] | WxcubeError
    ) -> None:
        if self._on_event is None:
            return
        elapsed_ms = (time.perf_counter() - started) * 1000
        name = call.endpoint.name
        event = CallEvent(call.endpoint.path, name, call.window, call.attempt, elapsed_ms)
        self._on_event(replace(event, **_outcome(outcome)))


def _outcome(outcome: Answer[Any] | WxcubeError) -> dict[str, Any]:
    if isinstance(outcome, Answer):
        return {
            "errcode": 0,
            "rows": len(outcome.rows),
            "dropped_rows": outcome.dropped_rows,
            "unknown_columns": outcome.unknown_columns,
            "unknown_codes": outcome.unknown_codes,
            "missing_columns": outcome.missing_columns,
            "unreadable": outcome.unreadable,
        }
    errcode = outcome.errcode if isinstance(outcome, ReplyError) else None
    return {"errcode": errcode, "error": type(outcome).__name__}


def _finished(endpoint: Endpoint[Any], window: Window, now: datetime) -> list[date]:
    """The ref_dates of a window whose period is over."""
    newest = beijing.yesterday(now)
    return [day for day in endpoint.labels(window) if endpoint.period(day).last <= newest]


def _as_day(value: date | str) -> date:
    if isinstance(value, datetime):
        return beijing.day_of(value)
    return parse_day(value) if isinstance(value, str) else value


def _refuse_simulated(appid: str, transport: Transport) -> None:
    is_wechat = isinstance(transport, HttpTransport) and transport.is_wechat
    if appid.startswith(SIMULATED) and is_wechat:
        raise SettingsError(
            _("{appid} is a simulated account, which is unknown to WeChat", appid=appid),
            hint=_("set base_url to the URL that `wxcube emulate` prints"),
        )


def _token_source(
    appid: str, secret: str, token: TokenSource | str | None, transport: Transport, clock: Clock
) -> TokenSource:
    if isinstance(token, str):
        return FixedToken(token)
    return token or StableToken(appid, secret, transport, clock=clock)


class Settings(TypedDict, total=False):
    """The options of a client besides AppID and secret; `AsyncClient` documents them."""

    base_url: str
    token: TokenSource | str | None
    transport: Transport | None
    clock: Clock | None
    retries: Retries | None
    timeout_seconds: float
    concurrency: int
    calls_per_second: float | None
    proxy: str | None
    allow_http: bool
    on_event: Callable[[CallEvent], object] | None


class Client:
    """`AsyncClient` for code without an event loop; it works in notebooks too.

    It has the options of `AsyncClient`. Calls run on a thread, which ends with `close`, at the end
    of a `with` block, or when the client is garbage-collected.
    """

    def __init__(self, appid: str = "", secret: str = "", **settings: Unpack[Settings]) -> None:
        self._client = AsyncClient(appid, secret, **settings)
        self._thread = LoopThread(self._client.close)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._client.appid!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._thread.close()

    def ask(
        self, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object] | None = None
    ) -> Answer[RowT]:
        """The answer for a window of one call; see `AsyncClient.ask`."""
        return self._thread.run(self._client.ask(endpoint, window, params))

    def fetch(
        self, endpoint: Endpoint[RowT], first: date | str, last: date | str, **params: object
    ) -> list[RowT]:
        """The rows of all days from first to last; see `AsyncClient.fetch`."""
        return self._thread.run(self._client.fetch(endpoint, first, last, **params))
