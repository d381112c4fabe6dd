"""Days of an endpoint in groups with the same reason for their next request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.warehouse.clock_check import CLOCK_TOLERANCE
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.next_ask import NOTHING_STANDING, NextAsk, Standing, Why, next_ask


@dataclass(frozen=True, slots=True)
class DayGroup:
    """Days of one endpoint that are requested next for the same reason."""

    why: Why
    labels: tuple[date, ...]
    """The days, oldest first."""
    state: State
    """Settled days: how; of others, the state of the newest."""
    has_rows: bool = False
    errcode: int | None = None
    is_due: bool = False
    """Whether the next sync requests them."""
    first_ask: datetime | None = None
    """The earliest time at which one of them is requested; None: never."""
    last_ask: datetime | None = None
    """The latest such time."""
    until: datetime | None = None
    """Moving days: when all of them are final."""
    doubts: int = 0
    """The largest number of days on which answers lacked something."""

    @property
    def window(self) -> Window:
        """From the oldest to the newest of the days; days in between may be in other groups."""
        return Window(self.labels[0], self.labels[-1])

    def __len__(self) -> int:
        return len(self.labels)


_Key = tuple[Why, State | None, bool, int | None, bool]
_Member = tuple[date, DayState | None, NextAsk]


def day_groups(
    endpoint: Endpoint[Any],
    days: Mapping[date, DayState | None],
    now: datetime,
    standing: Standing = NOTHING_STANDING,
) -> list[DayGroup]:
    """Days in groups, in the order of `Why`; those without an entry were never requested."""
    groups: dict[_Key, list[_Member]] = {}
    for label in sorted(days):
        entry = days[label]
        ask = _next_ask(endpoint, label, entry, standing, now)
        settled_as = entry.state if entry and ask.why is Why.SETTLED else None
        has_rows = bool(entry and entry.fetched_at)
        key = (ask.why, settled_as, has_rows, ask.errcode, ask.is_due(now))
        groups.setdefault(key, []).append((label, entry, ask))
    order = list(Why)
    return sorted(
        (_group(key, members) for key, members in groups.items()),
        key=lambda group: (order.index(group.why), group.labels),
    )


def _next_ask(
    endpoint: Endpoint[Any],
    label: date,
    entry: DayState | None,
    standing: Standing,
    now: datetime,
) -> NextAsk:
    if entry and entry.asked_at > now + CLOCK_TOLERANCE and not standing.is_switched_off:
        return NextAsk(now, Why.CLOCK)
    return next_ask(endpoint, label, entry, standing)


def _group(key: _Key, members: list[_Member]) -> DayGroup:
    why, _settled_as, has_rows, errcode, is_due = key
    entries = [entry for _label, entry, _ask in members if entry]
    asks = [ask for _label, _entry, ask in members]
    moments = [ask.moment for ask in asks if ask.moment]
    ends = [ask.until for ask in asks if ask.until]
    newest = members[-1][1]
    return DayGroup(
        why,
        tuple(label for label, _entry, _ask in members),
        newest.state if newest else State.NEVER,
        has_rows,
        errcode,
        is_due,
        min(moments, default=None),
        max(moments, default=None),
        max(ends, default=None),
        max((entry.doubts for entry in entries), default=0),
    )
