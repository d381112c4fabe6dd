"""Call counts per app, path and Beijing day, and quota clearings per month."""

from __future__ import annotations

from collections import Counter
from datetime import date

from wxcube import beijing
from wxcube.beijing import Clock
from wxcube.server.messages import refusal


class CallQuota:
    """Counts calls and refuses those beyond a limit. Counts start at 0 every Beijing day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._day: date | None = None
        self._used: Counter[tuple[str, str]] = Counter()
        self._clearings: Counter[tuple[str, str, date]] = Counter()

    def spend(self, appid: str, path: str, limit: int | None) -> None:
        """Count one call.

        Raises:  ReplyError 45009 if the limit is reached; the call is then not counted.
        """
        if limit is not None and self.used(appid, path) >= limit:
            raise refusal(45009)
        self._today()[appid, path] += 1

    def used(self, appid: str, path: str) -> int:
        """Calls counted today."""
        return self._today()[appid, path]

    def clear(self, appid: str, path: str | None = None) -> None:
        """Reset today's calls of one path, or of all paths."""
        today = self._today()
        for key in [key for key in today if key[0] == appid and path in {None, key[1]}]:
            del today[key]

    def spend_clearing(self, appid: str, kind: str, limit: int) -> None:
        """Count one clearing of this month.

        Raises:  ReplyError 48006 if this month's clearings are used up.
        """
        key = (appid, kind, beijing.month_start(beijing.day_of(self._clock.now())))
        if self._clearings[key] >= limit:
            raise refusal(48006)
        self._clearings[key] += 1

    def _today(self) -> Counter[tuple[str, str]]:
        today = beijing.day_of(self._clock.now())
        if today != self._day:
            self._day, self._used = today, Counter()
        return self._used
