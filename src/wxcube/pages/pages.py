"""The pages of cards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wxcube.beijing import day_of
from wxcube.figures.content import is_known, no_such_article
from wxcube.pages.cards import Card
from wxcube.pages.reader_language import reader_language
from wxcube.pages.registry import ARTICLE, PAGES, Page, Place
from wxcube.pages.rendering import render
from wxcube.pages.site import site_of
from wxcube.pages.view import address, chosen_dates, view_of


@dataclass(frozen=True, slots=True)
class Shown:
    """A card at its place on a page."""

    place: Place
    card: Card


def page(shown: Page, request: Request) -> Response:
    """A page; its canonical address if the request has another one."""
    source = site_of(request).source
    if not source.accounts():
        return RedirectResponse("/accounts", 303)
    view = view_of(request, shown.path)
    dates = chosen_dates(request, day_of(view.reader.now))
    if dates:
        return _redirect(shown.path, urlencode([*view.hidden("range"), ("range", dates)]))
    if shown.path == ARTICLE.path and not is_known(view.reader, view.filter):
        return render(
            request,
            "error.html",
            404,
            path=shown.menu_path,
            message=no_such_article(view.filter),
            hint="",
        )
    if not view.ignored and _pairs(request) != view.hidden():
        return _redirect(shown.path, view.query)
    language = reader_language(request)
    addresses = {*(place.address for place in shown.places), *shown.key_figures}
    by_address = {one: Card(one, view, language) for one in addresses}
    key_figures = [by_address[one] for one in shown.key_figures]
    return render(
        request,
        shown.template,
        page=shown,
        path=shown.menu_path or shown.path,
        view=view,
        cards=[Shown(place, by_address[place.address]) for place in shown.places],
        key_figures=key_figures,
        totals=[total for card in key_figures for total in card.figure.totals],
    )


ROUTES = [Route(one.path, partial(page, one)) for one in PAGES]


def _pairs(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.url.query, keep_blank_values=True)


def _redirect(path: str, query: str) -> Response:
    return RedirectResponse(address(path, query), 303)
