"""Lines split into batches, which bounds the memory for a body of very many short lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_END, _OBJECT = b"\n{"


class LineBatch(NamedTuple):
    """Consecutive lines, with the numbers of the first and the last one."""

    first: int
    last: int
    content: bytes


class Lines:
    """Lines of text as bytes; the last one may lack its line end.

    PERF: 0.2 ms for two megabytes; bytes.count takes 0.7 ms, a loop over the lines 1 ms.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._bytes = np.frombuffer(content, "u1")

    def __len__(self) -> int:
        return len(self._ends)

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """The position after the end of each line."""
        ends = np.flatnonzero(self._bytes == _END) + 1
        if self._content and not self._content.endswith(b"\n"):
            ends = np.append(ends, len(self._content))
        return ends

    @property
    def are_objects(self) -> bool:
        """Whether every line begins like a JSON object; then none is empty."""
        starts = self._ends[:-1]
        return self._content.startswith(b"{") and bool((self._bytes[starts] == _OBJECT).all())

    def batches(self, size: int) -> Iterator[LineBatch]:
        """The lines in order, at most `size` per batch; line numbers begin with 1."""
        if len(self) <= size:
            yield LineBatch(1, len(self), self._content)
            return
        start = 0
        for done in range(0, len(self), size):
            last = min(done + size, len(self))
            end = int(self._ends[last - 1])
            yield LineBatch(done + 1, last, self._content[start:end])
            start = end
