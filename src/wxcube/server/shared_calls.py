"""Call counts that all processes with the database share.

Where there is a limit, a process sets calls aside in batches, so that all of them together keep to
it. Calls without a limit are counted in memory, and added to the database every second. While the
database does not answer, a process counts alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from time import monotonic

from wxcube.beijing import Clock
from wxcube.errors import WarehouseError
from wxcube.server.backend import App
from wxcube.server.call_quota import CallQuota, Key
from wxcube.server.database_writes import DatabaseWrites
from wxcube.server.messages import refusal
from wxcube.warehouse.app_store import AppStore

WAIT_SECONDS = 0.25
"""How long a call waits for its batch."""
_CLEARING_SECONDS = 2.0
_BATCHES = 20
"""A batch is this part of the limit, so that one process never holds much of it."""
_BATCH_SECONDS = 10.0
"""What is left of a batch after this time is given back."""
_MOMENT_SECONDS = 1.0
"""How long one call of it stays for a caller that has looked whether there is one."""
_REFUSED_SECONDS = 1.0
"""How long a used up limit is remembered, before the database is asked again."""
_MOST_REFUSED = 10_000
"""Used up limits that are remembered."""


class SharedCalls(CallQuota):
    """Counts calls in the database; threads may share it."""

    def __init__(self, store: AppStore, clock: Clock, writes: DatabaseWrites) -> None:
        super().__init__(clock)
        self._store = store
        self._writes = writes
        self._lock = threading.Lock()
        self._left: Counter[Key] = Counter()
        """Calls that are set aside for this process."""
        self._taken_at: dict[Key, float] = {}
        self._looked_at: dict[Key, float] = {}
        """When a caller last found that a call is set aside, which it is about to count."""
        self._taking: dict[Key, Future[None]] = {}
        """Batches that are being set aside, and those that were last."""
        self._refused_until: dict[Key, float] = {}
        self._unsent: Counter[Key] = Counter()
        """Calls that are not in the database yet."""
        self._is_reporting = False

    def used(self, appid: str, path: str) -> int:
        """Calls counted today, with those of other processes up to a second ago."""
        key = (appid, path, self._day())
        try:
            stored = self._store.calls(key)
        except WarehouseError:
            stored = 0
        with self._lock:
            return max(stored + self._unsent[key] - self._left[key], 0)

    def clear(self, appid: str, path: str | None = None) -> None:
        """Reset today's calls of one path, or of all paths."""
        day = self._day()
        self._writes.result(lambda: self._store.clear_calls(appid, day, path), _CLEARING_SECONDS)
        with self._lock:
            for counts in (self._left, self._unsent, self._used, self._refused_until):
                for key in [k for k in counts if (k[0], k[2]) == (appid, day)]:
                    if path in {None, key[1]}:
                        del counts[key]

    def flush(self) -> None:
        """Report the calls of this process, and give back what is left of old batches.

        Nothing is done while an earlier report is not written.
        """
        if not self._is_reporting:
            self._report()

    def _report(self) -> None:
        with self._lock:
            changes = self._take_old_batches()
            unsent, self._unsent = self._unsent, Counter()
        changes.update(unsent)
        if not changes:
            return
        self._is_reporting = True

        def write() -> None:
            self._store.add_calls(changes)
            self._is_reporting = False

        self._writes.later(write, lambda: self._take_back(unsent))

    def _take_old_batches(self) -> Counter[Key]:
        """Take what is left of old batches, but for a call that is about to be counted.

        The numbers are negative, as the database's counts change by them.
        """
        now, changes = monotonic(), Counter[Key]()
        old = [key for key, at in self._taken_at.items() if at < now - _BATCH_SECONDS]
        for key in old:
            is_in_use = self._looked_at.get(key, 0) > now - _MOMENT_SECONDS
            left = self._left.pop(key, 0)
            if is_in_use and left > 0:
                self._left[key] = 1
                left -= 1
            else:
                del self._taken_at[key]
                self._looked_at.pop(key, None)
                if key in self._taking and self._taking[key].done():
                    del self._taking[key]
            if left:
                changes[key] = -left
        return changes

    def close(self) -> None:
        """Report everything, and give back what is left."""
        wait(list(self._taking.values()), WAIT_SECONDS)
        with self._lock:
            self._taken_at = dict.fromkeys(self._left, 0.0)
            self._looked_at.clear()
        self._report()

    def _take_back(self, unsent: Mapping[Key, int]) -> None:
        with self._lock:
            self._unsent.update(unsent)
        self._is_reporting = False

    # --- limits ----------------------------------------------------------------------------------

    def awaited(self, app: App, path: str) -> Callable[[], Awaitable[None]] | None:
        """What has to be awaited so that counting a call need not wait; None: nothing."""
        if app.minute_limit is None and app.daily_limit is None:
            return None
        limited = [(key, limit) for key, limit, _errcode in self._limits(app, path) if limit]
        return partial(self._set_aside, limited) if self._unknown(limited) else None

    async def _set_aside(self, limited: Sequence[tuple[Key, int]]) -> None:
        """Wait until a call of each limit is set aside, or one is used up, but not for long."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while unknown := self._unknown(limited):
                    taken = self._begin_taking(*unknown)
                    if taken is None:
                        return
                    # others wait for it too
                    await asyncio.shield(asyncio.wrap_future(taken))
        except TimeoutError:
            self._writes.give_up(f"no answer in {WAIT_SECONDS:g} s")
        except WarehouseError as error:
            self._writes.give_up(str(error))

    def _unknown(self, limited: Sequence[tuple[Key, int]]) -> tuple[Key, int] | None:
        """The first limit of which no call is set aside, and that is not known to be used up."""
        with self._lock:
            now = monotonic()
            for key, limit in limited:
                if self._left[key] > 0:
                    self._looked_at[key] = now
                elif now >= self._refused_until.get(key, 0):
                    return key, limit
        return None

    def _spend(self, key: Key, limit: int | None, errcode: int) -> None:
        if limit is None:
            with self._lock:
                self._unsent[key] += 1
        elif not self._spend_set_aside(key, limit, errcode):
            if taken := self._begin_taking(key, limit):
                self._writes.wait(taken, WAIT_SECONDS)
            if not self._spend_set_aside(key, limit, errcode):
                self._spend_alone(key, limit, errcode)

    def _spend_set_aside(self, key: Key, limit: int, errcode: int) -> bool:
        """Count a call that is set aside; False if there is none.

        Raises:  ReplyError if the limit is known to be used up.
        """
        with self._lock:
            if (left := self._left[key]) > 0:
                self._left[key] = left - 1
            elif monotonic() < self._refused_until.get(key, 0):
                raise refusal(errcode)
            else:
                return False
        if left - 1 == _batch(limit) // 2 > 0:
            # the next one, before anybody has to wait for it
            self._begin_taking(key, limit)
        return True

    def _begin_taking(self, key: Key, limit: int) -> Future[None] | None:
        """Begin to set a batch aside; None while the database does not answer."""
        with self._lock:
            known = self._taking.get(key)
            if known is None or known.done():
                known = self._writes.begin(partial(self._take, key, limit))
                if known is None:
                    self._taking.pop(key, None)
                else:
                    self._taking[key] = known
            return known

    def _take(self, key: Key, limit: int) -> None:
        taken, _all = self._store.take_calls(key, limit, _batch(limit))
        with self._lock:
            self._left[key] += taken
            self._taken_at[key] = monotonic()
            if not taken:
                if len(self._refused_until) > _MOST_REFUSED:
                    self._refused_until.clear()
                self._refused_until[key] = monotonic() + _REFUSED_SECONDS

    def _spend_alone(self, key: Key, limit: int, errcode: int) -> None:
        """Count one call while the database does not answer."""
        super()._spend(key, limit, errcode)
        with self._lock:
            self._unsent[key] += 1


def _batch(limit: int) -> int:
    """The number of calls that are set aside at once."""
    return max(limit // _BATCHES, 1)
