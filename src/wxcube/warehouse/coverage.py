"""The ledger of days: in which state each day is, and what changes it. Pure rules.

    never    not asked
    moving   loaded, may still change
    final    loaded after it stopped moving; never asked again
    empty    asked 3 days or more after its end, nothing there; never asked again
    waiting  nothing there yet and too early to say so, or WeChat says its figures are delayed
    refused  WeChat answered an errcode that asking again does not change
    failed   no usable answer; the next sync asks again

What is loaded stays loaded: an answer without rows for a loaded day keeps the day's rows. It stays
`moving` (or `waiting`) until it has stopped moving and 3 days have passed, then it is `final`, with
a message that says from when its rows are. An error on a loaded day keeps the rows too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from wxcube.beijing import day_of, latest_ready_day
from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.errors import AccessError, RetiredError

EMPTY_AFTER_DAYS = 3
"""An empty answer this many days after a period's end means that nothing is there."""
REFUSED_AGAIN_AFTER = timedelta(days=7)
"""A right can be granted later, so a refusal is tried again after this time."""
RETIRED_ERRCODE = 47009


class State(StrEnum):
    """How far a day is, see the module."""

    NEVER = "never"
    MOVING = "moving"
    FINAL = "final"
    EMPTY = "empty"
    WAITING = "waiting"
    REFUSED = "refused"
    FAILED = "failed"


SETTLED = frozenset({State.FINAL, State.EMPTY})
"""States of days that are never asked again."""


@dataclass(frozen=True, slots=True)
class DayState:
    """One line of the ledger: the day's state, when it was asked and when its rows came."""

    state: State
    asked_at: datetime
    fetched_at: datetime | None = None
    """When the rows that are here came; None where there are none."""
    errcode: int | None = None
    message: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether the day is never asked again."""
        return self.state in SETTLED


@dataclass(frozen=True, slots=True)
class Change:
    """What an answer does to one day: its new line, and whether its rows are replaced."""

    line: DayState
    replaces: bool = False


def judge(
    endpoint: Endpoint[Any], label: date, *, has_rows: bool, is_delay: bool, asked_at: datetime
) -> State:
    """The state of a day of which nothing was known before this answer."""
    if is_delay:
        return State.WAITING
    if has_rows:
        return State.FINAL if asked_at >= endpoint.final_at(label) else State.MOVING
    return State.EMPTY if _is_late(endpoint, label, asked_at) else State.WAITING


def answered(
    endpoint: Endpoint[Any],
    label: date,
    before: DayState | None,
    *,
    has_rows: bool,
    is_delay: bool,
    asked_at: datetime,
) -> Change:
    """What an answer that may or may not have rows of a day does to that day.

    A delayed answer leaves a final day alone, and so does an answer older than what is known.
    """
    delayed_final = is_delay and before is not None and before.state is State.FINAL
    if before and (delayed_final or _is_stale(before, has_rows=has_rows, asked_at=asked_at)):
        return Change(before)
    if has_rows:
        state = judge(endpoint, label, has_rows=True, is_delay=is_delay, asked_at=asked_at)
        return Change(DayState(state, asked_at, fetched_at=asked_at), replaces=True)
    if before and before.fetched_at:
        return Change(_kept(endpoint, label, before, asked_at, is_delay=is_delay))
    state = judge(endpoint, label, has_rows=False, is_delay=is_delay, asked_at=asked_at)
    return Change(DayState(state, asked_at))


def erred(
    before: DayState | None, state: State, asked_at: datetime, errcode: int | None, message: str
) -> DayState:
    """What an error does to a day: a settled day stays, any other keeps its rows."""
    if before and (before.is_settled or before.asked_at > asked_at):
        return before
    fetched_at = before.fetched_at if before else None
    return DayState(state, asked_at, fetched_at, errcode, message)


def _is_stale(before: DayState, *, has_rows: bool, asked_at: datetime) -> bool:
    newest = before.fetched_at if has_rows else before.asked_at
    return newest is not None and asked_at < newest


def _kept(
    endpoint: Endpoint[Any],
    label: date,
    before: DayState,
    asked_at: datetime,
    *,
    is_delay: bool,
) -> DayState:
    if before.state is State.FINAL:
        return before
    over = asked_at >= endpoint.final_at(label) and _is_late(endpoint, label, asked_at)
    early = State.WAITING if is_delay or before.state is State.WAITING else State.MOVING
    state = State.FINAL if over and not is_delay else early
    since = day_of(before.fetched_at) if before.fetched_at else ""
    message = f"nothing was answered on {day_of(asked_at)}; the rows of {since} were kept"
    return DayState(state, asked_at, before.fetched_at, message=message)


def _is_late(endpoint: Endpoint[Any], label: date, asked_at: datetime) -> bool:
    end = endpoint.period(label).last
    return day_of(asked_at) >= end + timedelta(days=EMPTY_AFTER_DAYS)


# --- what a sync still has to ask ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How eagerly days are asked again."""

    now: datetime
    retry_refused: bool = False
    """Ask refused days again at once, not after a week."""
    refresh: bool = False
    """Ask moving days even if no newer figures can be there since they were asked."""


