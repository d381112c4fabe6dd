"""Work that is done once for all who wait for it at the same time, in a limited time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
_Piece = tuple[Callable[[], Any], asyncio.Future[Any]]
_Done = tuple[asyncio.Future[Any], Any, Exception | None]
_PIECES = 16
"""Pieces of work after which a thread hands over what is done."""
_STALL_SECONDS = 0.005
"""After so long without a piece that is done, other threads help."""


class Flights:
    """Work in progress, by what it is for."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Future[Any]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def get(self, key: Hashable, start: Callable[[], asyncio.Future[T]]) -> asyncio.Future[T]:
        """What will have the result of the work for a key, which is started unless it is running.

        It is shared: whoever awaits it in a task that may be cancelled has to shield it.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = start()
            flight.add_done_callback(partial(self._end, key))
        return flight

    async def join(self, key: Hashable, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the work for a key, which is started unless it is in progress.

        It goes on if those who wait for it give up.

        Raises:  the error of the work.
        """
        return await asyncio.shield(self.get(key, lambda: asyncio.create_task(start())))

    async def close(self) -> None:
        """Stop all work."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _end(self, key: Hashable, flight: asyncio.Future[Any]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            # those who waited may have given up
            flight.exception()


class Threads:
    """A few threads for work that blocks, and may take a number of seconds.

    PERF: a change of threads costs as much as a short read. Work that comes in one turn of the
    event loop is begun together, a thread does several pieces before it hands over their results,
    and one timer serves all time limits. Where the work `is_brief`, one thread does it alone as
    long as it gets on: several would only take the interpreter's lock from each other.
    """

    def __init__(self, count: int, seconds: float, *, is_brief: bool = False) -> None:
        self._count = count
        self.seconds = seconds
        """The limit of what comes from now on."""
        self._is_brief = is_brief
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="wxcube-read")
        self._waiting: deque[_Piece] = deque()
        self._done: deque[_Done] = deque()
        """What the threads have done, and the event loop has not heard of."""
        self._done_count = 0
        self._running: dict[asyncio.Future[Any], float] = {}
        """What is not done, and by when it has to be, in this order."""
        self._limit: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._is_starting = False
        self._busy = 0

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What will have the result of work on one of the threads, or its error.

        It is a TimeoutError if the work takes too long. Work that is not begun by then, or that is
        cancelled, is never begun.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, result))
        self._running[result] = loop.time() + self.seconds
        if self._limit is None:
            self._limit = loop.call_later(self.seconds, self._stop_late, loop)
        if not self._is_starting:
            self._is_starting = True
            loop.call_soon(self._start, loop)
        return result

    def close(self) -> None:
        """Begin no more work."""
        self._waiting.clear()
        for timer in (self._limit, self._look):
            if timer:
                timer.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _stop_late(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for result in [one for one, ends_at in self._running.items() if ends_at <= now]:
            del self._running[result]
            if not result.done():
                result.set_exception(TimeoutError())
        ends_at = next(iter(self._running.values()), None)
        self._limit = None if ends_at is None else loop.call_at(ends_at, self._stop_late, loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_starting = False
        if not (self._busy and self._is_brief):
            self._begin(loop)
        if self._busy and self._look is None:
            done = self._done_count
            self._look = loop.call_later(_STALL_SECONDS, self._look_for_stall, loop, done)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._busy < self._count:
            self._busy += 1
            self._pool.submit(self._work, loop)

    def _look_for_stall(self, loop: asyncio.AbstractEventLoop, done: int) -> None:
        """Hand over what was done before a piece that takes long, and let another thread help."""
        self._look = None
        if self._done_count == done:
            self._hand_over()
            self._begin(loop)
        self._start(loop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        # the event loop may be closed while this thread waits for the database
        with suppress(RuntimeError):
            while piece := self._next():
                work, result = piece
                self._done.append((result, *_outcome(work)))
                self._done_count += 1
                if not self._waiting or len(self._done) >= _PIECES:
                    loop.call_soon_threadsafe(self._hand_over)
            loop.call_soon_threadsafe(self._end, loop)

    def _next(self) -> _Piece | None:
        """Some work that somebody still waits for."""
        with suppress(IndexError):
            while piece := self._waiting.popleft():
                if not piece[1].done():
                    return piece
        return None

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._busy -= 1
        self._hand_over()
        # work that came when the thread had already looked
        self._start(loop)

    def _hand_over(self) -> None:
        with suppress(IndexError):
            while True:
                result, value, error = self._done.popleft()
                self._running.pop(result, None)
                if result.done():
                    continue
                if error:
                    result.set_exception(error)
                else:
                    result.set_result(value)


def _outcome(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
        return None, error
