"""Events of a sync while it runs, and its report at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from wxcube.errors import Remedy, ReplyError, WxcubeError
from wxcube.i18n import Message
from wxcube.warehouse.coverage import State
from wxcube.warehouse.sync.plan import PlannedCall


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """A call was answered and its rows are stored."""

    call: PlannedCall
    rows: int
    states: Mapping[date, State]
    attempts: int = 1
    revised: int = 0
    """Days whose figures changed after they were settled."""
    withdrawn: int = 0
    """Rows that this answer is the first to lack."""
    clock_offset: timedelta | None = None
    """How far this machine's clock is ahead of the server's; None: as good as equal."""


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call gave an error; `state` is the new state of its days, None if it does not change."""

    call: PlannedCall
    error: WxcubeError
    state: State | None
    repeats: tuple[PlannedCall, ...] = ()
    """The calls that were put at the end of the line in its place."""
    attempts: int = 1
    """0 if nothing was sent, as without a token."""
    clock_offset: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CallNotMade:
    """A call was not made, because its endpoint or account was stopped before."""

    call: PlannedCall
    reason: StopReason


@dataclass(frozen=True, slots=True)
class AccountPaused:
    """An account pauses, because WeChat wants fewer calls a minute (45011)."""

    appid: str
    seconds: float


SyncEvent = CallAnswered | CallFailed | CallNotMade | AccountPaused
"""Each call, planned or repeated, has one event; `AccountPaused` comes in addition."""


class StopReason(StrEnum):
    """Reason why planned calls were not made."""

    BUDGET = "budget"
    """The limit of calls for the endpoint and day is reached."""
    QUOTA = "quota"
    """WeChat allows no more calls of the endpoint on that day (45009)."""
    REFUSED = "refused"
    """WeChat refuses the endpoint for the account, or has retired it."""
    ERRORS = "errors"
    """The endpoint gave several errors in a row."""
    CREDENTIALS = "credentials"
    """WeChat does not accept the account's credentials, address or settings."""
    UNREACHABLE = "unreachable"
    """No endpoint of the account was answered in many calls."""


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """An error of an endpoint, and the number of calls that had it."""

    appid: str
    endpoint: str
    message: Message
    remedy: Remedy
    errcode: int | None = None
    calls: int = 1

    @property
    def key(self) -> tuple[str, str, object]:
        """Calls with the same key had the same error."""
        return self.appid, self.endpoint, self.errcode or self.message


@dataclass(slots=True)
class Report:
    """The result of a sync."""

    planned: int = 0
    repeats: int = 0
    """Calls in addition to the planned ones, because a window failed and was halved."""
    calls: int = 0
    """Calls that were made, answered or not."""
    answered: int = 0
    attempts: int = 0
    """Requests that were sent, those repeated after an error included."""
    rows: int = 0
    revised: int = 0
    """Days whose figures changed after they were settled."""
    withdrawn: int = 0
    """Rows of earlier answers that the last one lacks."""
    clock_offset: timedelta | None = None
    """How far this machine's clock is ahead of the server's, if that is worth a word."""
    days: Counter[State] = field(default_factory=Counter)
    """New states of the days of the calls, including days that were not planned."""
    errors: list[ErrorCount] = field(default_factory=list)
    not_made: Counter[tuple[str, str, StopReason]] = field(default_factory=Counter)
    """Planned calls that were not made, by appid, endpoint name and reason."""

    @property
    def is_complete(self) -> bool:
        """Whether every planned call was answered, at once or in parts."""
        return self.answered == self.planned + self.repeats

    def add(self, event: SyncEvent) -> None:
        """Count an event."""
        if not isinstance(event, AccountPaused):
            self._forget_failure(event)
        if isinstance(event, CallAnswered):
            self._count_call(event)
            self.answered += 1
            self.rows += event.rows
            self.revised += event.revised
            self.withdrawn += event.withdrawn
            self.days.update(event.states.values())
        elif isinstance(event, CallFailed):
            self._count_call(event)
            if event.repeats:
                self.repeats += len(event.repeats) - 1
            if event.state is not None:
                self.days[event.state] += len(event.call.labels)
            self._add_error(_error_count(event))
        elif isinstance(event, CallNotMade) and not event.call.is_repeat:
            self.not_made[event.call.appid, event.call.endpoint.name, event.reason] += 1

    def _count_call(self, event: CallAnswered | CallFailed) -> None:
        self.calls += 1
        self.attempts += event.attempts
        self.clock_offset = self.clock_offset or event.clock_offset

    def _forget_failure(self, event: CallAnswered | CallFailed | CallNotMade) -> None:
        """Uncount the failed days of a repeat that now have another state."""
        if isinstance(event, CallNotMade):
            return
        changes = isinstance(event, CallAnswered) or event.state is not None
        if event.call.is_repeat and changes:
            self.days[State.FAILED] -= len(event.call.labels)
            if not self.days[State.FAILED]:
                del self.days[State.FAILED]

    def _add_error(self, error: ErrorCount) -> None:
        for index, known in enumerate(self.errors):
            if known.key == error.key:
                self.errors[index] = replace(known, calls=known.calls + 1)
                return
        self.errors.append(error)


def _error_count(event: CallFailed) -> ErrorCount:
    error, call = event.error, event.call
    errcode = error.errcode if isinstance(error, ReplyError) else None
    return ErrorCount(call.appid, call.endpoint.name, error.as_message(), error.remedy, errcode)
