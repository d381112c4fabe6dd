"""Alerts: what the rules of the settings find in the figures of an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wxcube.beijing import day_of, ready_at
from wxcube.contract import named
from wxcube.contract.endpoint import Grain
from wxcube.contract.window import Window
from wxcube.figures import content, data, followers, interface, numbers
from wxcube.figures.figure import Figure
from wxcube.figures.filter import Filter
from wxcube.figures.reader import Reader
from wxcube.figures.usual import usual
from wxcube.i18n import Listing, Message, _, plural
from wxcube.i18n.language import Language
from wxcube.report.letter import Letter
from wxcube.settings import AlertSettings
from wxcube.warehouse.coverage import State
from wxcube.warehouse.next_ask import Why

BAND_DAYS = 28
"""Days before a day that say what is usual."""
_KNOWN = {State.FINAL, State.MOVING, State.EMPTY}
_MISSING = {State.NEVER, State.WAITING, State.FAILED}
_EXPECTED = {Why.NOT_ASKED, Why.DELAYED, Why.FAILED, Why.QUOTA}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody has to know at once."""

    rule: str
    appid: str
    subject: str
    """What it is about, such as a day or an article."""
    text: Message
    lasts: bool = False
    """Whether it is a state that can last, and is sent again while it does."""

    @property
    def key(self) -> str:
        """The same text for the same alert."""
        return f"alert {self.rule} {self.appid} {self.subject}"

    def letter(self, language: Language) -> Letter:
        """The alert to send."""
        return Letter(self.key, self.text, language(self.text), language)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a rule has to know besides the figure."""

    appid: str
    name: str
    now: datetime
    budget: int
    """Calls per endpoint and day."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A question, and what is alarming in its answer: pure, by the limit of the settings."""

    ask: Callable[[Reader, Filter], Figure]
    days: int
    """The number of days, up to yesterday, that are looked at."""
    judge: Callable[[Figure, Any, Circumstances], Iterator[Alert]]


def alerts(
    reader: Reader,
    of: Filter,
    limits: AlertSettings,
    names: Mapping[str, str],
    budget: int,
) -> list[Alert]:
    """The alerts of accounts, by the rules that are set."""
    found: list[Alert] = []
    for appid in reader.all_accounts(of):
        around = Circumstances(appid, names.get(appid, appid), reader.now, budget)
        for name, rule in RULES.items():
            limit = getattr(limits, name)
            if limit is not None:
                first = reader.yesterday - timedelta(days=rule.days - 1)
                window = Window(first, reader.yesterday)
                figure = rule.ask(reader, Filter(accounts=(appid,), range=window))
                found += rule.judge(figure, limit, around)
    return found


def failing(figure: Figure, limit: float, around: Circumstances) -> Iterator[Alert]:
    """Yesterday's share of failed pushes."""
    day, rate = figure.window.last, figure.values("failure_rate")[-1]
    if rate is not None and rate > limit:
        text = _(
            "{account}: {rate} of the pushes on {day} failed; the limit is {limit}.",
            account=around.name,
            rate=numbers.percent(rate),
            day=day,
            limit=numbers.percent(limit),
        )
        yield Alert("failure_rate", around.appid, str(day), text)


def unusual(figure: Figure, times: float, around: Circumstances) -> Iterator[Alert]:
    """Yesterday's new followers, outside of the band of the days before."""
    day = figure.window.last
    *before, last = figure.values("new_user")
    band = usual(before)
    if last is None or band is None:
        return
    low, high = band.band(times)
    if not low <= last <= high:
        text = _(
            "{account}: {count} new followers on {day}; the usual range is {low} to {high} "
            "(from {n} days).",
            account=around.name,
            count=numbers.exact(last),
            day=day,
            low=numbers.exact(max(low, 0)),
            high=numbers.exact(high),
            n=band.days,
        )
        yield Alert("new_followers_spread", around.appid, str(day), text)


