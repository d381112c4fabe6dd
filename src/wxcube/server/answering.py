"""Answers of a gateway without waiting for its database: kept ones at once, others in threads.

Whoever asks for what is being read or fetched already waits for the same. Everything that waits
does so for a limited time, after which the answer is WeChat's -1.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Any, Protocol, TypeVar

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import (
    AccessError,
    BudgetError,
    NotReadyError,
    QuotaError,
    RetiredError,
    SettingsError,
    WarehouseError,
    WxcubeError,
)
from wxcube.server.backend import App
from wxcube.server.flights import Flights, Threads
from wxcube.server.gateway import Gateway, StoredAnswer
from wxcube.server.kept_answers import Asked, KeptAnswers
from wxcube.server.messages import Later, Reply, refusal
from wxcube.settings import LimitSettings
from wxcube.warehouse.change_watch import ChangeWatch
from wxcube.warehouse.changes import Progress

T = TypeVar("T")
LOOK_SECONDS = 0.25
"""How long an answer from a database on a server is given without looking for changes."""
_LOOK_LIMIT_SECONDS = 1.0
"""How long a look for changes holds up kept answers."""
_SHORT_PAUSE_SECONDS, _PAUSE_SECONDS = 5.0, 60.0
"""How long a window is not asked for again, after WeChat did not answer, and after it refused."""
_MOST_PAUSES = 1_000
_SYSTEM_ERROR, _NO_CALLS_LEFT = -1, 45009
_PASSED_ON = (AccessError, RetiredError, QuotaError, NotReadyError)
"""WeChat's refusals that concern the caller; its others concern this server."""

_State = tuple[int, Progress | None]
"""The database file, and how far an account was, when reading began."""

_log = logging.getLogger(__name__)


