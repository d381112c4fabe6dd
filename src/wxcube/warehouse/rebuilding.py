"""Rows and ledger recomputed from the stored replies.

For use when the contract has a new column, or can read a reply that it could not read before.
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
from wxcube.warehouse.coverage import DayState, State, after_error
from wxcube.warehouse.replies import Reply
from wxcube.warehouse.series import SeriesKey
from wxcube.warehouse.tables import ROW_TABLES

ERRORS = frozenset({State.REFUSED, State.FAILED})


class Decode(Protocol):
    """Decoder of the body of a reply."""

    def __call__(
        self, endpoint: Endpoint[Any], window: Window, body: bytes, asked_at: datetime, /
    ) -> Answer[Any]:
        """The answer.

        Raises:  ShapeError, ReplyError or TransportError if the body is not an answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """Number of replies decoded, of rows written, and of replies that cannot be decoded."""

    replies: int = 0
    rows: int = 0
    unreadable: int = 0

    def __add__(self, other: RebuildResult) -> RebuildResult:
        return RebuildResult(
            self.replies + other.replies,
            self.rows + other.rows,
            self.unreadable + other.unreadable,
        )


def rebuild(connection: sa.Connection, key: SeriesKey, decode: Decode) -> RebuildResult:
    """Apply the replies of one series to its days again, oldest first.

    Days whose rows are from no reply that can be decoded today retain them.
    """
    decoder = _Decoder(contract.named(str(key["endpoint"])), decode)
    stored = replies.of_series(connection, key)
    before = ledger.entries(connection, key)
    _delete(connection, key, _days_to_delete(decoder, stored, before))
    results = [_apply(connection, key, decoder(reply)) for reply in stored]
    _restore(connection, key, before)
    return sum(results, RebuildResult())


class _Decoder:
    def __init__(self, endpoint: Endpoint[Any], decode: Decode) -> None:
        self._endpoint = endpoint
        self._decode = decode

    def __call__(self, reply: Reply) -> Answer[Any] | None:
        try:
            return self._decode(self._endpoint, reply.window, reply.body, reply.asked_at)
        except (ShapeError, ReplyError, TransportError):
            return None


def _days_to_delete(
    decoder: _Decoder, stored: list[Reply], before: Mapping[date, DayState]
) -> list[date]:
    with_rows: set[date] = set()
    for reply in stored:
        answer = decoder(reply)
        with_rows.update(row.ref_date for row in (answer.rows if answer else ()))
    requested = {day for day in before if any(day in reply.window for reply in stored)}
    return [day for day in requested if day in with_rows or not before[day].fetched_at]


def _delete(connection: sa.Connection, key: SeriesKey, days: list[date]) -> None:
    table = ROW_TABLES[str(key["endpoint"])]
    records.delete(connection, table, records.scope_in(table, key), days)
    ledger.delete(connection, key, days)


def _apply(connection: sa.Connection, key: SeriesKey, answer: Answer[Any] | None) -> RebuildResult:
    if answer is None:
        return RebuildResult(unreadable=1)
    replacement = records.replace(connection, key, answer, answer.asked_at)
    return RebuildResult(replies=1, rows=replacement.rows)


def _restore(connection: sa.Connection, key: SeriesKey, before: Mapping[date, DayState]) -> None:
    """Write the entries that do not follow from replies: of days without any, and of later errors.

    The same reply on two days is stored once, so that a day confirmed empty stays so.
    """
    now = ledger.entries(connection, key)
    lost = {day: entry for day, entry in before.items() if day not in now}
    later = {
        day: after_error(now[day], entry.state, entry.asked_at, entry.errcode, entry.message)
        for day, entry in before.items()
        if day in now and _is_error(entry) and entry.asked_at > now[day].asked_at
    }
    empty = {
        day: entry
        for day, entry in before.items()
        if entry.state is State.EMPTY and day in now and not now[day].fetched_at
    }
    ledger.write(connection, key, {**lost, **later, **empty})


def _is_error(entry: DayState) -> bool:
    return entry.errcode is not None or entry.state in ERRORS
