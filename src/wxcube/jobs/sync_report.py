"""The report of a sync, as lines for people and as data for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from wxcube.i18n import COMMA, Listing, Message, _, joined, plural
from wxcube.log import redact
from wxcube.warehouse.coverage import State
from wxcube.warehouse.explanation import STATE_LABELS, explain_stop
from wxcube.warehouse.failures import is_about_credentials
from wxcube.warehouse.leases import Lease
from wxcube.warehouse.sync.progress import ErrorCount, Report, StopReason

_OF_ACCOUNT = frozenset({StopReason.CREDENTIALS, StopReason.UNREACHABLE})
"""Reasons that stop all endpoints of an account."""


@dataclass(slots=True)
class SyncResult:
    """What came of a sync: its report, and why calls are left."""

    report: Report
    busy: Mapping[str, Lease] = field(default_factory=dict)
    """Accounts that another sync is at work on."""
    stopped_by: int = 0
    """The number of the signal that ended it."""
    lost: frozenset[str] = frozenset()
    """Accounts that another sync took over."""
    used_up: tuple[tuple[str, str], ...] = ()
    """Appid and name of endpoints that WeChat allows no more calls of today (45009)."""

    @property
    def is_complete(self) -> bool:
        """Whether every planned call was answered, and no account was left out."""
        is_stopped = self.stopped_by or self.lost
        return self.report.is_complete and not (self.busy or is_stopped or self.used_up)

    @property
    def calls_left(self) -> int:
        """Planned calls that were not begun, or not answered, before the sync was stopped."""
        report = self.report
        ended = report.calls + report.not_made.total()
        return max(report.planned + report.repeats - ended, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report; problems have a mark."""

    text: Message
    mark: str = ""


def report_lines(result: SyncResult, title: Callable[[str], str]) -> Iterator[Line]:
    """The lines of a report; `title` names an account."""
    report = result.report
    yield Line(_total(report))
    if report.attempts > report.calls:
        yield Line(_requests(report))
    if report.revised or report.withdrawn:
        yield Line(_changed(report))
    if result.stopped_by:
        yield Line(_stopped(result), "! ")
    if result.lost:
        yield Line(_lost(result), "! ")
    for lease in result.busy.values():
        yield Line(busy_message(title(lease.appid), lease), "! ")
    if report.clock_offset:
        yield Line(_clock(report.clock_offset), "! ")
    if result.used_up:
        used_up = Listing(dict.fromkeys(name for _appid, name in result.used_up))
        quota = explain_stop(StopReason.QUOTA)
        yield Line(_("{endpoints}: {reason}", endpoints=used_up, reason=quota), "! ")
    for error in troubles(report):
        yield Line(_trouble(error), "! ")
    for (appid, reason), (names, calls) in _not_made(report).items():
        yield Line(_left(appid, reason, names, calls), "! ")


def _total(report: Report) -> Message:
    none = _("none")
    states = [
        _("{count} {state}", count=report.days[state], state=STATE_LABELS[state])
        for state in State
        if report.days[state]
    ]
    return plural(
        "{n} call, {rows:,} rows; days by state: {states}",
        "{n} calls, {rows:,} rows; days by state: {states}",
        n=report.calls,
        rows=report.rows,
        states=Listing(states or [none]),
    )


def _requests(report: Report) -> Message:
    return plural(
        "{n} request was sent: calls that failed were repeated",
        "{n} requests were sent: calls that failed were repeated",
        n=report.attempts,
    )


def _changed(report: Report) -> Message:
    days = plural("figures of {n} final day", "figures of {n} final days", n=report.revised)
    rows = plural("{n} withdrawn row", "{n} withdrawn rows", n=report.withdrawn)
    counts = ((days, report.revised), (rows, report.withdrawn))
    changes = joined((text for text, count in counts if count), COMMA)
    return _("changed by WeChat: {changes}; `wxcube status` shows where", changes=changes)


def _stopped(result: SyncResult) -> Message:
    return plural(
        "stopped with {n} call left; stored data stays, start the command again to resume",
        "stopped with {n} calls left; stored data stays, start the command again to resume",
        n=result.calls_left,
    )


def _lost(result: SyncResult) -> Message:
    return _(
        "stopped: this process was held up for more than a minute, and another sync took over "
        "{accounts}; start the command again for the other accounts",
        accounts=Listing(sorted(result.lost)),
    )


def busy_message(title: str, lease: Lease) -> Message:
    """The message that an account is left out, and which process is at work on it."""
    return _(
        "{account} is left out: another sync (process {pid} on {host} since {time}) is at work",
        account=title,
        pid=str(lease.holder.pid),
        host=lease.holder.host,
        time=f"{lease.taken_at:%H:%M}",
    )


