"""The run of a sync: calls are made, answers stored. It can be stopped and restarted at any time.

    45009                    the endpoint stops until the next day
    45011                    the account pauses for a minute, a few times
    61503                    the days are waiting; the next sync requests them
    no permission, retired   the days are refused; the endpoint stops
    wrong request            the days are refused; after 3 in a row the endpoint stops
    busy, no answer,         the days failed; the window is put at the end of the line and halved
    unreadable, dates        until the bad day stands alone; after 8 in a row the endpoint stops
    token                    the days failed; after 8 in a row the endpoint stops
    credentials, settings    the account stops
    the database             the sync ends with an error

Endpoints of an account take turns, each with its newest days first. Where an endpoint or account
stops, the others continue: an account is unreachable only if no endpoint of it is answered. Each
account has slots of its own, so one that does not answer delays no other.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from wxcube.beijing import Clock
from wxcube.contract.source import Source
from wxcube.errors import (
    AccessError,
    BudgetError,
    BusyError,
    CredentialError,
    DateError,
    NotReadyError,
    PaceError,
    QuotaError,
    RetiredError,
    SettingsError,
    ShapeError,
    TokenError,
    TransportError,
    WarehouseError,
    WxcubeError,
)
from wxcube.i18n import Listing, _
from wxcube.warehouse.ask_log import Budgets, WarehouseAskLog
from wxcube.warehouse.clock_check import clock_offset
from wxcube.warehouse.failures import state_of
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Plan, PlannedCall
from wxcube.warehouse.sync.progress import (
    AccountPaused,
    CallAnswered,
    CallFailed,
    CallNotMade,
    Report,
    StopReason,
    SyncEvent,
)
from wxcube.warehouse.writer import Writer


@dataclass(frozen=True, slots=True)
class ErrorLimits:
    """Numbers of errors after which an endpoint or account stops."""

    pause_seconds: float = 60
    """Pause of an account after 45011."""
    pauses: int = 3
    """Pauses for one call after 45011."""
    endpoint_errors: int = 3
    """Errors of an endpoint in a row that a retry would not change."""
    endpoint_failures: int = 8
    """Failed calls of an endpoint in a row, those of halved windows included."""
    account_errors: int = 10
    """Calls of an account in a row without an answer, if every endpoint of it was tried."""


@dataclass(frozen=True, slots=True)
class ErrorEffect:
    """Effect of an error on its endpoint and its account; `failures` has that on its days."""

    stops_endpoint: StopReason | None = None
    stops_account: StopReason | None = None
    counts_towards: StopReason | None = None
    """ERRORS counts towards the limit of the endpoint, UNREACHABLE also of the account."""
    is_repeated: bool = False
    """Whether the days are requested again at the end of the line, in two halves."""

    def endpoint_limit(self, limits: ErrorLimits) -> int:
        """The number of such errors in a row after which an endpoint stops."""
        passes = self.is_repeated or self.counts_towards is StopReason.UNREACHABLE
        return limits.endpoint_failures if passes else limits.endpoint_errors


_EFFECTS: tuple[tuple[tuple[type[WxcubeError], ...], ErrorEffect], ...] = (
    ((QuotaError,), ErrorEffect(stops_endpoint=StopReason.QUOTA)),
    ((AccessError, RetiredError), ErrorEffect(stops_endpoint=StopReason.REFUSED)),
    ((NotReadyError,), ErrorEffect()),
    ((CredentialError, SettingsError), ErrorEffect(stops_account=StopReason.CREDENTIALS)),
    (
        (BusyError, TransportError),
        ErrorEffect(counts_towards=StopReason.UNREACHABLE, is_repeated=True),
    ),
    ((TokenError, PaceError), ErrorEffect(counts_towards=StopReason.UNREACHABLE)),
    (
        # the dates were checked before the call, so a refusal of them is a fault of the service
        (DateError, ShapeError),
        ErrorEffect(counts_towards=StopReason.ERRORS, is_repeated=True),
    ),
    ((WxcubeError,), ErrorEffect(counts_towards=StopReason.ERRORS)),
)


def effect_of(error: WxcubeError) -> ErrorEffect:
    """The effect of an error: that of the first class that matches."""
    return next(effect for classes, effect in _EFFECTS if isinstance(error, classes))


_SLOTS = 256
"""Calls in parallel over all accounts; further accounts wait until others are finished."""


async def sync(  # noqa: PLR0913 - its dependencies, by name
    plan: Plan,
    sources: Mapping[str, Source],
    warehouse: Warehouse,
    *,
    clock: Clock,
    concurrency: int = 8,
    budgets: Budgets | None = None,
    limits: ErrorLimits | None = None,
    on_progress: Callable[[SyncEvent], None] | None = None,
) -> Report:
    """Make the calls of a plan, at most `concurrency` per account in parallel; store each answer.

    Raises:  WarehouseError if the database fails; stored answers remain. SettingsError if an
        account of the plan has no source.
    """
    _check_sources(plan, sources)
    report = Report(planned=len(plan.calls))
    run = _Run(
        sources,
        warehouse,
        clock,
        asyncio.Semaphore(max(_SLOTS // concurrency, 2)),
        budgets or Budgets(),
        limits or ErrorLimits(),
        partial(_add_event, report, on_progress),
        # a write that waits for another program must not block the calls
        Writer(warehouse),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            for account in _by_account(plan.calls):
                tasks.create_task(run.finish(account, concurrency))
    except BaseExceptionGroup as group:
        raise _first(group) from None
    finally:
        run.writer.close()
    return report


def _check_sources(plan: Plan, sources: Mapping[str, Source]) -> None:
    missing = {call.appid for call in plan.calls} - sources.keys()
    if missing:
        raise SettingsError(
            _("no source for account {names}", names=Listing(sorted(missing))),
            hint=_("give a source for each account"),
        )


def _add_event(
    report: Report, on_progress: Callable[[SyncEvent], None] | None, event: SyncEvent
) -> None:
    report.add(event)
    if on_progress:
        on_progress(event)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


@dataclass(slots=True)
class _Account:
    """The remaining calls of an account by endpoint, and its errors so far."""

    queues: dict[str, deque[PlannedCall]] = field(default_factory=dict)
    turns: deque[str] = field(default_factory=deque)
    """The endpoints in the order of their turns."""
    in_progress: Counter[str] = field(default_factory=Counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call has ended."""
    stopped: StopReason | None = None
    stopped_endpoints: dict[str, StopReason] = field(default_factory=dict)
    errors: int = 0
    failed: set[str] = field(default_factory=set)
    """Endpoints without an answer since the last answer of the account."""
    answered: set[str] = field(default_factory=set)
    endpoint_errors: Counter[str] = field(default_factory=Counter)
    resumes_at: float = 0.0

    def add(self, call: PlannedCall) -> None:
        """Put a call at the end of its endpoint's line."""
        name = call.endpoint.name
        if name not in self.queues:
            self.queues[name] = deque()
            self.turns.append(name)
        self.queues[name].append(call)

    def next_call(self, limits: ErrorLimits) -> PlannedCall | None:
        """The next call of the endpoint whose turn it is; None if none can be made now."""
        for _turn in range(len(self.turns)):
            name = self.turns[0]
            self.turns.rotate(-1)
            if self.queues[name] and self._has_slot(name, limits):
                return self.queues[name].popleft()
        return None

    def _has_slot(self, name: str, limits: ErrorLimits) -> bool:
        """Whether a call of an endpoint cannot exceed the limit of errors, even if it fails."""
        is_healthy = name in self.answered and not self.endpoint_errors[name]
        if is_healthy or self.stop_reason(name):
            return True
        return self.endpoint_errors[name] + self.in_progress[name] < limits.endpoint_failures

    @contextmanager
    def progress(self, call: PlannedCall) -> Iterator[None]:
        """Count a call as in progress, and tell the waiting workers when it has ended."""
        self.in_progress[call.endpoint.name] += 1
        try:
            yield
        finally:
            self.in_progress[call.endpoint.name] -= 1
            self.changed.set()
            self.changed = asyncio.Event()

    def stop_reason(self, endpoint: str) -> StopReason | None:
        """The reason why no more calls of an endpoint are made, if it is stopped."""
        return self.stopped or self.stopped_endpoints.get(endpoint)

    def reset_errors(self, endpoint: str) -> None:
        """Count errors in a row from zero again."""
        self.errors = 0
        self.failed.clear()
        self.answered.add(endpoint)
        self.endpoint_errors[endpoint] = 0

    def add_error(self, endpoint: str, effect: ErrorEffect, limits: ErrorLimits) -> None:
        """Count an error, and stop the endpoint or account where its limit is reached."""
        self.stopped = self.stopped or effect.stops_account
        if effect.stops_endpoint:
            self.stopped_endpoints[endpoint] = effect.stops_endpoint
        if effect.counts_towards is StopReason.UNREACHABLE:
            self.errors += 1
            self.failed.add(endpoint)
            if self.errors >= limits.account_errors and self._is_unreachable():
                self.stopped = self.stopped or StopReason.UNREACHABLE
        else:
            self.errors = 0
            self.failed.clear()
        if effect.counts_towards:
            self.endpoint_errors[endpoint] += 1
            if self.endpoint_errors[endpoint] >= effect.endpoint_limit(limits):
                self.stopped_endpoints.setdefault(endpoint, StopReason.ERRORS)

    def _is_unreachable(self) -> bool:
        """Whether every endpoint with calls left fails, not only those that always failed."""
        left = {n for n, queue in self.queues.items() if queue and n not in self.stopped_endpoints}
        return left <= self.failed and (not self.answered or bool(left & self.answered))


