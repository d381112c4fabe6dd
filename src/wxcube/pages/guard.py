"""What stands before every page: the host, who is logged in, where a form came from, headers."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wxcube.i18n import Message as Text
from wxcube.i18n import _
from wxcube.pages.reader_language import reader_language
from wxcube.pages.sessions import Session, Sessions

COOKIE = "wxcube_session"
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
OPEN_PATHS = ("/login", "/welcome", "/static/", "/language/", "/theme/")
"""Beginnings of the paths that need no login."""
FORM_LIMIT = 1 << 16
FIELD_LIMIT = 100
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every response that does not set them itself."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """How browsers reach the pages, and who may enter."""

    sessions: Sessions
    url: str = ""
    """The public address of the pages, such as https://stats.example.com; empty: the machine's."""
    visitor: str = ""
    """The name under which everybody is logged in; empty: people log in themselves."""

    @property
    def host(self) -> str:
        """The host and port of the public address."""
        return urlsplit(self.url).netloc.lower()

    @property
    def is_https(self) -> bool:
        """Whether the public address is encrypted."""
        return self.url.startswith("https://")

    def allows_host(self, host: str) -> bool:
        """Whether a Host header may name the pages.

        Another site can point a name of its own at this machine, but not localhost or an address.
        """
        return _is_literal(host) or bool(self.host and host.lower() == self.host)

    def allows_origin(self, headers: Headers) -> bool:
        """Whether a form was sent by a page of ours."""
        origin = headers.get("origin")
        if origin is None:
            return headers.get("sec-fetch-site") == "same-origin"
        sender = urlsplit(origin).netloc.lower()
        return bool(sender) and sender in {headers["host"].lower(), self.host}


class Guard:
    """Lets those requests through that may see a page; `request.state` has `session` and `form`."""

    def __init__(self, app: ASGIApp, entrance: Callable[[], Entrance]) -> None:
        self._app = app
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entrance, request = self._entrance(), Request(scope, receive)
        session = _session(entrance, request)
        is_new = session is None and bool(entrance.visitor)
        if is_new:
            session = entrance.sessions.begin(entrance.visitor)
        request.state.session = session
        request.state.form = {}
        reply: ASGIApp | None = _refusal(entrance, request, session)
        if reply is None and request.method == "POST":
            reply = await _read_form(request, session)
        await (reply or self._app)(
            scope, receive, _with_headers(send, session if is_new else None, entrance)
        )


def set_session(response: Response, session: Session | None, entrance: Entrance) -> None:
    """Give the browser a session, or take its session away."""
    response.headers.append("set-cookie", _cookie(session, entrance))


def _refusal(entrance: Entrance, request: Request, session: Session | None) -> Response | None:
    """The response to a request that may not go on."""
    path, host = request.url.path, request.headers.get("host", "")
    if not entrance.allows_host(host):
        return _refused(
            request,
            _(
                "these pages do not answer to this address; use the one that wxcube printed, or"
                " set url in [pages]"
            ),
        )
    if request.method == "POST" and not entrance.allows_origin(request.headers):
        return _refused(request, _("this form was sent by another site; open the page again"))
    if session is None and not path.startswith(OPEN_PATHS):
        if request.method not in {"GET", "HEAD"} or "." in path.rpartition("/")[2]:
            return _refused(request, _("log in first, at /login"), 401)
        target = quote(path + ("?" + request.url.query if request.url.query else ""), safe="")
        return RedirectResponse(f"/login?next={target}", 303)
    return None


async def _read_form(request: Request, session: Session | None) -> Response | None:
    """Read the form of a request; the response if it cannot be accepted."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            return _refused(request, _("the form is too large"), 413)
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELD_LIMIT))
    except ValueError:
        return _refused(request, _("the form cannot be read"), 400)
    token = fields.pop(FORM_TOKEN, "")
    if session and not hmac.compare_digest(token.encode(), session.form_token.encode()):
        return _refused(request, _("this form belongs to an earlier login; open the page again"))
    request.state.form = fields
    return None


def _refused(request: Request, reason: Text, status: int = 403) -> Response:
    return PlainTextResponse(reader_language(request)(reason), status)


def _session(entrance: Entrance, request: Request) -> Session | None:
    session_id = request.cookies.get(COOKIE)
    return entrance.sessions.find(session_id) if session_id else None


def _cookie(session: Session | None, entrance: Entrance) -> str:
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = session.id if session else ""
    attributes = cookie[COOKIE]
    attributes["path"], attributes["httponly"], attributes["samesite"] = "/", True, "Lax"
    if session is None:
        attributes["max-age"] = 0
    if entrance.is_https:
        attributes["secure"] = True
    return attributes.OutputString()


def _with_headers(send: Send, session: Session | None, entrance: Entrance) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if session:
                headers.append("set-cookie", _cookie(session, entrance))
        await send(message)

    return send_with_headers


def _is_literal(host: str) -> bool:
    """Whether a Host header is localhost or an IP address."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
