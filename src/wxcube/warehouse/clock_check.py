"""The two clocks of an answer: this machine's, and the server's Date header. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A difference of two clocks that is not worth a word."""


@dataclass(frozen=True, slots=True)
class AskedAt:
    """When an answer was asked for, and whether that is certain enough to settle days."""

    time: datetime
    """To the second; by the server's clock if this machine's differs."""
    can_settle: bool = True


def asked_at(by_machine: datetime, server_date: datetime | None) -> AskedAt:
    """When an answer was asked for: the server's Date decides if it differs by minutes."""
    if clock_offset(by_machine, server_date) and server_date:
        return AskedAt(server_date.replace(microsecond=0), can_settle=False)
    return AskedAt(by_machine.replace(microsecond=0))


def clock_offset(by_machine: datetime, server_date: datetime | None) -> timedelta | None:
    """How far this machine's clock is ahead of the server's; None if there is nothing to say."""
    if server_date is None:
        return None
    offset = by_machine - server_date
    return offset if abs(offset) > CLOCK_TOLERANCE else None
