"""Coverage: the state of each day of an endpoint, and how answers and errors change it. Pure.

    never    not requested yet
    moving   stored, may still change, or a row of its answer cannot be read
    final    stored after its figures stopped changing; never requested again
    empty    confirmed to have no rows; never requested again
    waiting  no rows yet and not confirmed, or WeChat says its figures are delayed
    refused  WeChat answered an errcode that a new request does not change
    failed   no usable answer; the next sync requests it again

An answer without rows can be a passing fault, so alone it settles nothing (ADR 11). A day is empty
after two such answers on two Beijing days, both 3 days or more after its end, or after one if other
figures prove it (`Proof`). Figures that contradict it leave the day waiting.

Stored rows are retained: an answer without rows for a day that has rows leaves them, and the day
stays `moving` (or `waiting`) until an answer with rows. An error leaves the rows of a day too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from wxcube.beijing import day_of, latest_ready_day
from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import UnreadableRow
from wxcube.contract.window import Window
from wxcube.errors import AccessError, RetiredError
from wxcube.i18n import NOTHING, Message, _, plural

EMPTY_AFTER_DAYS = 3
"""An answer without rows this many days after the end of a period can mean that it has no data."""
REFUSAL_LIFETIME = timedelta(days=7)
"""A permission can be granted later, so a refused day is requested again after this time."""
RETIRED_ERRCODE = 47009


class State(StrEnum):
    """State of a day; the module describes them."""

    NEVER = "never"
    MOVING = "moving"
    FINAL = "final"
    EMPTY = "empty"
    WAITING = "waiting"
    REFUSED = "refused"
    FAILED = "failed"


SETTLED = frozenset({State.FINAL, State.EMPTY})
"""States of days that are never requested again."""


class Proof(StrEnum):
    """What other figures say about an answer without rows of a day."""

    NONE = "none"
    COMPUTED = "computed"
    """The day is computed: its answer has final rows of a later day, or a sibling is empty too."""
    CONTRADICTED = "contradicted"
    """Figures of the day exist, so that its rows are missing."""


@dataclass(frozen=True, slots=True)
class DayState:
    """Ledger entry of one day: its state, the time of the last request and of its rows."""

    state: State
    asked_at: datetime
    fetched_at: datetime | None = None
    """Time of the answer that the stored rows are from; None if the day has no rows."""
    errcode: int | None = None
    message: Message = NOTHING

    @property
    def is_settled(self) -> bool:
        """Whether the day is never requested again."""
        return self.state in SETTLED


@dataclass(frozen=True, slots=True)
class Change:
    """Effect of an answer on one day: its new entry, and whether its rows are replaced."""

    entry: DayState
    replaces_rows: bool = False


def initial_state(
    endpoint: Endpoint[Any], label: date, *, has_rows: bool, is_delay: bool, asked_at: datetime
) -> State:
    """State of a day after the first answer for it, if one answer is enough to confirm it."""
    if is_delay:
        return State.WAITING
    if has_rows:
        return State.FINAL if asked_at >= endpoint.final_at(label) else State.MOVING
    return State.EMPTY if can_be_empty(endpoint, label, asked_at) else State.WAITING


def after_answer(  # noqa: PLR0913 - members of an answer, by name
    endpoint: Endpoint[Any],
    label: date,
    before: DayState | None,
    *,
    has_rows: bool,
    is_delay: bool,
    asked_at: datetime,
    unreadable: Sequence[UnreadableRow] = (),
    proof: Proof = Proof.NONE,
) -> Change:
    """Effect of an answer, with or without rows of a day, on that day.

    A delayed answer, or one with unreadable rows, does not change a final day; an answer older than
    the entry changes nothing.
    """
    is_partial = is_delay or bool(unreadable)
    partial_final = is_partial and before is not None and before.state is State.FINAL
    if before and (partial_final or _is_stale(before, has_rows=has_rows, asked_at=asked_at)):
        return Change(before)
    if has_rows:
        state = initial_state(endpoint, label, has_rows=True, is_delay=is_delay, asked_at=asked_at)
        message = _unreadable_message(unreadable) if unreadable else NOTHING
        if unreadable and state is State.FINAL:
            state = State.MOVING
        entry = DayState(state, asked_at, fetched_at=asked_at, message=message)
        return Change(entry, replaces_rows=True)
    if unreadable:
        message = _unreadable_message(unreadable)
        return Change(after_error(before, State.FAILED, asked_at, None, message))
    if before and before.fetched_at:
        return Change(_retained(before, asked_at, is_delay=is_delay))
    if is_delay:
        return Change(DayState(State.WAITING, asked_at, message=_("WeChat's figures are delayed")))
    return Change(_without_rows(endpoint, label, before, asked_at, proof))


def after_error(
    before: DayState | None,
    state: State,
    asked_at: datetime,
    errcode: int | None,
    message: Message,
) -> DayState:
    """Entry of a day after an error: a settled day does not change, any other retains its rows."""
    if before and (before.is_settled or before.asked_at > asked_at):
        return before
    fetched_at = before.fetched_at if before else None
    return DayState(state, asked_at, fetched_at, errcode, message)


def _unreadable_message(rows: Sequence[UnreadableRow]) -> Message:
    return plural(
        "{n} row of the answer cannot be read: {reason}",
        "{n} rows of the answer cannot be read; the first: {reason}",
        n=len(rows),
        reason=rows[0].reason,
    )


def _is_stale(before: DayState, *, has_rows: bool, asked_at: datetime) -> bool:
    newest = before.fetched_at if has_rows else before.asked_at
    return newest is not None and asked_at < newest


def _retained(before: DayState, asked_at: datetime, *, is_delay: bool) -> DayState:
    """Entry of a day with rows after an answer without rows."""
    if before.state is State.FINAL or before.fetched_at is None:
        return before
    waits = is_delay or before.state is State.WAITING
    message = _(
        "the answer of {asked_on} had no rows; the rows of {fetched_on} are retained",
        asked_on=day_of(asked_at),
        fetched_on=day_of(before.fetched_at),
    )
    state = State.WAITING if waits else State.MOVING
    return DayState(state, asked_at, before.fetched_at, message=message)


def _without_rows(
    endpoint: Endpoint[Any],
    label: date,
    before: DayState | None,
    asked_at: datetime,
    proof: Proof,
) -> DayState:
    """Entry of a day that never had rows after another answer without rows."""
    if proof is Proof.CONTRADICTED or not can_be_empty(endpoint, label, asked_at):
        return DayState(State.WAITING, asked_at)
    is_second = before is not None and (
        before.state is State.EMPTY
        or (awaits_second_look(endpoint, label, before) and _is_later_day(asked_at, before))
    )
    is_confirmed = proof is Proof.COMPUTED or is_second
    return DayState(State.EMPTY if is_confirmed else State.WAITING, asked_at)


def awaits_second_look(endpoint: Endpoint[Any], label: date, entry: DayState) -> bool:
    """Whether another answer without rows, on a later Beijing day, confirms that a day is empty."""
    was_empty = entry.state is State.WAITING and entry.fetched_at is None
    is_plain = entry.errcode is None and not entry.message
    return was_empty and is_plain and can_be_empty(endpoint, label, entry.asked_at)


def _is_later_day(now: datetime, entry: DayState) -> bool:
    return day_of(now) > day_of(entry.asked_at)


def can_be_empty(endpoint: Endpoint[Any], label: date, asked_at: datetime) -> bool:
    """Whether an answer without rows can mean that there is no data, not that it is late."""
    end = endpoint.period(label).last
    return day_of(asked_at) >= end + timedelta(days=EMPTY_AFTER_DAYS)


# --- days to request -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RefetchPolicy:
    """Which days are requested again."""

    now: datetime
    retry_refused: bool = False
    """Request refused days now, not after a week."""
    refresh: bool = False
    """Request moving days even if they cannot have changed since the last request."""


def is_due(
    endpoint: Endpoint[Any], label: date, entry: DayState | None, policy: RefetchPolicy
) -> bool:
    """Whether a day is worth a call now.

    A moving day can change when data for a newer day becomes available, so it is due once per day.
    A day that one answer without rows left unconfirmed is due on the next Beijing day.
    """
    if entry is None or entry.state is State.NEVER:
        return endpoint.ready_at(label) <= policy.now
    if entry.state is State.MOVING:
        newer = latest_ready_day(policy.now) > latest_ready_day(entry.asked_at)
        return newer or policy.refresh
    if entry.state is State.REFUSED:
        return policy.retry_refused or _is_outdated(entry, policy.now)
    if awaits_second_look(endpoint, label, entry):
        return _is_later_day(policy.now, entry)
    return not entry.is_settled


def standing_refusal(entries: Iterable[DayState], policy: RefetchPolicy) -> DayState | None:
    """The refusal of the whole endpoint for an account, if it is still valid.

    Permissions and retirement concern the endpoint, not a day: while the newest such refusal is
    newer than the newest answer, no day is worth a call. 47009 is valid until a retry is requested,
    the others for a week.
    """
    if policy.retry_refused:
        return None
    known = list(entries)
    refusals = [entry for entry in known if concerns_endpoint(entry.errcode)]
    newest = max(refusals, key=lambda entry: entry.asked_at, default=None)
    if newest is None or _is_outdated(newest, policy.now):
        return None
    answered_later = any(e.asked_at > newest.asked_at and _was_answered(e) for e in known)
    return None if answered_later else newest


def concerns_endpoint(errcode: int | None) -> bool:
    """Whether an errcode is about the whole endpoint, not about the dates of the call."""
    known = ERRCODES.get(errcode) if errcode else None
    return known is not None and issubclass(known.error, AccessError | RetiredError)


def _was_answered(entry: DayState) -> bool:
    return entry.errcode is None and entry.state is not State.FAILED


def _is_outdated(refusal: DayState, now: datetime) -> bool:
    if refusal.errcode == RETIRED_ERRCODE:
        return False
    return now - refusal.asked_at >= REFUSAL_LIFETIME


# --- days in groups ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayGroup:
    """Days of one endpoint with the same state and errcode."""

    state: State
    labels: tuple[date, ...]
    errcode: int | None = None
    message: Message = NOTHING
    """Message of the newest day."""
    is_ready: bool = True
    """False for days whose data is not available from WeChat yet."""

    @property
    def window(self) -> Window:
        """From the oldest to the newest of the days; days in between may be in other groups."""
        return Window(self.labels[0], self.labels[-1])

    def __len__(self) -> int:
        return len(self.labels)


def day_groups(
    endpoint: Endpoint[Any], labels: Iterable[date], entries: Mapping[date, DayState], now: datetime
) -> list[DayGroup]:
    """Days grouped by state and errcode, in the order of `State`."""
    groups: dict[tuple[State, int | None, bool], list[date]] = {}
    for label in sorted(labels):
        groups.setdefault(_group_key(endpoint, label, entries.get(label), now), []).append(label)
    order = list(State)
    return sorted(
        (_group(key, days, entries) for key, days in groups.items()),
        key=lambda group: (order.index(group.state), group.labels),
    )


def _group_key(
    endpoint: Endpoint[Any], label: date, entry: DayState | None, now: datetime
) -> tuple[State, int | None, bool]:
    if entry is None:
        return State.NEVER, None, endpoint.ready_at(label) <= now
    return entry.state, entry.errcode, True


def _group(
    key: tuple[State, int | None, bool], days: list[date], entries: Mapping[date, DayState]
) -> DayGroup:
    state, errcode, is_ready = key
    newest = entries.get(days[-1])
    return DayGroup(state, tuple(days), errcode, newest.message if newest else NOTHING, is_ready)
