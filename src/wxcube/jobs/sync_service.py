"""Syncs in the background: at times of the day, and when somebody asks; one at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

import structlog

from wxcube.beijing import BEIJING, Clock, in_beijing
from wxcube.contract.window import Window
from wxcube.errors import WxcubeError
from wxcube.i18n import Message, verbatim
from wxcube.jobs.account_clock import account_clock
from wxcube.jobs.sync_report import SyncResult
from wxcube.jobs.sync_run import SyncRun, plan_accounts
from wxcube.settings import Settings
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.exclusive import exclusive
from wxcube.warehouse.sync.plan import Plan
from wxcube.warehouse.sync.progress import AccountPaused, SyncEvent

DAILY_AT = (time(8, 10), time(10, 10), time(12, 10))
"""When syncs begin: some minutes after WeChat's figures are available, later for late ones."""


@dataclass(frozen=True, slots=True)
class SyncOrder:
    """What to sync: by default all accounts, and the days that are due."""

    accounts: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    again: Window | None = None


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """What the service is doing, and what came of the last sync."""

    is_running: bool = False
    """Whether a sync plans or makes its calls."""
    planned: int = 0
    done: int = 0
    rows: int = 0
    waiting: int = 0
    """Orders that begin when the running sync has ended."""
    last: SyncResult | None = None
    ended_at: datetime | None = None
    error: Message | None = None
    """Why the last sync could not be made."""
    next_at: datetime | None = None


@dataclass
class SyncService:
    """Syncs in a thread, from `start` to `stop`.

    `load` reads the settings anew for each sync, so that accounts added meanwhile take part.
    `on_end` is called in that thread with what came of each sync.
    """

    load: Callable[[], Settings]
    warehouse: Warehouse
    clock: Clock
    on_end: Callable[[SyncProgress], None] = lambda _progress: None
    check_seconds: float = 15.0
    """How often the clock is looked at."""
    _orders: deque[SyncOrder] = field(default_factory=deque, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _progress: SyncProgress = field(default_factory=SyncProgress, init=False)
    _run: SyncRun | None = field(default=None, init=False)
    _is_stopped: bool = field(default=False, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin: the first sync is made at once if there are accounts."""
        if self.load().accounts:
            self.order(SyncOrder())
        self._set(next_at=next_start(self.clock.now()))
        self._thread = threading.Thread(target=self._work, name="wxcube-sync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a sync in progress is stopped, what it stored remains."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._run:
            self._run.stop()
        if self._thread:
            self._thread.join()

    def order(self, order: SyncOrder) -> None:
        """Have something synced as soon as possible; an order that already waits is one."""
        with self._changed:
            if order not in self._orders:
                self._orders.append(order)
                self._changed.notify_all()

    def plan(self, appid: str) -> Plan:
        """The calls that a sync of an account would make now.

        Raises:  SettingsError if the settings have no such account.
        """
        settings = self.load()
        accounts = settings.chosen((appid,))
        now = account_clock(accounts, self.clock).now()
        return plan_accounts(accounts, settings.sync, self.warehouse, now)

    @property
    def progress(self) -> SyncProgress:
        """What the service is doing now."""
        return replace(self._progress, waiting=len(self._orders))

    def _work(self) -> None:
        while order := self._next_order():
            self._set(is_running=True, planned=0, done=0, rows=0)
            try:
                self._sync(order)
            except WxcubeError as error:
                self._end(error=error.as_message())
            except Exception as error:  # noqa: BLE001 - the next sync may succeed
                structlog.get_logger().exception("sync.failed")
                self._end(error=verbatim(type(error).__name__))

    def _next_order(self) -> SyncOrder | None:
        """The next order, once there is one; None when the service ends."""
        with self._changed:
            while not self._is_stopped:
                if self._orders:
                    return self._orders.popleft()
                now = self.clock.now()
                if self._progress.next_at and now >= self._progress.next_at:
                    self._set(next_at=next_start(now))
                    return SyncOrder()
                self._changed.wait(self.check_seconds)
        return None

    def _sync(self, order: SyncOrder) -> None:
        settings = self.load()
        accounts = settings.chosen(order.accounts)
        clock = account_clock(accounts, self.clock)
        with exclusive(self.warehouse, (a.appid for a in accounts), clock) as own:
            planned = plan_accounts(
                [account for account in accounts if account.appid in own.held],
                settings.sync,
                self.warehouse,
                clock.now(),
                only=order.only,
                again=order.again,
            )
            self._run = SyncRun(settings, self.warehouse, planned, own, clock)
            self._set(planned=len(planned.calls))
            try:
                if not self._is_stopped:
                    asyncio.run(self._run.make_calls(self._add))
            finally:
                result, self._run = self._run.result, None
        self._end(result=result)

    def _add(self, event: SyncEvent) -> None:
        if not isinstance(event, AccountPaused):
            rows = getattr(event, "rows", 0)
            self._set(done=self._progress.done + 1, rows=self._progress.rows + rows)

    def _end(self, *, result: SyncResult | None = None, error: Message | None = None) -> None:
        self._set(is_running=False, last=result, error=error, ended_at=self.clock.now())
        try:
            self.on_end(self._progress)
        except Exception:  # noqa: BLE001 - such as a terminal that was closed; the next sync comes
            structlog.get_logger().exception("sync.not_reported")

    def _set(self, **changes: object) -> None:
        self._progress = replace(self._progress, **changes)  # type: ignore[arg-type] # its fields


def next_start(now: datetime) -> datetime:
    """When the next sync begins.

    >>> next_start(datetime(2026, 3, 10, 9, 0, tzinfo=BEIJING)).isoformat()
    '2026-03-10T10:10:00+08:00'
    >>> next_start(datetime(2026, 3, 10, 13, 0, tzinfo=BEIJING)).isoformat()
    '2026-03-11T08:10:00+08:00'
    """
    today = in_beijing(now).date()
    tomorrow = today + timedelta(days=1)
    starts = [datetime.combine(day, at, BEIJING) for day in (today, tomorrow) for at in DAILY_AT]
    return next(start for start in starts if start > now)
