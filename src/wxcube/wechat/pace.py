"""Limits of calls: a maximum rate, and endpoints whose daily quota is used up."""

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
from wxcube.i18n import _


class Pace:
    """A maximum number of calls per second, at even intervals; None means no limit."""

    def __init__(
        self,
        calls_per_second: float | None,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / calls_per_second if calls_per_second else 0.0
        self._sleep = sleep
        self._elapsed = elapsed
        self._next = float("-inf")

    async def wait(self) -> None:
        """Wait until the next call may be made."""
        if not self._interval:
            return
        now = self._elapsed()
        start = max(now, self._next)
        self._next = start + self._interval
        if start > now:
            await self._sleep(start - now)


class Quota:
    """Endpoints whose daily quota is used up; they are not called again before midnight."""

    def __init__(self) -> None:
        self._used_up: dict[str, tuple[date, QuotaError]] = {}

    def check(self, endpoint: Endpoint[Any], window: Window, now: datetime) -> None:
        """Check that the daily quota of an endpoint is not used up.

        Raises:  the QuotaError that WeChat returned on the same Beijing day.
        """
        day, error = self._used_up.get(endpoint.name, (None, None))
        if error is not None and day == beijing.day_of(now):
            raise QuotaError(
                error.errcode,
                error.errmsg,
                rid=error.rid,
                endpoint=endpoint.name,
                window=window,
                hint=_("not called again before midnight in Beijing; {hint}", hint=error.hint),
            )

    def record(self, endpoint: Endpoint[Any], error: QuotaError, now: datetime) -> None:
        """Record that the quota of an endpoint is used up on the Beijing day of `now`."""
        self._used_up[endpoint.name] = (beijing.day_of(now), error)
