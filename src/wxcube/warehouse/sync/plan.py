"""The calls of a sync: wanted days without the settled ones, newest first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from wxcube.beijing import BEIJING
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import Window
from wxcube.i18n import NOTHING, Message, verbatim
from wxcube.warehouse.clock_check import CLOCK_TOLERANCE
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.next_ask import NOTHING_STANDING, NextAsk, Standing, Why, next_ask
from wxcube.warehouse.sync.samples import sampled_windows, start_of_week
from wxcube.warehouse.sync.wanted import Params, WantedDays


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
    QUOTA = "quota"
    """WeChat allows no more calls of it today."""
    NOTHING_DUE = "nothing_due"
    """All wanted days are stored."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An endpoint without calls, and the reason."""

    appid: str
    endpoint: Endpoint[Any]
    reason: SkipReason
    detail: Message = NOTHING
    """The missing parameter, or the year of retirement."""
    next: NextAsk | None = None
    """When the first of its days is requested, and why not before."""


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


def joined_plans(plans: Iterable[Plan]) -> Plan:
    """One plan of several, newest days first."""
    plans = tuple(plans)
    calls = (call for one in plans for call in one.calls)
    return Plan(
        tuple(sorted(calls, key=lambda call: call.window.last, reverse=True)),
        tuple(skipped for one in plans for skipped in one.skipped),
    )


class LedgerReader(Protocol):
    """Reads what the ledger says about an endpoint of an account; a `Warehouse` is one."""

    def coverage(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        *,
        params: Params | None = None,
        window: Window | None = None,
    ) -> Mapping[date, DayState]:
        """The ledger entries of an endpoint by day, of a window or of all days."""
        ...

    def standing(
        self,
        appid: str,
        endpoint: Endpoint[Any],
        now: datetime,
        *,
        params: Params | None = None,
    ) -> Standing:
        """What holds for all days of an endpoint."""
        ...


