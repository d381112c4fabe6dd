"""One sync of accounts: its plan, and its calls until they are made or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

from wxcube.beijing import Clock
from wxcube.contract.window import Window
from wxcube.jobs.accounts import account_clients, includes_retired, wanted_days
from wxcube.jobs.sync_report import SyncResult
from wxcube.settings import AccountSettings, Settings, SyncSettings
from wxcube.warehouse.ask_log import Budgets
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.exclusive import Exclusive
from wxcube.warehouse.sync.plan import (
    Choices,
    LedgerReader,
    Plan,
    SkipReason,
    joined_plans,
    plan,
)
from wxcube.warehouse.sync.progress import Report, SyncEvent
from wxcube.warehouse.sync.run import sync


def plan_accounts(
    accounts: Iterable[AccountSettings],
    settings: SyncSettings,
    ledger: LedgerReader,
    now: datetime,
    *,
    only: Sequence[str] = (),
    again: Window | None = None,
) -> Plan:
    """The calls that a sync of accounts makes.

    `only` limits it to endpoints or groups; the days of `again` are requested once more, final ones
    too, and no others; with both, those of retired endpoints too.
    """
    first: date | None = again.first if again else None
    last: date | None = again.last if again else None
    return joined_plans(
        plan(
            wanted_days(account, settings, now, only=only, first=first, last=last),
            ledger,
            now,
            Choices(
                include_retired=includes_retired(account, settings) or bool(only and again),
                again=again,
                samples=0 if again or only else settings.samples_per_week,
            ),
        )
        for account in accounts
    )


class SyncRun:
    """The calls of a plan, and what came of them."""

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        planned: Plan,
        own: Exclusive,
        clock: Clock,
    ) -> None:
        used_up = tuple(
            (one.appid, one.endpoint.name)
            for one in planned.skipped
            if one.reason is SkipReason.QUOTA
        )
        self.result = SyncResult(Report(planned=len(planned.calls)), own.busy, used_up=used_up)
        self._settings = settings
        self._warehouse = warehouse
        self._planned = planned
        self._own = own
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: asyncio.Task[None] | None = None
        self._is_stopped = False

    async def make_calls(self, on_event: Callable[[SyncEvent], None] | None = None) -> SyncResult:
        """Make the calls, until they are made, `stop` is called, or a lease is lost."""
        self._loop = asyncio.get_running_loop()
        self._calls = asyncio.create_task(self._make(on_event))
        self._own.on_loss = self._cancel
        if self._is_stopped:
            self._calls.cancel()
        try:
            await self._calls
        except asyncio.CancelledError:
            if not (self._is_stopped or self._own.lost):
                raise
        self.result.lost = frozenset(self._own.lost)
        return self.result

    def stop(self, signal: int = 0) -> None:
        """Stop soon, from any thread; `signal` is the number of the signal that asks for it."""
        self._is_stopped = True
        self.result.stopped_by = signal
        self._cancel()

    def _cancel(self) -> None:
        if self._loop and self._calls and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._calls.cancel)

    async def _make(self, on_event: Callable[[SyncEvent], None] | None) -> None:
        def add(event: SyncEvent) -> None:
            self.result.report.add(event)
            if on_event:
                on_event(event)

        settings = self._settings.sync
        async with account_clients(
            accounts_of(self._settings, self._planned), settings, self._clock
        ) as clients:
            await sync(
                self._planned,
                clients,
                self._warehouse,
                clock=self._clock,
                concurrency=settings.concurrency,
                budgets=Budgets(settings.daily_calls_per_endpoint),
                on_progress=add,
            )


def accounts_of(settings: Settings, planned: Plan) -> list[AccountSettings]:
    """The accounts that a plan has calls of."""
    appids = {call.appid for call in planned.calls}
    return [account for account in settings.accounts if account.appid in appids]
