"""The one rule for what is next: when a day is asked again, and why. Pure.

Plan, sync, status and serve read it; no other place decides whether a day is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from wxcube.beijing import BEIJING, day_of, ready_at
from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint
from wxcube.errors import AccessError, RetiredError
from wxcube.warehouse.coverage import DayState, State

REFUSAL_LIFETIME = timedelta(days=7)
"""A permission can be granted later, so what was refused is asked again after this time."""
RETIRED_ERRCODE = 47009
ALARM_DOUBTS = 7
"""From so many days with doubts on, people are told, and the day is asked once a week."""


class Why(StrEnum):
    """Reason why a day is asked at a moment, or never."""

    NOT_OVER = "not_over"
    """Its figures are not available yet."""
    NOT_ASKED = "not_asked"
    """It was never asked."""
    MOVING = "moving"
    """Its figures may change until `NextAsk.until`."""
    CONFIRMING = "confirming"
    """A late answer lacked something; one on another day confirms it, or has it again."""
    CONTRADICTED = "contradicted"
    """Late answers lack figures again and again that must be there."""
    DELAYED = "delayed"
    """WeChat had no figures yet, or says that they are delayed."""
    FAILED = "failed"
    """It was not answered, or not in a way that can be read."""
    REFUSED = "refused"
    """WeChat refused it, or the whole endpoint; refusals can end."""
    RETIRED = "retired"
    """WeChat has switched the endpoint off."""
    QUOTA = "quota"
    """WeChat allows no more calls of the endpoint today."""
    CLOCK = "clock"
    """The entry is from the future, so a clock was wrong."""
    AGAIN = "again"
    """It is settled, and asked again on request, or as a sample."""
    SETTLED = "settled"
    """It is final or confirmed empty."""


@dataclass(frozen=True, slots=True)
class NextAsk:
    """When a day is asked next, and why."""

    moment: datetime | None
    """None: never."""
    why: Why
    until: datetime | None = None
    """Moving days: when their figures are final."""
    errcode: int | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether the day is worth a call now."""
        return self.moment is not None and self.moment <= now


@dataclass(frozen=True, slots=True)
class Refusal:
    """An errcode that is about a whole endpoint, and when it was answered."""

    errcode: int
    asked_at: datetime

    @property
    def ends_at(self) -> datetime | None:
        """The end of the time in which it is taken as given; None: never, it is retired."""
        if self.errcode == RETIRED_ERRCODE:
            return None
        return self.asked_at + REFUSAL_LIFETIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for all days of an endpoint of an account."""

    refusal: Refusal | None = None
    """The last answer of the endpoint, if it was a refusal of the whole endpoint."""
    exhausted_on: date | None = None
    """The Beijing day on which WeChat allowed no more calls (45009)."""
    is_switched_off: bool = False
    """Whether it is retired, and a sync leaves it out."""


NOTHING_STANDING = Standing()


def next_ask(
    endpoint: Endpoint[Any],
    label: date,
    entry: DayState | None,
    standing: Standing = NOTHING_STANDING,
) -> NextAsk:
    """When a day is asked next, and why."""
    own = _of_day(endpoint, label, entry)
    if own.moment is None:
        return own
    if standing.is_switched_off:
        return NextAsk(None, Why.RETIRED)
    if standing.refusal:
        ends_at = standing.refusal.ends_at
        if ends_at is None or own.moment < ends_at:
            return _of_refusal(standing.refusal.errcode, ends_at)
    if standing.exhausted_on:
        renewed_at = _midnight_after(standing.exhausted_on)
        if own.moment < renewed_at:
            return NextAsk(renewed_at, Why.QUOTA)
    return own


def _of_day(endpoint: Endpoint[Any], label: date, entry: DayState | None) -> NextAsk:  # noqa: PLR0911 - one per state
    if entry is None or entry.state is State.NEVER:
        return NextAsk(endpoint.ready_at(label), Why.NOT_ASKED)
    if entry.is_settled:
        return NextAsk(None, Why.SETTLED)
    if entry.state is State.REFUSED:
        refusal = Refusal(entry.errcode or 0, entry.asked_at)
        return _of_refusal(refusal.errcode, refusal.ends_at)
    if entry.state is State.FAILED:
        return NextAsk(entry.asked_at, Why.FAILED, errcode=entry.errcode)
    if entry.doubts >= ALARM_DOUBTS:
        return NextAsk(entry.asked_at + timedelta(days=7), Why.CONTRADICTED)
    if entry.doubts:
        return NextAsk(_next_day(entry.asked_at), Why.CONFIRMING)
    if entry.state is State.MOVING:
        return NextAsk(_next_ready(entry.asked_at), Why.MOVING, until=endpoint.final_at(label))
    return NextAsk(entry.asked_at, Why.DELAYED, errcode=entry.errcode)


def _of_refusal(errcode: int, ends_at: datetime | None) -> NextAsk:
    why = Why.REFUSED if ends_at else Why.RETIRED
    return NextAsk(ends_at, why, errcode=errcode)


def concerns_endpoint(errcode: int | None) -> bool:
    """Whether an errcode is about the whole endpoint, not about the dates of the call."""
    known = ERRCODES.get(errcode) if errcode else None
    return known is not None and issubclass(known.error, AccessError | RetiredError)


def _next_ready(asked_at: datetime) -> datetime:
    """When figures of a newer day are available than at the time of asking."""
    today = ready_at(day_of(asked_at) - timedelta(days=1))
    return today if asked_at < today else ready_at(day_of(asked_at))


def _next_day(asked_at: datetime) -> datetime:
    return _midnight_after(day_of(asked_at))


def _midnight_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING)
