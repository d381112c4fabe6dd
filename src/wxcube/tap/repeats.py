"""WeChat repeats a callback up to three times within seconds; what comes later is a replay."""

from __future__ import annotations

from wxcube.tap.refused import Reason, RefusedError
from wxcube.tap.reply_check import ATTEMPTS
from wxcube.tap.verification import Push

FRESH_SECONDS = 300
"""How far a callback's timestamp may be behind the newest one.

Attempts are 5 seconds apart, and WeChat holds its pushes for a minute after failures.
"""
MAX_REMEMBERED = 1 << 20
"""Callbacks of these seconds that are remembered; forged ones may have one timestamp for ever."""


class Repeats:
    """Counts attempts of the callbacks of an account, and refuses replays.

    The time is that of the newest signed callback, not of this machine, whose clock may be wrong.
    Only what was pushed in the last minutes is remembered, as a number per callback.
    """

    def __init__(self) -> None:
        self._newest = 0
        self._recent: dict[int, int] = {}
        self._earlier: dict[int, int] = {}
        self._since = 0

    def attempt(self, push: Push, identity: str) -> int:
        """The number of this attempt, from 1 to 3.

        Raises:  RefusedError if WeChat would not have pushed it now.
        """
        # an emulator pushes hours of simulated time at once
        is_late = push.timestamp < self._newest - FRESH_SECONDS
        if is_late and not push.account.is_simulated:
            raise RefusedError(Reason.REPLAYED, f"{self._newest - push.timestamp} seconds old")
        self._move(push.timestamp)
        key = hash(identity)
        before = self._recent.get(key) or self._earlier.get(key) or 0
        if before >= ATTEMPTS:
            raise RefusedError(Reason.REPLAYED, f"more than {ATTEMPTS} attempts")
        self._recent[key] = before + 1
        return before + 1

    def _move(self, timestamp: int) -> None:
        self._newest = max(self._newest, timestamp)
        is_full = len(self._recent) >= MAX_REMEMBERED
        if is_full or self._newest - self._since > FRESH_SECONDS:
            self._earlier, self._recent = self._recent, {}
            self._since = self._newest
