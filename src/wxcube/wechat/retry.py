"""Retries of calls: how many attempts, and the pauses between them."""

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
    """Attempts after errors whose remedy is a retry: how many, and the pauses between them.

    Pauses double from the first to the longest; each is shortened at random by up to half, so that
    many callers do not retry at the same time.
    """

    attempts: int = 4
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def run(self, attempt: Callable[[int], Awaitable[T]]) -> T:
        """The result of the first successful attempt; `attempt` gets its number, from 1.

        Raises:  the error of the last attempt, or the first error that is not to be retried.
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
        """The seconds to wait after an attempt."""
        longest = min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (number - 1))
        return longest * (1 + self.random()) / 2
