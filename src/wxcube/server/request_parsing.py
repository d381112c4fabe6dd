"""What a body asks for: JSON to dates and members, or the errcode WeChat answers.

The real server's order of checks is not documented. Ours is: body, dates one by one, order, span,
last day, other members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from wxcube import beijing
from wxcube.contract.endpoint import Endpoint, Group
from wxcube.contract.window import Window
from wxcube.errors import ContractError
from wxcube.server.messages import refuse

# WECHAT: days without zero padding pass (a public SDK tests with 2015-3-9)
_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
# WECHAT: a card endpoint took "2020-08-26 00:00:00" in 2020
_DAY_AND_TIME = re.compile(_DAY.pattern + r"(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2})?")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:  ReplyError 44002 for an empty body, 47001 for anything but an object.
    """
    if not body.strip():
        raise refuse(44002)
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise refuse(47001) from None
    if not isinstance(found, dict):
        raise refuse(47001)
    return found


def read_window(endpoint: Endpoint[Any], body: Mapping[str, Any], now: datetime) -> Window:
    """The window a body asks for.

    Raises:  ReplyError 61500 for a day that is none, 61501 for an order, span or end not allowed.
    """
    first = _day(endpoint, body.get("begin_date"))
    last = _day(endpoint, body.get("end_date"))
    if last < first or (last - first).days >= endpoint.span_days or last > beijing.yesterday(now):
        raise refuse(61501)
    return Window(first, last)


def read_params(endpoint: Endpoint[Any], body: Mapping[str, Any]) -> dict[str, object]:
    """The members of a body beside the dates.

    Raises:  ReplyError 47001 if a required one is missing or one has the wrong type. Which errcode
        WeChat has for that is not known.
    """
    if any(param.required and param.name not in body for param in endpoint.params):
        raise refuse(47001)
    known = {param.name for param in endpoint.params}
    try:
        return endpoint.complete_params({k: v for k, v in body.items() if k in known})
    except ContractError:
        raise refuse(47001) from None


def _day(endpoint: Endpoint[Any], text: object) -> date:
    form = _DAY_AND_TIME if endpoint.group is Group.CARD else _DAY
    matched = form.fullmatch(text) if isinstance(text, str) else None
    if not matched:
        raise refuse(61500)
    year, month, day = (int(part) for part in matched.groups())
    try:
        return date(year, month, day)
    except ValueError:
        raise refuse(61500) from None
