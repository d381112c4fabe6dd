"""Coverage of the warehouse, as a table and as explanations of what is not settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.i18n import COLON, COMMA, NOTHING, SEMICOLON, Listing, Message, _, joined, plural
from wxcube.i18n.language import Language
from wxcube.warehouse.coverage import State
from wxcube.warehouse.day_groups import DayGroup, day_groups
from wxcube.warehouse.explanation import (
    ALARMS,
    STATE_LABELS,
    explain_group,
    explain_missing_params,
)
from wxcube.warehouse.next_ask import Why
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.plan import missing_params
from wxcube.warehouse.sync.wanted import Params, WantedDays

_OTHER_COLUMNS_WIDTH = 49
"""Width of the longest endpoint's name and two days, with the space between them."""
_COLOURS = {
    State.FINAL: "green",
    State.MOVING: "cyan",
    State.EMPTY: "dim",
    State.WAITING: "yellow",
    State.REFUSED: "magenta",
    State.FAILED: "red",
    State.NEVER: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCoverage:
    """Coverage of one endpoint of one account."""

    appid: str
    endpoint: Endpoint[Any]
    counts: Mapping[State, int]
    """Number of days by state."""
    stored: Window | None
    """From the oldest to the newest stored day."""
    groups: tuple[DayGroup, ...]
    """The days that are not settled, in groups with the same reason."""
    revisions: int = 0
    """How often days changed after they were settled."""
    withdrawn: int = 0
    """Rows that the last answer lacked."""
    skip_reason: Message = NOTHING
    """The reason why a sync can make no calls of the endpoint."""
    card: str = ""
    """The card, where an endpoint needs a call for each card."""

    @property
    def name(self) -> str:
        """The endpoint's name, and the card if there is one."""
        return f"{self.endpoint} {self.card}".strip()

    def count(self, state: State) -> int:
        """Number of days in a state."""
        return self.counts.get(state, 0)

    def open_days(self) -> Message:
        """The days that are not settled, and why; empty if there are none."""
        clauses = joined((explain_group(self.endpoint, group) for group in self.groups), SEMICOLON)
        return joined((clauses, self.skip_reason), COLON) if clauses else NOTHING


def endpoint_coverage(  # noqa: PLR0913 - what a row says
    warehouse: Warehouse,
    appid: str,
    endpoint: Endpoint[Any],
    labels: Sequence[date],
    now: datetime,
    *,
    params: Params | None = None,
    is_switched_off: bool = False,
    skip_reason: Message = NOTHING,
) -> EndpointCoverage:
    """Coverage of an endpoint; `labels` are days that it should have, known or not.

    `is_switched_off`: it is retired, and a sync leaves it out.
    """
    summary = warehouse.summary(appid, endpoint, labels, now, params=params)
    standing = warehouse.standing(appid, endpoint, now, params=params)
    standing = replace(standing, is_switched_off=is_switched_off)
    return EndpointCoverage(
        appid=appid,
        endpoint=endpoint,
        counts=summary.counts,
        stored=summary.stored,
        groups=tuple(day_groups(endpoint, summary.open_days, now, standing)),
        revisions=summary.revisions,
        withdrawn=summary.withdrawn,
        skip_reason=skip_reason,
        card=str((params or {}).get("card_id", "")),
    )


def wanted_coverages(
    warehouse: Warehouse,
    wanted: Iterable[WantedDays],
    now: datetime,
    *,
    includes_retired: bool,
) -> list[EndpointCoverage]:
    """Coverage of every wanted endpoint; `includes_retired`: retired ones are requested too."""
    return [
        endpoint_coverage(
            warehouse,
            days.appid,
            endpoint,
            endpoint.labels_over(days.window),
            now,
            params=days.params.get(endpoint.name),
            is_switched_off=endpoint.is_retired and not includes_retired,
            skip_reason=_skip_reason(days, endpoint),
        )
        for days in wanted
        for endpoint in days.endpoints
    ]


def _skip_reason(wanted: WantedDays, endpoint: Endpoint[Any]) -> Message:
    missing = missing_params(endpoint, wanted.params.get(endpoint.name, {}))
    return explain_missing_params(missing) if missing else NOTHING


def coverage_table(rows: Iterable[EndpointCoverage], translate: Language, width: int) -> Table:
    """A table with a row for each endpoint: first and last stored day, and days by state."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (translate(_("endpoint")), translate(_("from")), translate(_("to"))):
        table.add_column(heading, no_wrap=True)
    table.add_column(translate(_("days (weeks, months) by state")))
    for row in rows:
        first, last = (row.stored.first, row.stored.last) if row.stored else ("", "")
        states = _states(row, translate, width - _OTHER_COLUMNS_WIDTH)
        table.add_row(row.name.replace(" ", "\n  "), str(first), str(last), states)
    return table


@dataclass(frozen=True, slots=True)
class Remark:
    """A line about endpoints with the same days that are not settled."""

    text: Message
    is_alarm: bool = False
    """Whether somebody must look into it."""


def remarks(rows: Iterable[EndpointCoverage]) -> list[Remark]:
    """What is not settled and why, one line per reason with the endpoints that have it."""
    names: dict[tuple[Message, bool], list[str]] = {}
    for row in rows:
        for group in row.groups:
            reason = joined((explain_group(row.endpoint, group), row.skip_reason), COLON)
            names.setdefault((reason, group.why in ALARMS), []).append(row.name)
    return [
        Remark(_("{endpoints}: {missing}", endpoints=Listing(of), missing=reason), is_alarm)
        for (reason, is_alarm), of in names.items()
    ]


def changes_remark(rows: Iterable[EndpointCoverage]) -> Message:
    """How many figures were corrected or withdrawn, by endpoint; empty if none were."""
    clauses = [
        _("{endpoint}: {changes}", endpoint=row.name, changes=joined(changes, COMMA))
        for row in rows
        if (changes := _changes(row))
    ]
    if not clauses:
        return NOTHING
    return _(
        "changed by WeChat: {changes}; `wxcube history ENDPOINT DAY` shows what was answered when",
        changes=joined(clauses, SEMICOLON),
    )


def _changes(row: EndpointCoverage) -> list[Message]:
    changes = []
    if row.revisions:
        changes.append(plural("{n} revision", "{n} revisions", n=row.revisions))
    if row.withdrawn:
        changes.append(plural("{n} withdrawn row", "{n} withdrawn rows", n=row.withdrawn))
    return changes


def as_data(row: EndpointCoverage) -> dict[str, object]:
    """Coverage of an endpoint for JSON."""
    return {
        "appid": row.appid,
        "endpoint": row.endpoint.name,
        **({"card_id": row.card} if row.card else {}),
        "from": row.stored.first if row.stored else None,
        "to": row.stored.last if row.stored else None,
        **{state.value: row.count(state) for state in State},
        "revisions": row.revisions,
        "withdrawn": row.withdrawn,
        "why": str(row.open_days()),
        "open": [_group_data(group) for group in row.groups],
    }


def _group_data(group: DayGroup) -> dict[str, object]:
    return {
        "why": group.why.value,
        "from": group.window.first,
        "to": group.window.last,
        "days": len(group),
        "due": group.is_due,
        "requested_at": group.first_ask,
        **({"final_at": group.until} if group.why is Why.MOVING else {}),
        **({"errcode": group.errcode} if group.errcode is not None else {}),
    }


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
