"""Logging in and out, and choosing the password."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from wxcube.errors import SettingsError, WxcubeError
from wxcube.i18n import Message, _
from wxcube.pages.guard import set_session
from wxcube.pages.rendering import render
from wxcube.pages.site import Site, site_of

_WRONG = _("the name or the password is wrong")
_TOO_MANY = _("too many attempts; wait an hour, then try again")


def login_page(request: Request) -> Response:
    """The form to log in; where nobody has a password yet, the form to choose one."""
    if site_of(request).people.is_empty():
        return RedirectResponse("/welcome", 303)
    return render(request, "login.html", target=local_path(request.query_params.get("next", "/")))


def log_in(request: Request) -> Response:
    """Log in, or show the form again with the reason."""
    site, form = site_of(request), request.state.form
    name, target = form.get("name", "").strip(), local_path(form.get("next", "/"))
    if not (_may_try(site, request) and site.tries_by_name.allows(name.casefold())):
        return render(request, "login.html", 429, target=target, error=_TOO_MANY)
    if not site.people.has_password(name, form.get("password", "")):
        return render(request, "login.html", 403, target=target, error=_WRONG)
    return _logged_in(site, name, target)


def log_out(request: Request) -> Response:
    """End the session."""
    site = site_of(request)
    if request.state.session:
        site.entrance.sessions.end(request.state.session)
    response = RedirectResponse("/login", 303)
    set_session(response, None, site.entrance)
    return response


def welcome_page(request: Request) -> Response:
    """The form in which the first person chooses a password."""
    if not site_of(request).people.is_empty():
        return RedirectResponse("/login", 303)
    return render(request, "welcome.html", code=request.query_params.get("code", ""))


def choose_password(request: Request) -> Response:
    """Let the first person in, who has the code from the terminal."""
    site, form = site_of(request), request.state.form
    code = form.get("code", "").strip()
    if not site.people.is_empty():
        return RedirectResponse("/login", 303)
    if not _may_try(site, request):
        return _welcome_again(request, _TOO_MANY, 429)
    if not (site.first_code and hmac.compare_digest(code.encode(), site.first_code.encode())):
        return _welcome_again(
            request,
            _("this is not the code that `wxcube up` printed when it last started"),
            403,
        )
    name = form.get("name", "").strip()
    try:
        site.people.set_password(name, form.get("password", ""))
    except SettingsError as error:
        return _welcome_again(request, error.as_message(), 400)
    site.first_code = ""
    return _logged_in(site, name, "/accounts")


def change_password(request: Request) -> Response:
    """Replace the password; all sessions of the person end but a new one for this browser."""
    site, form, session = site_of(request), request.state.form, request.state.session
    if not (_may_try(site, request) and site.tries_by_name.allows(session.name.casefold())):
        return render(request, "password.html", 429, error=_TOO_MANY)
    if not site.people.has_password(session.name, form.get("password", "")):
        return render(request, "password.html", 403, error=_WRONG)
    try:
        site.people.set_password(session.name, form.get("new_password", ""))
    except WxcubeError as error:
        return render(request, "password.html", 400, error=error.as_message())
    site.entrance.sessions.end_all(session.name)
    return _logged_in(site, session.name, "/")


def password_page(request: Request) -> Response:
    """The form to change the password."""
    return render(request, "password.html")


ROUTES = [
    Route("/login", login_page),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/welcome", welcome_page),
    Route("/welcome", choose_password, methods=["POST"]),
    Route("/password", password_page),
    Route("/password", change_password, methods=["POST"]),
]


def _welcome_again(request: Request, error: Message, status: int) -> Response:
    code = request.state.form.get("code", "")
    return render(request, "welcome.html", status, code=code, error=error)


def _logged_in(site: Site, name: str, target: str) -> Response:
    response = RedirectResponse(target, 303)
    set_session(response, site.entrance.sessions.begin(name), site.entrance)
    return response


def _may_try(site: Site, request: Request) -> bool:
    return site.tries_by_address.allows(request.client.host if request.client else "")


def local_path(target: str) -> str:
    """A path of these pages; the first page for an address elsewhere."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_path and target.isprintable() else "/"
