"""The calls of a sync: wanted days without the settled ones, newest first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from wxcube.contract import ENDPOINTS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.i18n import NOTHING, Message, _, verbatim
from wxcube.warehouse.coverage import DayState, RefetchPolicy, is_due, standing_refusal

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class WantedDays:
    """Days of one account that the warehouse should have."""

    appid: str
    window: Window
    endpoints: Sequence[Endpoint[Any]] = ENDPOINTS
    params: Mapping[str, Params] = field(default_factory=dict)
    """Parameters of the calls besides the dates, by endpoint name."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call to make, and the days it is made for."""

    appid: str
    endpoint: Endpoint[Any]
    window: Window
    labels: tuple[date, ...]
    """The days to settle, oldest first; the window may include others."""
    params: Params = field(default_factory=dict)
    is_repeat: bool = False
    """Whether its days failed before in the same sync."""

    def __str__(self) -> str:
        return f"{self.endpoint} {self.window}"

    def repeats(self) -> tuple[PlannedCall, ...]:
        """The calls to make after this one failed: its halves, newest first.

        A call for one day is repeated once, unless it is a repeat itself.
        """
        if len(self.labels) == 1:
            return () if self.is_repeat else (replace(self, is_repeat=True),)
        middle = len(self.labels) // 2
        halves = (self.labels[middle:], self.labels[:middle])
        return tuple(
            replace(self, window=Window(days[0], days[-1]), labels=days, is_repeat=True)
            for days in halves
        )


class SkipReason(StrEnum):
    """Reason why a plan has no calls of an endpoint."""

    RETIRED = "retired"
    """WeChat has retired it."""
    NEEDS_PARAM = "needs_param"
    """Its calls need a parameter that is not given, such as card_id."""
    OUTSIDE = "outside"
    """The wanted days are before its first day."""
    NOT_READY = "not_ready"
    """No wanted day is over and available."""
    REFUSED = "refused"
    """WeChat refused it a short time ago."""
    NOTHING_DUE = "nothing_due"
    """All wanted days are stored."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An endpoint without calls, and the reason."""

    appid: str
    endpoint: Endpoint[Any]
    reason: SkipReason
    detail: Message = NOTHING
    """The missing parameter, the year of retirement, or the errcode and day of the refusal."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Number of calls and days that a plan has for an endpoint."""

    calls: int
    days: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a sync, newest days first, and the endpoints without calls."""

    calls: tuple[PlannedCall, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def days(self) -> int:
        """Number of days (or weeks, months) of endpoints that the calls are made for."""
        return sum(len(call.labels) for call in self.calls)

    @property
    def cost(self) -> dict[tuple[str, str], Cost]:
        """Calls and days by appid and endpoint name."""
        calls = Counter((call.appid, call.endpoint.name) for call in self.calls)
        days: Counter[tuple[str, str]] = Counter()
        for call in self.calls:
            days[call.appid, call.endpoint.name] += len(call.labels)
        return {key: Cost(calls[key], days[key]) for key in calls}


class CoverageReader(Protocol):
    """Gives the ledger entries of an endpoint; `Warehouse.coverage` is one."""

    def __call__(
        self, appid: str, endpoint: Endpoint[Any], *, params: Params | None = None
    ) -> Mapping[date, DayState]:
        """The ledger entries of an endpoint by day."""
        ...


def plan(
    wanted: Iterable[WantedDays],
    coverage: CoverageReader,
    now: datetime,
    *,
    include_retired: bool = False,
    retry_refused: bool = False,
    refresh: bool = False,
) -> Plan:
    """The fewest calls that settle the wanted days, newest first.

    Retired endpoints, for which WeChat answers 47009, are skipped unless included.
    """
    policy = RefetchPolicy(now=now, retry_refused=retry_refused, refresh=refresh)
    calls: list[PlannedCall] = []
    skipped: list[Skipped] = []
    for days, endpoint in ((w, e) for w in wanted for e in w.endpoints):
        planned = _endpoint(days, endpoint, coverage, policy, include_retired=include_retired)
        if isinstance(planned, Skipped):
            skipped.append(planned)
        else:
            calls.extend(planned)
    calls.sort(key=lambda call: call.window.last, reverse=True)
    return Plan(tuple(calls), tuple(skipped))


def _endpoint(
    wanted: WantedDays,
    endpoint: Endpoint[Any],
    coverage: CoverageReader,
    policy: RefetchPolicy,
    *,
    include_retired: bool,
) -> list[PlannedCall] | Skipped:
    if endpoint.is_retired and not include_retired:
        since = verbatim(endpoint.retired_since)
        return Skipped(wanted.appid, endpoint, SkipReason.RETIRED, since)
    params = wanted.params.get(endpoint.name, {})
    missing = _missing_params(endpoint, params)
    if missing:
        return Skipped(wanted.appid, endpoint, SkipReason.NEEDS_PARAM, verbatim(missing))
    labels = endpoint.labels_over(wanted.window)
    entries = coverage(wanted.appid, endpoint, params=params) if labels else {}
    refusal = standing_refusal(entries.values(), policy)
    if refusal:
        detail = _("{errcode} on {day:%Y-%m-%d}", errcode=refusal.errcode, day=refusal.asked_at)
        return Skipped(wanted.appid, endpoint, SkipReason.REFUSED, detail)
    due = [day for day in labels if is_due(endpoint, day, entries.get(day), policy)]
    if not due:
        return Skipped(wanted.appid, endpoint, _nothing_due(endpoint, labels, policy.now))
    return _calls(wanted.appid, endpoint, due, params)


def _missing_params(endpoint: Endpoint[Any], params: Params) -> str:
    needed = (p.name for p in endpoint.params if p.required and p.default is None)
    missing = ", ".join(name for name in needed if name not in params)
    if not missing:
        endpoint.complete_params(params)
    return missing


def _nothing_due(endpoint: Endpoint[Any], labels: list[date], now: datetime) -> SkipReason:
    if not labels:
        return SkipReason.OUTSIDE
    ready = any(endpoint.ready_at(day) <= now for day in labels)
    return SkipReason.NOTHING_DUE if ready else SkipReason.NOT_READY


def _calls(
    appid: str, endpoint: Endpoint[Any], due: list[date], params: Params
) -> list[PlannedCall]:
    return [
        PlannedCall(
            appid, endpoint, window, tuple(day for day in due if day in window), dict(params)
        )
        for window in endpoint.calls(due)
    ]
