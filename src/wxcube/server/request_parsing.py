"""Parsing of request bodies: dates and other members, or the errcode WeChat returns.

The order of checks in the real server is not documented. Ours is: body, each date, order, span,
last day, other members.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from wxcube.contract.endpoint import Endpoint, Group
from wxcube.contract.window import Window
from wxcube.errors import ContractError, ReplyError
from wxcube.server.messages import refusal

# WECHAT: days without zero padding are accepted (a public SDK tests with 2015-3-9)
_DAY = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_SHORT_BODY = 256
# WECHAT: a card endpoint accepted "2020-08-26 00:00:00" in 2020
_DAY_AND_TIME = re.compile(_DAY.pattern + r"(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2})?")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:  ReplyError 44002 for an empty body, 47001 for anything but an object.
    """
    if not body.strip():
        raise refusal(44002)
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise refusal(47001) from None
    if not isinstance(content, dict):
        raise refusal(47001)
    return content


@dataclass(frozen=True, slots=True)
class AskedDays:
    """What a body asks for, as far as that does not depend on the time."""

    window: Window | None
    params: dict[str, object] | None
    """The members other than the dates; None if they are not acceptable."""
    errcode: int = 0
    """Why there is no window."""

    def checked_window(self, latest: date) -> Window:
        """The requested window, which may end with the day `latest`.

        Raises:  ReplyError 61500 for an invalid day, 61501 for an order, span or last day that is
            not allowed.
        """
        if self.window is None:
            raise refusal(self.errcode)
        if self.window.last > latest:
            raise refusal(61501)
        return self.window

    def checked_params(self) -> dict[str, object]:
        """The members of a body other than the dates.

        Raises:  ReplyError 47001 if a required one is missing or one has the wrong type. Which
            errcode WeChat returns is not known.
        """
        if self.params is None:
            raise refusal(47001)
        return self.params


def read_body(endpoint: Endpoint[Any], body: bytes, *, any_span: bool) -> AskedDays:
    """What a body asks for; with `any_span` a window may be longer than WeChat allows.

    Raises:  ReplyError 44002 for an empty body, 47001 for anything but an object.
    """
    # PERF: callers ask for the same days again and again
    read = _read_short_body if len(body) <= _SHORT_BODY else _read_body
    return read(endpoint, body, any_span)


def _read_body(endpoint: Endpoint[Any], body: bytes, any_span: bool) -> AskedDays:  # noqa: FBT001
    content = read_object(body)
    params = _read_params(endpoint, content)
    try:
        return AskedDays(_read_window(endpoint, content, any_span=any_span), params)
    except ReplyError as error:
        return AskedDays(None, params, error.errcode)


_read_short_body = lru_cache(maxsize=4_096)(_read_body)


def _read_window(endpoint: Endpoint[Any], body: Mapping[str, Any], *, any_span: bool) -> Window:
    first = _parse_day(endpoint, body.get("begin_date"))
    last = _parse_day(endpoint, body.get("end_date"))
    is_too_long = (last - first).days >= endpoint.span_days and not any_span
    if last < first or is_too_long:
        raise refusal(61501)
    return Window(first, last)


def _read_params(endpoint: Endpoint[Any], body: Mapping[str, Any]) -> dict[str, object] | None:
    if any(param.required and param.name not in body for param in endpoint.params):
        return None
    known = {param.name for param in endpoint.params}
    try:
        return endpoint.complete_params({k: v for k, v in body.items() if k in known})
    except ContractError:
        return None


def _parse_day(endpoint: Endpoint[Any], text: object) -> date:
    pattern = _DAY_AND_TIME if endpoint.group is Group.CARD else _DAY
    match = pattern.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise refusal(61500)
    year, month, day = (int(part) for part in match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        raise refusal(61500) from None
