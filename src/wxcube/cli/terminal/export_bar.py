"""Progress of an export in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from wxcube.export.stored_rows import StoredRows
from wxcube.warehouse.day_rows import DayRows


class ExportBar:
    """A progress bar over the days of an export; it is shown in terminals only."""

    def __init__(self, console: Console, stored: Iterable[StoredRows], *, is_shown: bool) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (is_shown and console.is_terminal),
        )
        total = sum(len(window) for rows in stored for window in rows.windows().values())
        self._task = self._bar.add_task("", total=total)
        self._finished_days = 0

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def watch(self, stored: StoredRows) -> Iterator[DayRows[Any]]:
        """The rows by day, counted on their way."""
        for appid, window in stored.windows().items():
            for day in stored.days_of(appid, window):
                done = self._finished_days + (day.day - window.first).days
                self._bar.update(self._task, completed=done, description=stored.endpoint.name)
                yield day
            self._finished_days += len(window)
            self._bar.update(self._task, completed=self._finished_days)
