"""Limits on how often something may be tried."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

from wxcube.beijing import Clock

HOUR = timedelta(hours=1)


class Throttle:
    """Allows a number of tries an hour for each key, such as an address."""

    def __init__(self, tries: int, clock: Clock) -> None:
        self._tries = tries
        self._clock = clock
        self._times: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Whether one more try is allowed; it is counted if it is."""
        now = self._clock.now()
        with self._lock:
            self._forget(now - HOUR)
            times = self._times.setdefault(key, deque())
            if len(times) >= self._tries:
                return False
            times.append(now)
            return True

    def _forget(self, before: datetime) -> None:
        """Forget old tries, and keys that have no others."""
        for key, times in list(self._times.items()):
            while times and times[0] <= before:
                times.popleft()
            if not times:
                del self._times[key]
