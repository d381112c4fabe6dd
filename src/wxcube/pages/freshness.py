"""Whether yesterday's figures are complete, by account: the first thing that operators ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from wxcube import contract
from wxcube.beijing import day_of
from wxcube.contract.content import getarticletotaldetail
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.user import getusersummary
from wxcube.contract.window import Window
from wxcube.figures.reader import Reader
from wxcube.i18n import NOTHING, Listing, Message, _, plural, verbatim
from wxcube.pages.view import View
from wxcube.warehouse.aggregates import Entries
from wxcube.warehouse.coverage import State

MOST_ACCOUNTS = 6
"""Accounts that have a line of their own; of more, those with missing figures have one."""
MOST_NAMES = 3
"""Endpoints without figures that are named."""
_LAST_DAYS = 7
"""Days whose last request is taken for the last sync."""
_MOVING_DAYS = 60
"""Days among which are those whose articles still change."""
_THERE = frozenset({State.FINAL, State.EMPTY, State.MOVING})


@dataclass(frozen=True, slots=True)
class Freshness:
    """What is known of an account's yesterday; `appid` is empty where it is about all accounts."""

    appid: str
    name: str
    words: Message
    moving: Message
    synced_at: datetime | None
    is_complete: bool
    href: str


def freshness(view: View) -> list[Freshness]:
    """A line per account, from the states of yesterday's figures."""
    key = (view.reader.warehouse.name, view.version, view.filter, tuple(view.names.items()))
    lines: list[Freshness] = view.answers.get(key, lambda: _lines(view))
    return lines


def _lines(view: View) -> list[Freshness]:
    reader, appids = view.reader, view.reader.all_accounts(view.filter)
    missing = _missing(reader, appids)
    if len(appids) <= MOST_ACCOUNTS:
        return [_of_account(view, appid, missing[appid]) for appid in appids]
    odd = [appid for appid in appids if missing[appid]]
    lines = [_of_account(view, appid, missing[appid]) for appid in odd[:MOST_ACCOUNTS]]
    words = _(
        "Yesterday ({day}) is complete for {n} of {all} accounts",
        day=f"{reader.yesterday:%m-%d}",
        n=len(appids) - len(odd),
        all=len(appids),
    )
    return [Freshness("", "", words, NOTHING, None, not odd, view.to("/data")), *lines]


def _of_account(view: View, appid: str, missing: Sequence[Endpoint[Any]]) -> Freshness:
    day = view.reader.yesterday
    if not missing:
        words = _("Yesterday ({day}) is complete", day=f"{day:%m-%d}")
    else:
        words = plural(
            "Yesterday ({day}) is not complete: {n} endpoint has no figures yet ({names})",
            "Yesterday ({day}) is not complete: {n} endpoints have no figures yet ({names})",
            n=len(missing),
            day=f"{day:%m-%d}",
            names=_names(missing),
        )
    return Freshness(
        appid=appid,
        name=view.names.get(appid, appid),
        words=words,
        moving=_moving(view.reader, appid),
        synced_at=_synced_at(view.reader, appid),
        is_complete=not missing,
        href=view.to("/data", accounts=(appid,)),
    )


def _names(missing: Sequence[Endpoint[Any]]) -> Listing:
    """The titles of the first endpoints."""
    titles = [one.title for one in missing[:MOST_NAMES]]
    return Listing([*titles, verbatim("…")] if len(missing) > MOST_NAMES else titles)


def _missing(reader: Reader, appids: Sequence[str]) -> dict[str, list[Endpoint[Any]]]:
    """The endpoints without figures of yesterday, of those that each account was asked for."""
    found: dict[str, list[Endpoint[Any]]] = {appid: [] for appid in appids}
    for endpoint in _daily():
        states = _states(reader, endpoint, Window.day(reader.yesterday))
        without = [
            appid
            for appid in appids
            if not _is_there(reader, appid, endpoint, states.get((appid, reader.yesterday), ()))
        ]
        known = reader.warehouse.last_days(endpoint, Origin.WECHAT) if without else {}
        for appid in without:
            if appid in known:
                found[appid].append(endpoint)
    return found


def _daily() -> Iterator[Endpoint[Any]]:
    for endpoint in contract.ENDPOINTS:
        needs_more = any(one.required and one.default is None for one in endpoint.params)
        if not (endpoint.is_retired or endpoint.has_labels or needs_more):
            yield endpoint


def _is_there(reader: Reader, appid: str, endpoint: Endpoint[Any], entries: Entries) -> bool:
    """Whether figures are there, or cannot be: refused, or an answer without articles."""
    of_day = {entry.state for entry in entries}
    if of_day & _THERE or of_day == {State.REFUSED}:
        return True
    # articles of a day: an empty answer means that nothing was published, until it is confirmed
    if not endpoint.is_cumulative or of_day != {State.WAITING}:
        return False
    of_wechat = reader.warehouse.coverage(appid, endpoint, window=Window.day(reader.yesterday))
    # the entry of a delayed day says so
    return not any(entry.message for entry in of_wechat.values())


def _states(
    reader: Reader, endpoint: Endpoint[Any], window: Window
) -> dict[tuple[str, date], Entries]:
    return reader.once(
        ("states", endpoint.name, window),
        lambda: reader.warehouse.states(None, endpoint, window),
    )


def _moving(reader: Reader, appid: str) -> Message:
    """Until when figures of articles change, from the newest article; nothing without one."""
    endpoint = getarticletotaldetail
    window = Window(reader.yesterday - timedelta(days=_MOVING_DAYS), reader.yesterday)
    states = _states(reader, endpoint, window)
    moving = [
        day
        for day in window
        if any(entry.state is State.MOVING for entry in states.get((appid, day), ()))
    ]
    if not moving:
        return NOTHING
    until = day_of(endpoint.final_at(max(moving)))
    return _("figures of articles can change until {day}", day=f"{until:%m-%d}")


def _synced_at(reader: Reader, appid: str) -> datetime | None:
    """The newest request of the days whose figures a sync asks for."""
    first = reader.yesterday - timedelta(days=_LAST_DAYS - 1)
    window = Window(first, reader.yesterday)
    asked = [
        entry.asked_at
        for endpoint in (getusersummary, getarticletotaldetail)
        for entry in reader.warehouse.coverage(appid, endpoint, window=window).values()
    ]
    return max(asked, default=None)
