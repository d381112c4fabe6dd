"""A source whose figures are fixed by a seed, and a look at everything a warehouse holds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from support.rows import sample_rows
from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window

Asked = tuple[str, Window]


@dataclass
class WrittenSource:
    """Answers any window out of seeded rows; `trouble` may raise or wait before it does."""

    clock: Clock
    seed: int = 0
    delay_seconds: float = 0.0
    trouble: Callable[[Endpoint[Any], Window], None] = lambda _endpoint, _window: None
    origin: Origin = Origin.WECHAT
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def ask(
        self,
        endpoint: Endpoint[RowT],
        window: Window,
        params: Mapping[str, object] | None = None,
    ) -> Answer[RowT]:
        self.asked.append((endpoint.name, window))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay_seconds)
            self.trouble(endpoint, window)
            return self.answer(endpoint, window)
        finally:
            self.at_once -= 1

    def answer(self, endpoint: Endpoint[RowT], window: Window) -> Answer[RowT]:
        """The rows of every day of a window, each day's independent of the window."""
        rows = [row for day in endpoint.labels(window) for row in written(endpoint, day, self.seed)]
        body = msgspec.json.encode({"list": rows})
        return Answer(endpoint, window, rows, body, self.clock.now())


def written(endpoint: Endpoint[RowT], day: date, seed: int = 0) -> list[RowT]:
    """The rows of one day; some days have none."""
    silent = day.day % 11 == seed % 11
    return [] if silent else sample_rows(endpoint, Window.day(day), seed + day.toordinal())


def everything(path: Path, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a file, in order."""
    with sqlite3.connect(path) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            if name not in but
        ]
        found = {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names
        }
    connection.close()
    return found
