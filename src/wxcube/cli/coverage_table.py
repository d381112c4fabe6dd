"""Coverage of the warehouse, as a table and as explanations of what is missing."""

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
from wxcube.i18n import COLON, NOTHING, SEMICOLON, Listing, Message, _, joined
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import DayGroup, State, day_groups
from wxcube.warehouse.explanation import STATE_LABELS, explain_group
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import WantedDays

_OTHER_COLUMNS_WIDTH = 49
"""Width of the longest endpoint's name and two days, with the space between them."""
STORED = (State.FINAL, State.MOVING)
_MISSING = {State.NEVER, State.WAITING, State.REFUSED, State.FAILED}
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
class EndpointCoverage:
    """Coverage of one endpoint of one account."""

    appid: str
    endpoint: Endpoint[Any]
    window: Window | None
    """From the oldest to the newest stored day."""
    groups: tuple[DayGroup, ...]
    skip_reason: Message = NOTHING
    """The reason why a sync makes no calls of the endpoint."""
    card: str = ""
    """The card, where an endpoint needs a call for each card."""

    @property
    def name(self) -> str:
        """The endpoint's name, and the card if there is one."""
        return f"{self.endpoint} {self.card}".strip()

    def count(self, state: State) -> int:
        """Number of days in a state."""
        return sum(len(group) for group in self.groups if group.state is state)

    def missing(self) -> Message:
        """The missing days and the reasons; empty if no days are missing."""
        missing = [group for group in self.groups if group.state in _MISSING]
        clauses = joined((explain_group(self.endpoint, group) for group in missing), SEMICOLON)
        return joined((clauses, self.skip_reason), COLON) if clauses else NOTHING


def endpoint_coverages(
    warehouse: Warehouse,
    wanted: Iterable[WantedDays],
    now: datetime,
    skip_reasons: Mapping[tuple[str, str], Message] | None = None,
) -> list[EndpointCoverage]:
    """Coverage of every wanted endpoint; the reasons are by appid and endpoint name."""
    reasons = skip_reasons or {}
    return [
        _coverage(warehouse, days, endpoint, now, reasons.get((days.appid, endpoint.name), NOTHING))
        for days in wanted
        for endpoint in days.endpoints
    ]


def _coverage(
    warehouse: Warehouse,
    wanted: WantedDays,
    endpoint: Endpoint[Any],
    now: datetime,
    skip_reason: Message,
) -> EndpointCoverage:
    params = wanted.params.get(endpoint.name)
    entries = warehouse.coverage(wanted.appid, endpoint, params=params)
    groups = day_groups(endpoint, {*endpoint.labels_over(wanted.window), *entries}, entries, now)
    stored = [day for group in groups if group.state in STORED for day in group.labels]
    window = Window(min(stored), max(stored)) if stored else None
    card = str((params or {}).get("card_id", ""))
    return EndpointCoverage(wanted.appid, endpoint, window, tuple(groups), skip_reason, card)


def coverage_table(rows: Iterable[EndpointCoverage], translate: Language, width: int) -> Table:
    """A table with a row for each endpoint: first and last stored day, and days by state."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (translate(_("endpoint")), translate(_("from")), translate(_("to"))):
        table.add_column(heading, no_wrap=True)
    table.add_column(translate(_("days (weeks, months) by state")))
    for row in rows:
        first, last = (row.window.first, row.window.last) if row.window else ("", "")
        states = _states(row, translate, width - _OTHER_COLUMNS_WIDTH)
        table.add_row(row.name.replace(" ", "\n  "), str(first), str(last), states)
    return table


def missing_lines(rows: Iterable[EndpointCoverage], translate: Language) -> list[str]:
    """The missing days and the reasons; endpoints with the same ones on one line."""
    names: dict[Message, list[str]] = {}
    for row in rows:
        if missing := row.missing():
            names.setdefault(missing, []).append(row.name)
    return [
        translate(_("{endpoints}: {missing}", endpoints=Listing(of), missing=missing))
        for missing, of in names.items()
    ]


def _states(row: EndpointCoverage, translate: Language, width: int) -> Text:
    text, column = Text(), 0
    for state, colour in _COLOURS.items():
        if not row.count(state):
            continue
        shown = f"{row.count(state)} {translate(STATE_LABELS[state])}"
        if column and column + cell_len(shown) > width:
            text.append("\n")
            column = 0
        text.append("  " if column else "").append(shown, colour)
        column += cell_len(shown) + 2
    return text
