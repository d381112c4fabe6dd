"""Followers from before the tap's first start: the `open` event of a new account.

An account whose first callbacks are of today begins with the followers that WeChat counted at the
end of yesterday. Without that figure nothing is made up: its totals begin at 0, which is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import msgspec

from wxcube.beijing import BEIJING, day_of
from wxcube.contract import user
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.events.store.store import EventStore
from wxcube.tap.accounts import TappedAccount
from wxcube.warehouse.store import Warehouse

FollowersOn = Callable[[str, date], int | None]
"""The followers of an AppID at the end of a day, as WeChat counts them; None if unknown."""


class Opened(NamedTuple):
    """A new account, and the followers that it begins with; None if nobody knows them."""

    appid: str
    followers: int | None
    day: date
    """The day at whose end WeChat counted them."""


def followers_in(warehouse: Warehouse) -> FollowersOn:
    """The followers in a database, as they were fetched from WeChat."""

    def followers_on(appid: str, day: date) -> int | None:
        rows = warehouse.read(appid, user.getusercumulate, Window(day, day), Origin.WECHAT)
        return rows[-1].cumulate_user if rows else None

    return followers_on


def open_new_accounts(
    store: EventStore, accounts: Iterable[TappedAccount], followers_on: FollowersOn, now: datetime
) -> Iterator[Opened]:
    """Store the `open` event of each account that has no events yet.

    Simulated accounts are left out: an emulator pushes their events from the first day on.

    Raises:  EventStoreError if one cannot be stored.
    """
    known, yesterday = store.accounts(), day_of(now) - timedelta(days=1)
    midnight = datetime.combine(day_of(now), time(), BEIJING)
    for one in accounts:
        if one.is_simulated or one.appid in known:
            continue
        followers = followers_on(one.appid, yesterday)
        if followers is not None:
            event = {
                "event": "open",
                "id": "tap-open",
                "account": one.appid,
                "at": int(midnight.timestamp()),
                "followers": followers,
            }
            store.append(store.admit(msgspec.json.encode(event))).result()
        yield Opened(one.appid, followers, yesterday)
