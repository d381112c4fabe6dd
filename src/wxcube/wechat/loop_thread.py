"""An event loop on a thread, for callers without one or whose own must not block."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """A thread that runs coroutines for callers on any thread, from the first call until `close`.

    Without `close`, it ends when it is garbage-collected, or with the program.
    """

    def __init__(self, on_close: Callable[[], Awaitable[object]]) -> None:
        self._on_close = on_close
        self._lock = threading.Lock()
        self._running: _Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of the coroutine; interrupting the caller cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._start().loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Call `on_close` on the loop and end the thread; the next `run` starts another."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.end()

    def _start(self) -> _Thread:
        with self._lock:
            if self._running is None:
                self._running = _Thread(self._on_close)
                # TRICKY: must not refer to self, which would then never be garbage-collected
                finalizer = weakref.finalize(self, self._running.end)
                # closing connections may need threads, which cannot start during exit
                finalizer.atexit = False
            return self._running


class _Thread:
    """A thread with a running loop."""

    def __init__(self, on_close: Callable[[], Awaitable[object]]) -> None:
        self._on_close = on_close
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name="wxcube-client", daemon=True)
        self._thread.start()
        self._ready.wait()

    def end(self) -> None:
        """End the loop and wait for the thread."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._ended.set)
            # TRICKY: the garbage collector may run on this thread
            if self._thread is not threading.current_thread():
                self._thread.join()

    def _main(self) -> None:
        asyncio.run(self._run_until_ended())

    async def _run_until_ended(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready.set()
        await self._ended.wait()
        await self._on_close()
