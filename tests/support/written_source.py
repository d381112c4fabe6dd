"""A source with rows fixed by a seed, and all rows of a warehouse's tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from support.rows import sample_rows
from wxcube.beijing import Clock
from wxcube.contract.endpoint import Endpoint, RowT
from wxcube.contract.source import Answer, AskLog, Origin
from wxcube.contract.window import Window
from wxcube.errors import WxcubeError
from wxcube.warehouse.databases.opening import open_database

Request = tuple[str, Window]


@dataclass
class WrittenSource:
    """Answers any window with seeded rows; `trouble` may raise an error instead."""

    clock: Clock
    seed: int = 0
    barrier: asyncio.Barrier | None = None
    """Every call waits here until as many calls as the barrier wants are in progress."""
    answers: int | None = None
    """Number of calls that are answered; later ones wait forever."""
    trouble: Callable[[Endpoint[Any], Window], None] = lambda _endpoint, _window: None
    origin: Origin = Origin.WECHAT
    asked: list[Request] = field(default_factory=list)
    in_progress: int = 0
    most_in_parallel: int = 0

    async def ask(
        self,
        endpoint: Endpoint[RowT],
        window: Window,
        params: Mapping[str, object] | None = None,
        log: AskLog | None = None,
    ) -> Answer[RowT]:
        ask = await log.begin(endpoint, window, params or {}) if log else None
        if self.answers is not None and len(self.asked) >= self.answers:
            await asyncio.Event().wait()
        self.asked.append((endpoint.name, window))
        self.in_progress += 1
        self.most_in_parallel = max(self.most_in_parallel, self.in_progress)
        try:
            if self.barrier:
                await self.barrier.wait()
            await asyncio.sleep(0)
            self.trouble(endpoint, window)
            return replace(self.answer(endpoint, window), ask=ask)
        except WxcubeError as error:
            if log and ask:
                await log.fail(ask, endpoint, window, params or {}, error)
            raise
        finally:
            self.in_progress -= 1

    def answer(self, endpoint: Endpoint[RowT], window: Window) -> Answer[RowT]:
        """The rows of a window; those of a day do not depend on the window."""
        rows = [row for day in endpoint.labels(window) for row in written(endpoint, day, self.seed)]
        body = msgspec.json.encode({"list": rows})
        return Answer(endpoint, window, rows, body, self.clock.now())


def written(endpoint: Endpoint[RowT], day: date, seed: int = 0) -> list[RowT]:
    """The rows of one day; some days have none."""
    is_empty = day.day % 11 == seed % 11
    return [] if is_empty else sample_rows(endpoint, Window.day(day), seed + day.toordinal())


def everything(
    path_or_url: str | Path, *, but: tuple[str, ...] = ()
) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a database as its driver gives it, sorted, except some tables."""
    database = open_database(path_or_url, read_only=True)
    try:
        with database.reading() as connection:
            names = [name for name in sa.inspect(connection).get_table_names() if name not in but]
            return {name: sorted(_rows(connection, name), key=repr) for name in names}
    finally:
        database.close()


def _rows(connection: sa.Connection, name: str) -> list[tuple[Any, ...]]:
    quoted = connection.dialect.identifier_preparer.quote(name)
    cursor = connection.connection.cursor()
    cursor.execute(f"SELECT * FROM {quoted}")
    return [tuple(row) for row in cursor.fetchall()]
