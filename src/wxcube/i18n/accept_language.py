"""The language that a browser prefers."""

from __future__ import annotations

from wxcube.i18n.language import Language
from wxcube.i18n.message import Code

CODES: tuple[Code, ...] = ("zh", "en")


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
