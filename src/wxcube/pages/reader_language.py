"""The language of a page: the one the reader chose, else the first that the browser prefers."""

from __future__ import annotations

from starlette.requests import Request

from wxcube.i18n.language import Language
from wxcube.i18n.message import Code

COOKIE = "wxcube_language"
CODES: tuple[Code, ...] = ("zh", "en")


def reader_language(request: Request) -> Language:
    """The language of `lang=` in the address, of the cookie, or of the browser."""
    chosen = (request.query_params.get("lang"), request.cookies.get(COOKIE))
    for code in (code for wanted in chosen for code in CODES if code == wanted):
        return Language(code)
    return preferred(request.headers.get("accept-language", ""))


def preferred(accepted: str) -> Language:
    """The language that an Accept-Language header prefers; Chinese where it names neither.

    >>> preferred("fr, en;q=0.8, zh;q=0.9").code
    'zh'
    """
    weighted = []
    for position, part in enumerate(accepted.split(",")):
        name, _semicolon, parameter = part.strip().partition(";")
        start = name.strip().lower()[:2]
        weighted += [(-_weight(parameter), position, code) for code in CODES if code == start]
    return Language(min(weighted)[2]) if weighted else Language("zh")


def _weight(parameter: str) -> float:
    try:
        return float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
