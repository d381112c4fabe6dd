"""The ASGI application of the pages."""

from __future__ import annotations

from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from wxcube.errors import WxcubeError
from wxcube.i18n import NOTHING, Message, _
from wxcube.i18n.accept_language import CODES
from wxcube.log import redact
from wxcube.pages import accounts, card_files, day_page, login, pages, reader_theme, reports
from wxcube.pages.guard import Guard
from wxcube.pages.login import local_path
from wxcube.pages.reader_language import COOKIE, reader_language
from wxcube.pages.registry import MENU
from wxcube.pages.rendering import render
from wxcube.pages.site import Site, site_of

STATIC = Path(__file__).with_name("static")
_YEAR_SECONDS = 365 * 86_400


def pages_app(site: Site) -> ASGIApp:
    """The pages of a site, behind their guard."""
    app = Starlette(
        routes=ROUTES,
        exception_handlers={
            HTTPException: _http_error,
            WxcubeError: _error,
            Exception: _unexpected,
        },
    )
    app.state.site = site
    app.state.menu = MENU
    # outside of what Starlette adds, so that the guard sees its errors too
    return Guard(GZipMiddleware(app, minimum_size=1000), lambda: site.entrance)


def choose_language(request: Request) -> Response:
    """Show all pages in a language from now on, and go back."""
    response = RedirectResponse(local_path(request.query_params.get("next", "/")), 303)
    code = request.path_params["code"]
    if code in CODES:
        response.set_cookie(COOKIE, code, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def choose_theme(request: Request) -> Response:
    """Show all pages light or dark from now on, or as the system has it, and go back."""
    response = RedirectResponse(local_path(request.query_params.get("next", "/")), 303)
    code, name = request.path_params["code"], reader_theme.COOKIE
    if code == reader_theme.SYSTEM:
        response.delete_cookie(name, httponly=True, samesite="lax")
    elif code in reader_theme.TITLES:
        response.set_cookie(name, code, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def asset(request: Request) -> Response:
    """A file that pages load."""
    return site_of(request).assets.respond(request)


ROUTES = [
    Route("/static/{name}", asset),
    Route("/language/{code}", choose_language),
    Route("/theme/{code}", choose_theme),
    *login.ROUTES,
    *accounts.ROUTES,
    *pages.ROUTES,
    *day_page.ROUTES,
    *reports.ROUTES,
    *card_files.ROUTES,
]
"""Everything that the pages answer."""


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    is_missing = status == 404  # noqa: PLR2004 - HTTP's number
    message = _("there is no such page") if is_missing else _("this cannot be done here")
    return _failed(request, status, message)


def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WxcubeError)
    return _failed(request, 400, error.message, error.hint)


def _unexpected(request: Request, error: Exception) -> Response:
    structlog.get_logger().error(
        "pages.failed", path=request.url.path, error=f"{type(error).__name__}: {error}"
    )
    return _failed(
        request,
        500,
        _("wxcube itself failed; stored data is not affected"),
        _("please report it with the lines about pages.failed that wxcube printed"),
    )


def _failed(request: Request, status: int, message: Message, hint: Message = NOTHING) -> Response:
    translate = reader_language(request)
    texts = {"message": redact(translate(message)), "hint": redact(translate(hint))}
    return render(request, "error.html", status, **texts)
