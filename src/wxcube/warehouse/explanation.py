"""Messages that explain the ledger: what is stored, what is missing, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.contract.window import Window
from wxcube.i18n import Meaning, Message, _, plural, verbatim
from wxcube.warehouse.coverage import (
    EMPTY_AFTER_DAYS,
    REFUSAL_LIFETIME,
    RETIRED_ERRCODE,
    DayGroup,
    DayState,
    State,
    can_be_empty,
    day_groups,
)
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
_STOP_REASONS = {
    StopReason.BUDGET: _("the daily limit of calls per endpoint is reached"),
    StopReason.QUOTA: _("WeChat's quota of today is used up (45009); it is renewed tomorrow"),
    StopReason.REFUSED: _("WeChat refuses this endpoint"),
    StopReason.ERRORS: _("several errors in a row, the endpoint was stopped"),
    StopReason.CREDENTIALS: _("WeChat does not accept the account's credentials"),
    StopReason.UNREACHABLE: _("many calls in a row were not answered, the account was stopped"),
}
_NOT_READY = _("not available yet: data for a day is available from 08:00 of the next day")


def explain_days(
    endpoint: Endpoint[Any],
    state: State,
    count: int,
    *,
    errcode: int | None = None,
    is_ready: bool = True,
) -> Message:
    """A clause about a number of days in a state, such as `2 days not requested yet`."""
    days = _days(endpoint, count)
    if state is State.REFUSED and errcode is not None:
        return _refused(days, errcode)
    clause = _clause(days, state, is_ready=is_ready)
    if errcode is None:
        return clause
    return _("{days_in_state} ({error})", days_in_state=clause, error=_error(errcode))


def explain_group(endpoint: Endpoint[Any], group: DayGroup) -> Message:
    """A clause about a group of days."""
    return explain_days(
        endpoint, group.state, len(group), errcode=group.errcode, is_ready=group.is_ready
    )


def explain_skipped(skipped: Skipped) -> Message:
    """The reason why a plan has no calls of an endpoint."""
    match skipped.reason:
        case SkipReason.RETIRED:
            return _(
                "retired by WeChat ({since}); only `wxcube sync --retired` requests it",
                since=skipped.detail,
            )
        case SkipReason.NEEDS_PARAM:
            return _(
                "needs {parameter}: list the ids of membership cards under cards in the account's "
                "settings",
                parameter=skipped.detail,
            )
        case SkipReason.OUTSIDE:
            return _("no data before {first_date}", first_date=skipped.endpoint.first_date)
        case SkipReason.NOT_READY:
            return _NOT_READY
        case SkipReason.REFUSED:
            return _("refused by WeChat ({refusal})", refusal=skipped.detail)
        case SkipReason.NOTHING_DUE:
            return _("up to date")


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
    groups = [
        group
        for of_params, days in zip(labels, known, strict=True)
        for group in day_groups(endpoint, of_params, days, now)
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


def _clause(days: Message, state: State, *, is_ready: bool) -> Message:  # noqa: PLR0911 - one per state
    match state:
        case State.NEVER if not is_ready:
            return _(
                "{days} not available yet: data for a day is available from 08:00 of the next day",
                days=days,
            )
        case State.NEVER:
            return _("{days} not requested yet", days=days)
        case State.MOVING:
            return _("{days} stored, may still change", days=days)
        case State.FINAL:
            return _("{days} final", days=days)
        case State.EMPTY:
            return _(
                "{days} confirmed empty: no data {wait} days or more later, in two answers or with "
                "proof from other rows",
                days=days,
                wait=EMPTY_AFTER_DAYS,
            )
        case State.WAITING:
            return _("{days} without data so far, which may still come", days=days)
        case State.REFUSED:
            return _("{days} refused by WeChat", days=days)
        case State.FAILED:
            return _("{days} failed, the next sync requests them again", days=days)


def _refused(days: Message, errcode: int) -> Message:
    if errcode == RETIRED_ERRCODE:
        return _(
            "{days} refused by WeChat ({error}; not requested again)",
            days=days,
            error=_error(errcode),
        )
    return _(
        "{days} refused by WeChat ({error}; requested again after {retry} days)",
        days=days,
        error=_error(errcode),
        retry=REFUSAL_LIFETIME.days,
    )


def _error(errcode: int) -> Message:
    known = ERRCODES.get(errcode)
    if known is None:
        return verbatim(str(errcode))
    return _("{errcode} {meaning}", errcode=errcode, meaning=Meaning.of(known))