class EmptyLedger:
    """The ledger of a warehouse that does not exist yet."""

    def coverage(
        self,
        appid: str,  # noqa: ARG002 - a LedgerReader
        endpoint: Endpoint[Any],  # noqa: ARG002 - likewise
        *,
        params: Params | None = None,  # noqa: ARG002 - likewise
        window: Window | None = None,  # noqa: ARG002 - likewise
    ) -> Mapping[date, DayState]:
        """No entries."""
        return {}

    def standing(
        self,
        appid: str,  # noqa: ARG002 - a LedgerReader
        endpoint: Endpoint[Any],  # noqa: ARG002 - likewise
        now: datetime,  # noqa: ARG002 - likewise
        *,
        params: Params | None = None,  # noqa: ARG002 - likewise
    ) -> Standing:
        """Nothing."""
        return NOTHING_STANDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a sync asks besides the days that are due."""

    include_retired: bool = False
    """Ask retired endpoints too."""
    retry_refused: bool = False
    """Ask what was refused now, not after a week."""
    again: Window | None = None
    """Ask the days of this window once more, settled ones too."""
    samples: int = 0
    """Calls per account and week for final days, to notice corrected figures."""


def plan(
    wanted: Iterable[WantedDays],
    ledger: LedgerReader,
    now: datetime,
    choices: Choices | None = None,
) -> Plan:
    """The fewest calls that settle the wanted days, newest first.

    Retired endpoints, for which WeChat answers 47009, are skipped unless included.
    """
    chosen, wanted = choices or Choices(), list(wanted)
    samples = sampled_windows(wanted, now, chosen.samples)
    calls: list[PlannedCall] = []
    skipped: list[Skipped] = []
    for days, endpoint in ((w, e) for w in wanted for e in w.endpoints):
        windows = [*samples.get((days.appid, endpoint.name), ())]
        planned = _Endpoint(days, endpoint, ledger, now, chosen, windows).plan()
        if isinstance(planned, Skipped):
            skipped.append(planned)
        else:
            calls.extend(planned)
    calls.sort(key=lambda call: call.window.last, reverse=True)
    return Plan(tuple(calls), tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """The planning of one endpoint."""

    wanted: WantedDays
    endpoint: Endpoint[Any]
    ledger: LedgerReader
    now: datetime
    choices: Choices
    samples: Sequence[Window]

    def plan(self) -> list[PlannedCall] | Skipped:
        """Its calls, or the reason why it has none."""
        endpoint = self.endpoint
        if endpoint.is_retired and not self.choices.include_retired:
            return self._skipped(SkipReason.RETIRED, verbatim(endpoint.retired_since))
        params = self.wanted.params.get(endpoint.name, {})
        missing = missing_params(endpoint, params)
        if missing:
            return self._skipped(SkipReason.NEEDS_PARAM, verbatim(missing))
        labels = self._labels()
        if not labels:
            return self._skipped(SkipReason.OUTSIDE)
        standing = self._standing(params)
        asks = self._asks(labels, params, standing)
        due = [day for day, ask in asks.items() if ask.is_due(self.now)]
        if not due:
            return self._nothing_due(asks)
        return _calls(self.wanted.appid, endpoint, due, params)

    def _labels(self) -> list[date]:
        labels = self.endpoint.labels_over(self.wanted.window)
        again = self.choices.again
        if again is None:
            return labels
        of_again = set(self.endpoint.labels_over(again))
        return [day for day in labels if day in of_again]

    def _standing(self, params: Params) -> Standing:
        appid, endpoint = self.wanted.appid, self.endpoint
        standing = self.ledger.standing(appid, endpoint, self.now, params=params)
        return replace(standing, refusal=None) if self.choices.retry_refused else standing

    def _asks(self, labels: list[date], params: Params, standing: Standing) -> dict[date, NextAsk]:
        window = Window(labels[0], labels[-1])
        appid, endpoint = self.wanted.appid, self.endpoint
        entries = self.ledger.coverage(appid, endpoint, params=params, window=window)
        return {
            day: next_ask(endpoint, day, self._checked(day, entries.get(day)), standing)
            for day in labels
        }

    def _checked(self, day: date, entry: DayState | None) -> DayState | None:
        """The entry; None if the day is to be asked as if it had none."""
        if entry is None or entry.asked_at > self.now + CLOCK_TOLERANCE:
            return None
        if entry.state is State.REFUSED:
            return None if self.choices.retry_refused else entry
        if self.choices.again or (entry.is_settled and self._is_sampled(day, entry)):
            return None
        return entry

    def _is_sampled(self, day: date, entry: DayState) -> bool:
        return entry.state is State.FINAL and any(
            day in window and entry.asked_at < start_of_week(self.now) for window in self.samples
        )

    def _nothing_due(self, asks: Mapping[date, NextAsk]) -> Skipped:
        """The endpoint as up to date, or the reason why its next request is later."""
        later = [ask for ask in asks.values() if ask.moment]
        never = (ask for ask in asks.values() if ask.why is Why.RETIRED)
        nearest = min(later, key=_moment) if later else next(never, None)
        why = nearest.why if nearest else Why.SETTLED
        is_new = all(ask.why is Why.NOT_ASKED for ask in asks.values())
        default = SkipReason.NOT_READY if is_new else SkipReason.NOTHING_DUE
        return Skipped(self.wanted.appid, self.endpoint, _REASONS.get(why, default), next=nearest)

    def _skipped(self, reason: SkipReason, detail: Message = NOTHING) -> Skipped:
        return Skipped(self.wanted.appid, self.endpoint, reason, detail)


_REASONS = {
    Why.REFUSED: SkipReason.REFUSED,
    Why.RETIRED: SkipReason.REFUSED,
    Why.QUOTA: SkipReason.QUOTA,
}


def _moment(ask: NextAsk) -> datetime:
    return ask.moment or datetime.max.replace(tzinfo=BEIJING)


def missing_params(endpoint: Endpoint[Any], params: Params) -> str:
    """Names of the parameters that calls need and that are not given; empty if there are none."""
    needed = (p.name for p in endpoint.params if p.required and p.default is None)
    missing = ", ".join(name for name in needed if name not in params)
    if not missing:
        endpoint.complete_params(params)
    return missing


def _calls(
    appid: str, endpoint: Endpoint[Any], due: list[date], params: Params
) -> list[PlannedCall]:
    return [
        PlannedCall(
            appid, endpoint, window, tuple(day for day in due if day in window), dict(params)
        )
        for window in endpoint.calls(due)
    ]
