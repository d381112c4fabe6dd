"""What the warehouse has and lacks, as a table and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import State, Stretch, stretches
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import Wanted
from wxcube.warehouse.words import explain_stretch

_BEFORE_STATES = 49
"""Columns of the longest endpoint's name and two days, with the space between them."""
LOADED = (State.FINAL, State.MOVING)
_UNSETTLED = {State.NEVER, State.WAITING, State.REFUSED, State.FAILED}
_COLOURS = {
    State.FINAL: "green",
    State.MOVING: "cyan",
    State.EMPTY: "dim",
    State.WAITING: "yellow",
    State.REFUSED: "magenta",
    State.FAILED: "red",
    State.NEVER: "dim",
}


@dataclass(frozen=True, slots=True)
class Covered:
    """One endpoint of one account: the days that are there, and all days by state."""

    appid: str
    endpoint: Endpoint[Any]
    window: Window | None
    """From the oldest to the newest loaded day."""
    stretches: tuple[Stretch, ...]
    reason: str = ""
    """Why a sync does not ask the endpoint at all."""
    card: str = ""
    """The card asked for, where an endpoint is asked card by card."""

    @property
    def name(self) -> str:
        """The endpoint's name, and the card where there is one."""
        return f"{self.endpoint} {self.card}".strip()

    def count(self, state: State) -> int:
        """Days in a state."""
        return sum(len(s) for s in self.stretches if s.state is state)

    def words(self, say: Language) -> str:
        """What is missing and why, empty where nothing is."""
        told = [s for s in self.stretches if s.state in _UNSETTLED]
        words = (explain_stretch(self.endpoint, s, say.code) for s in told)
        missing = say("；", "; ").join(words)
        return say("：", ": ").join([missing, self.reason]) if missing and self.reason else missing


def covered(
    warehouse: Warehouse,
    wanted: Iterable[Wanted],
    now: datetime,
    reasons: Mapping[tuple[str, str], str] | None = None,
) -> list[Covered]:
    """How far every wanted endpoint is; `reasons` say why one is not asked at all."""
    return [
        _covered(
            warehouse, part, endpoint, now, (reasons or {}).get((part.appid, endpoint.name), "")
        )
        for part in wanted
        for endpoint in part.endpoints
    ]


def _covered(
    warehouse: Warehouse, wanted: Wanted, endpoint: Endpoint[Any], now: datetime, reason: str
) -> Covered:
    params = wanted.params.get(endpoint.name)
    lines = warehouse.coverage(wanted.appid, endpoint, params=params)
    labels = {*endpoint.labels_over(wanted.window), *lines}
    found = stretches(endpoint, labels, lines, now)
    loaded = [day for s in found if s.state in LOADED for day in s.labels]
    window = Window(min(loaded), max(loaded)) if loaded else None
    card = str((params or {}).get("card_id", ""))
    return Covered(wanted.appid, endpoint, window, tuple(found), reason, card)


def coverage_table(rows: Iterable[Covered], say: Language, width: int) -> Table:
    """A line for each endpoint: from, to, and its days by state."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in (say("接口", "endpoint"), say("从", "from"), say("到", "to")):
        table.add_column(head, no_wrap=True)
    table.add_column(say("各状态天数（周、月）", "days (weeks, months) by state"))
    for row in rows:
        first, last = (row.window.first, row.window.last) if row.window else ("", "")
        states = _states(row, say, width - _BEFORE_STATES)
        table.add_row(row.name.replace(" ", "\n  "), str(first), str(last), states)
    return table


def missing_lines(rows: Iterable[Covered], say: Language) -> list[str]:
    """What is missing and why, endpoints with the same words on one line."""
    by_words: dict[str, list[str]] = {}
    for row in rows:
        if row.words(say):
            by_words.setdefault(row.words(say), []).append(row.name)
    colon = say("：", ": ")
    return [f"{', '.join(names)}{colon}{words}" for words, names in by_words.items()]


def _states(row: Covered, say: Language, width: int) -> Text:
    text, column = Text(), 0
    for state, colour in _COLOURS.items():
        if not row.count(state):
            continue
        shown = f"{row.count(state)} {title(state, say)}"
        if column and column + cell_len(shown) > width:
            text.append("\n")
            column = 0
        text.append("  " if column else "").append(shown, colour)
        column += cell_len(shown) + 2
    return text


def title(state: State, say: Language) -> str:
    """A state's name in the reader's language."""
    return say(_ZH[state], state.value)


_ZH = {
    State.NEVER: "未取",
    State.MOVING: "变动中",
    State.FINAL: "定稿",
    State.EMPTY: "为空",
    State.WAITING: "等待",
    State.REFUSED: "被拒",
    State.FAILED: "失败",
}
