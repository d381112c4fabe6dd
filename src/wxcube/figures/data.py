"""The data itself: the state of every day, why, what was revised, what is impossible, and quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from wxcube import contract
from wxcube.beijing import day_of
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.figure import Column, Figure
from wxcube.figures.filter import Filter
from wxcube.figures.hours import newest_days, notes_on_days
from wxcube.figures.reader import Reader
from wxcube.figures.series import ACCOUNT, of_account
from wxcube.i18n import NOTHING, SEMICOLON, Message, _, joined, plural
from wxcube.warehouse.asks import DayCount
from wxcube.warehouse.coverage import DayState, State
from wxcube.warehouse.day_groups import day_groups
from wxcube.warehouse.explanation import explain_group
from wxcube.warehouse.next_ask import Standing, Why, next_ask

_ENDPOINT = Column(name="endpoint", title=_("endpoint"), is_key=True)
_DAY = Column(name="ref_date", title=_("day"), unit="day", is_key=True)
MOST_CHECKED = 31
"""Days that are checked for impossible figures."""


@dataclass(frozen=True, slots=True)
class _Ledger:
    """The days of one endpoint of an account."""

    endpoint: Endpoint[Any]
    params: Mapping[str, str]
    days: Mapping[date, DayState | None]
    standing: Standing

    @property
    def name(self) -> str:
        """The endpoint, with the params of its calls."""
        return " ".join((self.endpoint.name, *self.params.values()))


def calendar(reader: Reader, of: Filter) -> Figure:
    """The state of every day of every endpoint of one account, and when it is requested next."""
    rows: list[tuple[Any, ...]] = []
    for ledger in _ledgers(reader, of):
        for day, entry in ledger.days.items():
            asked = next_ask(ledger.endpoint, day, entry, ledger.standing)
            state = entry.state if entry else State.NEVER
            revision = entry.revision if entry else 0
            rows.append((ledger.name, day, state.value, asked.why.value, asked.moment, revision))
    open_days = sum(row[3] != Why.SETTLED for row in rows)
    return _figure(
        reader,
        of,
        key="data/calendar",
        title=_("State of every day"),
        columns=(
            _ENDPOINT,
            _DAY,
            Column(name="state", title=_("state")),
            Column(name="why", title=_("reason")),
            Column(name="next_ask", title=_("next request")),
            Column(name="revision", title=_("revisions"), unit="times"),
        ),
        rows=tuple(rows),
        sentence=plural(
            "{n} day of an endpoint is not final yet.",
            "{n} days of all endpoints together are not final yet.",
            n=open_days,
        ),
    )


def reasons(reader: Reader, of: Filter) -> Figure:
    """What is stored, what is missing and when it is requested, in words by endpoint."""
    rows = [
        (ledger.name, ledger.endpoint.title, len(group), explain_group(ledger.endpoint, group))
        for ledger in _ledgers(reader, of)
        for group in day_groups(ledger.endpoint, ledger.days, reader.now, ledger.standing)
    ]
    return _figure(
        reader,
        of,
        key="data/reasons",
        title=_("What is stored, and what is missing"),
        columns=(
            _ENDPOINT,
            Column(name="title", title=_("title")),
            Column(name="days", title=_("days")),
            Column(name="words", title=_("in words")),
        ),
        rows=tuple(rows),
    )


def revisions(reader: Reader, of: Filter) -> Figure:
    """Days whose figures changed after they were final, the newest change first."""
    rows = [
        (ledger.name, day, entry.revision, entry.revised_at)
        for ledger in _ledgers(reader, of)
        for day, entry in ledger.days.items()
        if entry and entry.revision
    ]
    rows.sort(key=lambda row: str(row[3]), reverse=True)
    return _figure(
        reader,
        of,
        key="data/revisions",
        title=_("Revisions"),
        columns=(
            _ENDPOINT,
            _DAY,
            Column(name="revision", title=_("revisions"), unit="times"),
            Column(name="revised_at", title=_("last revision")),
        ),
        rows=tuple(rows),
        sentence=plural(
            "{n} day was revised after it was final.",
            "{n} days were revised after they were final.",
            n=len(rows),
        ),
    )


def findings(reader: Reader, of: Filter) -> Figure:
    """Impossible figures among the stored ones, with cause and remedy."""
    appid, whole = _account(reader, of), _window(reader, of)
    first = max(whole.first, date.fromordinal(whole.last.toordinal() - MOST_CHECKED + 1))
    window = Window(first, whole.last)
    rows = tuple(
        (finding.endpoint, finding.day, finding.what, finding.cause, finding.remedy)
        for endpoint in contract.ENDPOINTS
        for finding in reader.warehouse.check(appid, endpoint, window)
    )
    figure = _figure(
        reader,
        of,
        key="data/findings",
        title=_("Impossible figures"),
        columns=(
            _ENDPOINT,
            _DAY,
            Column(name="what", title=_("what was found")),
            Column(name="cause", title=_("cause")),
            Column(name="remedy", title=_("what to do")),
        ),
        rows=rows,
        sentence=plural(
            "{n} impossible figure was found.", "{n} impossible figures were found.", n=len(rows)
        ),
    )
    return replace(figure, window=window)


def quota(reader: Reader, of: Filter) -> Figure:
    """Calls of today by endpoint, with the limit of the settings and what is left of it."""
    today = day_of(reader.now)
    appids = reader.accounts(of)[:1]
    counts = [
        (appid, endpoint.name, reader.warehouse.calls_of_day(appid, endpoint, today))
        for appid in appids
        for endpoint in contract.ENDPOINTS
    ]
    limit = reader.daily_calls
    rows = tuple(
        (appid, name, one.calls, limit, _remaining(one, limit), one.is_exhausted)
        for appid, name, one in counts
        if one.calls or one.is_exhausted
    )
    calls = _quota_sentence(rows)
    return Figure(
        key="data/quota",
        title=_("Calls of today"),
        window=Window.day(today),
        accounts=appids,
        columns=(
            ACCOUNT,
            _ENDPOINT,
            Column(name="calls", title=_("calls"), unit="times", adding=Adding.SUM),
            Column(name="limit", title=_("limit in the settings"), unit="times"),
            Column(name="remaining", title=_("calls left"), unit="times"),
            Column(name="is_exhausted", title=_("quota used up")),
        ),
        rows=rows,
        notes=(_("Quotas apply to an endpoint and a Beijing day; they reset at midnight."),),
        sentence=of_account(reader.accounts(of), appids[0], calls) if appids else calls,
    )


def _quota_sentence(rows: Sequence[tuple[Any, ...]]) -> Message:
    """The calls of today, and the endpoint with the fewest left."""
    number = sum(row[2] for row in rows)
    calls = plural(
        "{number} call today", "{number} calls today", n=number, number=numbers.exact(number)
    )
    limited = [row for row in rows if row[4] is not None]
    if not limited:
        return calls
    least = min(limited, key=lambda row: row[4])
    left = _(
        "fewest left: {endpoint}, {calls}",
        endpoint=contract.named(least[1]).title,
        calls=numbers.exact(least[4]),
    )
    return joined((calls, left), SEMICOLON)


def _remaining(count: DayCount, limit: int | None) -> int | None:
    """Calls that are left: none once WeChat allows no more; None if no limit is known."""
    if count.is_exhausted:
        return 0
    return None if limit is None else max(limit - count.calls, 0)


def _account(reader: Reader, of: Filter) -> str:
    return next(iter(reader.accounts(of)), "")


def _window(reader: Reader, of: Filter) -> Window:
    return newest_days(reader.window(of, *contract.ENDPOINTS))


def _figure(reader: Reader, of: Filter, *, sentence: Message = NOTHING, **rest: Any) -> Figure:
    """A figure of one account, and of the newest days of the range."""
    whole, appid = reader.window(of, *contract.ENDPOINTS), _account(reader, of)
    notes = notes_on_days(whole)
    if len(reader.accounts(of)) > 1:
        notes = (_("This shows one account at a time: {account}.", account=appid), *notes)
    return Figure(
        window=newest_days(whole),
        accounts=(appid,),
        notes=notes,
        sentence=of_account(reader.accounts(of), appid, sentence) if sentence else NOTHING,
        **rest,
    )


def _ledgers(reader: Reader, of: Filter) -> list[_Ledger]:
    """The endpoints that need no parameter, and those that were called with one."""
    appid, window = _account(reader, of), _window(reader, of)
    return reader.once(("ledgers", appid, window), lambda: list(_read(reader, appid, window)))


def _read(reader: Reader, appid: str, window: Window) -> Iterator[_Ledger]:
    if not appid:
        return
    known = {name: params for name, params in reader.warehouse.known_series(appid) if params}
    for endpoint in contract.ENDPOINTS:
        required = [one for one in endpoint.params if one.required and one.default is None]
        if required and endpoint.name not in known:
            continue
        params = known.get(endpoint.name, {}) if required else {}
        labels = [label for label in endpoint.labels_over(window) if label in window]
        labels = [label for label in labels if endpoint.period(label).last <= reader.yesterday]
        entries = reader.warehouse.coverage(appid, endpoint, params=params, window=window)
        standing = reader.warehouse.standing(appid, endpoint, reader.now, params=params)
        days = {label: entries.get(label) for label in labels}
        yield _Ledger(endpoint, params, days, standing)
