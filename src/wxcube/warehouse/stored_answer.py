"""The answer of an ask, read from its stored reply as it is read today. Pure."""

from __future__ import annotations

from typing import Any

from wxcube.contract import named
from wxcube.contract.decoding import read
from wxcube.contract.source import Answer
from wxcube.errors import ReplyError, ShapeError, TransportError
from wxcube.warehouse.asks import Ask, Outcome


def stored_answer(ask: Ask, body: bytes) -> Answer[Any] | None:
    """The answer in the reply of an ask; None if it has none, or not a readable one."""
    has_answer = ask.outcome in {Outcome.ANSWERED, Outcome.UNREADABLE}
    if ask.window is None or not body or not has_answer:
        return None
    try:
        endpoint = named(str(ask.series["endpoint"]))
        return read(endpoint, ask.window, body, ask.asked_at, ask.server_date)
    except (ShapeError, ReplyError, TransportError):
        return None
