"""Call counts per app, path and period, and what happens beyond a limit.

Days and months are those of Beijing; counts start at 0 in every period.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import date

from wxcube.beijing import Clock, day_of, in_beijing
from wxcube.server.backend import App
from wxcube.server.messages import refusal

EVERY_PATH = "*"
"""The path of the limit that holds for all calls of an app."""
CLEARING = "clear:"
"""The beginning of the path that quota clearings count as."""
Key = tuple[str, str, str]
"""Appid, path and period."""


class CallQuota:
    """Counts calls in memory, and refuses those beyond a limit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: Counter[Key] = Counter()
        self._date: date | None = None
        self._today = ""

    def spend_call(self, app: App, path: str) -> None:
        """Count one call of an app with the limits of the app.

        Raises:  ReplyError 45011 or 45009 if a limit is reached.
        """
        for limit in self._limits(app, path):
            self._spend(*limit)

    def awaited(self, app: App, path: str) -> Callable[[], Awaitable[None]] | None:  # noqa: ARG002
        """What has to be awaited so that counting a call need not wait; None: nothing."""
        return None

    def _limits(self, app: App, path: str) -> Iterator[tuple[Key, int | None, int]]:
        """The limits that a call counts for, each with the errcode beyond it."""
        if app.minute_limit is not None:
            yield (app.appid, EVERY_PATH, self._minute()), app.minute_limit, 45011
        yield (app.appid, path, self._day()), app.daily_limit, 45009

    def spend(self, appid: str, path: str, limit: int | None) -> None:
        """Count one call.

        Raises:  ReplyError 45009 if the limit is reached; the call is then not counted.
        """
        self._spend((appid, path, self._day()), limit, 45009)

    def used(self, appid: str, path: str) -> int:
        """Calls counted today."""
        return self._used[appid, path, self._day()]

    def clear(self, appid: str, path: str | None = None) -> None:
        """Reset today's calls of one path, or of all paths."""
        day = self._day()
        for key in [key for key in self._used if _is_of(key, appid, path, day)]:
            del self._used[key]

    def spend_clearing(self, appid: str, kind: str, limit: int) -> None:
        """Count one clearing of this month.

        Raises:  ReplyError 48006 if this month's clearings are used up.
        """
        self._spend((appid, f"{CLEARING}{kind}", self._day()[:7]), limit, 48006)

    def _spend(self, key: Key, limit: int | None, errcode: int) -> None:
        if limit is not None and self._used[key] >= limit:
            raise refusal(errcode)
        self._used[key] += 1

    def _day(self) -> str:
        day = day_of(self._clock.now())
        # PERF: a day is written as text once
        if day != self._date:
            self._date, self._today = day, day.isoformat()
            self._forget({self._today, self._today[:7]})
        return self._today

    def _minute(self) -> str:
        minute = in_beijing(self._clock.now()).isoformat(timespec="minutes")[:16]
        if len(self._used) > _MOST_KEYS:
            self._forget({self._today, self._today[:7], minute})
        return minute

    def _forget(self, periods: set[str]) -> None:
        """Forget the counts of all but some periods."""
        self._used = Counter({k: n for k, n in self._used.items() if k[2] in periods})


_MOST_KEYS = 10_000
"""Counts in memory, from which on those of earlier minutes are dropped."""


def _is_of(key: Key, appid: str, path: str | None, period: str) -> bool:
    return (key[0], key[2]) == (appid, period) and path in {None, key[1]}
