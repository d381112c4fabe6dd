"""Charts as pictures: drawn by few threads, since each has an engine, and remembered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

DRAWING_THREADS = 2
REMEMBERED_BYTES = 32 << 20


class Pictures:
    """Draws pictures that are not remembered."""

    def __init__(self, limit_bytes: int = REMEMBERED_BYTES) -> None:
        self._pool = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix="wxcube-charts")
        self._limit = limit_bytes
        self._bytes = 0
        self._known: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, draw: Callable[[], bytes]) -> bytes:
        """The picture of a key, drawn if it is not remembered."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        picture = self._pool.submit(draw).result()
        with self._lock:
            self._remember(key, picture)
        return picture

    def _remember(self, key: Hashable, picture: bytes) -> None:
        if key in self._known:
            return
        self._known[key] = picture
        self._bytes += len(picture)
        while self._bytes > self._limit:
            _oldest, forgotten = self._known.popitem(last=False)
            self._bytes -= len(forgotten)
