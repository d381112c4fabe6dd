"""What one request shows: its filter and figures, and links to views that differ in one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus, urlencode

from starlette.requests import Request

from wxcube.beijing import day_of
from wxcube.contract.article import getarticletotal, getuserread
from wxcube.contract.content import getarticletotaldetail, getbizsummary
from wxcube.contract.interface import getinterfacesummary
from wxcube.contract.message import getupstreammsg
from wxcube.contract.user import getusercumulate, getusersummary
from wxcube.contract.window import Window
from wxcube.figures import links
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.figure import Figure
from wxcube.figures.filter import RANGE_TITLES, VERSUS_TITLES, Filter, Versus, earlier
from wxcube.figures.reader import Reader
from wxcube.i18n import Message, _, verbatim
from wxcube.pages.remembered import Remembered
from wxcube.pages.site import Site, site_of

_OLDEST = (
    getusersummary,
    getusercumulate,
    getuserread,
    getbizsummary,
    getarticletotal,
    getarticletotaldetail,
    getupstreammsg,
    getinterfacesummary,
)
"""The endpoints with which the days of an account begin."""
_IS = "="
_ANY = "1_1"
"""The id of an article whose page's address ends with it."""
MOST_OFFERED = 8
"""Accounts that have a link of their own."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A link to a view, and whether it is the one that is shown."""

    title: Message
    href: str
    is_current: bool


@dataclass(frozen=True)
class View:
    """A page with its filter; `names` are the accounts that can be shown."""

    path: str
    filter: Filter
    ignored: tuple[Message, ...]
    names: dict[str, str]
    reader: Reader
    version: str
    """Another text after every change of the database or of what yesterday is."""
    figures: Remembered[Figure]
    """Figures that were read before."""
    answers: Remembered[Any]
    """What else was read before."""

    @cached_property
    def window(self) -> Window:
        """The days of the range; `all` begins with the oldest stored day of the accounts."""
        return self.reader.window(self.filter, *_OLDEST)

    @property
    def shown_dates(self) -> str:
        """A rolling range and its dates today: a form that sends both unchanged means the range."""
        shown = self.filter.range
        return "" if isinstance(shown, Window) else f"{shown.value}{_IS}{self.window}"

    @property
    def query(self) -> str:
        """The query string in its canonical form."""
        return links.write(self.filter)

    def figure(self, address: str) -> Figure:
        """The figure with an address."""
        # what is requested next changes with the hour, before the stored rows do
        hour = self.reader.now.hour
        key = (self.reader.warehouse.name, self.version, hour, address, self.filter)
        return self.figures.get(key, lambda: FIGURES[address](self.reader, self.filter))

    def href(self, **changes: Any) -> str:
        """The address of this page with another filter."""
        return address(self.path, links.write(replace(self.filter, **changes)))

    def without_account(self, appid: str) -> str:
        """The address of this page without one of the chosen accounts."""
        return self.href(accounts=tuple(one for one in self.filter.accounts if one != appid))

    def nearest_accounts(self, appid: str) -> list[str]:
        """The accounts that are offered beside one: the first ones, and itself."""
        first = list(self.names)[:MOST_OFFERED]
        return first if appid in first or appid not in self.names else [appid, *first[1:]]

    def to(self, path: str, **changes: Any) -> str:
        """The address of another page with this filter, without what is only of this page."""
        kept = replace(self.filter, source=None, article="", sort="", search="")
        return address(path, links.write(replace(kept, **changes)))

    def to_articles(self, msgids: Sequence[str]) -> list[str]:
        """The addresses of the pages of articles with this filter."""
        # PERF: what every row has in common is written once
        start = self.to("/content/article", article=_ANY).removesuffix(_ANY)
        return [f"{start}{quote_plus(msgid)}" for msgid in msgids]

    def hidden(self, *without: str) -> list[tuple[str, str]]:
        """The parts of the query that a form has to send along, without those it asks for."""
        return [pair for pair in links.pairs(self.filter) if pair[0] not in without]

    @property
    def ranges(self) -> list[Choice]:
        """The rolling ranges."""
        current = self.filter.range
        return [
            Choice(title, self.href(range=rolling), rolling == current)
            for rolling, title in RANGE_TITLES.items()
        ]

    @property
    def comparisons(self) -> list[Choice]:
        """What the range can be compared with."""
        titles: list[tuple[Versus | None, Message]] = [(None, _("nothing"))]
        return [
            Choice(title, self.href(versus=versus), versus == self.filter.versus)
            for versus, title in (*titles, *VERSUS_TITLES.items())
        ]

    @property
    def with_dates(self) -> str:
        """The address that shows the same days tomorrow; empty if this one does."""
        is_fixed = isinstance(self.filter.range, Window)
        return "" if is_fixed else self.href(range=self.window)

    @property
    def days_title(self) -> str:
        """The first and the last day of the range, or its only one."""
        return self.window.in_short

    @property
    def versus_title(self) -> str:
        """The days that the range is compared with."""
        versus = self.filter.versus
        return earlier(self.window, versus).in_short if versus else ""

    @property
    def range_title(self) -> Message:
        """The range in words."""
        shown = self.filter.range
        return verbatim(str(shown)) if isinstance(shown, Window) else RANGE_TITLES[shown]


def view_of(request: Request, path: str) -> View:
    """The view that the query of a request asks for."""
    return new_view(site_of(request), path, request.url.query)


def new_view(site: Site, path: str, query: str = "") -> View:
    """The view of a query, as of now."""
    source = site.source
    now, names = source.clock.now(), source.accounts()
    reading = links.read(query, names, day_of(now))
    version = f"{source.warehouse.version()}-{now:%m%d}"
    reader = Reader(source.warehouse, now, source.daily_calls)
    return View(
        path, reading.filter, reading.ignored, names, reader, version, site.figures, site.answers
    )


def address(path: str, query: str, **more: str) -> str:
    """A path with a query string and further parts of it."""
    whole = "&".join(part for part in (query, urlencode(more)) if part)
    return f"{path}?{whole}" if whole else path


def chosen_dates(request: Request, today: date) -> str:
    """The range of the two date fields of a form, as the query writes it; empty without them.

    Dates that were not changed are the rolling range that they were shown for.
    """
    first, last = (request.query_params.get(name, "") for name in ("first", "last"))
    if not (first or last):
        return ""
    yesterday = (today - timedelta(days=1)).isoformat()
    dates = f"{first or last}..{last or yesterday}"
    rolling, _is, shown = request.query_params.get("shown", "").partition(_IS)
    return rolling if rolling and shown == dates else dates
