"""Messages that explain the ledger: what is stored, what is missing, and when it is requested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.window import Window
from wxcube.i18n import COLON, Meaning, Message, _, joined, plural, verbatim
from wxcube.warehouse.coverage import EMPTY_AFTER_DAYS, DayState, State, can_be_empty
from wxcube.warehouse.day_groups import DayGroup, day_groups
from wxcube.warehouse.next_ask import NextAsk, Why
from wxcube.warehouse.sync.plan import Skipped, SkipReason
from wxcube.warehouse.sync.progress import StopReason

STATE_LABELS = {
    State.NEVER: _("never"),
    State.MOVING: _("moving"),
    State.FINAL: _("final"),
    State.EMPTY: _("empty"),
    State.WAITING: _("waiting"),
    State.REFUSED: _("refused"),
    State.FAILED: _("failed"),
}
"""Names of the states."""
WHY_LABELS = {
    Why.NOT_OVER: _("not available yet"),
    Why.NOT_ASKED: _("not requested yet"),
    Why.MOVING: _("can still change"),
    Why.CONFIRMING: _("to be confirmed by another answer"),
    Why.CONTRADICTED: _("WeChat's answers lack data that must exist"),
    Why.DELAYED: _("no data so far"),
    Why.FAILED: _("the last request failed"),
    Why.REFUSED: _("refused by WeChat"),
    Why.RETIRED: _("retired by WeChat"),
    Why.QUOTA: _("quota used up"),
    Why.CLOCK: _("recorded by a clock that was ahead"),
    Why.AGAIN: _("requested again"),
    Why.SETTLED: _("needs no further request"),
}
"""Names of the reasons for which a day is requested again, or not."""
ALARMS = frozenset({Why.CONTRADICTED, Why.CLOCK})
"""Reasons that somebody must look into."""
_STOP_REASONS = {
    StopReason.BUDGET: _(
        "the limit daily_calls_per_endpoint is reached; it is renewed at midnight in Beijing"
    ),
    StopReason.QUOTA: _("WeChat's quota of today is used up (45009); it is renewed tomorrow"),
    StopReason.REFUSED: _("WeChat refuses this endpoint"),
    StopReason.ERRORS: _("several errors in a row, the endpoint was stopped"),
    StopReason.CREDENTIALS: _("WeChat does not accept the account's credentials"),
    StopReason.UNREACHABLE: _("many calls in a row were not answered, the account was stopped"),
}


def explain_group(endpoint: Endpoint[Any], group: DayGroup) -> Message:
    """A clause about a group of days, such as `2 days not requested yet`."""
    days = _days(endpoint, len(group))
    if group.why is Why.SETTLED:
        return _settled(days, group.state)
    if group.why is Why.RETIRED and group.errcode is None:
        stored = _("{days} stored, not final", days=days)
        clause = stored if group.has_rows else _not_requested(days)
        return joined((clause, _retired(endpoint)), COLON)
    own = _with_rows if group.has_rows else _without_rows
    return own(days, group) or _in_either_case(days, group)


def _settled(days: Message, state: State) -> Message:
    if state is State.FINAL:
        return _("{days} final", days=days)
    return _(
        "{days} confirmed empty: no data {wait} days or more later, in two answers or with "
        "proof from other rows",
        days=days,
        wait=EMPTY_AFTER_DAYS,
    )


def _with_rows(days: Message, group: DayGroup) -> Message | None:
    """A clause that is particular to days with rows."""
    when = _when(group)
    match group.why:
        case Why.MOVING:
            return _(
                "{days} stored, may still change until {until}; requested again {when}",
                days=days,
                until=_time(group.until),
                when=when,
            )
        case Why.CONFIRMING:
            return _(
                "{days} stored, but the last answer lacked rows or figures; requested again "
                "{when} to confirm",
                days=days,
                when=when,
            )
        case Why.DELAYED:
            return _(
                "{days} stored, but WeChat says that the figures are delayed; requested again "
                "{when}",
                days=days,
                when=when,
            )
        case _:
            return None


def _without_rows(days: Message, group: DayGroup) -> Message | None:
    """A clause that is particular to days without rows."""
    when = _when(group)
    match group.why:
        case Why.NOT_ASKED | Why.NOT_OVER if not group.is_due:
            return _("{days} not available yet: WeChat has the data {when}", days=days, when=when)
        case Why.NOT_ASKED | Why.NOT_OVER:
            return _not_requested(days)
        case Why.CONFIRMING:
            return _(
                "{days} without data in one answer; requested again {when}, a second such answer "
                "confirms that they are empty",
                days=days,
                when=when,
            )
        case Why.DELAYED | Why.MOVING:
            return _(
                "{days} without data so far, which may still come; requested again {when}",
                days=days,
                when=when,
            )
        case _:
            return None


def _in_either_case(days: Message, group: DayGroup) -> Message:
    when = _when(group)
    match group.why:
        case Why.CONTRADICTED:
            return _(
                "{days} of which WeChat's answers lack data that must exist, since {doubts} days "
                "or more; compare with mp.weixin.qq.com; requested again {when}",
                days=days,
                doubts=group.doubts,
                when=when,
            )
        case Why.REFUSED | Why.RETIRED:
            return _refused(days, group)
        case Why.QUOTA:
            return _(
                "{days} left: WeChat allows no more calls today (45009); requested {when}",
                days=days,
                when=when,
            )
        case Why.CLOCK:
            return _(
                "{days} recorded by a clock that was ahead; check the clock of this machine; "
                "requested again {when}",
                days=days,
                when=when,
            )
        case _ if group.errcode is not None:
            return _(
                "{days} failed ({error}); requested again {when}",
                days=days,
                error=_error(group.errcode),
                when=when,
            )
        case _:
            return _("{days} failed; requested again {when}", days=days, when=when)


def _refused(days: Message, group: DayGroup) -> Message:
    error = _error(group.errcode or 0)
    if group.why is Why.RETIRED:
        return _("{days} refused by WeChat ({error}); not requested again", days=days, error=error)
    if group.is_due or group.first_ask is None or group.last_ask is None:
        return _(
            "{days} refused by WeChat ({error}); requested again by the next sync",
            days=days,
            error=error,
        )
    first, last = group.first_ask.date(), group.last_ask.date()
    return _(
        "{days} refused by WeChat ({error}); requested again from {date}",
        days=days,
        error=error,
        date=str(first) if first == last else f"{first} … {last}",
    )


def _not_requested(days: Message) -> Message:
    return _("{days} not requested yet", days=days)


def _when(group: DayGroup) -> Message:
    if group.is_due or group.first_ask is None:
        return _("by the next sync")
    return _("from {time}", time=_time(group.first_ask))


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if time else ""


def explain_skipped(skipped: Skipped) -> Message:
    """The reason why a plan has no calls of an endpoint."""
    match skipped.reason:
        case SkipReason.RETIRED:
            return _retired(skipped.endpoint)
        case SkipReason.NEEDS_PARAM:
            return explain_missing_params(skipped.detail)
        case SkipReason.OUTSIDE:
            return _("no data before {first_date}", first_date=skipped.endpoint.first_date)
        case SkipReason.NOTHING_DUE if skipped.next and skipped.next.moment:
            return _("up to date; requested again from {time}", time=_time(skipped.next.moment))
        case SkipReason.NOTHING_DUE:
            return _("up to date")
        case _:
            return _later(skipped.next or NextAsk(None, Why.NOT_ASKED))


def explain_missing_params(names: str) -> Message:
    """The reason why no calls of an endpoint can be made without a setting."""
    return _(
        "needs {parameter}: list the ids of membership cards under cards in the account's settings",
        parameter=names,
    )


def _later(ask: NextAsk) -> Message:
    """The reason why nothing is requested before a time."""
    time = _time(ask.moment)
    match ask.why:
        case Why.RETIRED if ask.errcode:
            return _("refused by WeChat ({error}); not requested again", error=_error(ask.errcode))
        case Why.REFUSED:
            return _(
                "refused by WeChat ({error}); requested again from {date}",
                error=_error(ask.errcode or 0),
                date=str(ask.moment.date()) if ask.moment else "",
            )
        case Why.QUOTA:
            return _("WeChat allows no more calls today (45009); requested from {time}", time=time)
        case _:
            return _("not available yet: WeChat has the data from {time}", time=time)


def _retired(endpoint: Endpoint[Any]) -> Message:
    return _(
        "retired by WeChat ({since}); only `wxcube sync --retired` requests it",
        since=endpoint.retired_since,
    )


def explain_stop(reason: StopReason) -> Message:
    """The reason why planned calls were not made."""
    return _STOP_REASONS[reason]


def explain_empty_answer(endpoint: Endpoint[Any], window: Window, now: datetime) -> Message:
    """The reason why WeChat answered no rows of a window."""
    labels = endpoint.labels(window)
    if not labels:
        return _no_labels(endpoint, window)
    if endpoint.ready_at(labels[-1]) > now:
        return _(
            "data for {day} is available from {time:%Y-%m-%d %H:%M} (Beijing time)",
            day=labels[-1],
            time=endpoint.ready_at(labels[-1]),
        )
    if not can_be_empty(endpoint, labels[-1], now):
        return _("WeChat has no data for {window} so far; it may still come", window=window)
    return _("WeChat has no data for {window}", window=window)


def explain_no_rows(
    endpoint: Endpoint[Any],
    window: Window | None,
    entries: Iterable[Mapping[date, DayState]],
    now: datetime,
) -> list[Message]:
    """The reasons why the warehouse has no rows of a window, or none at all.

    `entries` are those of the endpoint, for each of its params.
    """
    known = [days for days in entries if days]
    if not known and endpoint.is_retired:
        return [
            _(
                "{endpoint} was never requested: WeChat has retired it ({since}), and only "
                "`wxcube sync --retired` requests it",
                endpoint=endpoint,
                since=endpoint.retired_since,
            )
        ]
    if not known:
        return [_("{endpoint} was never requested; `wxcube sync` requests it", endpoint=endpoint)]
    if window is None:
        labels = [list(days) for days in known]
    elif not endpoint.labels(window):
        return [_no_labels(endpoint, window)]
    elif window.last < endpoint.first_date:
        return [
            _(
                "{endpoint} has no data before {first_date}",
                endpoint=endpoint,
                first_date=endpoint.first_date,
            )
        ]
    else:
        labels = [endpoint.labels(window)] * len(known)
    # the clock of an emulated account may be ahead of this machine's
    now = max([now, *(entry.asked_at for days in known for entry in days.values())])
    groups = [
        group
        for of_params, days in zip(labels, known, strict=True)
        for group in day_groups(endpoint, {day: days.get(day) for day in of_params}, now)
    ]
    return list(dict.fromkeys(explain_group(endpoint, group) for group in groups))


def _no_labels(endpoint: Endpoint[Any], window: Window) -> Message:
    if endpoint.grain is Grain.WEEK:
        return _("{window} includes no Monday, the date of a week's rows", window=window)
    return _("{window} includes no 1st, the date of a month's rows", window=window)


def _days(endpoint: Endpoint[Any], count: int) -> Message:
    match endpoint.grain:
        case Grain.WEEK:
            return plural("{n} week", "{n} weeks", n=count)
        case Grain.MONTH:
            return plural("{n} month", "{n} months", n=count)
        case _:
            return plural("{n} day", "{n} days", n=count)


def _error(errcode: int) -> Message:
    known = ERRCODES.get(errcode)
    if known is None:
        return verbatim(str(errcode))
    return _("{errcode} {meaning}", errcode=errcode, meaning=Meaning.of(known))
