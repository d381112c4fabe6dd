"""How often and how long after an error a call is made again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from wxcube.errors import Remedy, WxcubeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """Attempts after errors whose remedy is to ask again: how many, and the pauses between them.

    Pauses double from the first to the longest; each is shortened by chance, to between half and
    the whole, so that many callers do not come back at the same moment.
    """

    attempts: int = 4
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def run(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        """What an attempt gives; it is told its number, from 1.

        Raises:  the last attempt's error, or the first that says not to ask again.
        """
        for number in range(1, self.attempts):
            try:
                return await attempt(number)
            except WxcubeError as error:
                if error.remedy is not Remedy.RETRY:
                    raise
            await self.sleep(self.pause(number))
        return await attempt(max(self.attempts, 1))

    def pause(self, number: int) -> float:
        """Seconds to wait after an attempt."""
        whole = min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (number - 1))
        return whole * (1 + self.random()) / 2
