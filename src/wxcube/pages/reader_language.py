"""The language of a page: the one the reader chose, else the first that the browser prefers."""

from __future__ import annotations

from starlette.requests import Request

from wxcube.i18n.accept_language import CODES, preferred
from wxcube.i18n.language import Language

COOKIE = "wxcube_language"


def reader_language(request: Request) -> Language:
    """The language of `lang=` in the address, of the cookie, or of the browser."""
    chosen = (request.query_params.get("lang"), request.cookies.get(COOKIE))
    for code in (code for wanted in chosen for code in CODES if code == wanted):
        return Language(code)
    return preferred(request.headers.get("accept-language", ""))