def _clock(offset: timedelta) -> Message:
    if offset > timedelta(0):
        return _(
            "this machine's clock is {span} ahead of the server's; nothing was settled by this "
            "run; set the clock",
            span=_span(offset),
        )
    return _(
        "this machine's clock is {span} behind the server's; nothing was settled by this run; "
        "set the clock",
        span=_span(-offset),
    )


def _span(span: timedelta) -> Message:
    if span >= timedelta(days=2):
        return plural("{n} day", "{n} days", n=round(span / timedelta(days=1)))
    if span >= timedelta(hours=2):
        return plural("{n} hour", "{n} hours", n=round(span / timedelta(hours=1)))
    return plural("{n} minute", "{n} minutes", n=round(span / timedelta(minutes=1)))


# --- problems ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that calls of an account had, and the endpoints of these calls."""

    error: ErrorCount
    endpoints: tuple[str, ...]
    calls: int


def troubles(report: Report) -> list[Trouble]:
    """The errors of a sync; one that several endpoints had, such as wrong credentials, is one."""
    by_message: dict[tuple[str, object], list[ErrorCount]] = {}
    for error in report.errors:
        # the message of an error of a token or secret names the endpoint that was called
        key = error.errcode if is_about_credentials(error.errcode) else error.message
        by_message.setdefault((error.appid, key), []).append(error)
    return [
        Trouble(
            errors[0],
            tuple(dict.fromkeys(error.endpoint for error in errors)),
            sum(error.calls for error in errors),
        )
        for errors in by_message.values()
    ]


def _trouble(trouble: Trouble) -> Message:
    error = trouble.error
    if trouble.calls == 1:
        return _("{appid} {error}", appid=error.appid, error=error.message)
    return _(
        "{appid} {error} ×{count}", appid=error.appid, error=error.message, count=trouble.calls
    )


def _not_made(report: Report) -> dict[tuple[str, StopReason], tuple[list[str], int]]:
    """The endpoints and the number of calls that were not made, by account and reason."""
    left: dict[tuple[str, StopReason], tuple[list[str], int]] = {}
    for (appid, name, reason), calls in report.not_made.items():
        names, before = left.get((appid, reason), ([], 0))
        left[appid, reason] = ([*names, name], before + calls)
    return left


def _left(appid: str, reason: StopReason, names: list[str], calls: int) -> Message:
    if reason in _OF_ACCOUNT:
        return plural(
            "{appid}: {n} call not made, {reason}",
            "{appid}: {n} calls not made, {reason}",
            appid=appid,
            n=calls,
            reason=explain_stop(reason),
        )
    return plural(
        "{appid} {endpoint}: {n} call not made, {reason}",
        "{appid} {endpoint}: {n} calls not made, {reason}",
        appid=appid,
        endpoint=Listing(names),
        n=calls,
        reason=explain_stop(reason),
    )


# --- JSON ----------------------------------------------------------------------------------------


def as_data(result: SyncResult) -> dict[str, object]:
    """The report for JSON."""
    report = result.report
    return {
        "planned": report.planned,
        "repeats": report.repeats,
        "calls": report.calls,
        "attempts": report.attempts,
        "answered": report.answered,
        "rows": report.rows,
        "revised": report.revised,
        "withdrawn": report.withdrawn,
        "clock_offset_seconds": report.clock_offset and report.clock_offset.total_seconds(),
        "days": {state.value: n for state, n in report.days.items()},
        "troubles": [_trouble_data(trouble) for trouble in troubles(report)],
        "left": [
            {"appid": appid, "endpoint": endpoint, "why": reason.value, "calls": n}
            for (appid, endpoint, reason), n in report.not_made.items()
        ]
        + [
            {"appid": appid, "endpoint": endpoint, "why": StopReason.QUOTA.value, "calls": 0}
            for appid, endpoint in result.used_up
        ],
        "busy": [
            {
                "appid": lease.appid,
                "pid": lease.holder.pid,
                "host": lease.holder.host,
                "since": lease.taken_at,
            }
            for lease in result.busy.values()
        ],
        "stopped_by": result.stopped_by or None,
        "calls_left": result.calls_left,
    }


def _trouble_data(trouble: Trouble) -> dict[str, object]:
    error = trouble.error
    return {
        "appid": error.appid,
        "endpoint": error.endpoint if len(trouble.endpoints) == 1 else None,
        "endpoints": trouble.endpoints,
        "errcode": error.errcode,
        "message": redact(str(error.message)),
        "remedy": error.remedy.value,
        "calls": trouble.calls,
    }
