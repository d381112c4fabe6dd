"""What one request shows: its filter and figures, and links to views that differ in one thing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from wxcube.beijing import day_of
from wxcube.contract.window import Window
from wxcube.figures import links
from wxcube.figures.catalogue import FIGURES
from wxcube.figures.figure import Figure
from wxcube.figures.filter import RANGE_TITLES, VERSUS_TITLES, Filter, Rolling, Versus
from wxcube.figures.reader import Reader
from wxcube.i18n import Message, _, verbatim
from wxcube.pages.remembered import Remembered
from wxcube.pages.site import Site, site_of


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

    @cached_property
    def window(self) -> Window:
        """The days of a rolling or fixed range; of `all`, only yesterday."""
        return self.filter.window(self.reader.yesterday, self.reader.yesterday)

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

    def to(self, path: str, **changes: Any) -> str:
        """The address of another page with this filter, without what is only of this page."""
        kept = replace(self.filter, source=None, article="", sort="", search="")
        return address(path, links.write(replace(kept, **changes)))

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
        is_fixed = isinstance(self.filter.range, Window) or self.filter.range is Rolling.ALL
        return "" if is_fixed else self.href(range=self.window)

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
    reader = Reader(source.warehouse, now)
    return View(path, reading.filter, reading.ignored, names, reader, version, site.figures)


def address(path: str, query: str, **more: str) -> str:
    """A path with a query string and further parts of it."""
    whole = "&".join(part for part in (query, urlencode(more)) if part)
    return f"{path}?{whole}" if whole else path


def chosen_dates(request: Request, today: date) -> str:
    """The range of the two date fields of a form, as the query writes it; empty without them."""
    first, last = (request.query_params.get(name, "") for name in ("first", "last"))
    if not (first or last):
        return ""
    yesterday = (today - timedelta(days=1)).isoformat()
    return f"{first or last}..{last or yesterday}"
