"""Reading in the first years: one row for all channels, without a user_source.

The cube's rows of that time are by channel, and a reader who came through two is in both. So the
distinct readers are counted from the events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from wxcube.beijing import BEIJING_SECONDS, HOUR_SECONDS, HOURS, day_number
from wxcube.contract.codes import ALL_CHANNELS_SINCE
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Adding
from wxcube.events.columns import Action, Batch
from wxcube.simulator.dice import Integers

Readers = dict[tuple[int, ...], int]
"""Distinct readers by day number, and by day number and ref_hour."""
_SPLIT_HOUR = day_number(date.fromisoformat(ALL_CHANNELS_SINCE)) * HOURS


def readers_by_hour_and_day(batch: Batch) -> dict[str, Readers]:
    """The distinct readers of each account in the first years."""
    activity = batch.activity
    hour = (activity["at"] + BEIJING_SECONDS) // HOUR_SECONDS
    early = (activity["action"] == Action.READ) & (hour < _SPLIT_HOUR)
    account, user, hour = activity["account"][early], activity["user"][early], hour[early]
    return {
        appid: _readers(hour[account == place], user[account == place])
        for place, appid in enumerate(batch.accounts)
    }


def as_in_their_time(endpoint: Endpoint[Any], rows: list[Any], readers: Readers) -> list[Any]:
    """The rows of an endpoint, those of the first years for all channels together."""
    implied = endpoint.implied_key
    if implied is None:
        return rows
    period = attrgetter(*(name for name in endpoint.key if name != implied.column))
    early = [row for row in rows if row.ref_date < implied.before]
    wholes = (_whole(endpoint, list(of_one), readers) for _, of_one in groupby(early, period))
    return [*map(implied.marked, wholes), *rows[len(early) :]]


def _whole(endpoint: Endpoint[Any], rows: Sequence[Any], readers: Readers) -> Any:
    """The row for all channels: of its figures, only readers can be in several of the rows."""
    first, day = rows[0], day_number(rows[0].ref_date)
    period = (day, first.ref_hour) if "ref_hour" in endpoint.key else (day,)
    figures = [c.name for c in endpoint.columns if c.kind.adding is not Adding.NONE]
    sums = {name: sum(getattr(row, name) or 0 for row in rows) for name in figures}
    return msgspec.structs.replace(first, **sums | {"int_page_read_user": readers.get(period, 0)})


def _readers(hour: Integers, user: Integers) -> Readers:
    days = _distinct(hour // HOURS, user)
    hours = _distinct(hour, user)
    by_day: Readers = {(day,): count for day, count in days}
    return by_day | {(h // HOURS, h % HOURS * 100): count for h, count in hours}


def _distinct(period: Integers, user: Integers) -> Iterable[tuple[int, int]]:
    """Each period and its number of distinct users."""
    order = np.lexsort((user, period))
    period, user = period[order], user[order]
    is_new = np.ones(len(period), bool)
    is_new[1:] = (period[1:] != period[:-1]) | (user[1:] != user[:-1])
    periods, counts = np.unique(period[is_new], return_counts=True)
    return zip(periods.tolist(), counts.tolist(), strict=True)
