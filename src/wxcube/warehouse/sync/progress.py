"""What a sync tells while it runs, and what it reports at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from wxcube.errors import Remedy, ReplyError, WxcubeError
from wxcube.warehouse.coverage import State
from wxcube.warehouse.sync.plan import PlannedCall


@dataclass(frozen=True, slots=True)
class Answered:
    """A call was answered and its rows are stored."""

    call: PlannedCall
    rows: int
    states: Mapping[date, State]


@dataclass(frozen=True, slots=True)
class Failed:
    """A call gave an error; `state` is what its days became, None if they stay as they were."""

    call: PlannedCall
    error: WxcubeError
    state: State | None


@dataclass(frozen=True, slots=True)
class Left:
    """A call was not made, since its endpoint or account was stopped before."""

    call: PlannedCall
    why: Why


@dataclass(frozen=True, slots=True)
class Paused:
    """An account waits, since WeChat wants fewer calls a minute."""

    appid: str
    seconds: float


Progress = Answered | Failed | Left | Paused
"""Answered, Failed and Left come once for each planned call, Paused beside them."""


class Why(StrEnum):
    """Why calls were left out."""

    BUDGET = "budget"
    """The calls allowed for the endpoint and day are used up."""
    QUOTA = "quota"
    """WeChat said that the endpoint's calls of the day are used up (45009)."""
    REFUSED = "refused"
    """WeChat refuses the endpoint to the account, or has switched it off."""
    ERRORS = "errors"
    """The endpoint gave several errors in a row that would come again."""
    CREDENTIALS = "credentials"
    """WeChat does not accept the account's credentials, address or settings."""
    UNREACHABLE = "unreachable"
    """Nothing of the account was answered many times in a row."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of error of one endpoint, with how many calls had it."""

    appid: str
    endpoint: str
    message: str
    remedy: Remedy
    errcode: int | None = None
    calls: int = 1


@dataclass(slots=True)
class Report:
    """What a sync did."""

    planned: int = 0
    calls: int = 0
    """Calls that were made, answered or not."""
    answered: int = 0
    rows: int = 0
    days: Counter[State] = field(default_factory=Counter)
    """What the days of the calls became, also the ones that lay between."""
    troubles: list[Trouble] = field(default_factory=list)
    left: Counter[tuple[str, str, Why]] = field(default_factory=Counter)
    """Calls that were not made, by appid, endpoint name and reason."""

    @property
    def is_complete(self) -> bool:
        """Whether every planned call was answered."""
        return self.answered == self.planned

    def add(self, event: Progress) -> None:
        """Count an event."""
        if isinstance(event, Answered):
            self.calls += 1
            self.answered += 1
            self.rows += event.rows
            self.days.update(event.states.values())
        elif isinstance(event, Failed):
            self.calls += 1
            self._add_trouble(event)
        elif isinstance(event, Left):
            self.left[event.call.appid, event.call.endpoint.name, event.why] += 1
            if event.why is Why.REFUSED:
                self.days[State.REFUSED] += len(event.call.labels)

    def _add_trouble(self, event: Failed) -> None:
        if event.state is not None:
            self.days[event.state] += len(event.call.labels)
        found = _trouble(event)
        for place, known in enumerate(self.troubles):
            if _kind(known) == _kind(found):
                self.troubles[place] = _once_more(known)
                return
        self.troubles.append(found)


def _trouble(event: Failed) -> Trouble:
    error = event.error
    errcode = error.errcode if isinstance(error, ReplyError) else None
    call = event.call
    return Trouble(call.appid, call.endpoint.name, str(error), error.remedy, errcode)


def _kind(trouble: Trouble) -> tuple[str, str, object]:
    return trouble.appid, trouble.endpoint, trouble.errcode or trouble.message


def _once_more(known: Trouble) -> Trouble:
    return Trouble(
        known.appid,
        known.endpoint,
        known.message,
        known.remedy,
        known.errcode,
        known.calls + 1,
    )
