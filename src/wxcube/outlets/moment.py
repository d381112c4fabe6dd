"""Moments as people write them: Beijing time unless a zone is named."""

from __future__ import annotations

from datetime import datetime

from wxcube.beijing import in_beijing


def moment_of(text: str) -> datetime:
    """The moment written as 2026-03-10T09:00, in Beijing.

    >>> moment_of("2026-03-10T09:00").isoformat()
    '2026-03-10T09:00:00+08:00'
    >>> moment_of("2026-03-10T01:00Z").hour
    9

    Raises:  ValueError if the text is no moment.
    """
    try:
        return in_beijing(datetime.fromisoformat(text))
    except OverflowError:
        raise ValueError(f"{text!r} is beyond the calendar") from None
