"""Samples of final days: a few calls a week, so that corrected figures are noticed. Pure.

Which windows are sampled follows from account and week alone, so that every sync of the week means
the same ones, and over the weeks all days have the same chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b

from wxcube.beijing import BEIJING, day_of, monday
from wxcube.contract.window import Window
from wxcube.warehouse.sync.wanted import WantedDays

_STEP = 28
"""The age of a sample is below a multiple of so many days: a moving first day changes it rarely."""


def sampled_windows(
    wanted: Iterable[WantedDays], now: datetime, samples: int
) -> Mapping[tuple[str, str], list[Window]]:
    """The windows to sample in this week, by appid and endpoint name; each is one call at most."""
    week, chosen = monday(day_of(now)), dict[tuple[str, str], list[Window]]()
    for days in wanted if samples else ():
        names = [e for e in days.endpoints if not (e.is_retired or days.params.get(e.name))]
        ages = (week - days.window.first).days // _STEP * _STEP
        for number in range(samples if names and ages > 0 else 0):
            draw = _draw(days.appid, week, number)
            endpoint = names[draw % len(names)]
            last = endpoint.label(week - timedelta(days=draw // len(names) % ages + 1))
            span = timedelta(days=0 if endpoint.has_labels else endpoint.span_days - 1)
            window = Window(max(last - span, min(days.window.first, last)), last)
            chosen.setdefault((days.appid, endpoint.name), []).append(window)
    return chosen


def start_of_week(now: datetime) -> datetime:
    """Monday 00:00 in Beijing of the week of a time."""
    return datetime.combine(monday(day_of(now)), datetime.min.time(), BEIJING)


def _draw(appid: str, week: date, number: int) -> int:
    text = f"{appid} {week} {number}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
