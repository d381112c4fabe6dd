"""Asking WeChat's datacube API: `AsyncClient`, and `Client` for programs without an event loop.

    with Client("wx...", "secret") as client:
        rows = client.fetch(getusersummary, "2026-03-01", "2026-03-31")

Windows are checked before anything is sent, split into the fewest calls, and asked a few at once.
A token WeChat refuses is renewed once; a busy server is asked again a few times; every other error
is raised at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Self, TypedDict, Unpack

from wxcube import beijing
from wxcube.beijing import Clock, SystemClock
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window, parse_day
from wxcube.errors import QuotaError, Remedy, ReplyError, SettingsError, TokenError, WxcubeError
from wxcube.wechat import wire
from wxcube.wechat.loop_thread import LoopThread
from wxcube.wechat.pace import Pace, Quota
from wxcube.wechat.retry import Retries
from wxcube.wechat.token import FixedToken, StableToken, TokenSource
from wxcube.wechat.transport import TIMEOUT_SECONDS, WECHAT, HttpTransport, Transport

SIMULATED = "wxdemo"
"""AppIDs of simulated accounts begin so; WeChat does not know them and is not asked for them."""
CONCURRENCY = 8
"""Calls a fetch makes at once."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made, for logs and metrics; it holds neither token nor rows."""

    path: str
    endpoint: str
    window: Window
    attempt: int
    """1 for the first; a call that is repeated with a renewed token keeps its number."""
    elapsed_ms: float
    errcode: int | None = None
    """0 for a success, None if WeChat answered neither rows nor an errcode."""
    error: str = ""
    """Class of the error, empty for a success."""
    rows: int = 0
    dropped_rows: int = 0
    unknown_columns: frozenset[str] = frozenset()
    unknown_codes: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Asked(Generic[RowT]):
    """A call that was asked for: what to send, and whether its token was renewed already."""

    endpoint: Endpoint[RowT]
    window: Window
    params: Mapping[str, object]
    attempt: int = 0
    renewed: bool = False


