"""Writes to the database that a request waits for, but not for long.

They are made on a thread of their own, in order. A request that waited in vain goes on without:
what it decided by itself is written later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedInVain
from time import monotonic
from typing import Any, TypeVar

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
        self._lock = threading.Lock()
        self._waiting = 0
        self._hopeless_until = 0.0

    def begin(self, write: Callable[[], T]) -> Future[T] | None:
        """Begin a write that may be waited for; None while the database does not answer."""
        if monotonic() < self._hopeless_until or self._waiting >= _MOST_WAITING:
            return None
        return self._submit(write)

    def give_up(self, reason: str) -> None:
        """Begin no write for a moment: one was waited for in vain, or failed."""
        self._hopeless_until = monotonic() + _PAUSE_SECONDS
        _log.warning("apps.not_shared", reason=reason)

    def result(self, write: Callable[[], T], seconds: float) -> T | None:
        """The result of a write; None if the database did not answer in time or failed.

        Other errors of the write are raised. A write that was waited for in vain is dropped if it
        has not begun.
        """
        future = self.begin(write)
        return None if future is None else self.wait(future, seconds)

    def wait(self, begun: Future[T], seconds: float) -> T | None:
        """The result of a write that was begun, in the same way."""
        try:
            return begun.result(seconds)
        except WaitedInVain:
            begun.cancel()
            self.give_up(f"no answer in {seconds:g} s")
        except WarehouseError as error:
            self.give_up(str(error))
        return None

    def later(self, write: Callable[[], object], on_failure: Callable[[], object]) -> None:
        """Make a write without waiting for it; `on_failure` is called if the database fails."""

        def done(future: Future[object]) -> None:
            if not future.cancelled() and (error := future.exception()):
                _log.warning("apps.not_shared", reason=str(error))
                on_failure()

        if self._waiting >= _MOST_WAITING:
            on_failure()
        else:
            self._submit(write).add_done_callback(done)

    def _submit(self, write: Callable[[], T]) -> Future[T]:
        with self._lock:
            self._waiting += 1
        future = self._thread.submit(write)
        future.add_done_callback(self._count_done)
        return future

    def _count_done(self, _future: Future[Any]) -> None:
        with self._lock:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread after the writes that wait; without them if the database is too slow."""
        try:
            self._thread.submit(_nothing).result(_CLOSING_SECONDS)
        except WaitedInVain:
            _log.warning("apps.not_shared", reason="the server ends", writes=self._waiting)
        self._thread.shutdown(cancel_futures=True)


def _nothing() -> None:
    """What ends when the writes before it have ended."""
