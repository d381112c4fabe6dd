"""Wait for a condition by polling, instead of sleeping for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T | None], seconds: float = 120) -> T:
    """The first true value of `probe`, which is called until it returns one.

    The limit only ends tests that fail, so it is generous: a loaded machine may be slow.
    """
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        assert time.monotonic() < deadline, f"nothing happened within {seconds} s"
        time.sleep(0.02)
    return value
