"""A small account that is synced once a day for 45 days, with the emulator in this process.

The emulator's rows are computed once per process. Pauses are not slept.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from support.expected_calls import DAY, ExpectedCalls
from wxcube.beijing import BEIJING, Clock
from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.emulator.journal import Entry
from wxcube.server.backend import App
from wxcube.warehouse.coverage import SETTLED, DayState, State
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Choices, Plan, plan
from wxcube.warehouse.sync.progress import CallAnswered, Report, SyncEvent
from wxcube.warehouse.sync.run import ErrorLimits, sync
from wxcube.warehouse.sync.wanted import WantedDays
from wxcube.wechat.client import AsyncClient
from wxcube.wechat.retry import Retries
from wxcube.wechat.token import TokenSource
from wxcube.wechat.transport import AsgiTransport, Transport

FIRST_SYNC = datetime(2026, 1, 20, 9, tzinfo=BEIJING)
HISTORY = 10
"""Days of figures before the first sync."""
DAYS = 45
"""Daily syncs, the first one included."""
SMALLEST = 2
"""The position of the account with the fewest followers among the first three."""
TIMEOUT_SECONDS = 0.01
"""Replies without a delay are never late: the emulator does not wait for anything."""
NO_PAUSE = ErrorLimits(pause_seconds=0)
REFUSAL_LIFETIME = timedelta(days=7)

Ledger = dict[str, dict[date, DayState]]
"""The entries of days by endpoint name."""


async def no_sleep(_seconds: float) -> None:
    await asyncio.sleep(0)


def emulator_at_first_sync() -> Emulator:
    """An emulator whose rows of all 45 days are computed, at the time of the first sync."""
    emulator = Emulator(accounts=SMALLEST + 1, days=HISTORY, now=FIRST_SYNC)
    emulator.clock.advance(DAYS * DAY)
    emulator.prepare()
    emulator.clock.set(FIRST_SYNC)
    return emulator


@dataclass(frozen=True)
class WrongClock:
    """The clock of a machine that is wrong by some time."""

    clock: Clock
    error: timedelta

    def now(self) -> datetime:
        return self.clock.now() + self.error


@dataclass
class DailySync:
    """A database, the account it is synced from, and the syncs so far."""

    database: str | Path
    """A file, or the URL of a database on a server."""
    emulator: Emulator = field(default_factory=emulator_at_first_sync)
    endpoints: Sequence[Endpoint[Any]] = ENDPOINTS
    """The endpoints that are synced and read."""
    clock: Clock | None = None
    """The clock of the sync's machine; by default that of the emulator."""
    attempts: int = 4
    """Attempts of a call that is answered by a temporary error."""
    token: Callable[[App, Transport, Clock], TokenSource] | None = None

    @property
    def app(self) -> App:
        """The account."""
        return self.emulator.accounts[SMALLEST]

    @property
    def params(self) -> Mapping[str, Mapping[str, object]]:
        """The parameters of calls by endpoint name."""
        cards = self.emulator.simulation.accounts[self.app.appid].cards
        membership = next(card for card in cards if card.is_membership)
        return {"getcardmembercarddetail": {"card_id": membership.card_id}}

    @property
    def machine_clock(self) -> Clock:
        """The clock of the sync's machine."""
        return self.clock or self.emulator.clock

    def client(self) -> AsyncClient:
        """A client of the account."""
        transport = AsgiTransport(self.emulator.asgi, timeout_seconds=TIMEOUT_SECONDS)
        clock, app = self.machine_clock, self.app
        return AsyncClient(
            app.appid,
            app.secret,
            token=self.token(app, transport, clock) if self.token else None,
            transport=transport,
            clock=clock,
            retries=Retries(self.attempts, sleep=no_sleep, random=lambda: 1.0),
        )

    def plan(self, warehouse: Warehouse) -> Plan:
        """The calls that are due now by the clock of the sync's machine."""
        now = self.machine_clock.now()
        first = self.emulator.simulation.first_day
        window = Window(first, max(first, now.date() - DAY))
        wanted = [WantedDays(self.app.appid, window, self.endpoints, self.params)]
        return plan(wanted, warehouse, now, Choices(include_retired=True))

    def sync(self, on_progress: Callable[[SyncEvent], None] | None = None) -> Report:
        """Sync once, as a program of its own would."""
        with Warehouse.open(self.database) as warehouse:
            return asyncio.run(self._sync(warehouse, on_progress))

    def cancel_sync(self, answers: int) -> None:
        """Begin a sync, and cancel it when it has stored some answers, if it has so many."""

        async def cancelled(warehouse: Warehouse) -> None:
            task = asyncio.current_task()
            assert task is not None
            with suppress(asyncio.CancelledError):
                await self._sync(warehouse, after_answers(answers, task.cancel))

        with Warehouse.open(self.database) as warehouse:
            asyncio.run(cancelled(warehouse))

    async def _sync(
        self, warehouse: Warehouse, on_progress: Callable[[SyncEvent], None] | None
    ) -> Report:
        return await sync(
            self.plan(warehouse),
            {self.app.appid: self.client()},
            warehouse,
            clock=self.machine_clock,
            limits=NO_PAUSE,
            on_progress=on_progress,
        )

    def ask_again(self, endpoint: Endpoint[Any], window: Window) -> None:
        """Request a window whatever its state, and store the answer."""
        params = self.params.get(endpoint.name)
        with Warehouse.open(self.database) as warehouse:
            answer = asyncio.run(self.client().ask(endpoint, window, params))
            warehouse.replace(self.app.appid, Origin.WECHAT, answer, params)

    # --- results ---------------------------------------------------------------------------------

    def truth(self) -> dict[str, list[Any]]:
        """All rows of the endpoints that the emulator has now."""
        return {
            e.name: self.emulator.rows(self.app.appid, e, self.params.get(e.name))
            for e in self.endpoints
        }

    def rows(self) -> dict[str, list[Any]]:
        """All rows of the endpoints in the database."""
        with Warehouse.open(self.database, read_only=True) as warehouse:
            extents = {e: warehouse.extent(self.app.appid, e) for e in self.endpoints}
            return {
                e.name: list(warehouse.read(self.app.appid, e, extent)) if extent else []
                for e, extent in extents.items()
            }

    def ledger(self) -> Ledger:
        """The ledger entries of the endpoints."""
        with Warehouse.open(self.database, read_only=True) as warehouse:
            return {
                e.name: warehouse.coverage(self.app.appid, e, params=self.params.get(e.name))
                for e in self.endpoints
            }

    def calls(self) -> list[Entry]:
        """The calls for rows so far."""
        return self.emulator.journal.calls("/datacube/*")


