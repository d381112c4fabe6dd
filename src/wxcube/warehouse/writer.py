"""Writes of concurrent calls, on a thread: those that wait for one another share a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from wxcube.warehouse.store import Warehouse

T = TypeVar("T")
Write = Callable[[Warehouse], T]
_Queued = tuple[Write[Any], asyncio.Future[Any]]


class Writer:
    """Writes to a warehouse in the order in which they are given, without blocking the event loop.

    PERF: what a commit and a change of threads cost is shared by all writes that came during the
    one before.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wxcube-writer")
        self._queue: list[_Queued] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, write: Write[T]) -> T:
        """Make a write, and return its result when it is committed.

        `write` may be called several times, each time after all that it wrote was undone.

        Raises:  The error of this write; those of others have no effect on it.
        """
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((write, result))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        return await result

    def close(self) -> None:
        """Let a write that has begun finish, and make no more."""
        self._queue.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _write_all(self) -> None:
        while self._queue:
            group, self._queue = self._queue, []
            await self._write_group(group)

    async def _write_group(self, group: Sequence[_Queued]) -> None:
        wanted = [(write, result) for write, result in group if not result.done()]
        writes = [write for write, _result in wanted]
        run = asyncio.get_running_loop().run_in_executor
        try:
            values = await run(self._thread, self._warehouse.write_together, writes)
        except Exception as error:  # noqa: BLE001 - it is raised where the write was asked for
            await self._handle_error(wanted, error)
            return
        for (_write, result), value in zip(wanted, values, strict=True):
            if not result.done():
                result.set_result(value)

    async def _handle_error(self, group: Sequence[_Queued], error: Exception) -> None:
        """Raise the error of a single write; of several, make each in a transaction of its own."""
        if len(group) > 1:
            for one in group:
                await self._write_group([one])
        elif group and not group[0][1].done():
            group[0][1].set_exception(error)
