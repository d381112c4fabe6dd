"""Limits of calling: calls per second of our own choice, and endpoints WeChat has closed today."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any

from wxcube import beijing
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import QuotaError


class Pace:
    """Calls at even distances, so many a second at most; None is no limit."""

    def __init__(
        self,
        calls_per_second: float | None,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._distance = 1 / calls_per_second if calls_per_second else 0.0
        self._sleep = sleep
        self._elapsed = elapsed
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait until the next call may go."""
        if not self._distance:
            return
        now = self._elapsed()
        turn = max(now, self._next)
        self._next = turn + self._distance
        if turn > now:
            await self._sleep(turn - now)


class Quota:
    """Endpoints whose calls of the day are used up: they are not asked again before midnight."""

    def __init__(self) -> None:
        self._used_up: dict[str, tuple[date, QuotaError]] = {}

    def check(self, endpoint: Endpoint[Any], window: Window, now: datetime) -> None:
        """Let an endpoint be asked that still has calls.

        Raises:  QuotaError as WeChat sent it, if it did so on this Beijing day.
        """
        day, error = self._used_up.get(endpoint.name, (None, None))
        if error is not None and day == beijing.day_of(now):
            raise QuotaError(
                error.errcode,
                error.errmsg,
                rid=error.rid,
                endpoint=endpoint.name,
                window=window,
                hint=f"not asked again before midnight in Beijing; {error.hint}",
            )

    def note(self, endpoint: Endpoint[Any], error: QuotaError, now: datetime) -> None:
        """Remember that an endpoint has no calls left on the Beijing day of `now`."""
        self._used_up[endpoint.name] = (beijing.day_of(now), error)
