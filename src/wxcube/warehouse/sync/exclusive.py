"""Accounts that this process alone synchronizes, while it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from wxcube.beijing import Clock
from wxcube.errors import WarehouseError
from wxcube.warehouse.lease_holder import Holder, new_holder
from wxcube.warehouse.leases import RENEWAL_SECONDS, Lease
from wxcube.warehouse.store import Warehouse


@dataclass(slots=True)
class Exclusive:
    """The accounts whose leases this process has, and those that other processes synchronize."""

    held: tuple[str, ...]
    busy: Mapping[str, Lease]
    lost: set[str] = field(default_factory=set)
    """Accounts that another process took over, because this one did not run for a minute."""
    on_loss: Callable[[], object] | None = None
    """Called once, on another thread, when an account was lost."""


@contextmanager
def exclusive(
    warehouse: Warehouse,
    appids: Iterable[str],
    clock: Clock,
    *,
    renewal_seconds: float = RENEWAL_SECONDS,
) -> Iterator[Exclusive]:
    """Take the leases of accounts, as far as no other process has them, and renew them meanwhile.

    Raises:  WarehouseError.
    """
    holder, wanted = new_holder(), tuple(dict.fromkeys(appids))
    busy = warehouse.take_leases(wanted, holder, clock.now())
    accounts = Exclusive(tuple(appid for appid in wanted if appid not in busy), busy)
    ended = threading.Event()
    renewal = threading.Thread(
        target=_renew,
        args=(warehouse, accounts, holder, clock, ended, renewal_seconds),
        name="wxcube-leases",
        daemon=True,
    )
    renewal.start()
    try:
        yield accounts
    finally:
        ended.set()
        renewal.join()
        # a lease that cannot be released ends with this process
        with suppress(WarehouseError):
            warehouse.release_leases(holder)


def _renew(
    warehouse: Warehouse,
    accounts: Exclusive,
    holder: Holder,
    clock: Clock,
    ended: threading.Event,
    seconds: float,
) -> None:
    while accounts.held and not ended.wait(seconds):
        # a database that is busy may be free the next time
        with suppress(WarehouseError):
            accounts.lost |= warehouse.renew_leases(accounts.held, holder, clock.now())
        if accounts.lost:
            if accounts.on_loss:
                accounts.on_loss()
            return