def outstanding(figure: Figure, times: float, around: Circumstances) -> Iterator[Alert]:
    """Articles with many times the readers of the median."""
    places = [figure.place(name) for name in ("msgid", "title", "read_user", "against_median")]
    for row in figure.rows:
        msgid, title, readers, against = (row[place] for place in places)
        if against is not None and against > times:
            text = _(
                "{account}: {title} has {readers} readers, {times} times the median.",
                account=around.name,
                title=title,
                readers=numbers.exact(readers),
                times=numbers.exact(against),
            )
            yield Alert("article_times_median", around.appid, str(msgid), text)


def late(figure: Figure, hours: float, around: Circumstances) -> Iterator[Alert]:
    """Yesterday's figures that are not there, of endpoints that have figures of other days."""
    day = figure.window.last
    if around.now < ready_at(day) + timedelta(hours=hours):
        return
    missing = _missing_endpoints(figure)
    if missing:
        text = plural(
            "{account}: figures of {day} are missing from {n} endpoint: {names}.",
            "{account}: figures of {day} are missing from {n} endpoints: {names}.",
            n=len(missing),
            account=around.name,
            day=day,
            names=Listing(missing),
        )
        yield Alert("late_hours", around.appid, str(day), text, lasts=True)


def missing_endpoints(reader: Reader, of: Filter) -> list[str]:
    """The endpoints of accounts without figures of the last day, which have those of other days."""
    last = reader.window(of).last
    before = Window(last - timedelta(days=BAND_DAYS), last)
    return [
        name
        for appid in reader.accounts(of)
        for name in _missing_endpoints(
            data.calendar(reader, Filter(accounts=(appid,), range=before))
        )
    ]


def _missing_endpoints(calendar: Figure) -> list[str]:
    """The endpoints of a calendar without figures of its last day, that have those of others."""
    places = [calendar.place(name) for name in ("endpoint", "ref_date", "state", "why")]
    rows = [tuple(row[place] for place in places) for row in calendar.rows]
    usual_ones = {name for name, _day, state, _why in rows if State(state) in _KNOWN}
    return [
        name
        for name, of_day, state, why in rows
        if of_day == calendar.window.last
        and State(state) in _MISSING
        and Why(why) in _EXPECTED
        and name in usual_ones
        and not _may_be_empty(name)
    ]


def _may_be_empty(endpoint: str) -> bool:
    """Whether a day without articles has no figures; the name may have parameters behind it."""
    return named(endpoint.split(maxsplit=1)[0]).grain is Grain.CUMULATIVE


def nearly_used_up(figure: Figure, share: float, around: Circumstances) -> Iterator[Alert]:
    """Endpoints with few calls left today."""
    places = [figure.place(name) for name in ("endpoint", "calls", "is_exhausted")]
    rows = [tuple(row[place] for place in places) for row in figure.rows]
    scarce = [name for name, calls, no_more in rows if no_more or calls >= share * around.budget]
    if scarce:
        text = plural(
            "{account}: {share} of today's {budget} calls or more are used of {n} endpoint: "
            "{names}.",
            "{account}: {share} of today's {budget} calls or more are used of {n} endpoints: "
            "{names}.",
            n=len(scarce),
            account=around.name,
            share=numbers.percent(share),
            budget=around.budget,
            names=Listing(scarce),
        )
        yield Alert("quota_share", around.appid, str(figure.window.last), text, lasts=True)


def revised(figure: Figure, days: int, around: Circumstances) -> Iterator[Alert]:
    """Days that were revised today, after they were final."""
    today = day_of(around.now)
    moments = (at for at in figure.values("revised_at") if at is not None)
    count = sum(day_of(at) == today for at in moments)
    if count > days:
        text = plural(
            "{account}: {n} day was revised today after it was final.",
            "{account}: {n} days were revised today after they were final.",
            n=count,
            account=around.name,
        )
        yield Alert("revised_days", around.appid, str(today), text)


RULES: Mapping[str, Rule] = {
    "failure_rate": Rule(interface.callbacks, 1, failing),
    "new_followers_spread": Rule(followers.daily, BAND_DAYS + 1, unusual),
    "article_times_median": Rule(content.articles, 7, outstanding),
    "late_hours": Rule(data.calendar, BAND_DAYS + 1, late),
    "quota_share": Rule(data.quota, 1, nearly_used_up),
    "revised_days": Rule(data.revisions, 91, revised),
}
"""The rules by their keys in [alerts]."""
