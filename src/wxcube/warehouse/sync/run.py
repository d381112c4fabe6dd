"""Makes the calls of a plan and stores the answers; may be ended at any moment and started again.

45009                    the endpoint waits for the next day, the others go on
45011                    the account waits a minute, some times
61503                    the days wait for the next sync
no right, retired        the endpoint's days are refused, the others go on
wrong dates or request   the days are refused; after 3 in a row the endpoint is left
unreadable answer        kept, the days failed; after 3 in a row the endpoint is left
busy, no answer, token   the days failed; after 10 in a row the account is left
credentials, settings    the account is left
the database             everything ends
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from wxcube.beijing import Clock, day_of
from wxcube.contract.source import Source
from wxcube.errors import (
    AccessError,
    BusyError,
    CredentialError,
    NotReadyError,
    PaceError,
    QuotaError,
    ReplyError,
    RetiredError,
    SettingsError,
    ShapeError,
    TokenError,
    TransportError,
    WarehouseError,
    WxcubeError,
)
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Plan, PlannedCall
from wxcube.warehouse.sync.progress import Answered, Failed, Left, Paused, Progress, Report, Why

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budgets:
    """How many calls an endpoint of an account may take on one Beijing day; None: no limit."""

    per_endpoint: int | None = None
    by_name: Mapping[str, int] = field(default_factory=dict)

    def of(self, endpoint: str) -> int | None:
        """The limit of an endpoint."""
        return self.by_name.get(endpoint, self.per_endpoint)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sync tries before it leaves something out."""

    pause_seconds: float = 60
    """After 45011."""
    pauses: int = 3
    """Times one call waits after 45011."""
    endpoint_errors: int = 3
    """Errors of an endpoint in a row that would come again."""
    account_errors: int = 10
    """Calls of an account in a row without any answer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an error means for its days, its endpoint and its account."""

    state: State | None
    """What the days become; None: nothing was learned about them."""
    stops_endpoint: Why | None = None
    stops_account: Why | None = None
    counts_against: Why | None = None
    """ERRORS counts against the endpoint, UNREACHABLE against the account."""


_VERDICTS: tuple[tuple[tuple[type[WxcubeError], ...], Verdict], ...] = (
    ((QuotaError,), Verdict(None, stops_endpoint=Why.QUOTA)),
    ((AccessError, RetiredError), Verdict(State.REFUSED, stops_endpoint=Why.REFUSED)),
    ((NotReadyError,), Verdict(State.WAITING)),
    ((CredentialError, SettingsError), Verdict(State.FAILED, stops_account=Why.CREDENTIALS)),
    (
        (TokenError, BusyError, PaceError, TransportError),
        Verdict(State.FAILED, counts_against=Why.UNREACHABLE),
    ),
    ((ReplyError,), Verdict(State.REFUSED, counts_against=Why.ERRORS)),
    ((WxcubeError,), Verdict(State.FAILED, counts_against=Why.ERRORS)),
)


def verdict(error: WxcubeError) -> Verdict:
    """What an error means; the first kind that fits."""
    return next(found for kinds, found in _VERDICTS if isinstance(error, kinds))


