"""An account with 40 days around the day on which new article endpoints replace the retired ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from support.stored_rows import APPID, FETCHED, store_entries, store_rows
from wxcube.beijing import BEIJING
from wxcube.contract import article, content, interface, message, user
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window
from wxcube.emulator.emulator import Emulator
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.tables import ROW_TABLES, accounts
from wxcube.warehouse.view_unions import SEAM

DAYS = Window(SEAM - timedelta(days=21), SEAM + timedelta(days=18))
WITHDRAWN_DAY = SEAM + timedelta(days=2)
COMPUTED_DAY = SEAM + timedelta(days=3)
"""A day without figures of WeChat."""
BOTH_DAY = SEAM + timedelta(days=4)
"""A day with figures of WeChat and computed ones."""
ENDPOINTS: tuple[Endpoint[Any], ...] = (
    user.getusersummary,
    user.getusercumulate,
    content.getarticleread,
    content.getarticleshare,
    content.getarticletotaldetail,
    content.getbizsummary,
    article.getarticlesummary,
    article.getarticletotal,
    article.getuserread,
    article.getusershare,
    message.getupstreammsghour,
    interface.getinterfacesummary,
)
"""Those that the views for BI tools read."""
_WITHDRAWN_TABLES = ("user_summary", "article_read", "upstream_msg_hour", "article_total_detail")


def fill(database: Database) -> None:
    """Store its rows: of WeChat and computed, some withdrawn, those of the newest day moving."""
    with database.transaction() as connection:
        connection.execute(accounts.insert().values(appid=APPID, first_seen=FETCHED))
    first, second = _emulator().accounts
    for endpoint in ENDPOINTS:
        rows = _emulator().rows(first.appid, endpoint)
        _store(database, endpoint, [row for row in rows if row.ref_date != COMPUTED_DAY])
        others = _emulator().rows(second.appid, endpoint)
        computed = [row for row in others if row.ref_date in {COMPUTED_DAY, BOTH_DAY}]
        _store(database, endpoint, computed, Origin.CUBE)
    _withdraw(database)


@cache
def _emulator() -> Emulator:
    now = datetime.combine(DAYS.last + timedelta(days=1), datetime.min.time(), BEIJING)
    return Emulator(accounts=2, days=len(list(DAYS)), now=now + timedelta(hours=12))


def _store(
    database: Database,
    endpoint: Endpoint[Any],
    rows: list[Any],
    origin: Origin = Origin.WECHAT,
) -> None:
    store_rows(database, endpoint, rows, origin=origin)
    days: set[date] = {row.ref_date for row in rows}
    for state, of_state in (("moving", days & {DAYS.last}), ("final", days - {DAYS.last})):
        if of_state:
            store_entries(database, endpoint, sorted(of_state), state=state, origin=origin)


def _withdraw(database: Database) -> None:
    """Mark every second row of two days; a whole article counts with its nested rows."""
    days = (WITHDRAWN_DAY, SEAM - timedelta(days=3))
    tables = {one.table.name: one.table for one in ROW_TABLES.values()}
    with database.transaction() as connection:
        for name in _WITHDRAWN_TABLES:
            table = tables[name]
            marked = sa.and_(table.c.ref_date.in_(days), table.c.place % 2 == 0)
            connection.execute(table.update().where(marked).values(withdrawn_at=FETCHED))
