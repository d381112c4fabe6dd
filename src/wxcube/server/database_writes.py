"""Writes to the database that a request waits for, but not for long.

They are made on a thread of their own, in order. A request that waited in vain goes on without:
what it decided by itself is written later.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedInVain
from time import monotonic
from typing import TypeVar

import structlog

from wxcube.errors import WarehouseError

T = TypeVar("T")
_PAUSE_SECONDS = 1.0
"""How long nobody waits for a database that did not answer in time."""
_CLOSING_SECONDS = 5.0
"""How long the end of the server waits for writes that have not begun."""
_MOST_WAITING = 1_000
"""Writes that are not made yet; further ones are dropped."""

_log = structlog.get_logger()


class DatabaseWrites:
    """A thread that writes."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wxcube-apps")
        self._waiting = 0
        self._hopeless_until = 0.0

    def result(self, write: Callable[[], T], seconds: float) -> T | None:
        """The result of a write; None if the database did not answer in time or failed.

        Other errors of the write are raised. A write that was waited for in vain is dropped if it
        has not begun.
        """
        if monotonic() < self._hopeless_until:
            return None
        future = self._thread.submit(write)
        try:
            return future.result(seconds)
        except WaitedInVain:
            future.cancel()
            reason = f"no answer in {seconds:g} s"
        except WarehouseError as error:
            reason = str(error)
        self._hopeless_until = monotonic() + _PAUSE_SECONDS
        _log.warning("apps.not_shared", reason=reason)
        return None

    def later(self, write: Callable[[], object], on_failure: Callable[[], object]) -> None:
        """Make a write without waiting for it; `on_failure` is called if the database fails."""
        if self._waiting >= _MOST_WAITING:
            on_failure()
            return
        self._waiting += 1

        def done(future: Future[object]) -> None:
            self._waiting -= 1
            if future.cancelled():
                return
            if error := future.exception():
                _log.warning("apps.not_shared", reason=str(error))
                on_failure()

        self._thread.submit(write).add_done_callback(done)

    def close(self) -> None:
        """End the thread after the writes that wait; without them if the database is too slow."""
        try:
            self._thread.submit(_nothing).result(_CLOSING_SECONDS)
        except WaitedInVain:
            _log.warning("apps.not_shared", reason="the server ends", writes=self._waiting)
        self._thread.shutdown(cancel_futures=True)


def _nothing() -> None:
    """What ends when the writes before it have ended."""
