"""Threads for calls that wait for the database or for WeChat, so that other callers do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
_THREADS = 8
"""Requests of a path that can wait at once for the database or for WeChat; others wait for them."""


async def on_thread(path: str, work: Callable[[], T]) -> T:
    """The result of work for a call of a path, which must be one of the server's own."""
    return await asyncio.get_running_loop().run_in_executor(_threads(path), work)


@cache
def _threads(_path: str) -> ThreadPoolExecutor:
    # the calls that wait for WeChat must not hold up those that wait for the database
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="wxcube-waiting")
