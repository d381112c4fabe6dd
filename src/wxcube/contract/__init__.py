"""The datacube API as data: every endpoint with its rows, dates, codes and errors.

Client, tables, server routes, cube, reference and tests are derived from it. It imports only the
calendar, the errors and the messages of wxcube.
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
from wxcube.i18n import Listing, Message, _

VERSION = "2026.11"
"""Version of the contract: year and month, since WeChat's API changes independently of wxcube's releases."""

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
    """The endpoint with that name.

    Raises:  UnknownEndpointError that suggests the closest names.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownEndpointError(_("there is no endpoint {name!r}", name=name), hint=_suggestion(name)) from None


def select(words: Iterable[str]) -> tuple[Endpoint[Any], ...]:
    """The endpoints with these names or in these groups; all endpoints if there are no words.

    Raises:  UnknownEndpointError for a word that is neither a name nor a group.
    """
    wanted = set(words)
    for word in sorted(wanted - _GROUPS):
        named(word)
    return tuple(e for e in ENDPOINTS if not wanted or {e.name, e.group.value} & wanted)


def _suggestion(word: str) -> Message:
    if word in _GROUPS:
        members = Listing(e.name for e in ENDPOINTS if e.group.value == word)
        return _("it is a group; name one of its endpoints: {members}", members=members)
    close = get_close_matches(word, [*_BY_NAME, *_GROUPS], n=3)
    if close:
        return _("did you mean {names}?", names=Listing(close))
    return _("name an endpoint such as getusersummary, or a group: {groups}", groups=Listing(g.value for g in Group))


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
