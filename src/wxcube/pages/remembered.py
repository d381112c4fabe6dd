"""What was made before, up to a limit: the least recently used is forgotten first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by key; the sum of their sizes is at most a limit. Threads may share it."""

    def __init__(self, limit: int, size: Callable[[Value], int]) -> None:
        self._limit = limit
        self._size = size
        self._total = 0
        self._known: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key; it is made if it is not remembered."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        value = make()
        with self._lock:
            if key not in self._known:
                self._known[key] = value
                self._total += self._size(value)
            while self._total > self._limit:
                _oldest, forgotten = self._known.popitem(last=False)
                self._total -= self._size(forgotten)
        return value
