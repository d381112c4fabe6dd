"""Which calls a sync makes: wanted days less the settled ones, newest first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.warehouse.coverage import Asking, DayState, is_due, refusal

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Days of one account that should be in the warehouse."""

    appid: str
    window: Window
    endpoints: Sequence[Endpoint[Any]] = ENDPOINTS
    params: Mapping[str, Params] = field(default_factory=dict)
    """Members of the calls beside the dates, by endpoint name."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call to make, and the days it is made for."""

    appid: str
    endpoint: Endpoint[Any]
    window: Window
    labels: tuple[date, ...]
    """The days to settle, oldest first; the window may run over others."""
    params: Params = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.endpoint} {self.window}"


class Reason(StrEnum):
    """Why an endpoint has no calls in a plan."""

    RETIRED = "retired"
    """WeChat has switched it off."""
    NEEDS_PARAM = "needs_param"
    """Its calls need a member that nobody gave, like card_id."""
    OUTSIDE = "outside"
    """The wanted days lie before its first day."""
    NOT_READY = "not_ready"
    """No wanted day is over and computed yet."""
    REFUSED = "refused"
    """WeChat refused it a short time ago."""
    NOTHING_DUE = "nothing_due"
    """Everything wanted is there."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An endpoint without calls, and why."""

    appid: str
    endpoint: Endpoint[Any]
    reason: Reason
    detail: str = ""
    """The member that is missing, or the errcode and day of the refusal."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an endpoint's part of a plan takes."""

    calls: int
    days: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a sync, newest days first, and what is left out."""

    calls: tuple[PlannedCall, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def days(self) -> int:
        """How many days of endpoints (or weeks, months) the calls are made for."""
        return sum(len(call.labels) for call in self.calls)

    @property
    def cost(self) -> dict[tuple[str, str], Cost]:
        """Calls and days by appid and endpoint name."""
        calls = Counter((call.appid, call.endpoint.name) for call in self.calls)
        days: Counter[tuple[str, str]] = Counter()
        for call in self.calls:
            days[call.appid, call.endpoint.name] += len(call.labels)
        return {key: Cost(calls[key], days[key]) for key in calls}


class CoverageOf(Protocol):
    """Knows which days of an endpoint are in which state; `Warehouse.coverage` does."""

    def __call__(
        self, appid: str, endpoint: Endpoint[Any], *, params: Params | None = None
    ) -> Mapping[date, DayState]:
        """The ledger of an endpoint."""
        ...


def plan(
    wanted: Iterable[Wanted],
    coverage: CoverageOf,
    now: datetime,
    *,
    include_retired: bool = False,
    retry_refused: bool = False,
    refresh: bool = False,
) -> Plan:
    """The fewest calls that settle the wanted days, newest first.

    Retired endpoints are left out unless asked for: WeChat answers them 47009.
    """
    asking = Asking(now=now, retry_refused=retry_refused, refresh=refresh)
    calls: list[PlannedCall] = []
    skipped: list[Skipped] = []
    for part, endpoint in ((w, e) for w in wanted for e in w.endpoints):
        found = _endpoint(part, endpoint, coverage, asking, include_retired=include_retired)
        if isinstance(found, Skipped):
            skipped.append(found)
        else:
            calls.extend(found)
    calls.sort(key=lambda call: call.window.last, reverse=True)
    return Plan(tuple(calls), tuple(skipped))


def _endpoint(
    wanted: Wanted,
    endpoint: Endpoint[Any],
    coverage: CoverageOf,
    asking: Asking,
    *,
    include_retired: bool,
) -> list[PlannedCall] | Skipped:
    if endpoint.is_retired and not include_retired:
        return Skipped(wanted.appid, endpoint, Reason.RETIRED, endpoint.retired_since)
    given = wanted.params.get(endpoint.name, {})
    missing = _missing(endpoint, given)
    if missing:
        return Skipped(wanted.appid, endpoint, Reason.NEEDS_PARAM, missing)
    labels = endpoint.labels_over(wanted.window)
    lines = coverage(wanted.appid, endpoint, params=given) if labels else {}
    refused = refusal(lines.values(), asking)
    if refused:
        detail = f"{refused.errcode} {refused.asked_at:%Y-%m-%d}"
        return Skipped(wanted.appid, endpoint, Reason.REFUSED, detail)
    due = [day for day in labels if is_due(endpoint, day, lines.get(day), asking)]
    if not due:
        reason = _why_nothing(endpoint, labels, asking.now)
        return Skipped(wanted.appid, endpoint, reason)
    return _calls(wanted.appid, endpoint, due, given)


def _missing(endpoint: Endpoint[Any], given: Params) -> str:
    needed = (p.name for p in endpoint.params if p.required and p.default is None)
    missing = ", ".join(name for name in needed if name not in given)
    if not missing:
        endpoint.complete_params(given)
    return missing


def _why_nothing(endpoint: Endpoint[Any], labels: list[date], now: datetime) -> Reason:
    if not labels:
        return Reason.OUTSIDE
    ready = any(endpoint.ready_at(day) <= now for day in labels)
    return Reason.NOTHING_DUE if ready else Reason.NOT_READY


def _calls(
    appid: str, endpoint: Endpoint[Any], due: list[date], params: Params
) -> list[PlannedCall]:
    return [
        PlannedCall(
            appid, endpoint, window, tuple(day for day in due if day in window), dict(params)
        )
        for window in endpoint.calls(due)
    ]
