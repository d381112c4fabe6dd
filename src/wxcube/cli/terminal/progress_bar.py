"""Progress of a sync in the terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.cells import set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import CredentialError, ReplyError, TokenError, WxcubeError
from wxcube.i18n import _
from wxcube.i18n.language import Language
from wxcube.log import redact
from wxcube.warehouse.sync.plan import PlannedCall
from wxcube.warehouse.sync.progress import (
    AccountPaused,
    CallAnswered,
    CallFailed,
    CallNotMade,
    SyncEvent,
)

_WIDTH = 34
"""Columns for the longest name of an endpoint and a day."""


class SyncBar:
    """A progress bar over calls; errors are printed above it, each kind once."""

    def __init__(self, console: Console, translate: Language, total: int) -> None:
        self._say = translate
        self._rows = 0
        self._shown: set[tuple[str, str, str]] = set()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn(translate(_("{{task.fields[rows]:,}} rows"))),
            TimeRemainingColumn(),
            console=console,
            transient=False,
        )
        self._total = total
        self._task = self._bar.add_task(translate(_("sync")), total=total, rows=0)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.update(self._task, description=_padded(self._say(_("sync"))))
        self._bar.__exit__(kind, error, trace)

    def __call__(self, event: SyncEvent) -> None:
        """Show an event of the sync."""
        match event:
            case CallAnswered(call, rows, _):
                self._rows += rows
                self._step(f"{call.endpoint} {call.window.last}")
            case CallFailed(call, error, _, repeats, attempts):
                self._total += len(repeats)
                self._show_error(call, error, is_sent=attempts > 0)
                self._step(str(call.endpoint))
            case CallNotMade(call, _):
                self._step(str(call.endpoint))
            case AccountPaused(appid, seconds):
                text = self._say(
                    _(
                        "WeChat limits the calls per minute (45011): pausing {seconds:g} s",
                        seconds=seconds,
                    )
                )
                self._show_once(appid, "", "pause", text)

    def _step(self, description: str) -> None:
        self._bar.update(
            self._task,
            advance=1,
            total=self._total,
            rows=self._rows,
            description=_padded(description),
        )

    def _show_error(self, call: PlannedCall, error: WxcubeError, *, is_sent: bool) -> None:
        message, kind, endpoint = error.as_message(), type(error).__name__, str(call.endpoint)
        if isinstance(error, ReplyError):
            message, kind = error.in_short(), str(error.errcode)
        # an error of the account, which each of its endpoints would have
        if not is_sent or isinstance(error, CredentialError | TokenError):
            endpoint = ""
        self._show_once(call.appid, endpoint, kind, redact(self._say(message)))

    def _show_once(self, appid: str, endpoint: str, kind: str, text: str) -> None:
        if (appid, endpoint, kind) not in self._shown:
            self._shown.add((appid, endpoint, kind))
            about = f"{appid} {endpoint}: " if endpoint else f"{appid}: "
            print_paragraph(self._bar.console, about + text, mark="! ", style="yellow")


def _padded(description: str) -> str:
    """The description at a fixed width, so that the bar does not move."""
    return set_cell_size(description, _WIDTH)
