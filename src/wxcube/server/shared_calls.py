"""Call counts that all processes with the database share.

Where there is a limit, a process sets calls aside in batches, so that all of them together keep to
it. Calls without a limit are counted in memory, and added to the database every second. While the
database does not answer, a process counts alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from time import monotonic

from wxcube.beijing import Clock
from wxcube.errors import WarehouseError
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
        limit = monotonic() - _BATCH_SECONDS
        with self._lock:
            old = {k: -self._left.pop(k, 0) for k, at in self._taken_at.items() if at < limit}
            for key in old:
                del self._taken_at[key]
            unsent, self._unsent = self._unsent, Counter()
        changes = Counter(unsent)
        changes.update({key: number for key, number in old.items() if number})
        if not changes:
            return
        self._is_reporting = True

        def write() -> None:
            self._store.add_calls(changes)
            self._is_reporting = False

        self._writes.later(write, lambda: self._take_back(unsent))

    def close(self) -> None:
        """Report everything, and give back what is left."""
        with self._lock:
            self._taken_at = dict.fromkeys(self._left, 0.0)
        self._report()

    def _take_back(self, unsent: Mapping[Key, int]) -> None:
        with self._lock:
            self._unsent.update(unsent)
        self._is_reporting = False

    def _spend(self, key: Key, limit: int | None, errcode: int) -> None:
        with self._lock:
            if limit is None:
                self._unsent[key] += 1
                return
            if self._left[key] > 0:
                self._left[key] -= 1
                return
            if monotonic() < self._refused_until.get(key, 0):
                raise refusal(errcode)
        taken = self._writes.result(lambda: self._take(key, limit), WAIT_SECONDS)
        if taken is None:
            self._spend_alone(key, limit, errcode)
            return
        with self._lock:
            if self._left[key] > 0:
                self._left[key] -= 1
                return
            if len(self._refused_until) > _MOST_REFUSED:
                self._refused_until.clear()
            self._refused_until[key] = monotonic() + _REFUSED_SECONDS
        raise refusal(errcode)

    def _take(self, key: Key, limit: int) -> int:
        """Set a batch aside; the number of its calls."""
        taken, _all = self._store.take_calls(key, limit, max(limit // _BATCHES, 1))
        with self._lock:
            self._left[key] += taken
            self._taken_at[key] = monotonic()
        return taken

    def _spend_alone(self, key: Key, limit: int, errcode: int) -> None:
        """Count one call while the database does not answer."""
        super()._spend(key, limit, errcode)
        with self._lock:
            self._unsent[key] += 1
