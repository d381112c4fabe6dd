"""Rows and ledger made anew from the replies that were kept.

For a day when the contract has learned a column, or a reply that could not be read now can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import sqlalchemy as sa

from wxcube import contract
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Answer
from wxcube.contract.window import Window
from wxcube.errors import ReplyError, ShapeError, TransportError
from wxcube.warehouse import ledger, records, replies
from wxcube.warehouse.coverage import DayState, State, erred
from wxcube.warehouse.replies import Reply
from wxcube.warehouse.series import Keys
from wxcube.warehouse.tables import PARTS

ERRORS = frozenset({State.REFUSED, State.FAILED})


class Decode(Protocol):
    """Reads a kept body as the answer it was."""

    def __call__(
        self, endpoint: Endpoint[Any], window: Window, body: bytes, asked_at: datetime, /
    ) -> Answer[Any]:
        """The answer.

        Raises:  ShapeError, ReplyError or TransportError if the body is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made anew: replies read, rows written, replies that still cannot be read."""

    replies: int = 0
    rows: int = 0
    unreadable: int = 0

    def __add__(self, other: Rebuilt) -> Rebuilt:
        return Rebuilt(
            self.replies + other.replies,
            self.rows + other.rows,
            self.unreadable + other.unreadable,
        )


def rebuild(connection: sa.Connection, keys: Keys, decode: Decode) -> Rebuilt:
    """Replay the replies of one series, oldest first, over its days.

    Days whose rows came from no reply that can be read today keep them.
    """
    read = _Reader(contract.named(str(keys["endpoint"])), decode)
    kept = replies.stored(connection, keys)
    before = ledger.lines(connection, keys)
    _clear(connection, keys, _days_to_clear(read, kept, before))
    done = [_replay(connection, keys, read(reply)) for reply in kept]
    _restore(connection, keys, before)
    return sum(done, Rebuilt())


class _Reader:
    def __init__(self, endpoint: Endpoint[Any], decode: Decode) -> None:
        self._endpoint = endpoint
        self._decode = decode

    def __call__(self, reply: Reply) -> Answer[Any] | None:
        try:
            return self._decode(self._endpoint, reply.window, reply.body, reply.asked_at)
        except (ShapeError, ReplyError, TransportError):
            return None


def _days_to_clear(read: _Reader, kept: list[Reply], before: Mapping[date, DayState]) -> list[date]:
    with_rows: set[date] = set()
    for reply in kept:
        answer = read(reply)
        with_rows.update(row.ref_date for row in (answer.rows if answer else ()))
    asked = {day for day in before if any(day in reply.window for reply in kept)}
    return [day for day in asked if day in with_rows or not before[day].fetched_at]


def _clear(connection: sa.Connection, keys: Keys, days: list[date]) -> None:
    part = PARTS[str(keys["endpoint"])]
    scope = {name: keys[name] for name in ("appid", "origin", "params") if name in part.table.c}
    records.remove(connection, part, scope, days)
    ledger.remove(connection, keys, days)


def _replay(connection: sa.Connection, keys: Keys, answer: Answer[Any] | None) -> Rebuilt:
    if answer is None:
        return Rebuilt(unreadable=1)
    replaced = records.store(connection, keys, answer, answer.asked_at)
    return Rebuilt(replies=1, rows=replaced.rows)


def _restore(connection: sa.Connection, keys: Keys, before: Mapping[date, DayState]) -> None:
    now = ledger.lines(connection, keys)
    lost = {day: line for day, line in before.items() if day not in now}
    later = {
        day: erred(now[day], line.state, line.asked_at, line.errcode, line.message)
        for day, line in before.items()
        if day in now and _is_error(line) and line.asked_at > now[day].asked_at
    }
    ledger.write(connection, keys, {**lost, **later})


def _is_error(line: DayState) -> bool:
    return line.errcode is not None or line.state in ERRORS