class ReadThrough(Protocol):
    """What asks WeChat for days that the database lacks, and stores them."""

    async def load(
        self,
        account: str,
        endpoint: Endpoint[Any],
        days: Sequence[date],
        params: Mapping[str, object],
    ) -> None:
        """Ask for days, and store the answers.

        Raises:  WxcubeError, such as a ReplyError of WeChat, or a BudgetError.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Answering:
    """A backend that gives the answers of a gateway, on one event loop."""

    def __init__(
        self,
        gateway: Gateway,
        watch: ChangeWatch,
        limits: LimitSettings,
        read_through: ReadThrough | None = None,
    ) -> None:
        self.kept = KeptAnswers(limits.kept_bytes)
        self._gateway = gateway
        self._watch = watch
        self._is_instant = watch.is_instant
        self._read_through = read_through
        self._threads = Threads(
            limits.database_threads, limits.answer_seconds, is_brief=watch.is_instant
        )
        self._look_thread = Threads(1, _LOOK_LIMIT_SECONDS)
        self._fetch_seconds = 0.0
        self.set_limits(limits)
        self._flights = Flights()
        self._version = (0, 0)
        """The database file, counted, and its commit, at the last look."""
        self._file = 0
        self._is_version_current = False
        self._looked_at: dict[str, float] = {}
        self._not_looked: set[str] = set()
        """Accounts whose changes could not be read the last time."""
        self._pauses: dict[Asked, tuple[float, int]] = {}
        """Until when a window is not asked for, and how it is refused; 0: it is not."""
        self._silent_until: dict[tuple[str, str, type[Exception]], float] = {}
        """Until when errors of a kind are not logged again, for an account's endpoint."""

    def set_limits(self, limits: LimitSettings) -> None:
        """Keep to other limits of memory and time from now on, but not of threads."""
        self.kept.limit = limits.kept_bytes
        self._threads.seconds = limits.answer_seconds
        self._fetch_seconds = limits.read_through_seconds

    def app(self, appid: str) -> App | None:
        """The local app with this appid."""
        return self._gateway.app(appid)

    def rows(
        self, app: App, endpoint: Endpoint[Any], window: Window, params: Mapping[str, object]
    ) -> Reply | Later:
        """The answer if it is kept and current, or the one that is read now.

        Making that one raises a ReplyError if there is none.
        """
        asked = Asked(app.account, endpoint, window, tuple(params.items()))
        if self._is_looked(app.account):
            kept = self.kept.get(asked)
            return kept if kept is not None else self._answer(asked)
        return Later.by_task(self._look_and_answer(asked))

    async def run(self, check: Callable[[], T]) -> T:
        """The result of a check of the database, for all who ask for it meanwhile.

        Raises:  TimeoutError; the error of the check.
        """
        flight = self._flights.get(check, partial(self._threads.run, check))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Stop all work."""
        await self._flights.close()
        self._threads.close()
        self._look_thread.close()
        if self._read_through:
            await self._read_through.close()
        self._watch.close()

    # --- what is current -------------------------------------------------------------------------

    def _is_looked(self, account: str) -> bool:
        """Whether changes of an account were looked for just now, perhaps by this call."""
        if not self._is_instant:
            return self._is_looked_at_lately(account)
        if not self._is_version_current:
            self._look_at_version()
        if self.kept.version(account) != self._version:
            # somebody may hold the database so that nothing can be read: nothing is known to change
            with suppress(WarehouseError):
                changes = self._watch.changes(account, self.kept.progress(account))
                self.kept.notice(account, self._version, changes)
        return True

    def _look_at_version(self) -> None:
        """Look for changes, once for all requests that have arrived by now."""
        self._version = self._watch.version()
        if self._version[0] != self._file:
            self._file = self._version[0]
            self.kept.clear()
        self._is_version_current = True
        asyncio.get_running_loop().call_soon(self._forget_version)

    def _forget_version(self) -> None:
        self._is_version_current = False

    def _is_looked_at_lately(self, account: str) -> bool:
        is_late = time.monotonic() - self._looked_at.get(account, 0.0) > LOOK_SECONDS
        if is_late and account in self._not_looked:
            # the database does not answer: look again, and do not wait for it
            task = asyncio.ensure_future(self._look(account))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return not is_late or account in self._not_looked

    async def _look_and_answer(self, asked: Asked) -> Reply:
        await self._look(asked.account)
        kept = self.kept.get(asked)
        return kept if kept is not None else await self._answer(asked).wait()

    async def _look(self, account: str) -> None:
        await self._flights.join(account, partial(self._look_at_server, account))

    async def _look_at_server(self, account: str) -> None:
        started, before = time.monotonic(), self.kept.progress(account)
        work = partial(self._watch.changes, account, before)
        self._looked_at[account] = started + _LOOK_LIMIT_SECONDS
        try:
            changes = await self._look_thread.run(work)
        except (WarehouseError, TimeoutError):
            self._not_looked.add(account)
        else:
            self._not_looked.discard(account)
            self.kept.notice(account, None, changes)
        self._looked_at[account] = started

    # --- what is not kept ------------------------------------------------------------------------

    def _answer(self, asked: Asked) -> Later:
        state = (self._file, self.kept.progress(asked.account))
        # what was begun before the last change is not for those who ask after it
        key = (asked, self._file, self.kept.stage(asked.account))
        if self._read_through is None:
            # PERF: what only reads needs no task
            read = self._flights.get(key, partial(self._read, asked))
            return Later(read, partial(self._reply, asked, state))
        load = partial(self._read_and_load, asked, state, self._read_through)
        return Later.of(self._flights.get(key, lambda: asyncio.create_task(load())))

    async def _read_and_load(self, asked: Asked, state: _State, source: ReadThrough) -> Reply:
        answer = self._answer_of(await _ended(self._read(asked)))
        if answer.missing and not self._is_paused(asked):
            await self._fetch(asked, answer.missing, source)
            state = (state[0], self.kept.progress(asked.account))
            answer = self._answer_of(await _ended(self._read(asked)))
            if answer.missing:
                self._pauses[asked] = (time.monotonic() + _PAUSE_SECONDS, 0)
        return self._keep(asked, answer, state)

    def _read(self, asked: Asked) -> asyncio.Future[StoredAnswer]:
        account, endpoint, window, params = asked
        return self._threads.run(
            partial(self._gateway.read, account, endpoint, window, dict(params))
        )

    def _reply(self, asked: Asked, state: _State, read: asyncio.Future[StoredAnswer]) -> Reply:
        return self._keep(asked, self._answer_of(read), state)

    def _answer_of(self, read: asyncio.Future[StoredAnswer]) -> StoredAnswer:
        try:
            return read.result()
        except TimeoutError:
            _log.error(
                "api.too_late: the database took more than %s seconds", self._threads.seconds
            )
            raise refusal(_SYSTEM_ERROR) from None

    def _keep(self, asked: Asked, answer: StoredAnswer, state: _State) -> Reply:
        """The reply of an answer, which is kept if it still is the one after this state."""
        reply = self._gateway.checked(answer)
        file, since = state
        # another file may be as far as the one that was read
        if answer.is_lasting and file == self._file:
            self.kept.put(asked, reply, since)
        return reply

    async def _fetch(self, asked: Asked, days: Sequence[date], source: ReadThrough) -> None:
        """Have days loaded from WeChat.

        Raises:  ReplyError: what WeChat says, as far as it concerns the caller.
        """
        load = partial(source.load, asked.account, asked.endpoint, days, dict(asked.params))
        try:
            async with asyncio.timeout(self._fetch_seconds):
                # the answer is stored even if it comes too late for this caller
                await self._flights.join(("load", asked), load)
        except (WxcubeError, TimeoutError) as error:
            self._warn(asked, error)
            if not isinstance(error, SettingsError):
                self._pause(asked, _errcode_of(error))

    def _warn(self, asked: Asked, error: Exception) -> None:
        """Log why an endpoint was not read through, once a minute however many ask."""
        key, now = (asked.account, asked.endpoint.name, type(error)), time.monotonic()
        if now >= self._silent_until.get(key, 0.0):
            self._silent_until[key] = now + _PAUSE_SECONDS
            _log.warning("api.not_read_through: %s: %s", type(error).__name__, error)

    def _is_paused(self, asked: Asked) -> bool:
        """Whether WeChat is not asked again yet.

        Raises:  ReplyError: how it refused.
        """
        ends_at, errcode = self._pauses.get(asked, (0.0, 0))
        is_paused = time.monotonic() < ends_at
        if is_paused and errcode:
            raise refusal(errcode)
        if not is_paused:
            self._pauses.pop(asked, None)
        if len(self._pauses) >= _MOST_PAUSES:
            self._pauses.clear()
        return is_paused

    def _pause(self, asked: Asked, errcode: int) -> None:
        """Refuse what is asked, and for some time without asking WeChat again.

        Raises:  the refusal.
        """
        seconds = _SHORT_PAUSE_SECONDS if errcode == _SYSTEM_ERROR else _PAUSE_SECONDS
        self._pauses[asked] = (time.monotonic() + seconds, errcode)
        raise refusal(errcode)


async def _ended(future: asyncio.Future[T]) -> asyncio.Future[T]:
    """A future that others may share, once it is done."""
    await asyncio.wait([future])
    return future


def _errcode_of(error: Exception) -> int:
    """What the caller is told of an error of the other server."""
    if isinstance(error, BudgetError):
        return _NO_CALLS_LEFT
    return error.errcode if isinstance(error, _PASSED_ON) else _SYSTEM_ERROR