def _by_account(calls: Iterable[PlannedCall]) -> list[_Account]:
    accounts: dict[str, _Account] = {}
    for call in calls:
        accounts.setdefault(call.appid, _Account()).add(call)
    return list(accounts.values())


@dataclass(slots=True)
class _Run:
    sources: Mapping[str, Source]
    warehouse: Warehouse
    clock: Clock
    accounts: asyncio.Semaphore
    budgets: Budgets
    limits: ErrorLimits
    report: Callable[[SyncEvent], None]
    writer: Writer

    async def finish(self, account: _Account, concurrency: int) -> None:
        """Make all calls of an account, at most `concurrency` in parallel."""
        planned = sum(map(len, account.queues.values()))
        async with self.accounts, asyncio.TaskGroup() as tasks:
            for _worker in range(min(concurrency, planned)):
                tasks.create_task(self._work(account))

    async def _work(self, account: _Account) -> None:
        """Make an account's calls sequentially until none is left or can follow."""
        while True:
            changed = account.changed
            call = account.next_call(self.limits)
            if call is not None:
                with account.progress(call):
                    await self._make_with_pauses(account, call)
            elif account.in_progress.total():
                await changed.wait()
            else:
                return

    async def _make_with_pauses(self, account: _Account, call: PlannedCall) -> None:
        for pauses_left in range(self.limits.pauses, -1, -1):
            await _wait_for_pause(account)
            if await self._make_call(account, call, may_pause=pauses_left > 0):
                return

    async def _make_call(self, account: _Account, call: PlannedCall, *, may_pause: bool) -> bool:
        reason = account.stop_reason(call.endpoint.name)
        if reason:
            self.report(CallNotMade(call, reason))
            return True
        log = self._ask_log(call.appid)
        try:
            await self._fetch(account, call, log)
        except WarehouseError:
            raise
        except BudgetError as error:
            self._stop_for_today(account, call, error)
        except PaceError as error:
            if may_pause:
                self._pause(account, call.appid)
                return False
            self._handle_error(account, call, error, log)
        except WxcubeError as error:
            self._handle_error(account, call, error, log)
        return True

    def _ask_log(self, appid: str) -> WarehouseAskLog:
        return WarehouseAskLog(
            self.warehouse,
            appid,
            self.clock,
            "sync",
            self.budgets,
            self.sources[appid].origin,
            self.writer,
        )

    async def _fetch(self, account: _Account, call: PlannedCall, log: WarehouseAskLog) -> None:
        source = self.sources[call.appid]
        answer = await source.ask(call.endpoint, call.window, call.params, log)
        replacement = await self.writer.write(
            lambda warehouse: warehouse.replace(call.appid, source.origin, answer, call.params)
        )
        account.reset_errors(call.endpoint.name)
        offset = clock_offset(answer.asked_at, answer.server_date)
        self.report(
            CallAnswered(
                call,
                replacement.rows,
                replacement.states,
                log.attempts,
                len(replacement.revised),
                replacement.withdrawn,
                offset,
            )
        )

    def _stop_for_today(self, account: _Account, call: PlannedCall, error: BudgetError) -> None:
        reason = StopReason.QUOTA if error.is_quota else StopReason.BUDGET
        account.stopped_endpoints.setdefault(call.endpoint.name, reason)
        self.report(CallNotMade(call, reason))

    def _handle_error(
        self, account: _Account, call: PlannedCall, error: WxcubeError, log: WarehouseAskLog
    ) -> None:
        effect = effect_of(error)
        account.add_error(call.endpoint.name, effect, self.limits)
        may_repeat = effect.is_repeated and not account.stop_reason(call.endpoint.name)
        repeats = call.repeats() if may_repeat else ()
        for repeat in repeats:
            account.add(repeat)
        state = state_of(error) if log.attempts else None
        offset = clock_offset(self.clock.now(), error.server_date)
        self.report(CallFailed(call, error, state, repeats, log.attempts, offset))

    def _pause(self, account: _Account, appid: str) -> None:
        account.resumes_at = asyncio.get_running_loop().time() + self.limits.pause_seconds
        self.report(AccountPaused(appid, self.limits.pause_seconds))


async def _wait_for_pause(account: _Account) -> None:
    now = asyncio.get_running_loop().time
    while (wait := account.resumes_at - now()) > 0:  # noqa: ASYNC110 - another pause may begin meanwhile
        await asyncio.sleep(wait)