def after_answers(answers: int, do: Callable[[], object]) -> Callable[[SyncEvent], None]:
    """A function for the events of a sync that does something once, after some stored answers."""
    remaining = answers

    def count(event: SyncEvent) -> None:
        nonlocal remaining
        remaining -= isinstance(event, CallAnswered)
        if not remaining:
            remaining = -1
            do()

    return count


def killed_sync(database: str, answers: int) -> None:
    """Begin the first sync, and kill this process when some answers are stored."""
    emulator = Emulator(accounts=SMALLEST + 1, days=HISTORY, now=FIRST_SYNC)
    kill = partial(os.kill, os.getpid(), signal.SIGKILL)
    DailySync(database, emulator).sync(after_answers(answers, kill))


def fewest_calls(
    endpoints: Sequence[Endpoint[Any]], ledger: Ledger, first_day: date, now: datetime
) -> Counter[str]:
    """The fewest calls of a daily sync by endpoint name, given the ledger of the evening before.

    Due are the days that are over and not settled; after a refusal of an endpoint, none for a week.
    """
    calls: Counter[str] = Counter()
    for endpoint in endpoints:
        expected, entries = ExpectedCalls(endpoint.name), ledger.get(endpoint.name, {})
        refused = [e.asked_at for e in entries.values() if e.state is State.REFUSED]
        if refused and now - max(refused) < REFUSAL_LIFETIME:
            continue
        labels = expected.labels(first_day, now.date() - DAY)
        due = [
            label
            for label in labels
            if expected.ready_at(label) <= now
            and not (label in entries and entries[label].state in SETTLED)
        ]
        calls[endpoint.name] = expected.fewest_calls(due)
    return +calls
