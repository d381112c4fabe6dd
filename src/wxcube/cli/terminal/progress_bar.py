"""A sync's progress on the terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wxcube.cli.terminal.paragraph import tell
from wxcube.cli.trouble import in_short
from wxcube.errors import ReplyError
from wxcube.i18n.language import Language
from wxcube.warehouse.sync.progress import Answered, Failed, Left, Paused
from wxcube.warehouse.sync.progress import Progress as Event

_WIDTH = 34
"""Columns of the longest endpoint's name and a day."""


class SyncBar:
    """A bar that fills with every call; errors are printed above it, each kind once."""

    def __init__(self, console: Console, say: Language, total: int) -> None:
        self._say = say
        self._rows = 0
        self._told: set[tuple[str, str, object]] = set()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn(say("{task.fields[rows]:,} 行", "{task.fields[rows]:,} rows")),
            TimeRemainingColumn(),
            console=console,
            transient=False,
        )
        self._task = self._bar.add_task(say("同步", "sync"), total=total, rows=0)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.update(self._task, description=f"{self._say('同步', 'sync'):<{_WIDTH}}")
        self._bar.__exit__(kind, error, trace)

    def __call__(self, event: Event) -> None:
        """Take an event of the sync into the picture."""
        match event:
            case Answered(call, rows, _):
                self._rows += rows
                self._step(f"{call.endpoint} {call.window.last}")
            case Failed(call, error, _):
                kind = error.errcode if isinstance(error, ReplyError) else type(error)
                self._tell(call.appid, str(call.endpoint), kind, in_short(error, self._say))
                self._step(str(call.endpoint))
            case Left(call, _):
                self._step(str(call.endpoint))
            case Paused(appid, seconds):
                text = self._say(
                    f"微信要求放慢，等待 {seconds:g} 秒", f"WeChat wants a pause of {seconds:g} s"
                )
                self._tell(appid, "", Paused, text)

    def _step(self, description: str) -> None:
        shown = f"{description:<{_WIDTH}}"
        self._bar.update(self._task, advance=1, rows=self._rows, description=shown)

    def _tell(self, appid: str, endpoint: str, kind: object, text: str) -> None:
        if (appid, endpoint, kind) not in self._told:
            self._told.add((appid, endpoint, kind))
            about = f"{appid} {endpoint}: " if endpoint else f"{appid}: "
            tell(self._bar.console, about + text, mark="! ", style="yellow")
