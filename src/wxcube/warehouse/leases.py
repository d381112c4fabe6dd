"""Leases of accounts: one sync per account at a time, over all processes that use a database.

A lease dies with its holder. A process on the same machine sees at once whether the holder still
runs; any other takes the lease over when it has expired, because a holder renews it while it runs.
Times are by the machine's clock, not by that of an emulated account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from wxcube.warehouse.lease_holder import Holder, Life, life_of
from wxcube.warehouse.tables import leases

LIFETIME = timedelta(seconds=60)
"""A lease that is not renewed for this time expires."""
RENEWAL_SECONDS = 20.0
"""Seconds from one renewal to the next."""
_CLOCKS_DIFFER = timedelta(minutes=5)
"""A lease that ends later than a new one by more than this was taken by a wrong clock."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An account, and the process that synchronizes it now."""

    appid: str
    holder: Holder
    taken_at: datetime
    expires_at: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether its holder no longer runs, or seems not to."""
        life = life_of(self.holder)
        if life is not Life.UNKNOWN:
            return life is Life.ENDED
        return not now < self.expires_at <= now + LIFETIME + _CLOCKS_DIFFER


def take(
    connection: sa.Connection, appids: Iterable[str], holder: Holder, now: datetime
) -> dict[str, Lease]:
    """Take the leases of accounts; return those that others hold, which are not taken.

    The connection must be in a transaction that has the right to write from its beginning.
    """
    held = {}
    for appid in dict.fromkeys(appids):
        lease = _of(connection, appid)
        if lease and lease.holder.mark != holder.mark and not lease.is_over(now):
            held[appid] = lease
            continue
        connection.execute(leases.delete().where(leases.c.appid == appid))
        connection.execute(
            leases.insert().values(
                appid=appid,
                holder=holder.mark,
                host=holder.host,
                pid=holder.pid,
                taken_at=now,
                expires_at=now + LIFETIME,
            )
        )
    return held


def renew(
    connection: sa.Connection, appids: Iterable[str], holder: Holder, now: datetime
) -> set[str]:
    """Renew the leases of accounts; return those that were lost, because they expired before."""
    wanted = set(appids)
    own = leases.c.holder == holder.mark
    connection.execute(leases.update().where(own).values(expires_at=now + LIFETIME))
    kept = connection.execute(sa.select(leases.c.appid).where(own)).scalars()
    return wanted - set(kept)


def release(connection: sa.Connection, holder: Holder) -> None:
    """Release the leases of a holder."""
    connection.execute(leases.delete().where(leases.c.holder == holder.mark))


def _of(connection: sa.Connection, appid: str) -> Lease | None:
    row = connection.execute(leases.select().where(leases.c.appid == appid)).first()
    if row is None:
        return None
    holder = Holder(row.holder, row.host, row.pid)
    return Lease(appid, holder, row.taken_at, row.expires_at)
