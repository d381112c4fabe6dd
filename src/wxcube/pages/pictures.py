"""Charts as pictures: drawn by few threads, since each has an engine, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor

from wxcube.pages.remembered import Remembered

DRAWING_THREADS = 2
REMEMBERED_BYTES = 32 << 20


class Pictures:
    """Draws pictures that are not remembered."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix="wxcube-charts")
        self._drawn = Remembered[bytes](REMEMBERED_BYTES, len)

    def get(self, key: Hashable, draw: Callable[[], bytes]) -> bytes:
        """The picture of a key, drawn if it is not remembered."""
        return self._drawn.get(key, lambda: self._pool.submit(draw).result())
