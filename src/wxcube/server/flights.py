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
_PIECES = 4
"""Pieces of work after which a thread hands over what is done."""


class Flights:
    """Work in progress, by what it is for."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def join(self, key: Hashable, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the work for a key, which is started unless it is in progress.

        It goes on if those who wait for it give up.

        Raises:  the error of the work.
        """
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(start())
            task.add_done_callback(partial(self._end, key))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Stop all work."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            # those who waited may have given up
            task.exception()


class Threads:
    """A few threads for work that blocks.

    PERF: a change of threads costs as much as a short read, so that a thread does several pieces of
    work that wait before it hands over their results.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="wxcube-read")
        self._waiting: deque[_Piece] = deque()
        self._busy = 0

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """The result of work on one of the threads.

        Work that is not begun by then is never begun.

        Raises:  TimeoutError if it takes longer; the error of the work.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, result))
        self._start(loop)
        async with asyncio.timeout(seconds):
            return await result

    def close(self) -> None:
        """Begin no more work."""
        self._waiting.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._busy < self._count:
            self._busy += 1
            self._pool.submit(self._work, loop)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        # the event loop may be closed while this thread waits for the database
        with suppress(RuntimeError):
            while pieces := self._take():
                done = [(result, *_outcome(work)) for work, result in pieces]
                loop.call_soon_threadsafe(_hand_over, done)
            loop.call_soon_threadsafe(self._end, loop)

    def _take(self) -> list[_Piece]:
        """Some work that somebody still waits for."""
        pieces: list[_Piece] = []
        with suppress(IndexError):
            while len(pieces) < _PIECES:
                piece = self._waiting.popleft()
                if not piece[1].done():
                    pieces.append(piece)
        return pieces

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._busy -= 1
        # work that came when the thread had already looked
        self._start(loop)


def _outcome(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
        return None, error


def _hand_over(done: list[tuple[asyncio.Future[Any], Any, Exception | None]]) -> None:
    for result, value, error in done:
        if result.done():
            continue
        if error:
            result.set_exception(error)
        else:
            result.set_result(value)
