"""An event loop on a thread of its own, for callers that have none or cannot wait on theirs."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for callers of any thread; starts with the first and ends with `close`.

    A forgotten one ends when it is no longer used, or with the program.
    """

    def __init__(self, at_end: Callable[[], Awaitable[object]]) -> None:
        self._at_end = at_end
        self._starting = threading.Lock()
        self._running: _Running | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives; an interrupt of the caller cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._started().loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Run what is due at the end and end the thread; the next `run` starts another."""
        with self._starting:
            running, self._running = self._running, None
        if running is not None:
            running.end()

    def _started(self) -> _Running:
        with self._starting:
            if self._running is None:
                self._running = _Running(self._at_end)
                # TRICKY: holds the thread's side only, or the loop would never be unused
                forgotten = weakref.finalize(self, self._running.end)
                # at the program's end no more threads can start, which an orderly end needs
                forgotten.atexit = False
            return self._running


class _Running:
    """A thread with its running loop."""

    def __init__(self, at_end: Callable[[], Awaitable[object]]) -> None:
        self._at_end = at_end
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name="wxcube-client", daemon=True)
        self._thread.start()
        self._ready.wait()

    def end(self) -> None:
        """Ask the loop to end and wait for its thread."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._ended.set)
            # TRICKY: the garbage collector may come by on the loop's own thread
            if self._thread is not threading.current_thread():
                self._thread.join()

    def _main(self) -> None:
        asyncio.run(self._until_ended())

    async def _until_ended(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready.set()
        await self._ended.wait()
        await self._at_end()
