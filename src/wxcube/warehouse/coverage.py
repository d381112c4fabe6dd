"""Coverage: the state of each day of an endpoint, and how answers and errors change it. Pure.

    never    not requested yet
    moving   stored, may still change, or a late answer lacked something and is asked again
    final    stored after its figures stopped changing; never requested again
    empty    confirmed to have no rows; never requested again
    waiting  no rows yet and not confirmed, or WeChat says its figures are delayed
    refused  WeChat answered an errcode that a new request does not change
    failed   no usable answer; the next sync requests it again

An answer is *late* if it came after the day's figures stopped changing, and *complete* if it lacks
nothing: no row that an earlier answer had, no newest running total, no row that cannot be read. A
late and complete answer settles a day. What a late answer lacks can be a passing fault, so a second
one on another Beijing day must lack something too (ADR 11): `DayState.doubts` counts those days.

An answer without rows lacks everything, unless other figures prove that there is nothing (`Proof`).
It can be late from 3 days after the end of a period. Figures that contradict it leave the day
waiting. Stored rows are retained: an answer without rows for a day that has rows leaves them, and
the day is not settled by it. An error leaves the rows of a day too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from wxcube.beijing import day_of
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import UnreadableRow
from wxcube.i18n import NOTHING, Message, _, plural

EMPTY_AFTER_DAYS = 3
"""An answer without rows this many days after the end of a period can mean that it has no data."""
DOUBTS_TO_SETTLE = 2
"""Beijing days on which late answers must lack something before it is believed."""
WRONG_CLOCK = timedelta(days=1)
"""An entry that is newer than an answer by more than this was made by a wrong clock."""


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
    revision: int = 0
    """How often figures of the day changed after it was settled."""
    revised_at: datetime | None = None
    doubts: int = 0
    """Beijing days on which a late answer lacked something, since the last complete one."""

    @property
    def is_settled(self) -> bool:
        """Whether the day is never requested again."""
        return self.state in SETTLED


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAnswer:
    """What an answer says about one day."""

    asked_at: datetime
    has_rows: bool = True
    is_delay: bool = False
    unreadable: Sequence[UnreadableRow] = ()
    lost_rows: int = 0
    """Rows of earlier answers that this one lacks."""
    lacks_newest: bool = False
    """Whether running totals lack their last day."""
    is_changed: bool = False
    """Whether it has other figures than the stored rows, or further rows."""
    proof: Proof = Proof.NONE
    can_settle: bool = True
    """False if the clocks of this machine and of the server differ."""

    @property
    def is_partial(self) -> bool:
        """Whether the answer itself says that it is not complete."""
        return self.is_delay or bool(self.unreadable)


@dataclass(frozen=True, slots=True)
class Change:
    """Effect of an answer on one day: its new entry, and whether its rows are written."""

    entry: DayState
    writes_rows: bool = False


def computed_state(endpoint: Endpoint[Any], label: date, over: date, *, has_rows: bool) -> State:
    """State of a day whose rows were computed when `over` was the last day that was over.

    Computed rows need no confirmation: they change only while their day is running, and running
    totals while their last day is.
    """
    last = endpoint.last_stat_date(label) or endpoint.period(label).last
    if last > over:
        return State.MOVING if has_rows else State.WAITING
    return State.FINAL if has_rows else State.EMPTY


def after_answer(
    endpoint: Endpoint[Any], label: date, before: DayState | None, answer: DayAnswer
) -> Change:
    """Effect of an answer on one of its days.

    A partial answer does not change a final day; an answer older than the entry changes nothing.
    """
    is_final = before is not None and before.state is State.FINAL
    if before and ((is_final and answer.is_partial) or _is_stale(before, answer)):
        return Change(before)
    if answer.has_rows:
        return Change(_with_rows(endpoint, label, before, answer), writes_rows=True)
    if answer.unreadable:
        message = _unreadable(answer.unreadable)
        return Change(after_error(before, State.FAILED, answer.asked_at, None, message))
    if before and before.fetched_at:
        return Change(_without_stored_rows(endpoint, label, before, answer))
    return Change(_without_rows(endpoint, label, before, answer))


def after_error(
    before: DayState | None,
    state: State,
    asked_at: datetime,
    errcode: int | None,
    message: Message,
) -> DayState:
    """Entry of a day after an error: a settled day does not change, any other retains its rows."""
    if before is None:
        return DayState(state, asked_at, errcode=errcode, message=message)
    if before.is_settled or _is_newer(before.asked_at, asked_at):
        return before
    return replace(before, state=state, asked_at=asked_at, errcode=errcode, message=message)


def _is_stale(before: DayState, answer: DayAnswer) -> bool:
    newest = before.fetched_at if answer.has_rows else before.asked_at
    return newest is not None and _is_newer(newest, answer.asked_at)


def _is_newer(before: datetime, now: datetime) -> bool:
    return now < before <= now + WRONG_CLOCK


def _with_rows(
    endpoint: Endpoint[Any], label: date, before: DayState | None, answer: DayAnswer
) -> DayState:
    """Entry of a day after an answer with rows."""
    settled = before is not None and before.is_settled
    is_revision = settled and answer.is_changed
    entry = replace(
        before or DayState(State.NEVER, answer.asked_at),
        asked_at=answer.asked_at,
        fetched_at=answer.asked_at,
        errcode=None,
        message=_lacking(answer),
    )
    if is_revision:
        entry = replace(entry, revision=entry.revision + 1, revised_at=answer.asked_at)
    if answer.is_delay:
        return replace(entry, state=State.WAITING, doubts=0)
    is_late = answer.asked_at >= endpoint.final_at(label)
    if not is_late:
        return replace(entry, state=State.MOVING, doubts=0)
    if not (answer.can_settle or settled):
        return replace(entry, state=State.MOVING)
    doubts = _doubts(before, answer) if _lacks_something(answer) else 0
    is_settled = not doubts or doubts >= DOUBTS_TO_SETTLE
    return replace(entry, state=State.FINAL if is_settled else State.MOVING, doubts=doubts)


def _lacks_something(answer: DayAnswer) -> bool:
    return bool(answer.lost_rows or answer.lacks_newest or answer.unreadable)


def _doubts(before: DayState | None, answer: DayAnswer) -> int:
    """The Beijing days with late answers that lacked something, with that of this answer."""
    if before is None:
        return 1
    if before.is_settled:
        return max(before.doubts, 1)
    if not answer.can_settle:
        return before.doubts
    is_first_of_day = not before.doubts or day_of(answer.asked_at) > day_of(before.asked_at)
    return before.doubts + is_first_of_day


def _lacking(answer: DayAnswer) -> Message:
    if answer.unreadable:
        return _unreadable(answer.unreadable)
    if answer.lost_rows:
        return plural(
            "the answer lacks {n} row of an earlier one",
            "the answer lacks {n} rows of an earlier one",
            n=answer.lost_rows,
        )
    return _("the answer lacks the newest running totals") if answer.lacks_newest else NOTHING


def _unreadable(rows: Sequence[UnreadableRow]) -> Message:
    return plural(
        "{n} row of the answer cannot be read: {reason}",
        "{n} rows of the answer cannot be read; the first: {reason}",
        n=len(rows),
        reason=rows[0].reason,
    )


def _without_stored_rows(
    endpoint: Endpoint[Any], label: date, before: DayState, answer: DayAnswer
) -> DayState:
    """Entry of a day that has rows after an answer without any."""
    message = _(
        "the answer of {asked_on} had no rows; the rows of {fetched_on} are retained",
        asked_on=day_of(answer.asked_at),
        fetched_on=day_of(before.fetched_at or answer.asked_at),
    )
    entry = replace(before, asked_at=answer.asked_at, errcode=None, message=message)
    if before.state is State.FINAL:
        return entry
    waits = answer.is_delay or before.state is State.WAITING
    is_late = answer.asked_at >= endpoint.final_at(label)
    doubts = _doubts(before, answer) if is_late else 0
    return replace(entry, state=State.WAITING if waits else State.MOVING, doubts=doubts)


def _without_rows(
    endpoint: Endpoint[Any], label: date, before: DayState | None, answer: DayAnswer
) -> DayState:
    """Entry of a day that never had rows after another answer without rows."""
    entry = replace(
        before or DayState(State.NEVER, answer.asked_at),
        asked_at=answer.asked_at,
        errcode=None,
        message=NOTHING,
    )
    is_contradicted = answer.proof is Proof.CONTRADICTED
    if before and before.state is State.EMPTY and not is_contradicted:
        return entry
    if answer.is_delay:
        message = _("WeChat's figures are delayed")
        return replace(entry, state=State.WAITING, message=message, doubts=0)
    if not can_be_empty(endpoint, label, answer.asked_at):
        return replace(entry, state=State.WAITING, doubts=0)
    doubts = _doubts(before, answer) if answer.can_settle else entry.doubts
    if is_contradicted:
        message = _("other figures of the day show that rows are missing")
        return replace(entry, state=State.WAITING, doubts=doubts, message=message)
    is_proved = answer.proof is Proof.COMPUTED and answer.can_settle
    is_confirmed = is_proved or doubts >= DOUBTS_TO_SETTLE
    return replace(entry, state=State.EMPTY if is_confirmed else State.WAITING, doubts=doubts)


def awaits_second_look(entry: DayState) -> bool:
    """Whether another late answer without rows, on a later day, confirms that a day is empty."""
    return bool(entry.doubts) and entry.state is State.WAITING and not entry.fetched_at


def can_be_empty(endpoint: Endpoint[Any], label: date, asked_at: datetime) -> bool:
    """Whether an answer without rows can mean that there is no data, not that it is late."""
    end = endpoint.period(label).last
    return day_of(asked_at) >= end + timedelta(days=EMPTY_AFTER_DAYS)
