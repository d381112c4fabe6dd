"""Followers: gains and losses, the total, where they come from, and how many stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wxcube.contract import codes
from wxcube.contract.field import Adding
from wxcube.contract.user import getusercumulate, getusersummary
from wxcube.contract.window import Window
from wxcube.figures import numbers
from wxcube.figures.figure import Column, Figure
from wxcube.figures.filter import Filter
from wxcube.figures.help import computed, help_of
from wxcube.figures.reader import Days, Reader
from wxcube.figures.series import (
    ACCOUNT,
    Question,
    answer,
    difference,
    notes_on,
    of_account,
    plain,
)
from wxcube.i18n import Meaning, Message, _
from wxcube.warehouse.aggregates import Selection

_MOVES = ("new_user", "cancel_user")
_SOURCES = codes.USER_SOURCE_FOLLOW
NEW = Column.of(getusersummary, "new_user", _("new followers"))
LOST = Column.of(getusersummary, "cancel_user", _("unfollows"))
NET = Column(name="net", title=_("net growth"), unit="people", adding=Adding.SUM)
TOTAL = Column.of(getusercumulate, "cumulate_user", _("followers"))


_NET_HELP = computed(
    getusersummary, NET.name, NET.unit, _("new followers less unfollows"), NET.adding
)
_SHARE_HELP = computed(
    getusersummary,
    "lost_share",
    "fraction",
    _("unfollows of the range divided by its new followers"),
)


def moves(source: int | None = None) -> Question:
    """The question of gains and losses, of all sources or of one."""
    only = () if source is None else (("user_source", source),)
    notes: tuple[Message, ...] = ()
    if source is not None:
        notes = (_("Only this source: {source}.", source=Meaning.of(_SOURCES[source])),)
    return Question(
        key="followers/daily",
        title=_("New followers and unfollows"),
        endpoints=(getusersummary,),
        load=lambda reader, accounts, window: _moves(reader, accounts, window, only),
        measures=(plain(NEW), plain(LOST), difference(NET, *_MOVES)),
        help=(*help_of(getusersummary, *_MOVES), _NET_HELP),
        notes=notes,
    )


FOLLOWERS = Question(
    key="followers/total",
    title=_("Total followers"),
    endpoints=(getusercumulate,),
    load=lambda reader, accounts, window: reader.days(
        getusercumulate, accounts, window, (TOTAL.name,)
    ),
    measures=(plain(TOTAL),),
    help=help_of(getusercumulate, TOTAL.name),
)


def daily(reader: Reader, of: Filter) -> Figure:
    """New and lost followers by day, of all sources or of one, and the net of both."""
    return answer(moves(of.source), reader, of)


def total_followers(reader: Reader, of: Filter) -> Figure:
    """Followers at the end of each day."""
    figure = answer(FOLLOWERS, reader, of)
    if of.source is None:
        return figure
    note = _("The total cannot be split by source; all sources are shown.")
    return replace(figure, notes=(note, *figure.notes))


def sources(reader: Reader, of: Filter) -> Figure:
    """New and lost followers by the source through which they came, the largest first."""
    window, accounts = reader.window(of, getusersummary), reader.accounts(of)
    days = _moves(reader, accounts, window)
    found = reader.warehouse.sums_over_range(
        accounts, Selection(getusersummary, window, _MOVES, by=("user_source",))
    )
    rows = [(appid, source, *values) for (appid, (source,)), values in found.items()]
    rows.sort(key=lambda row: (accounts.index(row[0]), -(row[2] or 0)))
    return Figure(
        key="followers/sources",
        title=_("Where followers come from"),
        window=window,
        accounts=accounts,
        columns=(ACCOUNT, Column.of(getusersummary, "user_source", is_key=True), NEW, LOST),
        rows=tuple(rows),
        coverage=days.coverage(),
        help=help_of(getusersummary, "user_source", *_MOVES),
        notes=(
            *reader.notes_on_accounts(of),
            *notes_on(days.marks),
            _("Source 0 is all other sources together, not the total."),
        ),
        sentence=_sources_sentence(accounts, rows),
    )


def kept(reader: Reader, of: Filter) -> Figure:
    """Unfollows per hundred new followers, of the days and accounts of which both are known."""
    window, asked = reader.window(of, getusersummary), moves(of.source)
    days = asked.load(reader, reader.accounts(of), window)

    def lost_share(appid: str) -> float | None:
        new, lost = days.over("new_user", appid), days.over("cancel_user", appid)
        return lost / new if new and lost is not None else None

    rows = []
    for appid in days.accounts:
        known = days.coverage([appid])
        share = lost_share(appid) if known.is_whole else None
        rows.append((appid, *(days.over(name, appid) for name in _MOVES), share))
    columns = (
        ACCOUNT,
        NEW,
        LOST,
        Column(name="lost_share", title=_("unfollows relative to new followers"), unit="fraction"),
    )
    return Figure(
        key="followers/kept",
        title=_("Unfollows compared with new followers"),
        window=window,
        accounts=days.accounts,
        columns=columns,
        rows=tuple(rows),
        coverage=days.coverage(),
        help=(*help_of(getusersummary, *_MOVES), _SHARE_HELP),
        notes=(
            *asked.notes,
            *reader.notes_on_accounts(of),
            *notes_on(days.marks),
            _("The ratio is given only if every day of the range has final figures."),
            _("Unfollows include all followers who left, not only those who came in this range."),
        ),
        sentence=_kept_sentence(rows),
    )


def _moves(
    reader: Reader,
    accounts: Sequence[str],
    window: Window,
    only: tuple[tuple[str, int], ...] = (),
) -> Days:
    return reader.days(getusersummary, accounts, window, _MOVES, only=only)


def _sources_sentence(accounts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Message:
    if not rows:
        return _("There are no new followers.")
    appid, source, new, _lost = max(rows, key=lambda row: row[2] or 0)
    sentence = _(
        "largest source: {source}, {count} new followers",
        source=Meaning.of(_SOURCES[source]),
        count=numbers.exact(new),
    )
    return of_account(accounts, appid, sentence)


def _kept_sentence(rows: Sequence[tuple[Any, ...]]) -> Message:
    shares = [row[-1] for row in rows if row[-1] is not None]
    if not shares:
        return _("Days are missing or can still change, so there is no ratio yet.")
    if len(shares) > 1:
        return _(
            "unfollows are {least} to {most} of new followers, depending on the account",
            least=numbers.percent(min(shares)),
            most=numbers.percent(max(shares)),
        )
    return _("unfollows are {share} of new followers", share=numbers.percent(shares[0]))
