"""One process at a time that asks for a window, of all that use a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date
from hashlib import blake2b
from time import monotonic
from typing import Any

from wxcube.beijing import Clock, SystemClock
from wxcube.contract.endpoint import Endpoint
from wxcube.errors import WarehouseError
from wxcube.warehouse.lease_holder import new_holder
from wxcube.warehouse.series import params_text
from wxcube.warehouse.writer import Writer

_LOOK_SECONDS = 0.1
LONGEST_SECONDS = 60.0
"""How long another process is waited for."""


def lease_name(
    account: str, endpoint: Endpoint[Any], days: Sequence[date], params: Mapping[str, object]
) -> str:
    """The name of the lease of days, which no account has.

    >>> from wxcube.contract import named
    >>> lease_name("wx1", named("getusersummary"), [date(2026, 3, 9)], {})
    'days:52f890e591c0bb4d323b197f'
    """
    text = f"{account} {endpoint} {params_text(endpoint, params)} {' '.join(map(str, days))}"
    return f"days:{blake2b(text.encode(), digest_size=12).hexdigest()}"


@asynccontextmanager
async def leased(writer: Writer, name: str, clock: Clock | None = None) -> AsyncIterator[bool]:
    """Hold a lease in the block; True if another process had it before.

    A lease ends with the process that has it. After a minute another one is not waited for.

    Raises:  WarehouseError.
    """
    holder, now, has_waited = new_holder(), (clock or SystemClock()).now, False
    end = monotonic() + LONGEST_SECONDS
    while await writer.write(lambda warehouse: warehouse.take_leases([name], holder, now())):
        if monotonic() > end:
            break
        has_waited = True
        await asyncio.sleep(_LOOK_SECONDS)
    try:
        yield has_waited
    finally:
        # one that cannot be released ends with this process
        with suppress(WarehouseError):
            await writer.write(lambda warehouse: warehouse.release_leases(holder))