async def sync(  # noqa: PLR0913 - what it needs from outside, each by name
    plan: Plan,
    sources: Mapping[str, Source],
    warehouse: Warehouse,
    *,
    clock: Clock,
    concurrency: int = 8,
    budgets: Budgets | None = None,
    patience: Patience | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Report:
    """Ask every call of a plan, at most `concurrency` at once, and store each answer at once.

    Raises:  WarehouseError if the database fails; what was stored before stays. SettingsError if
        an account of the plan has no source.
    """
    _check_sources(plan, sources)
    report = Report(planned=len(plan.calls))
    run = _Run(
        sources,
        warehouse,
        clock,
        asyncio.Semaphore(concurrency),
        budgets or Budgets(),
        patience or Patience(),
        partial(_tell, report, on_progress),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            for account in _by_account(plan.calls):
                for _ in range(min(concurrency, len(account.calls))):
                    tasks.create_task(run.work(account))
    except BaseExceptionGroup as group:
        raise _first(group) from None
    finally:
        # an answer that is being written is written to its end
        run.writer.shutdown(wait=True, cancel_futures=True)
    return report


def _check_sources(plan: Plan, sources: Mapping[str, Source]) -> None:
    missing = {call.appid for call in plan.calls} - sources.keys()
    if missing:
        raise SettingsError(
            f"no source for account {', '.join(sorted(missing))}", hint="give one for each account"
        )


def _tell(report: Report, on_progress: Callable[[Progress], None] | None, event: Progress) -> None:
    report.add(event)
    if on_progress:
        on_progress(event)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


@dataclass(slots=True)
class _Account:
    """Calls of an account that are still to make, and what speaks against making them."""

    calls: deque[PlannedCall] = field(default_factory=deque)
    stopped: Why | None = None
    stopped_endpoints: dict[str, Why] = field(default_factory=dict)
    errors: int = 0
    endpoint_errors: dict[str, int] = field(default_factory=dict)
    resumes_at: float = 0.0

    def why_not(self, endpoint: str) -> Why | None:
        """Why no more calls of an endpoint are made, if so."""
        return self.stopped or self.stopped_endpoints.get(endpoint)

    def was_answered(self, endpoint: str) -> None:
        """Forget the errors in a row."""
        self.errors = 0
        self.endpoint_errors[endpoint] = 0

    def suffer(self, endpoint: str, found: Verdict, patience: Patience) -> None:
        """Take an error into account."""
        self.stopped = self.stopped or found.stops_account
        if found.stops_endpoint:
            self.stopped_endpoints[endpoint] = found.stops_endpoint
        if found.counts_against is Why.UNREACHABLE:
            self.errors += 1
            if self.errors >= patience.account_errors:
                self.stopped = self.stopped or Why.UNREACHABLE
            return
        self.errors = 0
        if found.counts_against is Why.ERRORS:
            self.endpoint_errors[endpoint] = self.endpoint_errors.get(endpoint, 0) + 1
            if self.endpoint_errors[endpoint] >= patience.endpoint_errors:
                self.stopped_endpoints[endpoint] = Why.ERRORS


def _by_account(calls: Iterable[PlannedCall]) -> list[_Account]:
    found: dict[str, _Account] = {}
    for call in calls:
        found.setdefault(call.appid, _Account()).calls.append(call)
    return list(found.values())


@dataclass(slots=True)
class _Run:
    sources: Mapping[str, Source]
    warehouse: Warehouse
    clock: Clock
    slots: asyncio.Semaphore
    budgets: Budgets
    patience: Patience
    tell: Callable[[Progress], None]
    writer: ThreadPoolExecutor = field(
        # a writer that waits for another program must not hold up the answers of the others
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="wxcube-writer")
    )

    async def work(self, account: _Account) -> None:
        """Make an account's calls, one after the other, until none is left."""
        while account.calls:
            call = account.calls.popleft()
            for pauses_left in range(self.patience.pauses, -1, -1):
                await _until(account)
                async with self.slots:
                    done = await self._make(account, call, may_pause=pauses_left > 0)
                if done:
                    break

    async def _make(self, account: _Account, call: PlannedCall, *, may_pause: bool) -> bool:
        name = call.endpoint.name
        why = account.why_not(name) or await self._over_budget(call)
        if why:
            account.stopped_endpoints.setdefault(name, why)
            self.tell(Left(call, why))
            return True
        try:
            await self._ask(account, call)
        except WarehouseError:
            raise
        except PaceError as error:
            if not may_pause:
                await self._suffer(account, call, error)
                return True
            self._pause(account, call.appid)
            return False
        except WxcubeError as error:
            await self._suffer(account, call, error)
        return True

    async def _over_budget(self, call: PlannedCall) -> Why | None:
        day, limit = day_of(self.clock.now()), self.budgets.of(call.endpoint.name)
        count = partial(self.warehouse.count_call, call.appid, call.endpoint, day, limit)
        if await self._write(count):
            return None
        exhausted = self.warehouse.is_exhausted(call.appid, call.endpoint, day)
        return Why.QUOTA if exhausted else Why.BUDGET

    async def _ask(self, account: _Account, call: PlannedCall) -> None:
        source = self.sources[call.appid]
        answer = await source.ask(call.endpoint, call.window, call.params)
        replace = partial(self.warehouse.replace, call.appid, source.origin, answer, call.params)
        replaced = await self._write(replace)
        account.was_answered(call.endpoint.name)
        self.tell(Answered(call, replaced.rows, replaced.states))

    async def _suffer(self, account: _Account, call: PlannedCall, error: WxcubeError) -> None:
        found = verdict(error)
        account.suffer(call.endpoint.name, found, self.patience)
        if isinstance(error, QuotaError):
            day = day_of(self.clock.now())
            await self._write(
                partial(self.warehouse.mark_exhausted, call.appid, call.endpoint, day)
            )
        if found.state is not None:
            await self._record(call, [call], found.state, error)
        if found.state is State.REFUSED and found.stops_endpoint:
            same = [c for c in account.calls if c.endpoint is call.endpoint]
            await self._record(call, same, found.state, error)
        self.tell(Failed(call, error, found.state))

    async def _record(
        self, first: PlannedCall, calls: list[PlannedCall], state: State, error: WxcubeError
    ) -> None:
        by_params: dict[str, list[PlannedCall]] = {}
        for call in calls:
            by_params.setdefault(str(call.params), []).append(call)
        for same in by_params.values():
            await self._write(
                partial(
                    self.warehouse.record,
                    first.appid,
                    self.sources[first.appid].origin,
                    first.endpoint,
                    [day for call in same for day in call.labels],
                    state,
                    self.clock.now(),
                    error.errcode if isinstance(error, ReplyError) else None,
                    str(error),
                    error.body if isinstance(error, ShapeError) else b"",
                    params=same[0].params,
                )
            )

    def _pause(self, account: _Account, appid: str) -> None:
        account.resumes_at = asyncio.get_running_loop().time() + self.patience.pause_seconds
        self.tell(Paused(appid, self.patience.pause_seconds))

    async def _write(self, write: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.writer, write)


async def _until(account: _Account) -> None:
    now = asyncio.get_running_loop().time
    while (wait := account.resumes_at - now()) > 0:  # noqa: ASYNC110 - the moment may move meanwhile
        await asyncio.sleep(wait)