class AsyncClient:
    """Rows of one account from WeChat's API, typed by endpoint.

    Args:
        appid: AppID of the account; with `secret`, tokens come from /cgi-bin/stable_token.
        secret: AppSecret of the account.
        base_url: Another server that speaks WeChat's protocol.
        token: A token, or a source of tokens, instead of AppID and secret.
        transport: Another way to the server than HTTP to `base_url`; it stays open.
        clock: Decides which days exist already.
        retries: Attempts after a busy server or a fault of the network.
        timeout_seconds: Longest time of one call.
        concurrency: Calls a fetch makes at once.
        calls_per_second: Calls made in a second at most.
        on_event: Called after each call, on the event loop.
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
        on_event: Callable[[Called], object] | None = None,
    ) -> None:
        self.appid = appid
        self._clock = clock or SystemClock()
        self._owns_transport = transport is None
        self._transport = transport or HttpTransport(base_url, timeout_seconds=timeout_seconds)
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

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the client's own connections."""
        if self._owns_transport:
            await self._transport.close()

    @property
    def origin(self) -> Origin:
        """Rows of this source come from WeChat."""
        return Origin.WECHAT

    async def ask(
        self, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object] | None = None
    ) -> Answer[RowT]:
        """The answer for a window that fits into one call.

        Raises:  WindowError or ContractError before anything is sent; ReplyError, TransportError
            or ShapeError after; the error's `remedy` tells what to do.
        """
        now = self._clock.now()
        asked = _Asked(endpoint, window, endpoint.complete_params(params or {}))
        endpoint.check(window, now)
        self._quota.check(endpoint, window, now)
        return await self._retries.run(lambda attempt: self._attempt(asked, attempt))

    async def fetch(
        self, endpoint: Endpoint[RowT], first: date | str, last: date | str, **params: object
    ) -> list[RowT]:
        """The rows of all days from first to last, in natural order, in as many calls as needed.

        Week and month endpoints give the rows whose Monday or 1st lies in the window; periods that
        are not over yet are not asked.

        Raises:  as `ask` does, the first error of any call; the other calls are then given up.
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
        left, answers = iter(calls), dict[Window, Answer[RowT]]()

        async def worker() -> None:
            for window in left:
                answers[window] = await self.ask(endpoint, window, params)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in calls[: self._concurrency]:
                    group.create_task(worker())
        except BaseExceptionGroup as errors:
            first = errors.exceptions[0]
        else:
            return [answers[window] for window in calls]
        raise first

    async def _attempt(self, asked: _Asked[RowT], attempt: int) -> Answer[RowT]:
        asked.attempt = attempt
        token = await self._token.token()
        try:
            return await self._call(asked, token)
        except TokenError as error:
            if asked.renewed or error.remedy is not Remedy.REFRESH:
                raise
            asked.renewed = True
            fresh = await self._token.renew(token)
            if fresh == token:
                raise
        return await self._call(asked, fresh)

    async def _call(self, asked: _Asked[RowT], token: str) -> Answer[RowT]:
        await self._pace.turn()
        begun = time.perf_counter()
        try:
            answer = await self._exchange(asked, token)
        except WxcubeError as error:
            if isinstance(error, QuotaError):
                self._quota.note(asked.endpoint, error, self._clock.now())
            self._tell(asked, begun, error)
            raise
        self._tell(asked, begun, answer)
        return answer

    async def _exchange(self, asked: _Asked[RowT], token: str) -> Answer[RowT]:
        asked_at = self._clock.now()
        request = wire.request(asked.endpoint, asked.window, token, asked.params)
        reply = await self._transport.send(request)
        body = wire.body_of(wire.without(reply, token), request)
        return wire.read(asked.endpoint, asked.window, body, asked_at)

    def _tell(self, asked: _Asked[RowT], begun: float, outcome: Answer[RowT] | WxcubeError) -> None:
        if self._on_event is None:
            return
        elapsed_ms = (time.perf_counter() - begun) * 1000
        name = asked.endpoint.name
        called = Called(asked.endpoint.path, name, asked.window, asked.attempt, elapsed_ms)
        self._on_event(replace(called, **_outcome(outcome)))


def _outcome(outcome: Answer[Any] | WxcubeError) -> dict[str, Any]:
    if isinstance(outcome, Answer):
        return {
            "errcode": 0,
            "rows": len(outcome.rows),
            "dropped_rows": outcome.dropped_rows,
            "unknown_columns": outcome.unknown_columns,
            "unknown_codes": outcome.unknown_codes,
        }
    errcode = outcome.errcode if isinstance(outcome, ReplyError) else None
    return {"errcode": errcode, "error": type(outcome).__name__}


def _finished(endpoint: Endpoint[Any], window: Window, now: datetime) -> list[date]:
    """The ref_dates of a window whose period is over."""
    newest = beijing.yesterday(now)
    return [day for day in endpoint.labels(window) if endpoint.period(day).last <= newest]


def _as_day(given: date | str) -> date:
    if isinstance(given, datetime):
        return beijing.day_of(given)
    return parse_day(given) if isinstance(given, str) else given


def _refuse_simulated(appid: str, transport: Transport) -> None:
    leads_to_wechat = isinstance(transport, HttpTransport) and transport.leads_to_wechat
    if appid.startswith(SIMULATED) and leads_to_wechat:
        raise SettingsError(
            f"{appid} is a simulated account, which WeChat does not know",
            hint="give the URL `wxcube emulate` prints as the base URL",
        )


def _token_source(
    appid: str, secret: str, token: TokenSource | str | None, transport: Transport, clock: Clock
) -> TokenSource:
    if isinstance(token, str):
        return FixedToken(token)
    return token or StableToken(appid, secret, transport, clock=clock)


class Settings(TypedDict, total=False):
    """What a client takes beside AppID and secret; `AsyncClient` says what each means."""

    base_url: str
    token: TokenSource | str | None
    transport: Transport | None
    clock: Clock | None
    retries: Retries | None
    timeout_seconds: float
    concurrency: int
    calls_per_second: float | None
    on_event: Callable[[Called], object] | None


class Client:
    """`AsyncClient` for programs without an event loop; works inside a notebook's loop as well.

    Takes what `AsyncClient` takes. Calls run on a thread of its own, which ends with `close`, at
    the end of a `with` block, or when the client is no longer used.
    """

    def __init__(self, appid: str = "", secret: str = "", **settings: Unpack[Settings]) -> None:
        self._client = AsyncClient(appid, secret, **settings)
        self._thread = LoopThread(self._client.close)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._client.appid!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._thread.close()

    def ask(
        self, endpoint: Endpoint[RowT], window: Window, params: Mapping[str, object] | None = None
    ) -> Answer[RowT]:
        """The answer for a window that fits into one call; see `AsyncClient.ask`."""
        return self._thread.run(self._client.ask(endpoint, window, params))

    def fetch(
        self, endpoint: Endpoint[RowT], first: date | str, last: date | str, **params: object
    ) -> list[RowT]:
        """The rows of all days from first to last; see `AsyncClient.fetch`."""
        return self._thread.run(self._client.fetch(endpoint, first, last, **params))