def is_due(endpoint: Endpoint[Any], label: date, line: DayState | None, asking: Asking) -> bool:
    """Whether a day is worth a call now.

    A moving day changes when a newer day becomes ready, so it is due once per ready day.
    """
    if line is None or line.state is State.NEVER:
        return endpoint.ready_at(label) <= asking.now
    if line.state is State.MOVING:
        newer = latest_ready_day(asking.now) > latest_ready_day(line.asked_at)
        return newer or asking.refresh
    if line.state is State.REFUSED:
        return asking.retry_refused or _refusal_is_over(line, asking.now)
    return not line.is_settled


def refusal(lines: Iterable[DayState], asking: Asking) -> DayState | None:
    """The refusal that shuts a whole endpoint for an account, if it still stands.

    Rights and retirement concern the endpoint, not the day: while the newest such refusal is newer
    than the newest answer, no day is worth a call. 47009 stands until told otherwise, the others
    for a week.
    """
    if asking.retry_refused:
        return None
    known = list(lines)
    shut = [line for line in known if shuts_endpoint(line.errcode)]
    newest = max(shut, key=lambda line: line.asked_at, default=None)
    if newest is None or _refusal_is_over(newest, asking.now):
        return None
    came_later = any(line.asked_at > newest.asked_at and _was_answered(line) for line in known)
    return None if came_later else newest


def shuts_endpoint(errcode: int | None) -> bool:
    """Whether an errcode speaks of the whole endpoint, not of the dates asked."""
    known = ERRCODES.get(errcode) if errcode else None
    return known is not None and issubclass(known.error, AccessError | RetiredError)


def _was_answered(line: DayState) -> bool:
    return line.errcode is None and line.state is not State.FAILED


def _refusal_is_over(line: DayState, now: datetime) -> bool:
    if line.errcode == RETIRED_ERRCODE:
        return False
    return now - line.asked_at >= REFUSED_AGAIN_AFTER


# --- what is there, in groups --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days of one endpoint in the same state for the same reason."""

    state: State
    labels: tuple[date, ...]
    errcode: int | None = None
    message: str = ""
    is_ready: bool = True
    """False for days WeChat has no figures of yet."""

    @property
    def window(self) -> Window:
        """From the oldest to the newest of the days; there may be others between."""
        return Window(self.labels[0], self.labels[-1])

    def __len__(self) -> int:
        return len(self.labels)


def stretches(
    endpoint: Endpoint[Any], labels: Iterable[date], lines: Mapping[date, DayState], now: datetime
) -> list[Stretch]:
    """Days grouped by state and errcode, in the order of `State`; the newest message of each."""
    groups: dict[tuple[State, int | None, bool], list[date]] = {}
    for label in sorted(labels):
        groups.setdefault(_reason(endpoint, label, lines.get(label), now), []).append(label)
    found = [_stretch(key, days, lines) for key, days in groups.items()]
    order = list(State)
    return sorted(found, key=lambda stretch: (order.index(stretch.state), stretch.labels))


def _reason(
    endpoint: Endpoint[Any], label: date, line: DayState | None, now: datetime
) -> tuple[State, int | None, bool]:
    if line is None:
        return State.NEVER, None, endpoint.ready_at(label) <= now
    return line.state, line.errcode, True


def _stretch(
    key: tuple[State, int | None, bool], days: list[date], lines: Mapping[date, DayState]
) -> Stretch:
    state, errcode, is_ready = key
    newest = lines.get(days[-1])
    return Stretch(state, tuple(days), errcode, newest.message if newest else "", is_ready)
