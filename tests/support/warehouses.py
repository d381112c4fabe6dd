"""Small databases of one account, made row by row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from wxcube.beijing import BEIJING
from wxcube.contract.content import getarticletotaldetail
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Row
from wxcube.contract.source import Answer, Origin
from wxcube.contract.user import UserSummary, getusersummary
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
YESTERDAY = date(2026, 3, 9)


def put(
    warehouse: Warehouse,
    endpoint: Endpoint[Any],
    window: Window,
    rows: Sequence[Row],
    origin: Origin = Origin.WECHAT,
    at: datetime = NOW,
) -> None:
    """Store rows of the account wx1."""
    warehouse.replace("wx1", origin, Answer(endpoint, window, list(rows), b"", at))


def new_followers(warehouse: Warehouse, counts: list[int], origin: Origin = Origin.WECHAT) -> None:
    """New followers of as many days, up to yesterday."""
    for ago, count in enumerate(reversed(counts)):
        day = YESTERDAY - timedelta(days=ago)
        row = UserSummary(ref_date=day, user_source=30, new_user=count, cancel_user=1)
        put(warehouse, getusersummary, Window.day(day), [row], origin)


def articles_named(warehouse: Warehouse, source: Emulator, titles: list[str]) -> None:
    """Articles of the emulator with these titles, published on the last days."""
    appid = source.accounts[0].appid
    rows = source.rows(appid, getarticletotaldetail)[-len(titles) :]
    renamed = [
        msgspec.structs.replace(row, title=title) for row, title in zip(rows, titles, strict=True)
    ]
    for day in {row.ref_date for row in renamed}:
        of_day = [row for row in renamed if row.ref_date == day]
        put(warehouse, getarticletotaldetail, Window.day(day), of_day)
