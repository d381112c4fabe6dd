"""`/docs` and `/openapi.json`: every call of a server, to be read and to be tried in a browser.

The page is Swagger UI, which comes with wxcube: a browser asks nobody but this server.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wxcube import beijing
from wxcube.beijing import Clock, SystemClock
from wxcube.contract.openapi import openapi
from wxcube.contract.openapi_parts import Schema
from wxcube.i18n import Message, _
from wxcube.i18n.accept_language import preferred
from wxcube.i18n.language import Language
from wxcube.server.http import AsgiApp, Receive, Scope, Send, date_header

if TYPE_CHECKING:
    from jinja2 import Template

PAGE, DOCUMENT = "/docs", "/openapi.json"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HERE = Path(__file__).parent
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_MOST_DOCUMENTS = 4
_PART = 1 << 16
"""Bytes that wait at most for a caller that reads slowly."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a server has to say of itself besides WeChat's calls.

    `calls` is an OpenAPI document with the tags, paths and components of its own calls. `where`
    says where its appids and secrets are; browsers on its machine get them at the path `accounts`.
    """

    title: Message
    calls: Schema
    where: Message
    accounts: str = ""


@dataclass(frozen=True)
class _Content:
    body: bytes
    media_type: str
    is_lasting: bool = False
    """Whether its address changes with its content."""

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:20]

    @property
    def tag(self) -> str:
        return f'"{self.hash}"'

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        lasting = b"public, max-age=31536000, immutable"
        return [
            (b"content-type", self.media_type.encode()),
            (b"cache-control", lasting if self.is_lasting else b"no-cache"),
            (b"vary", b"accept-language"),
            (b"etag", self.tag.encode()),
            (b"content-security-policy", CSP.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]


def with_documentation(app: AsgiApp, description: Description, clock: Clock) -> AsgiApp:
    """The application with the page and the document added.

    Example requests ask for the newest figures by `clock`.
    """
    documentation = _Documentation(description, clock)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        content = documentation.content(scope) if is_read else None
        if content:
            await _send(content, scope, send)
        else:
            await app(scope, receive, send)

    return application


class _Documentation:
    """The contents by path; the document is made and encoded once a day."""

    def __init__(self, description: Description, clock: Clock) -> None:
        self._description = description
        self._clock = clock
        self._newest = date.min
        self._encoded = b""
        self._documents: dict[str, _Content] = {}
        """By the URL under which the caller reached this server."""

    def content(self, scope: Scope) -> _Content | None:
        """What a path has; None for one of the application."""
        path = scope["path"]
        if path == DOCUMENT:
            return self._document(_own_url(scope))
        if path == PAGE:
            reader = preferred(_header(scope, b"accept-language"))
            return _Content(_page(self._description, reader), "text/html; charset=utf-8")
        return _assets().get(path) if path.startswith(f"{PAGE}/") else None

    def _document(self, url: str) -> _Content:
        newest = beijing.latest_ready_day(self._clock.now())
        if newest != self._newest:
            document = described(self._description, newest)
            document.pop("servers", None)
            self._newest, self._encoded = newest, msgspec.json.encode(document)
            self._documents.clear()
        if url not in self._documents:
            if len(self._documents) >= _MOST_DOCUMENTS:
                # callers choose the URL
                self._documents.clear()
            servers = msgspec.json.encode({"servers": [{"url": url}]})
            body = b"%b,%b" % (servers[:-1], self._encoded[1:])
            self._documents[url] = _Content(body, "application/json")
        return self._documents[url]


def described(description: Description, newest: date) -> Schema:
    """The OpenAPI document of a server: WeChat's calls and its own, with examples of a day."""
    document, own = openapi(newest), description.calls
    document["info"] |= {"title": str(description.title)}
    document["tags"] += own["tags"]
    document["paths"] |= own["paths"]
    for kind, components in own["components"].items():
        document["components"][kind] |= components
    return document


def _page(description: Description, language: Language) -> bytes:
    text = _template().render(
        title=description.title,
        where=description.where,
        document=DOCUMENT.removeprefix("/"),
        accounts=description.accounts.removeprefix("/"),
        language=language,
        say=language,
        _=_,
        address=_address,
    )
    return text.encode()


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("documentation.html")


@cache
def _assets() -> dict[str, _Content]:
    """Files of the page by their path, which has a hash of the content."""
    files = (file for file in (_HERE / "static").iterdir() if file.suffix in _TYPES)
    contents = (
        (file, _Content(file.read_bytes(), _TYPES[file.suffix], is_lasting=True)) for file in files
    )
    return {f"{PAGE}/{content.hash}/{file.name}": content for file, content in contents}


def _address(name: str) -> str:
    """The address of a file, relative to the page."""
    return next(path for path in _assets() if path.endswith(f"/{name}")).removeprefix("/")


def _own_url(scope: Scope) -> str:
    """The URL under which the caller reached this server."""
    host = _header(scope, b"host")
    return f"{scope.get('scheme', 'http')}://{host}" if _HOST.fullmatch(host) else "/"


def _header(scope: Scope, name: bytes) -> str:
    values = (value for key, value in scope["headers"] if key == name)
    return next(values, b"").decode("latin-1")


async def _send(content: _Content, scope: Scope, send: Send) -> None:
    is_known = _header(scope, b"if-none-match") == content.tag
    body = b"" if is_known else content.body
    headers = [
        *content.headers,
        (b"content-length", str(len(body)).encode()),
        date_header(SystemClock().now()),
    ]
    status = 304 if is_known else 200
    await send({"type": "http.response.start", "status": status, "headers": headers})
    # in parts, so that a caller who does not read makes the server hold one of them
    for start in range(0, len(body), _PART):
        part = body[start : start + _PART]
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
