"""What WeChat promises: every datacube endpoint, its rows, dates, codes and errors, as data.

This package imports nothing else of wxcube but the calendar and the errors. Everything else (client,
tables, routes, cube, reference, tests) is derived from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from wxcube.contract import article, card, content, interface, message, user
from wxcube.contract.endpoint import Endpoint, Grain, Group, Life
from wxcube.contract.field import Row
from wxcube.contract.window import Window
from wxcube.errors import UnknownEndpointError

VERSION = "2026.11"
"""Date of the contract: WeChat changes on its own clock, not with wxcube's releases."""

ENDPOINTS: tuple[Endpoint[Any], ...] = (
    user.getusersummary,
    user.getusercumulate,
    article.getarticlesummary,
    article.getarticletotal,
    article.getuserread,
    article.getuserreadhour,
    article.getusershare,
    article.getusersharehour,
    content.getarticleread,
    content.getarticleshare,
    content.getbizsummary,
    content.getarticletotaldetail,
    message.getupstreammsg,
    message.getupstreammsghour,
    message.getupstreammsgweek,
    message.getupstreammsgmonth,
    message.getupstreammsgdist,
    message.getupstreammsgdistweek,
    message.getupstreammsgdistmonth,
    interface.getinterfacesummary,
    interface.getinterfacesummaryhour,
    card.getcardbizuininfo,
    card.getcardcardinfo,
    card.getcardmembercardinfo,
    card.getcardmembercarddetail,
)
"""Every endpoint of the datacube."""

_BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
_GROUPS = {group.value for group in Group}


def named(name: str) -> Endpoint[Any]:
    """The endpoint of that name.

    Raises:  UnknownEndpointError with the closest names.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownEndpointError(f"there is no endpoint {name!r}", hint=_likely(name)) from None


def select(words: Iterable[str]) -> tuple[Endpoint[Any], ...]:
    """The endpoints named by words that are endpoint names or groups; none means all.

    Raises:  UnknownEndpointError for a word that is neither.
    """
    wanted = set(words)
    for word in sorted(wanted - _GROUPS):
        named(word)
    return tuple(e for e in ENDPOINTS if not wanted or {e.name, e.group.value} & wanted)


def _likely(word: str) -> str:
    if word in _GROUPS:
        members = ", ".join(e.name for e in ENDPOINTS if e.group.value == word)
        return f"it is a group; name one of its endpoints: {members}"
    close = get_close_matches(word, [*_BY_NAME, *_GROUPS], n=3)
    if close:
        return f"did you mean {', '.join(close)}?"
    return f"name an endpoint such as getusersummary, or a group: {', '.join(group for group in Group)}"


__all__ = [
    "ENDPOINTS",
    "VERSION",
    "Endpoint",
    "Grain",
    "Group",
    "Life",
    "Row",
    "Window",
    "named",
    "select",
]
